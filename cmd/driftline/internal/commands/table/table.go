package table

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

// ErrFormat marks a file whose content cannot be read.
var ErrFormat = errors.New("file cannot be read")

// ErrNoSegment marks a file without the column of a segment.
var ErrNoSegment = errors.New("no column for the segment")

// MaxCells is how many values Read takes into memory, 32 bytes each.
const MaxCells = 64 << 20

// Options of Read.
type Options struct {
	Columns []string // features in this order; empty: all columns but those named below
	Drop    []string // columns that are no features; an unknown one is an error
	Time    string   // column of the event time; "": rows have none
	FromMS  int64    // rows before it are left out; needs Time; 0: no limit
	ToMS    int64    // rows at or after it are left out; needs Time; 0: no limit
	// Members tell in which segments a row lies, by columns that are named as those are.
	// Such a column is no feature unless Columns names it. nil: rows have no segments.
	Members *reference.Members
	// Progress is called every few thousand rows; nil is allowed.
	Progress func(rows int)
}

// Row is one row.
type Row struct {
	TimeMS int64 // 0 without a time column
	Values []sketches.Value
	In     reference.Membership // as Options.Members tells it
}

// Table is what was read.
type Table struct {
	Names   []string // of the features, in the order of Row.Values
	Rows    []Row
	Skipped int // rows outside FromMS and ToMS
}

// progressRows is how often Options.Progress is called.
const progressRows = 1 << 12

// Read reads a file by the end of its name: .csv, .csv.gz, .tsv, .tsv.gz or .parquet.
//
// Errors: ErrFormat with the place; what opening the file gives; an unknown column
// with the names there are.
func Read(path string, o Options) (*Table, error) {
	name := strings.ToLower(filepath.Base(path))
	switch {
	case strings.HasSuffix(name, ".parquet"):
		return readParquet(path, o)
	case strings.HasSuffix(name, ".csv"), strings.HasSuffix(name, ".csv.gz"), strings.HasSuffix(name, ".tsv"), strings.HasSuffix(name, ".tsv.gz"):
		return readCSV(path, o)
	}
	return nil, fmt.Errorf("%w: %s: want a file that ends in .csv, .csv.gz, .tsv, .tsv.gz or .parquet", ErrFormat, path)
}

// plan says which columns of a file are read.
type plan struct {
	names []string
	index []int // of each feature in the file
	time  int   // −1 without

	segments []int // column of each dimension of Options.Members
}

// choose makes the plan for a file with these columns.
func (o Options) choose(path string, columns []string) (p plan, err error) {
	find := func(what, name string) (int, error) {
		i := slices.Index(columns, name)
		if i < 0 {
			return 0, fmt.Errorf("%w: %s: no column %q for %s; there are %s", ErrFormat, path, name, what, listed(columns))
		}
		return i, nil
	}
	seen := map[string]bool{}
	for i, c := range columns {
		if c == "" {
			return p, fmt.Errorf("%w: %s: column %d has no name", ErrFormat, path, i+1)
		}
		if seen[c] {
			return p, fmt.Errorf("%w: %s: two columns are named %q", ErrFormat, path, c)
		}
		seen[c] = true
	}
	p.time = -1
	if o.Time != "" {
		if p.time, err = find("the time", o.Time); err != nil {
			return p, err
		}
	}
	drop := map[int]bool{p.time: true}
	for _, d := range o.Drop {
		i, err := find("what is no feature", d)
		if err != nil {
			return p, err
		}
		drop[i] = true
	}
	for _, name := range o.Members.Names() {
		i := slices.Index(columns, name)
		if i < 0 {
			return p, fmt.Errorf("%w: %s: %w %q; there are %s", ErrFormat, path, ErrNoSegment, name, listed(columns))
		}
		p.segments = append(p.segments, i)
	}
	want := o.Columns
	if len(want) == 0 {
		for _, i := range p.segments {
			drop[i] = true
		}
		for i, c := range columns {
			if !drop[i] {
				want = append(want, c)
			}
		}
	}
	for _, c := range want {
		i, err := find("a feature", c)
		if err != nil {
			return p, err
		}
		if drop[i] {
			return p, fmt.Errorf("%w: %s: column %q is asked for as a feature and as something else", ErrFormat, path, c)
		}
		p.names, p.index = append(p.names, c), append(p.index, i)
	}
	if len(p.names) == 0 {
		return p, fmt.Errorf("%w: %s: no column is left as a feature; there are %s", ErrFormat, path, listed(columns))
	}
	return p, nil
}

// listed names columns, the first twenty.
func listed(columns []string) string {
	const most = 20
	if len(columns) <= most {
		return strings.Join(columns, ", ")
	}
	return strings.Join(columns[:most], ", ") + fmt.Sprintf(" and %d more", len(columns)-most)
}

// inside tells whether a row's time is asked for.
func (o Options) inside(ms int64) bool {
	return (o.FromMS == 0 || ms >= o.FromMS) && (o.ToMS == 0 || ms < o.ToMS)
}

// add appends a row, or counts it as skipped.
func (t *Table) add(path string, o Options, r Row) error {
	if o.Time != "" && !o.inside(r.TimeMS) {
		t.Skipped++
		return nil
	}
	if (len(t.Rows)+1)*len(t.Names) > MaxCells {
		return fmt.Errorf("%w: %s: more than %d rows of %d features; take fewer columns or a part of the rows", ErrFormat, path, len(t.Rows), len(t.Names))
	}
	t.Rows = append(t.Rows, r)
	if o.Progress != nil && len(t.Rows)%progressRows == 0 {
		o.Progress(len(t.Rows))
	}
	return nil
}

// timeLayouts are the texts a time may have beside epoch milliseconds; without a zone
// it is UTC.
var timeLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", time.DateOnly}

// ParseTime reads an event time as epoch milliseconds, floored.
func ParseTime(text string) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is no time; write 2026-01-02T03:04:05Z, 2026-01-02 03:04:05, 2026-01-02 or epoch milliseconds", text)
}
