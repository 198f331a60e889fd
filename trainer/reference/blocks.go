package reference

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

// fullBlocks counts the blocks of the given length, cut at multiples of it, that
// lie wholly inside [from, to).
func fullBlocks(from, to, length int64) int64 {
	first := ceilDiv(from, length)
	last := floorDiv(to, length)
	return max(0, last-first)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }

// blocks sums the counts of rows for every length of window that has blocks inside
// [from, to); none where the rows have no order in time.
func (s Spec) blocks(counts *sketches.Counts, rows []Row, from, to int64) (blocks []*sketches.Blocks, err error) {
	if !s.Ordered || len(rows) == 0 {
		return nil, nil
	}
	for _, w := range s.WindowsMS {
		b, err := blocksWithin(counts.Grid, counts, rows, w, from, to)
		if err != nil {
			return nil, fmt.Errorf("blocks of %d ms: %w", w, err)
		}
		if b != nil {
			blocks = append(blocks, b)
		}
	}
	return blocks, nil
}

// Blocks sums the counts of whole blocks of one window length, cut at multiples of it,
// on the verdict bins of ref; nil where there are fewer than two. Rows are in order of
// time.
func Blocks(g *sketches.Grid, ref *sketches.Counts, rows []Row, lengthMS int64) (*sketches.Blocks, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	return blocksWithin(g, ref, rows, lengthMS, rows[0].TimeMS, rows[len(rows)-1].TimeMS+1)
}

func blocksWithin(g *sketches.Grid, ref *sketches.Counts, rows []Row, lengthMS, from, to int64) (*sketches.Blocks, error) {
	if fullBlocks(from, to, lengthMS) < 2 {
		return nil, nil
	}
	maps := make([][]int, len(g.Features))
	bins := make([]int, len(g.Features))
	for i := range g.Features {
		maps[i], bins[i] = g.Features[i].VerdictBins(&ref.Features[i])
	}
	out, err := sketches.NewBlocks(lengthMS, bins)
	if err != nil {
		return nil, err
	}
	counts := make([][]uint64, len(g.Features))
	first, last := ceilDiv(from, lengthMS), floorDiv(to, lengthMS)
	i := 0
	for b := first; b < last; b++ {
		for f := range counts {
			counts[f] = make([]uint64, bins[f])
		}
		for ; i < len(rows) && rows[i].TimeMS < (b+1)*lengthMS; i++ {
			if rows[i].TimeMS < b*lengthMS {
				continue
			}
			for f := range g.Features {
				if cell, side := g.Features[f].Locate(rows[i].Values[f]); side == sketches.InCell {
					counts[f][maps[f][cell]]++
				}
			}
		}
		if err := out.AddBlock(counts); err != nil {
			return nil, err
		}
	}
	return out, nil
}
