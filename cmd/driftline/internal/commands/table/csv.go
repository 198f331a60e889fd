package table

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/driftline/driftline/sketches"
)

// readCSV reads a file twice: first for the kinds of its columns, then for the rows.
func readCSV(path string, o Options) (*Table, error) {
	var kinds []kindOf
	var p plan
	width := 0
	err := eachRecord(path, func(head []string) (err error) {
		width = len(head)
		p, err = o.choose(path, head)
		kinds = make([]kindOf, len(p.names))
		return err
	}, func(_ int, record []string) error {
		for f, i := range p.index {
			kinds[f].see(record[i])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t := &Table{Names: p.names}
	same := newTexts(len(p.names))
	err = eachRecord(path, func([]string) error { return nil }, func(line int, record []string) error {
		if len(record) != width {
			return fmt.Errorf("%w: %s:%d: the file changed while it was read", ErrFormat, path, line)
		}
		row := Row{Values: make([]sketches.Value, len(p.names))}
		if p.time >= 0 {
			ms, err := ParseTime(record[p.time])
			if err != nil {
				return fmt.Errorf("%w: %s:%d: column %s: %w", ErrFormat, path, line, o.Time, err)
			}
			row.TimeMS = ms
		}
		for f, i := range p.index {
			row.Values[f] = kinds[f].value(record[i], func(s string) string { return same.of(f, s) })
		}
		for d, i := range p.segments {
			row.In = withinText(o.Members, row.In, d, record[i])
		}
		return t.add(path, o, row)
	})
	return t, err
}

// eachRecord calls head with the names of the columns, then row for each record with
// the line it stands on. Slices are used again.
func eachRecord(path string, head func([]string) error, row func(line int, record []string) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // read only
	var in io.Reader = f
	if strings.HasSuffix(strings.ToLower(path), ".gz") {
		z, err := gzip.NewReader(bufio.NewReader(f))
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
		}
		in = z
	}
	return records(path, in, head, row)
}

func records(path string, in io.Reader, head func([]string) error, row func(line int, record []string) error) error {
	b := bufio.NewReaderSize(in, 1<<16)
	start, err := b.Peek(1 << 12)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
	}
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) { // a mark that spreadsheets write
		if _, err := b.Discard(3); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
		}
		start = start[3:]
	}
	r := csv.NewReader(b)
	r.ReuseRecord = true
	r.Comma = separator(start)
	columns, err := r.Read()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s: empty; the first line must name the columns", ErrFormat, path)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = strings.TrimSpace(c)
		if !utf8.ValidString(names[i]) {
			return fmt.Errorf("%w: %s: the name of column %d is not UTF-8", ErrFormat, path, i+1)
		}
	}
	if err := head(names); err != nil {
		return err
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
		}
		line, _ := r.FieldPos(0)
		for i, x := range record {
			if !utf8.ValidString(x) {
				return fmt.Errorf("%w: %s:%d: column %s is not UTF-8", ErrFormat, path, line, names[i])
			}
		}
		if err := row(line, record); err != nil {
			return err
		}
	}
}

// separator is the comma unless the first line has none and another one.
func separator(start []byte) rune {
	line, _, _ := bytes.Cut(start, []byte("\n"))
	for _, sep := range []byte{',', ';', '\t'} {
		if bytes.IndexByte(line, sep) >= 0 {
			return rune(sep)
		}
	}
	return ','
}

// kindOf finds the kind of a column. The zero value has seen nothing.
type kindOf struct{ some, text, noNumber, noBool bool }

func (k *kindOf) see(field string) {
	if field == "" || k.text {
		return
	}
	k.some = true
	if !k.noNumber {
		_, ok := number(field)
		k.noNumber = !ok
	}
	if !k.noBool {
		_, ok := truth(field)
		k.noBool = !ok
	}
	k.text = k.noNumber && k.noBool
}

func (k *kindOf) value(field string, same func(string) string) sketches.Value {
	if field == "" {
		return sketches.Null()
	}
	if !k.noNumber {
		x, _ := number(field)
		return sketches.Number(x)
	}
	if !k.noBool {
		b, _ := truth(field)
		return sketches.Bool(b)
	}
	return sketches.String(same(field))
}

// number reads a decimal number, NaN or infinity; no hexadecimal, no underscores.
func number(field string) (float64, bool) {
	field = strings.TrimSpace(field)
	if strings.ContainsAny(field, "xX_pP") {
		return 0, false
	}
	x, err := strconv.ParseFloat(field, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return x, true
}

func truth(field string) (value, ok bool) {
	switch strings.ToLower(field) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// texts keeps one copy of texts that repeat in a column.
type texts []map[string]string

const maxTexts = 1 << 12 // per column; more distinct texts hardly repeat

func newTexts(columns int) texts { return make(texts, columns) }

func (t texts) of(column int, s string) string {
	if had, ok := t[column][s]; ok {
		return had
	}
	s = strings.Clone(s)
	if t[column] == nil {
		t[column] = map[string]string{}
	}
	if len(t[column]) < maxTexts {
		t[column][s] = s
	}
	return s
}
