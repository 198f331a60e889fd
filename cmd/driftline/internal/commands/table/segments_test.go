package table

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// Columns of segments are read from files and databases, as the events' texts would be.
func TestRead_ColumnsOfSegments(t *testing.T) {
	t.Parallel()
	type row struct {
		X      float64 `parquet:"x"`
		Region *string `parquet:"region,optional"`
		Plan   int64   `parquet:"plan"`
	}
	eu, us := "eu", "us"
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{1, &eu, 7}, {2, nil, 8}, {3, &us, 9}}); err != nil {
		t.Fatal(err)
	}
	o := Options{Members: reference.NewMembers(wire.Segments{{Name: "plan", Values: []string{"7", "8"}}, {Name: "region", Values: []string{"eu", "us"}}})}
	want := [][2]int{{0, 0}, {1, -1}, {-1, 1}}
	same := func(what string, tab *Table, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !slices.Equal(tab.Names, []string{"x"}) || len(tab.Rows) != 3 {
			t.Fatalf("%s: %d rows of %v, want x alone", what, len(tab.Rows), tab.Names)
		}
		for i, r := range tab.Rows {
			if got := [2]int{o.Members.Value(r.In, 0), o.Members.Value(r.In, 1)}; got != want[i] {
				t.Errorf("%s: row %d is at %v, want %v", what, i, got, want[i])
			}
		}
	}
	tab, err := Read(save(t, "a.parquet", b.Bytes()), o)
	same("Parquet", tab, err)
	tab, err = Read(save(t, "a.csv", []byte("plan,x,region\n7,1,eu\n8,2,\n9,3,us\n")), o)
	same("CSV", tab, err)
	if _, err := Read(save(t, "b.csv", []byte("plan,x\n7,1\n")), o); !errors.Is(err, ErrNoSegment) || !errors.Is(err, ErrFormat) {
		t.Errorf("without a column: %v, want ErrNoSegment", err)
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		fill(t, url) // makes the database
		tab, err := ReadSQL(t.Context(), Query{URL: url, Text: "SELECT 1.0 AS x, 'eu' AS region, 7 AS plan UNION ALL SELECT 2.0, NULL, 8 UNION ALL SELECT 3.0, 'us', 9 ORDER BY plan"}, o)
		same("SQL", tab, err)
	})
}
