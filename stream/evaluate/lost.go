package evaluate

import (
	"strconv"
	"strings"

	"github.com/driftline/driftline/stream/wire"
)

// A ring slot that is lost or garbled must not look like a pane without rows. Four
// things tell: the key of the record that cannot be read, the number that the next
// slot names as its predecessor, a chunk that the grid asks for, and the number of
// slots that the coverage record of the same pane counts, which alone tells of the
// newest slot of a model. What is lost and cannot be made again is counted as not
// covered as long as a window holds it: for its model, or where only the count tells, for all.

// place is a position in a ring, as a key names it.
type place struct {
	model    string
	ring     uint8
	position int64
}

// parsePlace reads "model/chunk/ring/position"; ok is false for other keys.
func parsePlace(key string) (p place, ok bool) {
	parts := strings.Split(key, "/")
	n := len(parts)
	if n < 4 {
		return p, false
	}
	_, err := strconv.ParseUint(parts[n-3], 10, 31)
	ring := parts[n-2]
	position, err2 := strconv.ParseInt(parts[n-1], 10, 64)
	if err != nil || err2 != nil || ring != "0" && ring != "1" || position < 0 {
		return p, false
	}
	return place{model: strings.Join(parts[:n-3], "/"), ring: ring[0] - '0', position: position}, true
}

// newestAt returns the newest number that a ring may hold at a position.
func (f *Fold) newestAt(p place) int64 {
	newest, size := f.done, f.cfg.Layout.Ring0()
	if p.ring == 1 {
		newest, size = f.slotOf(f.done+1)-1, f.cfg.Layout.Ring1()
	}
	return newest - mod(newest-p.position, size)
}

// oldest returns per ring the smallest number that a window to come can hold and
// that was ever final; what lies before it may have been overwritten.
func (f *Fold) oldest() [2]int64 {
	l := f.cfg.Layout
	fine := min(2*l.SlotPanes, max(l.LongestMS()/l.PaneMS, l.SlotPanes))
	coarse := l.LongestMS() / l.SlotMS()
	return [2]int64{max(f.first, f.done+1-fine), max(f.slotOf(f.first), f.slotOf(f.done+1)-coarse)}
}

// findLost marks what the state should hold and does not.
func (f *Fold) findLost(l *loaded) {
	have := map[slotAt]bool{}
	count := [2]map[int64]uint64{{}, {}}
	for _, s := range l.slots {
		have[slotAt{s.Model, s.Chunk, s.Ring, s.Number}] = true
		count[s.Ring][s.Number]++
	}
	for ring, from := range f.oldest() {
		to := f.done
		if ring == 1 {
			to = f.slotOf(f.done+1) - 1
		}
		for n := from; n <= to; n++ {
			if f.cover[ring][n].Expected == 0 { // one is written for every pane and slot
				f.cover[ring][n] = wire.Coverage{Ring: uint8(ring), Number: n, Expected: 1}
				f.uncovered[ring][n] = true
			}
			if c := f.cover[ring][n]; count[ring][n] < c.Slots {
				c.Covered = 0
				f.cover[ring][n] = c
				f.uncovered[ring][n] = true
			}
		}
	}
	for _, p := range l.garbled {
		if n := f.newestAt(p); p.model != coverageModel && n >= f.oldest()[p.ring] && !have[slotAt{p.model, 0, p.ring, n}] {
			f.lose(p.model, p.ring, n)
		}
	}
	for _, s := range l.slots {
		if s.Chunk != 0 || !f.within(s.Ring, s.Number) {
			continue
		}
		if s.Prev == s.Number { // written as incomplete
			f.lose(s.Model, s.Ring, s.Number)
		}
		if s.Prev >= f.oldest()[s.Ring] && !have[slotAt{s.Model, 0, s.Ring, s.Prev}] {
			f.lose(s.Model, s.Ring, s.Prev)
		}
		for _, x := range s.Entries {
			g, ok := f.view.Grid(s.Model, x.Grid)
			if !ok {
				continue
			}
			for chunk := 1; chunk < wire.Chunks(len(g.Grid.Features)); chunk++ {
				if !have[slotAt{s.Model, int32(chunk), s.Ring, s.Number}] {
					f.lose(s.Model, s.Ring, s.Number)
				}
			}
		}
	}
}

type slotAt struct {
	model  string
	chunk  int32
	ring   uint8
	number int64
}

// coverageModel stands in the keys of coverage records where others name a model.
const coverageModel = "_coverage"

func (f *Fold) lose(name string, ring uint8, number int64) {
	f.model(name).lost[ring][number] = true
}
