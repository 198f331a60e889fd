//go:build linux && (amd64 || arm64)

package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/bytedance/sonic/ast"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fastjson"
)

// row is what the benchmarks read of an event.
type row struct {
	ts       int64 // epoch ms
	features [50]float64
}

// library reads a row with a JSON library. Each is used in its quickest known way: its
// memory is used again, and features are taken in the order of the text, without a
// look at their names. The time is read by hand, from its one layout.
type library struct {
	name string
	read func(text []byte, into *row) error
}

var errShape = errors.New("the event is not of the benchmark's shape")

func libraries() []library {
	return []library{
		{"fastjson", readFastjson()},
		{"sonic", readSonic()},
		{"jsontext", readJSONText()},
	}
}

func readFastjson() func([]byte, *row) error {
	var p fastjson.Parser
	var into *row
	n, bad := 0, false
	feature := func(_ []byte, v *fastjson.Value) {
		x, err := v.Float64()
		if err != nil || n == len(into.features) {
			bad = true
			return
		}
		into.features[n] = x
		n++
	}
	top := func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "ts":
			into.ts = handTime(v.GetStringBytes())
		case "features":
			o, err := v.Object()
			if err != nil {
				bad = true
				return
			}
			o.Visit(feature)
		}
	}
	return func(text []byte, r *row) error {
		v, err := p.ParseBytes(text)
		if err != nil {
			return err
		}
		o, err := v.Object()
		if err != nil {
			return err
		}
		into, n, bad = r, 0, false
		if o.Visit(top); bad || n != len(r.features) {
			return errShape
		}
		return nil
	}
}

// sonicRow visits an event.
type sonicRow struct {
	into     *row
	n, depth int
	ts       bool
}

func (s *sonicRow) OnNull() error          { return nil }
func (s *sonicRow) OnBool(bool) error      { return nil }
func (s *sonicRow) OnArrayBegin(int) error { return nil }
func (s *sonicRow) OnArrayEnd() error      { return nil }

func (s *sonicRow) OnString(v string) error {
	if s.ts {
		s.into.ts = handTime(v)
	}
	return nil
}

func (s *sonicRow) OnInt64(v int64, _ json.Number) error { return s.OnFloat64(float64(v), "") }

func (s *sonicRow) OnFloat64(v float64, _ json.Number) error {
	if s.depth == 2 {
		if s.n == len(s.into.features) {
			return errShape
		}
		s.into.features[s.n] = v
		s.n++
	}
	return nil
}

func (s *sonicRow) OnObjectBegin(int) error { s.depth++; return nil }
func (s *sonicRow) OnObjectEnd() error      { s.depth--; return nil }

func (s *sonicRow) OnObjectKey(key string) error {
	s.ts = s.depth == 1 && key == "ts"
	return nil
}

func readSonic() func([]byte, *row) error {
	var s sonicRow
	return func(text []byte, r *row) error {
		s = sonicRow{into: r}
		// One copy, as its strings are parts of what it reads.
		if err := ast.Preorder(string(text), &s, nil); err != nil {
			return err
		}
		if s.n != len(r.features) {
			return errShape
		}
		return nil
	}
}

func readJSONText() func([]byte, *row) error {
	in := bytes.NewReader(nil)
	d := jsontext.NewDecoder(in)
	return func(text []byte, r *row) error {
		in.Reset(text)
		d.Reset(in, jsontext.AllowDuplicateNames(true))
		if _, err := d.ReadToken(); err != nil {
			return err
		}
		n := 0
		for d.PeekKind() == '"' {
			key, err := d.ReadValue()
			if err != nil {
				return err
			}
			switch string(key) {
			case `"ts"`:
				v, err := d.ReadValue()
				if err != nil {
					return err
				}
				r.ts = handTime(v[1 : len(v)-1])
			case `"features"`:
				if _, err := d.ReadToken(); err != nil {
					return err
				}
				for d.PeekKind() == '"' {
					if err := d.SkipValue(); err != nil {
						return err
					}
					t, err := d.ReadToken()
					if err != nil {
						return err
					}
					x, err := t.Float()
					if err != nil || n == len(r.features) {
						return errShape
					}
					r.features[n] = x
					n++
				}
				if _, err := d.ReadToken(); err != nil {
					return err
				}
			default:
				if err := d.SkipValue(); err != nil {
					return err
				}
			}
		}
		if n != len(r.features) {
			return errShape
		}
		_, err := d.ReadToken()
		return err
	}
}

// handTime reads 2006-01-02T15:04:05.000Z of the one day that the benchmark's events
// are of.
func handTime[T ~[]byte | ~string](s T) int64 {
	const day = "2026-01-02"
	if len(s) != len(day)+len("T15:04:05.000Z") || !strings.HasPrefix(string(s[:len(day)]), day) {
		return 0
	}
	two := func(i int) int64 { return int64(s[i]-'0')*10 + int64(s[i+1]-'0') }
	return 1767312000000 + ((two(11)*60+two(14))*60+two(17))*1000 + two(20)*10 + int64(s[22]-'0')
}
