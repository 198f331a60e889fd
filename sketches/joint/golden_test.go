package joint

import (
	"bytes"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/driftline/driftline/sketches"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden holds b against a file that is kept for ever.
func golden(t *testing.T, name string, b []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Errorf("%s: %d bytes differ from the %d stored ones", name, len(b), len(want))
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	counts, codes := mixedGrid(t)
	e := build(t, counts, head(codes, 40), 32)
	golden(t, "embedding.v1.golden", e.Encode())
	back, err := Decode(e.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Encode(), e.Encode()) || back.ID() != e.ID() {
		t.Error("a decoded embedding has other bytes")
	}
	c := randomCodes(counts.Grid, rand.New(rand.NewPCG(4, 4)), 100)
	s := sumsOf(e, c, 64)
	golden(t, "sums.v1.golden", s.Encode())
	if !sumsOf(back, c, 64).Equal(s) {
		t.Error("a decoded embedding adds up otherwise")
	}
	again, err := DecodeSums(back, s.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !again.Equal(s) {
		t.Error("decoded sums differ")
	}
	empty, err := DecodeSums(e, NewSums(e).Encode())
	if err != nil || !empty.Equal(NewSums(e)) {
		t.Errorf("decoded zero sums differ: %v", err)
	}
}

// TestDecodeSumsRefuses changes one thing at a time that no rows can lead to.
func TestDecodeSumsRefuses(t *testing.T) {
	t.Parallel()
	counts, codes := numericGrid(t, 3, 300, 1)
	e := build(t, counts, codes, 8)
	_, gram, wave, norm := e.Width()
	s := sumsOf(e, randomCodes(counts.Grid, rand.New(rand.NewPCG(4, 4)), 10), 64)
	for name, edit := range map[string]func(s *Sums){
		"no rows":                      func(s *Sums) { s.Rows = 0 },
		"a first sum beyond its rows":  func(s *Sums) { s.Values[0] = sketches.Int128From(10*boundFirst + 1) },
		"a negative sum of squares":    func(s *Sums) { s.Values[gram] = sketches.Int128From(-1) },
		"a product beyond its rows":    func(s *Sums) { s.Values[gram+1] = sketches.Int128From(math.MinInt64) },
		"a cosine beyond its rows":     func(s *Sums) { s.Values[wave] = sketches.Int128From(-10<<waveBits - 1) },
		"squares of waves beyond":      func(s *Sums) { s.Values[norm] = sketches.Int128{Hi: 1} },
		"squares of waves below zero":  func(s *Sums) { s.Values[norm] = sketches.Int128From(-1) },
		"more sums than the embedding": func(s *Sums) { s.Values = append(s.Values, sketches.Int128{}) },
	} {
		bad := s.Clone()
		edit(bad)
		if _, err := DecodeSums(e, bad.Encode()); !errors.Is(err, sketches.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
	b := s.Encode()
	b[len(b)/2] ^= 1
	if _, err := DecodeSums(e, b); !errors.Is(err, sketches.ErrChecksum) {
		t.Errorf("a flipped bit: %v, want ErrChecksum", err)
	}
	if _, err := DecodeSums(e, sketches.Frame(sketches.FrameJoint, 9, nil)); !errors.Is(err, sketches.ErrSchema) {
		t.Errorf("schema 9: %v, want ErrSchema", err)
	}
	if _, err := DecodeSums(e, e.Encode()); !errors.Is(err, sketches.ErrNotFrame) {
		t.Errorf("another kind: %v, want ErrNotFrame", err)
	}
}

// Every decoder must refuse or give a value that encodes to the very same bytes.

func FuzzDecodeSums(f *testing.F) {
	counts, codes := numericGrid(f, 2, 60, 1)
	e := build(f, counts, codes, 4)
	s := sumsOf(e, randomCodes(counts.Grid, rand.New(rand.NewPCG(4, 4)), 10), 64)
	_, _, body, err := sketches.Unframe(s.Encode())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(body[:20])
	f.Fuzz(func(t *testing.T, body []byte) {
		b := sketches.Frame(sketches.FrameJoint, sumsSchema, body)
		got, err := DecodeSums(e, b)
		if err != nil {
			return
		}
		if !bytes.Equal(got.Encode(), b) {
			t.Fatalf("accepted %x, which encodes to %x", b, got.Encode())
		}
		sum := NewSums(e)
		if err := errors.Join(sum.Merge(got), sum.Subtract(got)); err != nil || !sum.Equal(NewSums(e)) {
			t.Fatalf("accepted sums do not merge and subtract: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	counts, codes := mixedGrid(f)
	for _, rows := range []int{2, 5} {
		e, err := Build(Config{Reference: counts, Sample: head(codes, rows), Waves: 4, Features: []int{2, 3}})
		if err != nil {
			f.Fatal(err)
		}
		_, _, body, err := sketches.Unframe(e.Encode())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		b := sketches.Frame(sketches.FrameEmbedding, embeddingSchema, body)
		e, err := Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Encode(), b) {
			t.Fatalf("accepted %x, which encodes to %x", b, e.Encode())
		}
		if s := NewSums(e); !bytes.Equal(s.Encode(), NewTally(e).Sums().Encode()) {
			t.Fatal("an accepted embedding cannot be worked with")
		}
	})
}
