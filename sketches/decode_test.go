package sketches

import (
	"errors"
	"math"
	"testing"
)

// TestDecodeCountsRefuses builds bytes that no encoder writes, one fault each.
func TestDecodeCountsRefuses(t *testing.T) {
	t.Parallel()
	f, err := NewNumeric("x", []float64{5, 5, 5})
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCategorical("c", map[string]uint64{"a": 1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGrid([]FeatureGrid{f, c}) // 3 cells and 2 cells
	if err != nil {
		t.Fatal(err)
	}
	type part = func(e *Encoder)
	bytes := func(bs ...byte) part { return func(e *Encoder) { e.Raw(bs) } }
	minMax := func(lo, hi float64) part {
		return func(e *Encoder) { e.Byte(rangeKnown); e.Float64(lo); e.Float64(hi) }
	}
	huge := func(e *Encoder) { e.Uvarint(math.MaxUint64) }
	head := bytes(countsSchema, 0)
	noSides := bytes(0, 0, 0, 0, 0, 0, 0)
	noSums := bytes(0, 0, 0, 0)
	for _, tc := range []struct {
		name     string
		from, to int
		parts    []part
	}{
		{"nothing", 0, 0, nil},
		{"a feature missing", 0, 1, []part{head}},
		{"an unknown form of cells", 0, 1, []part{head, bytes(2, 0, 0, 0), noSides, noSums, bytes(rangeNone)}},
		{"zeros written dense", 0, 1, []part{head, bytes(cellsDense, 0, 0, 0), noSides, noSums, bytes(rangeNone)}},
		{"many counts written sparse", 0, 1, []part{head, bytes(cellsSparse, 3, 0, 1, 0, 1, 0, 1), noSides, noSums, minMax(1, 9)}},
		{"a sparse count of zero", 0, 1, []part{head, bytes(cellsSparse, 1, 0, 0), noSides, noSums, bytes(rangeNone)}},
		{"a sparse cell beyond the grid", 0, 1, []part{head, bytes(cellsSparse, 1, 3, 1), noSides, noSums, minMax(5, 5)}},
		{"values without a range", 0, 1, []part{head, bytes(cellsDense, 0, 1, 0), noSides, noSums, bytes(rangeNone)}},
		{"a range without values", 0, 1, []part{head, bytes(cellsSparse, 0), noSides, noSums, minMax(5, 5)}},
		{"a range the wrong way round", 0, 1, []part{head, bytes(cellsDense, 0, 1, 0), noSides, noSums, minMax(6, 5)}},
		{"a range of NaN", 0, 1, []part{head, bytes(cellsDense, 0, 1, 0), noSides, noSums, minMax(math.NaN(), 5)}},
		{"a range of −0", 0, 1, []part{head, bytes(cellsDense, 0, 1, 0), noSides, noSums, minMax(math.Copysign(0, -1), 5)}},
		{"an unknown range flag", 0, 1, []part{head, bytes(cellsDense, 0, 1, 0), noSides, noSums, bytes(3)}},
		{"sums without values", 0, 1, []part{head, bytes(cellsSparse, 0), noSides, bytes(2, 2, 2, 2), bytes(rangeNone)}},
		{"more clamped than there are", 0, 1, []part{head, bytes(cellsDense, 0, 1, 0), bytes(0, 0, 0, 0, 0, 0, 2), noSums, minMax(5, 5)}},
		{"unseen numbers", 0, 1, []part{head, bytes(cellsSparse, 0), bytes(0, 0, 0, 0, 0, 1, 0), noSums, bytes(rangeNone)}},
		{"counts that overflow together", 0, 1, []part{head, bytes(cellsSparse, 0), huge, huge, bytes(0, 0, 0, 0, 0), noSums, bytes(rangeNone)}},
		{"clamped categories", 1, 2, []part{head, bytes(cellsDense, 1, 0), bytes(0, 0, 0, 0, 0, 0, 1)}},
		{"bytes left over", 1, 2, []part{head, bytes(cellsDense, 1, 0), noSides, bytes(0)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var e Encoder
			for _, p := range tc.parts {
				p(&e)
			}
			if _, err := DecodeCounts(g, tc.from, tc.to, e.Data()); !errors.Is(err, ErrCorrupt) {
				t.Errorf("error %v, want ErrCorrupt", err)
			}
		})
	}
	if _, err := DecodeCounts(g, 0, 0, []byte{9, 0}); !errors.Is(err, ErrSchema) {
		t.Errorf("schema 9: %v, want ErrSchema", err)
	}
	for _, r := range [][2]int{{-1, 1}, {1, 0}, {0, 3}} {
		if _, err := DecodeCounts(g, r[0], r[1], []byte{countsSchema, 0}); err == nil {
			t.Errorf("features [%d, %d) of 2 were accepted", r[0], r[1])
		}
	}
}

func TestDecodeScoresAndBlocksRefuse(t *testing.T) {
	t.Parallel()
	scores, blocks := testScores(t, 3), testBlocks(t, 3)
	for name, edit := range map[string]func(s *ScoreCounts){
		"fewer rows than scores":  func(s *ScoreCounts) { s.Rows = 1 },
		"more rows than scores":   func(s *ScoreCounts) { s.Rows++ },
		"classes out of order":    func(s *ScoreCounts) { s.Classes = []string{"yes", "no"} },
		"one class twice":         func(s *ScoreCounts) { s.Classes = []string{"no", "no"} },
		"a sum below zero":        func(s *ScoreCounts) { s.rows[0].sum = Int128From(-1) },
		"a sum above every score": func(s *ScoreCounts) { s.rows[0].sum = Int128{Hi: 1} },
	} {
		s := scores.Clone()
		edit(s)
		if _, err := DecodeScoreCounts(s.Encode()); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrBadGrid) {
			t.Errorf("scores, %s: error %v", name, err)
		}
	}
	for name, edit := range map[string]func(b *Blocks){
		"a length of nothing": func(b *Blocks) { b.LengthMS = 0 },
		"no features":         func(b *Blocks) { b.Features = nil },
		"a negative sum":      func(b *Blocks) { b.Features[0].KK[0] = Int128From(-1) },
		"Σk not ΣN":           func(b *Blocks) { b.Features[0].N = Int128From(1) },
		"Σ N·k not Σ N²":      func(b *Blocks) { b.Features[0].NN = Int128From(1) },
		"sums of no block":    func(b *Blocks) { b.Features[0].J = 0 },
	} {
		b := blocks.Clone()
		edit(b)
		if _, err := DecodeBlocks(b.Encode()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("blocks, %s: error %v, want ErrCorrupt", name, err)
		}
	}
	for _, b := range [][]byte{{9}, {200}} {
		if _, err := DecodeScoreCounts(b); !errors.Is(err, ErrSchema) {
			t.Errorf("scores of schema %d: %v", b[0], err)
		}
		if _, err := DecodeBlocks(b); !errors.Is(err, ErrSchema) {
			t.Errorf("blocks of schema %d: %v", b[0], err)
		}
	}
}
