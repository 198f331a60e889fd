package performance

import (
	"errors"
	"math"
	"os"
	"testing"

	"github.com/driftline/driftline/sketches"
)

func smallNumbers(t testing.TB) *Numbers {
	t.Helper()
	g, err := NumberGrid([]float64{1, 2, 3, 4}, []float64{0, 2, 4, 6})
	if err != nil {
		t.Fatal(err)
	}
	n := numbers(t, g, Forecast{1, 1.5, true}, Forecast{3.5, 6, true}, Forecast{9, 1e300, true}, Forecast{Predicted: 2}, Forecast{math.NaN(), 1, true})
	return n
}

// TestEncodeNumbers_GoldenBytes: bytes once written must be readable for ever.
func TestEncodeNumbers_GoldenBytes(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("testdata/numbers_1.bin")
	if err != nil {
		t.Fatal(err)
	}
	n := smallNumbers(t)
	if got := n.Encode(); string(got) != string(want) {
		t.Errorf("encoded as\n%x, want\n%x", got, want)
	}
	if back, err := DecodeNumbers(want); err != nil || !back.Equal(n) {
		t.Errorf("the golden bytes decode otherwise: %v", err)
	}
}

func TestDecodeNumbers_RefusesWhatDoesNotAddUp(t *testing.T) {
	t.Parallel()
	good := smallNumbers(t).Encode()
	for i := range good {
		if _, err := DecodeNumbers(good[:i]); err == nil {
			t.Errorf("%d of %d bytes decode", i, len(good))
		}
	}
	if _, err := DecodeNumbers(append(good, 0)); !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := DecodeNumbers(append([]byte{9}, good[1:]...)); !errors.Is(err, sketches.ErrSchema) {
		t.Errorf("another schema: %v", err)
	}
	for name, spoil := range map[string]func(n *Numbers){
		"a row too many":          func(n *Numbers) { n.rows++ },
		"rows without end":        func(n *Numbers) { n.rows = math.MaxUint64 },
		"more clamped than rows":  func(n *Numbers) { n.Clamped = n.rows + 1 },
		"another sum of outcomes": func(n *Numbers) { n.a, _ = n.a.Add(sketches.Int128From(1)) },
		"another sum of errors":   func(n *Numbers) { n.e, _ = n.e.Add(sketches.Int128From(1)) },
		"another sum of products": func(n *Numbers) { n.pa, _ = n.pa.Add(sketches.Int128From(1)) },
		"a pair that no cell has": func(n *Numbers) { n.pairs[0x00000001]++ },
		"a cell that is empty":    func(n *Numbers) { n.byCell[1] = cellSums{} },
		"an error below zero": func(n *Numbers) {
			c := n.byCell[firstCell(n)]
			c.e = sketches.Int128From(-1)
			n.byCell[firstCell(n)] = c
		},
		"an outcome beyond its cells": func(n *Numbers) { n.pairs[uint32(firstCell(n))<<16|0xfff0] = 1 },
	} {
		n := smallNumbers(t)
		spoil(n)
		if _, err := DecodeNumbers(n.Encode()); !errors.Is(err, sketches.ErrCorrupt) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

func firstCell(n *Numbers) int {
	for at := range n.grid.Features[0].Cells() {
		if _, ok := n.byCell[at]; ok {
			return at
		}
	}
	return -1
}

func FuzzDecodeNumbers(f *testing.F) {
	f.Add(smallNumbers(f).Encode())
	f.Add(numbers(f, smallNumbers(f).Grid()).Encode())
	f.Add([]byte{1, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := DecodeNumbers(b)
		if err != nil {
			return
		}
		if string(n.Encode()) != string(b) {
			t.Errorf("%x decodes, but is encoded as %x", b, n.Encode())
		}
		if _, err := RealiseNumbers([]*Numbers{n}, 0.9, DefaultGroups); err != nil {
			t.Errorf("%x decodes, but cannot be measured: %v", b, err)
		}
	})
}
