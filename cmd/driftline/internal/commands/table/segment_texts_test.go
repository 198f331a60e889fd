package table

import (
	"bytes"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// A value of a segment is in a table what it is in an event: truths are true and false,
// however the writer spells them, and texts that are declared stay as they are written.
func TestRead_ValuesOfSegmentsAreThoseOfEvents(t *testing.T) {
	t.Parallel()
	segments := wire.Segments{{Name: "paid", Values: []string{"false", "true"}}, {Name: "zip", Values: []string{"007", "1.0", "True"}}}
	o := Options{Members: reference.NewMembers(segments)}
	check := func(what string, tab *Table, err error, want ...[2]int) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for i, r := range tab.Rows {
			if got := [2]int{o.Members.Value(r.In, 0), o.Members.Value(r.In, 1)}; got != want[i] {
				t.Errorf("%s: row %d is at %v, want %v", what, i, got, want[i])
			}
		}
	}
	tab, err := Read(save(t, "a.csv", []byte("\xef\xbb\xbfpaid,x,zip\nTrue,1,007\nFALSE,2,1.0\ntrue,3,7\n,4,True\nyes,5,\n")), o)
	check("CSV", tab, err, [2]int{1, 0}, [2]int{0, 1}, [2]int{1, -1}, [2]int{-1, 2}, [2]int{-1, -1})

	type row struct {
		X    float64 `parquet:"x"`
		Paid *bool   `parquet:"paid,optional"`
		Zip  string  `parquet:"zip,dict"`
	}
	yes, no := true, false
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{1, &yes, "007"}, {2, &no, "1.0"}, {3, nil, "True"}}); err != nil {
		t.Fatal(err)
	}
	tab, err = Read(save(t, "a.parquet", b.Bytes()), o)
	check("Parquet", tab, err, [2]int{1, 0}, [2]int{0, 1}, [2]int{-1, 2})
	storetest.EachURL(t, func(t *testing.T, url string) {
		fill(t, url) // makes the database
		tab, err := ReadSQL(t.Context(), Query{URL: url, Text: "SELECT 1.0 AS x, 1 = 1 AS paid, '007' AS zip UNION ALL SELECT 2.0, 1 = 0, 'True' ORDER BY x"}, o)
		if strings.HasPrefix(url, "sqlite") { // which has no truths
			check("SQL", tab, err, [2]int{-1, 0}, [2]int{-1, 2})
			return
		}
		check("SQL", tab, err, [2]int{1, 0}, [2]int{0, 2})
	})
}
