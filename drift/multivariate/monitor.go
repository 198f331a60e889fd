package multivariate

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// Pane is what a monitor steps by: *joint.Tally and *joint.Sums are panes.
type Pane interface {
	// AddTo adds all sums and returns the rows.
	AddTo(to []sketches.Int128) uint64
}

// Monitor steps pane by pane over windows of several lengths that end at the same pane.
// It keeps running totals, so that a window is the difference of two of them, exactly;
// its memory is 16 bytes for each sum and pane of the longest window.
//
// Not safe for concurrent use.
type Monitor struct {
	ref   *Reference
	law   *Law
	want  []uint // statistics by scale, as bits
	panes []int  // scales, ascending

	totals [][]sketches.Int128 // of the last panes, a ring
	rows   []uint64
	pushed int
	tests  int
	window *window
	values []float64 // of the paths at the last step
}

// Step is what one pane led to.
type Step struct {
	Ready bool    // every window is full, and not thin; without it nothing was judged
	Test  int     // number of the test, from 0
	Rows  uint64  // rows of the longest window
	Score float64 // the largest score; −Inf where no path could be judged
	Path  Path    // whose it is
}

// NewMonitor returns a monitor whose windows are empty.
func NewMonitor(ref *Reference, law *Law) *Monitor {
	m := newMonitor(ref, law.Paths)
	m.law = law
	return m
}

func newMonitor(ref *Reference, paths []PathLaw) *Monitor {
	m := &Monitor{ref: ref, window: newWindow(ref.embedding), values: make([]float64, len(paths))}
	m.panes, m.want = scalesOf(paths)
	width, _, _, _ := ref.embedding.Width()
	ring := m.panes[len(m.panes)-1] + 1
	m.totals, m.rows = make([][]sketches.Int128, ring), make([]uint64, ring)
	all := make([]sketches.Int128, ring*width)
	for i := range m.totals {
		m.totals[i], all = all[:width:width], all[width:]
	}
	return m
}

// scalesOf returns the scales of paths and the statistics of each, as bits.
func scalesOf(paths []PathLaw) (panes []int, want []uint) {
	for _, p := range paths {
		if n := len(panes); n == 0 || panes[n-1] != p.Panes {
			panes, want = append(panes, p.Panes), append(want, 0)
		}
		want[len(want)-1] |= 1 << p.Statistic
	}
	return panes, want
}

// Reset empties the windows, as after an alarm that was dealt with.
func (m *Monitor) Reset() {
	clear(m.totals[0])
	m.rows[0], m.pushed, m.tests = 0, 0, 0
}

// Push adds the next pane and judges the windows that end with it. It does not
// allocate. Panes without rows count as time that passed; where the longest window has
// less than half of the rows that the law was learnt from, nothing is judged (M3).
func (m *Monitor) Push(p Pane) Step {
	s, full := m.step(p)
	if s.Ready = full && m.law.enough(s.Rows, m.law.longest()); s.Ready {
		s.Test = m.tests
		m.tests++
	}
	return s
}

// step adds a pane and scores the windows; full is false while they fill.
func (m *Monitor) step(p Pane) (s Step, full bool) {
	m.add(p)
	longest := m.panes[len(m.panes)-1]
	s.Score = math.Inf(-1)
	if m.pushed < longest {
		return s, false
	}
	s.Rows = m.rowsOf(longest)
	m.measure(m.ref)
	for i, x := range m.values {
		if score := m.law.Paths[i].Score(x); score > s.Score {
			s.Score, s.Path = score, m.law.Paths[i].Path
		}
	}
	return s, true
}

// Alarm reports whether a step exceeds the limit of a target of the law.
func (m *Monitor) Alarm(s Step, target int) bool {
	return s.Ready && s.Score > m.law.Limits[target].At(s.Test)
}

// Score returns the score of each path of the law at the last step that was ready, in
// the law's order.
func (m *Monitor) Score(path int) float64 { return m.law.Paths[path].Score(m.values[path]) }

func (m *Monitor) add(p Pane) {
	ring := len(m.totals)
	from := m.pushed % ring
	to := (from + 1) % ring
	copy(m.totals[to], m.totals[from])
	m.rows[to] = m.rows[from] + p.AddTo(m.totals[to])
	m.pushed++
}

func (m *Monitor) rowsOf(panes int) uint64 {
	ring := len(m.totals)
	return m.rows[m.pushed%ring] - m.rows[(m.pushed-panes)%ring]
}

// measure fills values against ref.
func (m *Monitor) measure(ref *Reference) {
	ring, i := len(m.totals), 0
	for s, panes := range m.panes {
		m.window.rows = float64(m.rowsOf(panes))
		m.window.between(ref.embedding, m.totals[m.pushed%ring], m.totals[(m.pushed-panes)%ring], m.want[s])
		got := ref.measure(m.window, m.want[s])
		for stat := range statistics {
			if m.want[s]>>stat&1 != 0 {
				m.values[i] = got[stat]
				i++
			}
		}
	}
}

// between reads the difference of two totals, but only the sums that what is wanted
// needs.
func (w *window) between(e *joint.Embedding, to, from []sketches.Int128, want uint) {
	d := e.Dim()
	_, gram, wave, norm := e.Width()
	if want&^(1<<StatDistance) != 0 {
		less(w.values[:gram], to[:gram], from[:gram])
		if want>>StatCorrelation&3 != 0 && w.rows >= correlated {
			less(w.values[gram:wave], to[gram:wave], from[gram:wave])
		} else {
			at := gram
			for j := range d {
				less(w.values[at:at+1], to[at:at+1], from[at:at+1])
				at += d - j
			}
		}
	}
	if want>>StatDistance&1 != 0 {
		less(w.values[wave:norm], to[wave:norm], from[wave:norm])
		var one [1]float64
		less(one[:], to[norm:norm+1], from[norm:norm+1])
		w.norm = one[0]
	}
}

// less writes to − from as float64. The usual difference fits into 64 bits.
func less(out []float64, to, from []sketches.Int128) {
	to, from = to[:len(out)], from[:len(out)]
	for i := range out {
		d, _ := to[i].Sub(from[i])
		if d.Hi == int64(d.Lo)>>63 {
			out[i] = float64(int64(d.Lo))
		} else {
			out[i] = float64(float64(d.Hi)*0x1p64) + float64(d.Lo)
		}
	}
}

// String names the path for people.
func (p Path) String() string { return fmt.Sprintf("%s over %d", p.Statistic, p.Panes) }
