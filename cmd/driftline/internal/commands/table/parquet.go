package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/driftline/driftline/sketches"
)

// readParquet reads a file of flat columns. The library panics on some damaged files;
// that is an error here.
func readParquet(path string, o Options) (t *Table, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return parquetRows(path, f, info.Size(), o)
}

func parquetRows(path string, in io.ReaderAt, size int64, o Options) (t *Table, err error) {
	defer func() {
		if p := recover(); p != nil {
			t, err = nil, fmt.Errorf("%w: %s: damaged Parquet file: %v", ErrFormat, path, p)
		}
	}()
	if err := checkFooter(in, size); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
	}
	file, err := parquet.OpenFile(in, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
	}
	columns, nodes, err := flat(path, file.Schema())
	if err != nil {
		return nil, err
	}
	p, err := o.choose(path, columns)
	if err != nil {
		return nil, err
	}
	place := make([]int, len(columns)) // of a column among the features; −1: unused
	for i := range place {
		place[i] = -1
	}
	for f, i := range p.index {
		if nodes[i] == nil {
			return nil, fmt.Errorf("%w: %s: column %q is nested; only flat columns can be features", ErrFormat, path, columns[i])
		}
		place[i] = f
	}
	dimension := make([]int, len(columns)) // of a column among the segments; −1: none
	for i := range dimension {
		dimension[i] = slices.Index(p.segments, i)
		if dimension[i] >= 0 && nodes[i] == nil {
			return nil, fmt.Errorf("%w: %s: column %q is nested; only flat columns can be segments", ErrFormat, path, columns[i])
		}
	}
	if n := file.NumRows(); n < 0 || n > MaxCells/int64(len(p.names)) {
		return nil, fmt.Errorf("%w: %s: %d rows of %d features are more than fit into memory; take fewer columns, or split the file", ErrFormat, path, n, len(p.names))
	}
	t = &Table{Names: p.names}
	same := newTexts(len(p.names))
	for _, group := range file.RowGroups() {
		rows := group.Rows()
		err := eachParquetRow(rows, func(n int, row parquet.Row) error {
			out := Row{Values: make([]sketches.Value, len(p.names))}
			for _, v := range row {
				c := v.Column()
				if c < 0 || c >= len(columns) {
					return fmt.Errorf("%w: %s: row %d: column %d of %d", ErrFormat, path, n, c, len(columns))
				}
				if c == p.time {
					if out.TimeMS, err = parquetTime(v, nodes[c]); err != nil {
						return fmt.Errorf("%w: %s: row %d: column %s: %w", ErrFormat, path, n, o.Time, err)
					}
				}
				if f := place[c]; f >= 0 {
					out.Values[f] = parquetValue(v, nodes[c], func(s string) string { return same.of(f, s) })
				}
				if d := dimension[c]; d >= 0 {
					out.In = within(o.Members, out.In, d, parquetValue(v, nodes[c], strings.Clone))
				}
			}
			return t.add(path, o, out)
		}, len(t.Rows)+t.Skipped)
		if err := errors.Join(err, rows.Close()); err != nil {
			if !errors.Is(err, ErrFormat) {
				err = fmt.Errorf("%w: %s: %w", ErrFormat, path, err)
			}
			return nil, err
		}
	}
	return t, nil
}

// checkFooter refuses what the library would take memory for before it looks: a footer
// longer than the file. Layout of the end: footer | its length, 4 bytes | "PAR1".
func checkFooter(in io.ReaderAt, size int64) error {
	const head, tail = 4, 8
	var end [tail]byte
	if size < head+tail {
		return fmt.Errorf("%d bytes are no Parquet file", size)
	}
	if _, err := in.ReadAt(end[:], size-tail); err != nil {
		return err
	}
	if string(end[4:]) != "PAR1" {
		return errors.New(`no Parquet file: it does not end with "PAR1"; encrypted files are not read`)
	}
	if n := int64(binary.LittleEndian.Uint32(end[:4])); n > size-head-tail {
		return fmt.Errorf("damaged Parquet file: a footer of %d bytes in a file of %d", n, size)
	}
	return nil
}

func eachParquetRow(rows parquet.Rows, row func(n int, r parquet.Row) error, n int) error {
	buf := make([]parquet.Row, 256)
	for {
		k, err := rows.ReadRows(buf)
		for _, r := range buf[:k] {
			n++
			if err := row(n, r); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if k == 0 {
			return io.ErrNoProgress
		}
	}
}

// flat returns the leaf columns by name, and their nodes; the node of a nested or
// repeated one is nil.
func flat(path string, s *parquet.Schema) (columns []string, nodes []parquet.Node, err error) {
	for _, c := range s.Columns() {
		leaf, ok := s.Lookup(c...)
		if !ok {
			return nil, nil, fmt.Errorf("%w: %s: column %s has no definition", ErrFormat, path, strings.Join(c, "."))
		}
		columns = append(columns, strings.Join(c, "."))
		if len(c) == 1 && leaf.MaxRepetitionLevel == 0 {
			nodes = append(nodes, leaf.Node)
		} else {
			nodes = append(nodes, nil)
		}
	}
	return columns, nodes, nil
}

// logical is what a column means beyond its physical type; nil for no more than that.
func logical(n parquet.Node) format.LogicalTypeValue {
	if n == nil || n.Type() == nil || n.Type().LogicalType() == nil {
		return nil
	}
	return n.Type().LogicalType().Value
}

const dayMS = int64(24 * 60 * 60 * 1000)

// parquetTime reads an event time.
func parquetTime(v parquet.Value, n parquet.Node) (int64, error) {
	if v.IsNull() {
		return 0, errors.New("no time in this row")
	}
	switch v.Kind() {
	case parquet.Int32, parquet.Int64:
		ms, ok := instant(v, n)
		if !ok {
			ms = whole(v)
		}
		return ms, nil
	case parquet.Int96:
		return int96(v), nil
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return ParseTime(string(v.ByteArray()))
	case parquet.Double, parquet.Float:
		if x := floating(v); x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x), nil
		}
	}
	return 0, fmt.Errorf("%s is no time; want a timestamp, a date, a text or epoch milliseconds", v)
}

func whole(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func floating(v parquet.Value) float64 {
	if v.Kind() == parquet.Float {
		return float64(v.Float())
	}
	return v.Double()
}

// instant reads integers that are timestamps or dates, as epoch milliseconds, floored.
func instant(v parquet.Value, n parquet.Node) (ms int64, ok bool) {
	x := whole(v)
	switch l := logical(n).(type) {
	case *format.DateType:
		return x * dayMS, true
	case *format.TimestampType:
		switch l.Unit.Value.(type) {
		case *format.MicroSeconds:
			return floorDiv(x, 1000), true
		case *format.NanoSeconds:
			return floorDiv(x, 1_000_000), true
		}
		return x, true
	}
	return 0, false
}

// int96 reads the old form of timestamps: nanoseconds of the day, then the Julian day.
func int96(v parquet.Value) int64 {
	const epochDay = 2440588 // 1970-01-01
	x := v.Int96()
	nanos := int64(uint64(x[1])<<32 | uint64(x[0]))
	return (int64(x[2])-epochDay)*dayMS + floorDiv(nanos, 1_000_000)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func parquetValue(v parquet.Value, n parquet.Node, same func(string) string) sketches.Value {
	if v.IsNull() {
		return sketches.Null()
	}
	decimal, isDecimal := logical(n).(*format.DecimalType)
	switch v.Kind() {
	case parquet.Boolean:
		return sketches.Bool(v.Boolean())
	case parquet.Int32, parquet.Int64:
		if isDecimal {
			return sketches.Number(scaled(big.NewInt(whole(v)), decimal.Scale))
		}
		if ms, ok := instant(v, n); ok {
			return sketches.Number(float64(ms))
		}
		if i, ok := logical(n).(*format.IntType); ok && !i.IsSigned {
			if v.Kind() == parquet.Int32 {
				return sketches.Number(float64(v.Uint32()))
			}
			return sketches.Number(float64(v.Uint64()))
		}
		return sketches.Number(float64(whole(v)))
	case parquet.Int96:
		return sketches.Number(float64(int96(v)))
	case parquet.Float, parquet.Double:
		return sketches.Number(floating(v))
	case parquet.ByteArray, parquet.FixedLenByteArray:
		b := v.ByteArray()
		if isDecimal {
			return sketches.Number(scaled(twosComplement(b), decimal.Scale))
		}
		if !utf8.Valid(b) {
			return sketches.Wrong() // bytes that are no text; the gate names the column
		}
		return sketches.String(same(string(b)))
	}
	return sketches.Wrong()
}

// twosComplement reads a big-endian signed number.
func twosComplement(b []byte) *big.Int {
	x := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return x
}

// scaled is x · 10^−scale.
func scaled(x *big.Int, scale int32) float64 {
	if scale < 0 || scale > 400 {
		return math.NaN()
	}
	r := new(big.Rat).SetFrac(x, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil))
	f, _ := r.Float64()
	return f
}
