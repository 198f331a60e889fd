package evaluate

import (
	"hash/maphash"
	"math"

	"github.com/driftline/driftline/stream/wire"
)

// pendingPanes is how many panes that are not final yet are held merged, and for how
// many final ones the digests of their partials are kept. A source that lags further
// costs reading its partners' panes twice, not memory.
const pendingPanes = 30

// runPanes bounds the panes of one cycle where the ring would allow more: until the
// cycle is through, they are held beside those that are pending.
const runPanes = 24

// pending is a pane that is not done yet. Partials are merged as they come. Of a
// pane beyond the bound only the place of its records is known; they are read again
// before it is published.
type pending struct {
	first, last int64            // offsets of its first and last record so far
	merged      map[string]*cell // by model; nil: passed over
	filling     bool             // being read again
	torn        bool             // some of its records were removed before they were read again
	seen        map[partialKey]seen
	least       map[partialKey]int64 // after a contradiction: the through below which a partial is ignored
	names       map[string]bool      // models nobody declared; true: they send features apart
}

// seen is what is kept of a partial that was merged.
type seen struct {
	through int64
	digest  uint64
}

// partialKey stands for a PartialID in memory: two independent hashes of it, which
// meet only by a chance of 2⁻¹²⁸. Hash seeds differ per process; nothing that is
// written depends on them.
type partialKey [2]uint64

var seeds = [3]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed(), maphash.MakeSeed()}

func keyOf(id wire.PartialID) partialKey {
	return partialKey{maphash.Comparable(seeds[0], id), maphash.Comparable(seeds[1], id)}
}

// digest is an 8-byte hash of what a partial counted.
func digest(p wire.Partial) uint64 {
	var h maphash.Hash
	h.SetSeed(seeds[2])
	maphash.WriteComparable(&h, [4]uint64{p.Rows, uint64(len(p.Counts)), uint64(len(p.Scores)), uint64(len(p.Joint))})
	_, _ = h.Write(p.Counts) // never fails
	_, _ = h.Write(p.Scores)
	_, _ = h.Write(p.Joint)
	return h.Sum64()
}

// partial merges a partial into its pane. again says that the record was read before.
func (f *Fold) partial(p wire.Partial, offset int64, again bool) {
	if !again && f.started && p.ID.Pane <= f.next {
		if offset > f.loadedAt {
			f.late(p)
		}
		return
	}
	if n := f.view.Fold(p.ID.Pane).Number; p.ID.Fold != n {
		switch {
		case again:
		case p.ID.Fold < n:
			f.stats.Obsolete++
		default:
			f.stats.WrongFold++
		}
		return
	}
	w := f.waiting(p.ID.Pane, offset, again)
	if w == nil || w.merged == nil || again && !w.filling {
		return
	}
	key, d := keyOf(p.ID), digest(p)
	if least, had := w.least[key]; had && p.Through < least {
		return
	}
	old, had := w.seen[key]
	switch {
	case !had:
		w.seen[key] = seen{p.Through, d}
		if err := f.add(w, p); err != nil {
			f.stats.Undecodable++
		}
	case p.Through <= old.through || d == old.digest:
		w.seen[key] = seen{max(p.Through, old.through), old.digest}
	default: // an axiom broke: the pane is merged again, with the larger through alone
		f.stats.Contradicted++
		if w.least == nil {
			w.least = map[partialKey]int64{}
		}
		w.least[key] = p.Through
		f.shut(w)
	}
}

func (f *Fold) add(w *pending, p wire.Partial) error {
	c := w.merged[p.ID.Model]
	if c == nil {
		c = newCell()
		w.merged[p.ID.Model] = c
	}
	return f.addPartial(c, p)
}

// late counts a partial of a final pane; with other cells than those that were
// counted an axiom broke.
func (f *Fold) late(p wire.Partial) {
	f.stats.LatePartials++
	known, had := f.digests[p.ID.Pane]
	switch {
	case !had:
		f.stats.LateUnverified++
	case known[keyOf(p.ID)].digest != digest(p):
		f.stats.LateDiffering++
	}
}

// ledger notes the names of models that nobody declared.
func (f *Fold) ledger(l wire.Ledger, offset int64, again bool) {
	if again || f.started && l.Pane <= f.next || len(l.Unregistered) == 0 {
		return
	}
	w := f.waiting(l.Pane, offset, false)
	if w == nil || !f.cfg.Admission.Auto {
		return
	}
	for name := range l.Unregistered {
		if _, had := w.names[name]; !had && len(w.names) >= maxNames {
			continue
		}
		if w.names == nil {
			w.names = map[string]bool{}
		}
		w.names[name] = w.names[name] || l.RowsOnly[name] > 0
	}
}

// maxNames bounds the undeclared names that are kept of one pane. A name that finds
// no room is found again in a later pane.
const maxNames = 16 * wire.MaxUnregistered

// waiting returns the pane that a record belongs to, nil for one that is done and
// whose record is read again.
func (f *Fold) waiting(pane, offset int64, again bool) *pending {
	w := f.pending[pane]
	if w == nil {
		if again {
			return nil
		}
		w = &pending{first: offset}
		f.pending[pane] = w
		f.mayOpen(pane, w)
	}
	w.last = max(w.last, offset)
	return w
}

// limit is how many panes may be held merged.
func (f *Fold) limit() int {
	if f.cfg.MaxPending < 0 {
		return math.MaxInt
	}
	return f.cfg.MaxPending + f.cfg.MaxRun
}

// mayOpen lets a new pane be merged if it is among the oldest, in place of the
// youngest where there are enough.
func (f *Fold) mayOpen(pane int64, w *pending) {
	youngest, passed := int64(math.MinInt64), int64(math.MaxInt64)
	if f.open >= f.limit() || f.open < len(f.pending)-1 {
		for p, x := range f.pending {
			switch {
			case x == w:
			case x.merged == nil:
				passed = min(passed, p)
			case !f.started || p > f.next:
				youngest = max(youngest, p)
			}
		}
	}
	if pane > passed {
		return // older ones come first
	}
	if f.open >= f.limit() {
		if pane > youngest {
			return
		}
		f.shut(f.pending[youngest])
	}
	f.openUp(w)
}

func (f *Fold) openUp(w *pending) {
	w.merged, w.seen = map[string]*cell{}, map[partialKey]seen{}
	f.open++
}

// shut drops what was merged of a pane; its records are read again in time.
func (f *Fold) shut(w *pending) {
	if w.merged == nil {
		return
	}
	f.filled(w)
	w.merged, w.seen = nil, nil
	f.open--
}

func (f *Fold) filled(w *pending) {
	if w.filling {
		w.filling = false
		f.filling--
	}
}

// leave forgets a pane that is done.
func (f *Fold) leave(pane int64) {
	w := f.pending[pane]
	if w == nil {
		return
	}
	if w.merged != nil {
		f.open--
	}
	f.digests[pane] = w.seen
	delete(f.pending, pane)
}

// ready returns how many of the final panes, oldest first, are merged.
func (f *Fold) ready() int {
	for i, fin := range f.queue {
		if w := f.pending[fin.pane]; w != nil && (w.merged == nil || w.filling) {
			return i
		}
	}
	return len(f.queue)
}

// Pending returns how many panes are known that are not done, and how many of them
// are held merged.
func (f *Fold) Pending() (known, merged int) { return len(f.pending), f.open }

// refold drops what was merged of the panes that a new fold changes: it was counted in
// the old way. What the sources count anew, and nothing else, is merged in its place.
func (f *Fold) refold(c wire.Control) {
	x, err := wire.DecodeFold(c.Value)
	if err != nil {
		return // the view has refused it
	}
	for p, w := range f.pending {
		if p >= x.FromPane && p > f.next {
			f.shut(w)
		}
	}
}
