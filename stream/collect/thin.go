package collect

import (
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// thinning leaves records out by the hash of their value, before they are decoded.
// Which rate is in force depends on the pane of the event, which is known only after
// decoding: while panes of several rates are within reach of the record clock, the
// largest of them decides before, and the event's own after decoding. So what an
// accepted event's pane counts depends on the event alone, not on its partition.
type thinning struct {
	hash  uint64 // of the record under way
	known bool   // clock and limits below are set
	clock int64  // pane of the record clock they were made for
	most  wire.Keep
	mixed bool // panes within reach differ
}

// thinned reports whether the record is left out before it is decoded. The clock has
// seen it.
func (s *Source) thinned(r log.Record) bool {
	if !s.view.Folds() {
		return false
	}
	t := &s.thin
	if clock := s.times.Pane(s.tracker.Clock()); !t.known || clock != t.clock {
		t.known, t.clock = true, clock
		t.most, t.mixed = s.reach(clock)
	}
	if t.most.All && !t.mixed {
		return false
	}
	t.hash = s.hash(r)
	return !t.most.Keeps(t.hash)
}

func (s *Source) hash(r log.Record) uint64 {
	if s.cfg.Mutant == loop.ThinByOffset {
		return uint64(r.Offset%10) * (math.MaxUint64 / 10)
	}
	return xxhash.Sum64(r.Value)
}

// thinnedIn reports whether the record that thinned let through is left out of the
// pane it belongs to.
func (s *Source) thinnedIn(pane int64) bool {
	return s.thin.mixed && s.view.Folds() && !s.view.Fold(pane).Keep().Keeps(s.thin.hash)
}

// reach returns the limit that keeps most among the panes that an event can be
// accepted for while the clock stands in a pane, and whether they differ.
func (s *Source) reach(clock int64) (most wire.Keep, mixed bool) {
	first := s.times.Pane(s.times.Start(clock) - s.times.LatenessMS)
	last := s.times.Pane(s.times.End(clock) + s.times.SkewMS)
	most = s.view.Fold(first).Keep()
	for p := first + 1; p <= last; p++ {
		k := s.view.Fold(p).Keep()
		mixed = mixed || k != most
		if k.More(most) {
			most = k
		}
	}
	return most, mixed
}
