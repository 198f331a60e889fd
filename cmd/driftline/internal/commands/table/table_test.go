package table

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/driftline/driftline/sketches"
)

var compareValues = cmp.Comparer(func(a, b sketches.Value) bool {
	x, okX := a.Float()
	y, okY := b.Float()
	s, _ := a.Text()
	u, _ := b.Text()
	return a.Kind() == b.Kind() && okX == okY && (x == y || x != x && y != y) && s == u
})

func save(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func values(vs ...any) []sketches.Value {
	out := make([]sketches.Value, len(vs))
	for i, v := range vs {
		switch v := v.(type) {
		case nil:
			out[i] = sketches.Null()
		case float64:
			out[i] = sketches.Number(v)
		case int:
			out[i] = sketches.Number(float64(v))
		case bool:
			out[i] = sketches.Bool(v)
		case string:
			out[i] = sketches.String(v)
		}
	}
	return out
}

func TestRead_CSV(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		o                Options
		want             Table
	}{
		{"kinds come from all fields of a column", "a.csv", "n,b,s,mixed\n1,true,x,1\n2.5e3,FALSE,y,two\n", Options{},
			Table{Names: []string{"n", "b", "s", "mixed"}, Rows: []Row{{Values: values(1, true, "x", "1")}, {Values: values(2500, false, "y", "two")}}}},
		{"an empty field is null, a column of them too", "a.csv", "n,e\n1,\n,\"\"\n", Options{},
			Table{Names: []string{"n", "e"}, Rows: []Row{{Values: values(1, nil)}, {Values: values(nil, nil)}}}},
		{"hexadecimal and underscores are texts", "a.csv", "x,u\n0x10,1_000\n", Options{},
			Table{Names: []string{"x", "u"}, Rows: []Row{{Values: values("0x10", "1_000")}}}},
		{"asked-for columns in their order, the time apart", "a.csv", "ts,a,b,label\n2026-01-02,1,2,0\n", Options{Time: "ts", Columns: []string{"b", "a"}},
			Table{Names: []string{"b", "a"}, Rows: []Row{{TimeMS: 1767312000000, Values: values(2, 1)}}}},
		{"dropped columns and rows outside the time", "a.csv", "ts,a,label\n1000,1,0\n2000,2,1\n3000,3,1\n", Options{Time: "ts", Drop: []string{"label"}, FromMS: 2000, ToMS: 3000},
			Table{Names: []string{"a"}, Rows: []Row{{TimeMS: 2000, Values: values(2)}}, Skipped: 2}},
		{"semicolons, a mark of a spreadsheet, Windows line ends", "a.csv", "\xef\xbb\xbfa;b\r\n1;\"x;y\"\r\n", Options{},
			Table{Names: []string{"a", "b"}, Rows: []Row{{Values: values(1, "x;y")}}}},
		{"tabs", "a.tsv", "a\tb\n1\tx\n", Options{}, Table{Names: []string{"a", "b"}, Rows: []Row{{Values: values(1, "x")}}}},
		{"only the first line", "a.csv", "a,b\n", Options{}, Table{Names: []string{"a", "b"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, file := range []struct {
				name    string
				content []byte
			}{{tt.file, []byte(tt.text)}, {tt.file + ".gz", zipped(t, tt.text)}} {
				got, err := Read(save(t, file.name, file.content), tt.o)
				if err != nil {
					t.Fatalf("%s: %v", file.name, err)
				}
				if diff := cmp.Diff(tt.want, *got, compareValues); diff != "" {
					t.Errorf("%s (-want +got):\n%s", file.name, diff)
				}
			}
		})
	}
}

func TestRead_SaysWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file, text string
		o                Options
		want             string
	}{
		{"an empty file", "a.csv", "", Options{}, "a.csv: empty; the first line must name the columns"},
		{"a column that is not there", "a.csv", "a,b\n", Options{Columns: []string{"c"}}, `no column "c" for a feature; there are a, b`},
		{"a time column that is not there", "a.csv", "a,b\n", Options{Time: "ts"}, `no column "ts" for the time; there are a, b`},
		{"two columns of one name", "a.csv", "a,a\n", Options{}, `two columns are named "a"`},
		{"a column without a name", "a.csv", "a,\n", Options{}, "column 2 has no name"},
		{"a record that is too short", "a.csv", "a,b\n1,2\n3\n", Options{}, "record on line 3: wrong number of fields"},
		{"a time that is none", "a.csv", "ts,a\n2026-01-01,1\nsoon,1\n", Options{Time: "ts"}, `a.csv:3: column ts: "soon" is no time; write 2026-01-02T03:04:05Z`},
		{"a text that is not UTF-8", "a.csv", "a\n\xff\n", Options{}, "a.csv:2: column a is not UTF-8"},
		{"no column left", "a.csv", "label\n1\n", Options{Drop: []string{"label"}}, "no column is left as a feature"},
		{"a feature that is the time too", "a.csv", "ts,a\n1,1\n", Options{Time: "ts", Columns: []string{"ts"}}, `column "ts" is asked for as a feature and as something else`},
		{"an unknown kind of file", "a.xlsx", "x", Options{}, "want a file that ends in .csv"},
		{"no gzip", "a.csv.gz", "a,b\n1,2\n3,4\n", Options{}, "gzip: invalid header"},
		{"no Parquet", "a.parquet", "PAR1 but nothing after", Options{}, "a.parquet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(save(t, tt.file, []byte(tt.text)), tt.o)
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v; want ErrFormat with %q", err, tt.want)
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none.csv"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

type flatRow struct {
	At      time.Time `parquet:"at,timestamp(microsecond)"`
	Amount  *float64  `parquet:"amount,optional"`
	Small   float32   `parquet:"small"`
	Plan    string    `parquet:"plan,dict"`
	Active  bool      `parquet:"active"`
	Count   int32     `parquet:"count"`
	Big     uint64    `parquet:"big"`
	Price   int64     `parquet:"price,decimal(2:18)"`
	Day     int32     `parquet:"day,date"`
	Payload []byte    `parquet:"payload"`
}

func TestRead_ParquetKeepsKindsAndTimes(t *testing.T) {
	t.Parallel()
	amount := 12.5
	var b bytes.Buffer
	w := parquet.NewGenericWriter[flatRow](&b, parquet.Compression(&parquet.Zstd))
	rows := []flatRow{
		{time.UnixMicro(1_767_312_000_123_999), &amount, 0.5, "free", true, -3, 1 << 63, -1234, 20455, []byte("x")},
		{time.UnixMicro(1_767_312_001_000_000), nil, -1, "paid", false, 7, 5, 99, 0, []byte{0xff}},
	}
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := save(t, "a.parquet", b.Bytes())
	got, err := Read(path, Options{Time: "at"})
	if err != nil {
		t.Fatal(err)
	}
	want := Table{
		Names: []string{"amount", "small", "plan", "active", "count", "big", "price", "day", "payload"},
		Rows: []Row{
			{TimeMS: 1_767_312_000_123, Values: values(12.5, 0.5, "free", true, -3, float64(1<<63), -12.34, float64(20455*dayMS), "x")},
			{TimeMS: 1_767_312_001_000, Values: append(values(nil, -1, "paid", false, 7, 5, 0.99, 0), sketches.Wrong())},
		},
	}
	if diff := cmp.Diff(want, *got, compareValues); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if got, err = Read(path, Options{Columns: []string{"plan"}, Time: "at", FromMS: 1_767_312_001_000}); err != nil || len(got.Rows) != 1 || got.Skipped != 1 {
		t.Errorf("the part from a time on: %+v, %v; want one row, one skipped", got, err)
	}
	// Cut anywhere, the file is refused and nothing panics.
	for n := 0; n < b.Len(); n += 7 {
		if _, err := parquetRows("cut.parquet", bytes.NewReader(b.Bytes()[:n]), int64(n), Options{}); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut to %d bytes: %v; want ErrFormat", n, err)
		}
	}
}

func TestRead_ParquetRefusesNestedFeatures(t *testing.T) {
	t.Parallel()
	type nested struct {
		A    float64   `parquet:"a"`
		List []float64 `parquet:"list"`
	}
	var b bytes.Buffer
	if err := parquet.Write(&b, []nested{{1, []float64{1, 2}}}); err != nil {
		t.Fatal(err)
	}
	path := save(t, "a.parquet", b.Bytes())
	if _, err := Read(path, Options{}); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), `column "list" is nested`) {
		t.Errorf("all columns: %v; want the nested one named", err)
	}
	got, err := Read(path, Options{Columns: []string{"a"}})
	if err != nil || len(got.Rows) != 1 {
		t.Errorf("the flat column alone: %+v, %v", got, err)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want int64
	}{
		{"1767312000123", 1767312000123}, {"-5", -5}, {"2026-01-02", 1767312000000}, {"2026-01-02T00:00:00Z", 1767312000000},
		{"2026-01-02T01:00:00.5+01:00", 1767312000500}, {"2026-01-02 00:00:01", 1767312001000}, {"2026-01-02T00:00:01", 1767312001000}, {"2026-01-02 00:01", 1767312060000},
	}
	for _, tt := range tests {
		if got, err := ParseTime(tt.text); err != nil || got != tt.want {
			t.Errorf("ParseTime(%q) = %d, %v; want %d", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "soon", "2026-13-01", "1.5"} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("ParseTime(%q) = %d, want an error", text, got)
		}
	}
}

// FuzzRecords holds that any text is read or refused with a place, and that what was
// read has the width of the first line.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"", "a\n1\n", "a,b\n1,\n,2\n", "a;b\n\"x;\ny\";2\n", "\xef\xbb\xbfa\n", "a\n\"", "ts,a\n2026-01-01,nan\n", "a\r\n1\r\n", ",\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		width := 0
		err := records("x.csv", bytes.NewReader(content), func(head []string) error { width = len(head); return nil }, func(line int, r []string) error {
			if len(r) != width || line < 2 {
				t.Errorf("line %d has %d fields, the first %d", line, len(r), width)
			}
			for _, x := range r {
				var k kindOf
				k.see(x)
				k.value(x, func(s string) string { return s })
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error %v is not ErrFormat", err)
		}
	})
}

// FuzzParquet holds that damaged files are refused without a panic.
func FuzzParquet(f *testing.F) {
	amount := 1.5
	var b bytes.Buffer
	if err := parquet.Write(&b, []flatRow{{Amount: &amount, Plan: "free", Payload: []byte("x")}}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 1<<16 {
			return
		}
		if _, err := parquetRows("x.parquet", bytes.NewReader(content), int64(len(content)), Options{}); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error %v is not ErrFormat", err)
		}
	})
}
