package sequential

import (
	"math"
	"slices"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

// nullStream is an endless stream of panes without drift.
type nullStream interface {
	// begin starts over; equal numbers give equal streams.
	begin(number uint64)
	// next returns the next pane's increments, valid until the next call.
	next() []int64
}

// world is one resampled reference: streams of panes scored against it.
type world func(replicate uint64) (nullStream, error)

// rung is a new maximum of the largest sum (less its handicap) at a pane.
type rung struct {
	top  int64
	pane float64
}

// runLengths follows one stream from zero and returns its maxima, ascending. The first
// with top ≥ h is the run length at h, for every h at once.
func runLengths(p *Plan, s nullStream, sums []int64, panes int) []rung {
	clear(sums)
	var out []rung
	best := int64(0)
	for t := range panes {
		top := int64(math.MinInt64)
		inc := s.next()
		paths := p.Paths[:len(inc)]
		sums := sums[:len(inc)]
		for i, x := range inc {
			x = min(limit, max(0, sums[i]+x))
			sums[i] = x
			top = max(top, x-paths[i].Handicap)
		}
		if top > best {
			best = top
			out = append(out, rung{top, float64(t + 1)})
		}
	}
	return out
}

// lengthAt is the mean run length at h of runs cut off after panes, and how many
// alarmed. A run that was cut off counts its length.
func lengthAt(runs [][]rung, panes float64, h int64) (mean float64, alarms int) {
	total := 0.0
	for _, r := range runs {
		i, _ := slices.BinarySearchFunc(r, h, func(x rung, h int64) int {
			if x.top < h {
				return -1
			}
			return 1
		})
		if i == len(r) {
			total += panes
			continue
		}
		total += r[i].pane
		alarms++
	}
	if alarms == 0 {
		return math.Inf(1), 0
	}
	return total / float64(alarms), alarms
}

// thresholdFor returns the smallest h with a mean run length of at least target.
func thresholdFor(runs [][]rung, panes, target float64) int64 {
	top := int64(1)
	for _, r := range runs {
		if len(r) > 0 {
			top = max(top, r[len(r)-1].top+1)
		}
	}
	lo, hi := int64(0), top // length(lo) < target ≤ length(hi) = +∞
	for hi-lo > 1 {
		mid := lo + (hi-lo)/2
		if l, _ := lengthAt(runs, panes, mid); l < target {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// rate runs the whole pipeline, resets and cooldown included, for panes and returns
// the alarms.
func rate(p *Plan, s nullStream, panes int) (alarms uint64) {
	st := p.NewState()
	for range panes {
		p.Step(&st, s.next())
	}
	return st.Alarms
}

// sampler draws from weights in constant time (Walker's alias method†).
type sampler struct {
	keep  []float64
	alias []int32
}

func newSampler(weights []uint64) sampler {
	n := len(weights)
	total := 0.0
	for _, w := range weights {
		total += float64(w)
	}
	s := sampler{keep: make([]float64, n), alias: make([]int32, n)}
	var small, large []int
	for i, w := range weights {
		s.keep[i], s.alias[i] = float64(w)*float64(n)/total, int32(i)
		if s.keep[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		i, j := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		s.alias[i] = int32(j)
		if s.keep[j] -= 1 - s.keep[i]; s.keep[j] < 1 {
			large, small = large[:len(large)-1], append(small, j)
		}
	}
	for _, i := range append(small, large...) {
		s.keep[i] = 1
	}
	return s
}

func (s *sampler) draw(d *generate.Sequence) int {
	u := d.Uniform() * float64(len(s.keep))
	i := min(int(u), len(s.keep)-1)
	if u-float64(i) < s.keep[i] {
		return i
	}
	return int(s.alias[i])
}

// columnsOf returns the counts of a feature's cells and, last, its missing values.
func columnsOf(c *sketches.FeatureCounts) []uint64 { return append(slices.Clone(c.Cells), c.Null) }

// independent streams draw every value by itself: records, and features too.
type independent struct {
	seed    uint64
	tables  *Tables
	columns []sampler
	rows    int
	draws   generate.Sequence
	inc     []int64
	// For panes of many rows: increments of a pool of panes, of which each feature
	// takes its own.
	pool []int64
	size int
}

// From manyRows records a pane on, panes are drawn from a pool of at most poolSize
// panes and poolRows records.
const (
	manyRows = 32
	poolSize = 1 << 13
	poolRows = 1 << 22
)

// newPool draws panes of independent records; nil for panes of few.
func newPool(seed uint64, g *sketches.Grid, columns []sampler, rows int) (*History, error) {
	if rows < manyRows {
		return nil, nil
	}
	h, pane := NewHistory(g), sketches.NewCounts(g)
	d := generate.NewSequence(seed^0x6c6962, 0)
	for range max(2, min(poolSize, poolRows/rows)) {
		for f := range pane.Features {
			fc := &pane.Features[f]
			clear(fc.Cells)
			fc.Null = 0
			if len(columns[f].keep) == 0 {
				continue
			}
			for range rows {
				if c := columns[f].draw(&d); c < len(fc.Cells) {
					fc.Cells[c]++
				} else {
					fc.Null++
				}
			}
		}
		if err := h.Append(pane); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func newIndependent(seed uint64, t *Tables, columns []sampler, rows int, pool *History) *independent {
	s := &independent{seed: seed, tables: t, columns: columns, rows: rows, inc: make([]int64, t.paths)}
	if pool != nil {
		s.pool, s.size = pool.increments(t), pool.panes
	}
	return s
}

func (s *independent) begin(number uint64) { s.draws = generate.NewSequence(s.seed, number) }

func (s *independent) next() []int64 {
	if s.pool != nil {
		for f := range s.tables.features {
			ft := &s.tables.features[f]
			i := s.draws.Below(s.size)*s.tables.paths + ft.first
			copy(s.inc[ft.first:], s.pool[i:i+ft.paths])
		}
		return s.inc
	}
	if s.rows == 1 {
		for f := range s.tables.features {
			ft := &s.tables.features[f]
			if ft.paths > 0 {
				c := s.columns[f].draw(&s.draws) * ft.paths
				copy(s.inc[ft.first:], ft.score[c:c+ft.paths])
			}
		}
		return s.inc
	}
	clear(s.inc)
	for f := range s.tables.features {
		if s.tables.features[f].paths == 0 {
			continue
		}
		for range s.rows {
			s.tables.Add(s.inc, f, s.columns[f].draw(&s.draws), 1)
		}
	}
	return s.inc
}

// blocks streams walk through a run of panes and jump now and then: the stationary
// bootstrap (Politis & Romano 1994†), all features of a pane together. Now and then a
// pane gets a value beyond all of the reference's, as new panes would.
type blocks struct {
	seed   uint64
	tables *Tables
	inc    []int64   // of all panes
	outer  []float64 // per feature: chance of such a value in a pane, at each end
	jumps  jumper
	draws  generate.Sequence
	beyond generate.Sequence
	wait   []int // per feature: panes until the next such value
	one    []int64
}

func (s *blocks) begin(number uint64) {
	s.draws, s.beyond = generate.NewSequence(s.seed, 2*number), generate.NewSequence(s.seed, 2*number+1)
	s.jumps.at = -1
	s.wait = s.wait[:0]
	for _, p := range s.outer {
		s.wait = append(s.wait, s.gap(p))
	}
}

// gap draws the panes without an outer value before the next one.
func (s *blocks) gap(p float64) int {
	if p <= 0 {
		return math.MaxInt
	}
	return int(min(math.Log(s.beyond.Uniform())/math.Log1p(-2*p), 1<<60))
}

func (s *blocks) next() []int64 {
	i, w := s.jumps.next(&s.draws), s.tables.paths
	inc := s.inc[i*w : (i+1)*w]
	copied := false
	for f := range s.wait {
		if s.wait[f] > 0 {
			s.wait[f]--
			continue
		}
		s.wait[f] = s.gap(s.outer[f])
		if !copied {
			copy(s.one, inc)
			inc, copied = s.one, true
		}
		end := 0
		if s.beyond.Uniform() < 0.5 {
			end = s.tables.features[f].columns - 2
		}
		s.tables.Add(inc, f, end, 1)
	}
	return inc
}

// jumper draws the places of a stationary bootstrap: at each step the next pane, or
// with chance 1/length any pane; from the last pane on to the first. With a cycle
// above 1 it jumps only to panes of the same place in the cycle, so panes must be a
// multiple of it.
type jumper struct {
	panes, cycle int
	chance       float64
	at           int
}

func (j *jumper) next(d *generate.Sequence) int {
	switch {
	case j.at < 0:
		j.at = d.Below(j.panes)
	case d.Uniform() >= j.chance:
		j.at = (j.at + 1) % j.panes
	case j.cycle > 1:
		j.at = (j.at+1)%j.cycle + j.cycle*d.Below(j.panes/j.cycle)
	default:
		j.at = d.Below(j.panes)
	}
	return j.at
}
