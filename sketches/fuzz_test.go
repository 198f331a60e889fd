package sketches

import (
	"slices"
	"testing"
)

// Every decoder must refuse or give a value that encodes to the very same bytes.

func FuzzDecodeGrid(f *testing.F) {
	f.Add(testGrid(f).Encode())
	small, err := NewNumeric("x", []float64{1, 2, 3})
	if err != nil {
		f.Fatal(err)
	}
	g, err := NewGrid([]FeatureGrid{small})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(g.Encode())
	f.Add(Frame(FrameGrid, gridSchema, []byte{1, 1, 'a', 2, 1, 1, 'b', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		check := func(b []byte) {
			if g, err := DecodeGrid(b); err == nil && !slices.Equal(g.Encode(), b) {
				t.Fatalf("accepted %x, which encodes to %x", b, g.Encode())
			}
		}
		check(b)
		check(Frame(FrameGrid, gridSchema, b)) // past the checksum
		if _, _, body, err := Unframe(b); err == nil {
			check(Frame(FrameGrid, gridSchema, body))
		}
	})
}

func FuzzDecodeCounts(f *testing.F) {
	g := testGrid(f)
	for _, rows := range []int{0, 3, 500} {
		f.Add(randomCounts(g, 1, rows).EncodeRange(0, 5), uint8(0), uint8(5))
		f.Add(randomCounts(g, 2, rows).EncodeRange(2, 4), uint8(2), uint8(4))
	}
	f.Fuzz(func(t *testing.T, b []byte, from, to uint8) {
		c, err := DecodeCounts(g, int(from), int(to), b)
		if err != nil {
			return
		}
		if got := c.EncodeRange(int(from), int(to)); !slices.Equal(got, b) {
			t.Fatalf("accepted %x, which encodes to %x", b, got)
		}
		sum := NewCounts(g) // what was accepted can be worked with
		if err := sum.Merge(c); err != nil {
			t.Fatalf("accepted counts do not merge into zero: %v", err)
		}
		for i := range sum.Features {
			_ = sum.Features[i].Moments(&g.Features[i])
			_ = sum.Features[i].Quantile(&g.Features[i], 0.5)
		}
	})
}

func FuzzDecodeScoreCounts(f *testing.F) {
	f.Add(testScores(f, 1).Encode())
	empty, _ := NewScoreCounts(nil)
	f.Add(empty.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := DecodeScoreCounts(b); err == nil && !slices.Equal(s.Encode(), b) {
			t.Fatalf("accepted %x, which encodes to %x", b, s.Encode())
		}
	})
}

func FuzzDecodeBlocks(f *testing.F) {
	f.Add(testBlocks(f, 1).Encode())
	empty, _ := NewBlocks(1, []int{1})
	f.Add(empty.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := DecodeBlocks(b); err == nil && !slices.Equal(s.Encode(), b) {
			t.Fatalf("accepted %x, which encodes to %x", b, s.Encode())
		}
	})
}

func FuzzUnframe(f *testing.F) {
	f.Add(Frame(1, 2, []byte("abc")))
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if kind, schema, body, err := Unframe(b); err == nil && !slices.Equal(Frame(kind, schema, body), b) {
			t.Fatalf("accepted %x, which frames otherwise", b)
		}
	})
}
