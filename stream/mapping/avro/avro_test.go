package avro_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"testing"

	library "github.com/twmb/avro"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/avro"
	"github.com/driftline/driftline/stream/mapping/tree"
)

const rich = `{"type":"record","name":"R","namespace":"a.b","fields":[
 {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":"long"},
 {"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"s","type":"string"},
 {"name":"e","type":{"type":"enum","name":"E","symbols":["x","y","z"]}},
 {"name":"u","type":["null","double","string","E"]},
 {"name":"a","type":{"type":"array","items":["null","long"]}},
 {"name":"m","type":{"type":"map","values":"double"}},
 {"name":"next","type":["null","R"]},
 {"name":"in","type":{"type":"record","name":"In","fields":[{"name":"x","type":"double"},{"name":"again","type":"E"}]}},
 {"name":"last","type":"a.b.In"}]}`

// random makes a value of the rich schema.
func random(rng *rand.Rand, depth int) map[string]any {
	text := func() string { return strings.Repeat("ä€x", rng.IntN(4)) + strconv.Itoa(rng.IntN(100)) }
	symbol := func() string { return []string{"x", "y", "z"}[rng.IntN(3)] }
	in := func() map[string]any { return map[string]any{"x": rng.NormFloat64(), "again": symbol()} }
	var list []any
	for range rng.IntN(5) {
		list = append(list, []any{nil, rng.Int64() - math.MaxInt64/2}[rng.IntN(2)])
	}
	table := map[string]any{}
	for range rng.IntN(4) {
		table[text()] = rng.Float64()
	}
	v := map[string]any{
		"n": nil, "b": rng.IntN(2) == 0, "i": int32(rng.Uint32()), "l": rng.Int64() - math.MaxInt64/2,
		"f": float32(rng.NormFloat64()), "d": rng.NormFloat64() * 1e100, "s": text(), "e": symbol(),
		"u": []any{nil, 2.5, text()}[rng.IntN(3)], "a": list, "m": table, "next": nil, "in": in(), "last": in(),
	}
	if depth < 3 && rng.IntN(2) == 0 {
		v["next"] = random(rng, depth+1)
	}
	return v
}

// show writes a tree as one text, members sorted.
func show(t *tree.Tree, at tree.Ref) string {
	n := t.At(at)
	var parts []string
	switch n.Kind {
	case tree.Null:
		return "null"
	case tree.Bool:
		return strconv.FormatBool(n.Num != 0)
	case tree.Number:
		if n.Whole {
			return strconv.FormatInt(n.Int, 10)
		}
		return fmt.Sprintf("%x", math.Float64bits(n.Num))
	case tree.Text:
		return strconv.Quote(n.Text)
	case tree.List:
		for c := range t.Children(at) {
			parts = append(parts, show(t, c))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	for c, m := range t.Children(at) {
		parts = append(parts, strconv.Quote(m.Name)+":"+show(t, c))
	}
	sort.Strings(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

// showAny does the same of what the library gives.
func showAny(v any) string {
	var parts []string
	switch x := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(x)
	case int32:
		return strconv.FormatInt(int64(x), 10)
	case int64:
		return strconv.FormatInt(x, 10)
	case int:
		return strconv.Itoa(x)
	case float32:
		return fmt.Sprintf("%x", math.Float64bits(float64(x)))
	case float64:
		return fmt.Sprintf("%x", math.Float64bits(x))
	case string:
		return strconv.Quote(x)
	case []any:
		for _, y := range x {
			parts = append(parts, showAny(y))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		for k, y := range x {
			parts = append(parts, strconv.Quote(k)+":"+showAny(y))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprintf("%T", v)
}

func parsed(t testing.TB, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDecode_AgreesWithALibrary(t *testing.T) {
	t.Parallel()
	ours, theirs := parsed(t, rich), library.MustParse(rich)
	rng := rand.New(rand.NewPCG(9, 1))
	var into tree.Tree
	for i := range 2000 {
		v := random(rng, 0)
		b, err := theirs.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		into.Reset()
		if bad := ours.Decode(b, 0, &into); bad != nil {
			t.Fatalf("value %d: %v\n%v", i, bad, v)
		}
		if got, want := show(&into, into.Root()), showAny(v); got != want {
			t.Fatalf("value %d:\ngot  %s\nwant %s", i, got, want)
		}
	}
}

// TestProgram_AgreesWithTheTree reads leaves by a program and by the tree.
func TestProgram_AgreesWithTheTree(t *testing.T) {
	t.Parallel()
	ours, theirs := parsed(t, rich), library.MustParse(rich)
	targets := []avro.Target{{Path: "s", Slot: 0}, {Path: "u", Slot: 1}, {Path: "l", Slot: 2}, {Path: "in.again", Slot: 3}, {Path: "last.x", Slot: 4}}
	for i, p := range []string{"d", "f", "i", "b", "in.x", "e", "a"} {
		targets = append(targets, avro.Target{Path: p, Feature: true, Slot: i})
	}
	program, ok := ours.Program(targets)
	if !ok {
		t.Fatal("the targets do not compile")
	}
	if _, ok := ours.Program([]avro.Target{{Path: "m.x"}}); ok {
		t.Error("a member of a map compiles")
	}
	rng := rand.New(rand.NewPCG(9, 2))
	var into tree.Tree
	for i := range 2000 {
		b, err := theirs.Encode(random(rng, 0))
		if err != nil {
			t.Fatal(err)
		}
		into.Reset()
		if bad := ours.Decode(b, 0, &into); bad != nil {
			t.Fatal(bad)
		}
		fields, features := make([]tree.Node, 5), make([]event.Feature, 7)
		if bad := program.Run(b, 0, fields, features); bad != nil {
			t.Fatal(bad)
		}
		for _, x := range targets {
			n := into.At(into.Find(into.Root(), x.Path))
			if x.Feature {
				got, _ := features[x.Slot].Value.Float()
				text, _ := features[x.Slot].Value.Text()
				if n.Kind == tree.Number && got != n.Num || n.Kind == tree.Text && text != n.Text {
					t.Fatalf("value %d, %s: %+v, the tree has %+v", i, x.Path, features[x.Slot].Value, *n)
				}
				continue
			}
			f := fields[x.Slot]
			if f.Kind != n.Kind || f.Text != n.Text || f.Num != n.Num || f.Int != n.Int {
				t.Fatalf("value %d, %s: %+v, the tree has %+v", i, x.Path, f, *n)
			}
		}
		for cut := range b { // a record that ends early is refused by both
			if program.Run(b[:cut], 0, fields, features) == nil {
				t.Fatalf("value %d cut to %d bytes is read", i, cut)
			}
		}
	}
}

func TestDecode_LogicalTypes(t *testing.T) {
	t.Parallel()
	s := parsed(t, `{"type":"record","name":"R","fields":[
		{"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},
		{"name":"us","type":["null",{"type":"long","logicalType":"local-timestamp-micros"}]},
		{"name":"beside","type":"long","logicalType":"timestamp-nanos"},
		{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}},
		{"name":"raw","type":"bytes"}]}`)
	b := binary.AppendVarint(nil, 17)
	b = append(binary.AppendVarint(b, 1), binary.AppendVarint(nil, 18)...)
	b = binary.AppendVarint(b, 19)
	b = append(b, 4, 0xfb, 0x2e) // −1234 in two bytes
	b = append(b, 2, 7)
	var into tree.Tree
	if bad := s.Decode(b, 0, &into); bad != nil {
		t.Fatal(bad)
	}
	for name, want := range map[string]tree.Unit{"ms": tree.Millis, "us": tree.Micros, "beside": tree.Nanos} {
		if n := into.At(into.Find(into.Root(), name)); n.Unit != want || n.Int < 17 {
			t.Errorf("%s: %+v, want unit %d", name, *n, want)
		}
	}
	if n := into.At(into.Find(into.Root(), "d")); n.Num != -12.34 {
		t.Errorf("decimal = %v, want -12.34", n.Num)
	}
	if n := into.At(into.Find(into.Root(), "raw")); n.Kind != tree.List {
		t.Errorf("bytes are %v, want what no event has", n.Kind)
	}
}

func TestParse_RefusesWhatIsNoSchema(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{`, `"nothing"`, `{"type":"record","name":"R"}`, `{"type":"record","fields":[]}`, `{"type":"array"}`, `{"type":"map"}`, `17`, `[["null"],"int"]`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"fixed","name":"R","size":1}}]}`,
		`{"type":"fixed","name":"F","size":-2}`, `{"x":1}`, strings.Repeat(`{"type":`, 100) + `"int"` + strings.Repeat(`}`, 100),
		`"` + strings.Repeat("x", 2<<20) + `"`,
	} {
		if _, err := avro.Parse(text); err == nil {
			t.Errorf("%.60s passes", text)
		}
	}
	for _, text := range []string{`"string"`, `string`, `{"type":"string"}`, `{"type":{"type":"long"}}`, `["null","double"]`, `{"type":"record","name":"E","fields":[]}`} {
		if _, err := avro.Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestDecode_BombsAreBounded(t *testing.T) {
	t.Parallel()
	nulls := parsed(t, `{"type":"array","items":"null"}`)
	deep := parsed(t, `{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`)
	text := parsed(t, `"string"`)
	tests := []struct {
		name string
		s    *avro.Schema
		b    []byte
		code event.Code
	}{
		{"a quintillion nulls in ten bytes", nulls, binary.AppendVarint(nil, math.MaxInt64), event.CodeTooLarge},
		{"as many with a size before them", nulls, append(binary.AppendVarint(nil, -math.MaxInt64), 0), event.CodeTooLarge},
		{"the number without a positive", nulls, append(binary.AppendVarint(nil, math.MinInt64), 0), event.CodeNotAvro},
		{"a record inside itself", deep, nil, event.CodeTooDeep},
		{"a text of an exabyte", text, binary.AppendVarint(nil, math.MaxInt64), event.CodeNotAvro},
		{"a text of negative length", text, binary.AppendVarint(nil, -1), event.CodeNotAvro},
		{"a number that never ends", text, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, event.CodeNotAvro},
	}
	for _, tt := range tests {
		var into tree.Tree
		if bad := tt.s.Decode(tt.b, 0, &into); bad == nil || bad.Code != tt.code {
			t.Errorf("%s: %v, want %s", tt.name, bad, tt.code)
		}
	}
	// The same where a program passes over it.
	s := parsed(t, `{"type":"record","name":"R","fields":[{"name":"x","type":"double"},{"name":"skip","type":{"type":"array","items":"null"}}]}`)
	p, ok := s.Program([]avro.Target{{Path: "x", Feature: true}})
	if !ok {
		t.Fatal("does not compile")
	}
	b := append(make([]byte, 8), binary.AppendVarint(nil, math.MaxInt64)...)
	if bad := p.Run(b, 0, nil, make([]event.Feature, 1)); bad == nil || bad.Code != event.CodeTooLarge {
		t.Errorf("passing over: %v, want too_large", bad)
	}
}

// FuzzDecode holds what is accepted against the library: it accepts the same bytes and
// reads the same values.
func FuzzDecode(f *testing.F) {
	ours, theirs := parsed(f, rich), library.MustParse(rich)
	program, ok := ours.Program([]avro.Target{{Path: "s"}, {Path: "d", Feature: true}})
	if !ok {
		f.Fatal("does not compile")
	}
	rng := rand.New(rand.NewPCG(9, 3))
	for range 20 {
		b, err := theirs.Encode(random(rng, 0))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var into tree.Tree
		bad := ours.Decode(b, 0, &into)
		if fast := program.Run(b, 0, make([]tree.Node, 1), make([]event.Feature, 1)); bad == nil && fast != nil {
			t.Fatalf("%x is read by the tree, but not by a program: %v", b, fast)
		}
		if bad != nil {
			var reason *event.Reason
			if !errors.As(bad, &reason) || bad.At < 0 || bad.At > len(b) || bad.Detail == "" {
				t.Fatalf("%x: %+v, want a reason with its place", b, bad)
			}
			return
		}
		var want any
		if _, err := theirs.Decode(b, &want); err != nil {
			t.Fatalf("%x is read as %s, the library says %v", b, show(&into, into.Root()), err)
		}
		if got, want := show(&into, into.Root()), showAny(want); got != want && !strings.Contains(got, "7ff") && !strings.Contains(got, "fff") {
			t.Fatalf("%x:\ngot  %s\nwant %s", b, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(rich)
	f.Add(`{"type":"fixed","name":"F","size":3}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := avro.Parse(text)
		if err != nil {
			return
		}
		var into tree.Tree
		_ = s.Decode([]byte(text), 0, &into)
		s.Has("a.b.c")
		if leaves, ok := s.Leaves(""); ok && len(leaves) > 0 {
			if p, ok := s.Program([]avro.Target{{Path: leaves[0], Feature: true}}); ok {
				_ = p.Run([]byte(text), 0, nil, make([]event.Feature, 1))
			}
		}
	})
}
