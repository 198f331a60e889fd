package sketches

import (
	"errors"
	"flag"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestCodecRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u, i := rapid.Uint64().Draw(t, "u"), rapid.Int64().Draw(t, "i")
		x := Int128{Hi: rapid.Int64().Draw(t, "hi") >> rapid.IntRange(0, 63).Draw(t, "shift"), Lo: rapid.Uint64().Draw(t, "lo")}
		f, s := rapid.Float64().Draw(t, "f"), rapid.String().Draw(t, "s")
		raw := rapid.SliceOfN(rapid.Byte(), 3, 3).Draw(t, "raw")
		var e Encoder
		e.Uvarint(u)
		e.Varint(i)
		e.Int128(x)
		if e.Len() > 39 {
			t.Fatalf("%d bytes for three numbers", e.Len())
		}
		e.Float64(f)
		e.String(s)
		e.Bool(u&1 == 1)
		e.Uint64(u)
		e.Raw(raw)
		d := NewDecoder(e.Data())
		if got := d.Uvarint(); got != u {
			t.Fatalf("uvarint %d, want %d", got, u)
		}
		if got := d.Varint(); got != i {
			t.Fatalf("varint %d, want %d", got, i)
		}
		if got := d.Int128(); got != x {
			t.Fatalf("int128 %v, want %v", got, x)
		}
		if got := d.Float64(); got != f {
			t.Fatalf("float64 %g, want %g", got, f)
		}
		if got := d.String(); got != s {
			t.Fatalf("string %q, want %q", got, s)
		}
		if got := d.Bool(); got != (u&1 == 1) {
			t.Fatalf("bool %v", got)
		}
		if got := d.Uint64(); got != u {
			t.Fatalf("uint64 %d, want %d", got, u)
		}
		if got := d.Raw(3); !slices.Equal(got, raw) {
			t.Fatalf("raw %x, want %x", got, raw)
		}
		if err := d.Finish(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestInt128AtItsEdges(t *testing.T) {
	t.Parallel()
	lowest := Int128{Hi: math.MinInt64}
	highest := Int128{Hi: math.MaxInt64, Lo: math.MaxUint64}
	for _, x := range []Int128{{}, Int128From(-1), Int128From(1), Int128From(math.MinInt64), lowest, highest, Int128FromUint(math.MaxUint64)} {
		var e Encoder
		e.Int128(x)
		if d := NewDecoder(e.Data()); d.Int128() != x || d.Finish() != nil || e.Len() > 19 {
			t.Errorf("%s does not survive %d bytes", x, e.Len())
		}
	}
	if _, over := highest.Add(Int128From(1)); !over {
		t.Error("the highest plus one does not overflow")
	}
	if _, over := lowest.Sub(Int128From(1)); !over {
		t.Error("the lowest less one does not overflow")
	}
	if got, want := lowest.String(), "-170141183460469231731687303715884105728"; got != want {
		t.Errorf("lowest = %s, want %s", got, want)
	}
	if lowest.Cmp(highest) != -1 || highest.Cmp(lowest) != 1 || highest.Cmp(highest) != 0 || lowest.Sign() != -1 {
		t.Error("order of the ends is wrong")
	}
}

func TestInt128AgainstBig(t *testing.T) {
	t.Parallel()
	limit := new(big.Int).Lsh(big.NewInt(1), 127)
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Int128 {
			return Int128{Hi: rapid.Int64().Draw(t, name) >> rapid.IntRange(0, 63).Draw(t, name), Lo: rapid.Uint64().Draw(t, name)}
		}
		a, b := draw("a"), draw("b")
		check := func(what string, got Int128, over bool, want *big.Int) {
			outside := want.Cmp(limit) >= 0 || want.Cmp(new(big.Int).Neg(limit)) < 0
			if over != outside {
				t.Fatalf("%s of %s and %s: overflow %v, want %v", what, a, b, over, outside)
			}
			if !outside && got.Big().Cmp(want) != 0 {
				t.Fatalf("%s of %s and %s is %s, want %s", what, a, b, got, want)
			}
		}
		sum, over := a.Add(b)
		check("sum", sum, over, new(big.Int).Add(a.Big(), b.Big()))
		diff, over := a.Sub(b)
		check("difference", diff, over, new(big.Int).Sub(a.Big(), b.Big()))
		if a.Cmp(b) != a.Big().Cmp(b.Big()) || a.Sign() != a.Big().Sign() {
			t.Fatalf("order of %s and %s", a, b)
		}
		p, ok := MulUint(a.Lo, b.Lo)
		want := new(big.Int).Mul(new(big.Int).SetUint64(a.Lo), new(big.Int).SetUint64(b.Lo))
		if ok != (want.Cmp(limit) < 0) || ok && p.Big().Cmp(want) != 0 {
			t.Fatalf("%d × %d is %s (%v), want %s", a.Lo, b.Lo, p, ok, want)
		}
	})
}

func TestDecoderRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		b    []byte
		read func(d *Decoder)
	}{
		{"a varint cut short", []byte{0x80}, func(d *Decoder) { d.Uvarint() }},
		{"a varint longer than needed", []byte{0x81, 0x00}, func(d *Decoder) { d.Uvarint() }},
		{"a varint above 64 bits", []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 2}, func(d *Decoder) { d.Uvarint() }},
		{"a 128-bit varint longer than needed", []byte{0x81, 0x80, 0x00}, func(d *Decoder) { d.Int128() }},
		{"a 128-bit varint above 128 bits", append(slices.Repeat([]byte{255}, 18), 4), func(d *Decoder) { d.Int128() }},
		{"a 128-bit varint that never ends", slices.Repeat([]byte{255}, 40), func(d *Decoder) { d.Int128() }},
		{"a list longer than the bytes", []byte{200, 1, 0}, func(d *Decoder) { d.Count(1) }},
		{"a list of wide items", []byte{2, 0, 0, 0, 0, 0, 0, 0, 0}, func(d *Decoder) { d.Count(8) }},
		{"a number above the most", []byte{8}, func(d *Decoder) { d.UpTo(7) }},
		{"bytes cut short", []byte{3, 'a', 'b'}, func(d *Decoder) { d.Bytes() }},
		{"a truth value of 2", []byte{2}, func(d *Decoder) { d.Bool() }},
		{"a float cut short", []byte{1, 2, 3}, func(d *Decoder) { d.Float64() }},
		{"bytes left over", []byte{1, 2}, func(d *Decoder) { d.Byte() }},
		{"a negative raw length", []byte{1}, func(d *Decoder) { d.Raw(-1) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := NewDecoder(tc.b)
			tc.read(d)
			first := d.Finish()
			if !errors.Is(first, ErrCorrupt) {
				t.Errorf("error %v, want ErrCorrupt", first)
			}
			d.Fail("later")
			if !errors.Is(d.Err(), first) || d.Uvarint() != 0 {
				t.Error("the first fault does not stick")
			}
		})
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	b := Frame(7, 3, []byte("body"))
	kind, schema, body, err := Unframe(b)
	if err != nil || kind != 7 || schema != 3 || string(body) != "body" {
		t.Fatalf("unframed %d, %d, %q, %v", kind, schema, body, err)
	}
	for name, tc := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":        {nil, ErrNotFrame},
		"another magic":  {append([]byte("XXXX"), b[4:]...), ErrNotFrame},
		"a cut":          {b[:len(b)-1], ErrChecksum},
		"a changed kind": {append(append([]byte(Magic), 8), b[5:]...), ErrChecksum},
		"one byte more":  {append(slices.Clone(b), 0), ErrChecksum},
		"only the magic": {[]byte(Magic), ErrNotFrame},
		"a wrong ending": {append(slices.Clone(b[:len(b)-4]), 0, 0, 0, 0), ErrChecksum},
	} {
		if _, _, _, err := Unframe(tc.b); !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v, want %v", name, err, tc.want)
		}
	}
	if _, err := DecodeGrid(Frame(FrameGrid+1, 1, nil)); !errors.Is(err, ErrNotFrame) {
		t.Errorf("another frame as a grid: %v", err)
	}
	if _, err := DecodeGrid(Frame(FrameGrid, 200, nil)); !errors.Is(err, ErrSchema) {
		t.Errorf("a grid of schema 200: %v", err)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	a := HashFields([]byte("ab"), []byte("c"))
	if a == HashFields([]byte("a"), []byte("bc")) || a.IsZero() || !(ID{}).IsZero() {
		t.Error("fields run into each other")
	}
	text, err := a.MarshalText()
	var back ID
	if err != nil || back.UnmarshalText(text) != nil || back != a {
		t.Errorf("%s came back as %s", a, back)
	}
	for _, s := range []string{"", "12", a.String() + "0", "zz" + a.String()[2:]} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("ParseID(%q) accepted it", s)
		}
	}
}

// goldens are the bytes of schema 1, kept for ever: a change here is a new schema.
func goldens(tb testing.TB) map[string][]byte {
	g := testGrid(tb)
	c := randomCounts(g, 99, 400)
	return map[string][]byte{
		"grid.v1":         g.Encode(),
		"counts.v1":       c.EncodeRange(0, len(g.Features)),
		"counts_empty.v1": NewCounts(g).EncodeRange(1, 3),
		"scores.v1":       testScores(tb, 5).Encode(),
		"blocks.v1":       testBlocks(tb, 5).Encode(),
	}
}

func TestGoldenBytes(t *testing.T) {
	t.Parallel()
	for name, got := range goldens(t) {
		path := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d bytes differ from the %d golden ones", name, len(got), len(want))
		}
	}
	g := testGrid(t)
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name+".golden"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if old, err := DecodeGrid(read("grid.v1")); err != nil || old.ID() != g.ID() {
		t.Errorf("the golden grid: %v", err)
	}
	if c, err := DecodeCounts(g, 0, 5, read("counts.v1")); err != nil || !c.Equal(randomCounts(g, 99, 400)) {
		t.Errorf("the golden counts: %v", err)
	}
	if s, err := DecodeScoreCounts(read("scores.v1")); err != nil || !s.Equal(testScores(t, 5)) {
		t.Errorf("the golden scores: %v", err)
	}
	if b, err := DecodeBlocks(read("blocks.v1")); err != nil || !b.Equal(testBlocks(t, 5)) {
		t.Errorf("the golden blocks: %v", err)
	}
}
