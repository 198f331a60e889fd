package loop

// Tracker follows one source from the offset a run started at: its record clock,
// its horizon, and the offsets that may be committed. It is the commit rule, kept
// apart from everything that is counted.
//
// Not safe for concurrent use; owned by the loop of its source.
type Tracker struct {
	times   Times
	mutant  Mutant
	clock   int64 // record clock; never moves back
	horizon int64 // Never until the first record time, Unset if nothing was missed
	// highs holds, per bucket pane(clock + skew + disorder), the last offset whose
	// own timestamp equals the clock there. The commit test
	// clock(c) + skew + disorder < start(u) reads bucket < u, so the last offset of
	// each bucket is enough and at most (L+S+D)/length + 4 are kept.
	highs map[int64]int64
	// high is the entry of the bucket the clock stands in, put into highs when the clock
	// leaves it at untilMS or someone asks; −1: none.
	high    int64
	bucket  int64
	untilMS int64
	through int64 // last offset seen, −1 before the first
}

// Mutant names a deliberately wrong rule. The kill simulation runs each of them
// and must see it fail; anything but Sound is for tests.
type Mutant uint8

// The sound rule and the wrong ones.
const (
	Sound                Mutant = iota
	CommitOldestOpen            // commit up to the oldest open pane, no horizon
	NewestSlotIsDone            // the newest ring slot stands for the done marker
	NoHorizonAtLogStart         // H = −∞ at any log start, truncated or not
	NoDisorder                  // horizon without the disorder bound
	OldestPaneWithData          // u = oldest pane that holds data
	CommitPastHigh              // commit c + 1 in place of c
	FrontierFirst               // frontier before the partials
	CommitBeforeFrontier        // commit before the frontier is acknowledged
	MarkerWithoutTable          // done marker without the table of claims
	NoCheckOnLoad               // a load waits for a record before it asks what is final
	SlotsWithoutJoint           // a load does not take the joint sums of ring slots
	SlotsWithoutSegments        // a load does not take the segments of ring slots
	ThinByOffset                // thinning by a record's offset in place of its hash
	ForgetsCadence              // a load begins to learn the cadence anew
	MovingForgotten             // which slots never enter a moving reference is not written down
)

// Origin says where a run of a source starts.
type Origin struct {
	Offset    int64 // first offset that is read
	LogStart  int64 // first offset the partition holds
	HorizonMS int64 // Unset, Never (take it from the first record), or a time
	GapBefore int64 // records that retention removed before they were read
}

// NewTracker starts a tracker at o.
func NewTracker(times Times, o Origin, m Mutant) *Tracker {
	h := o.HorizonMS
	if m == CommitOldestOpen || m == NoHorizonAtLogStart && o.Offset == o.LogStart {
		h = Unset
	}
	return &Tracker{times: times, mutant: m, clock: Unset, horizon: h, highs: map[int64]int64{}, high: -1, through: o.Offset - 1}
}

// See moves the clock over a record. It must be called for every record with a
// timestamp, whatever becomes of it, before the record is judged.
func (t *Tracker) See(offset, timeMS int64) {
	t.through = offset
	if timeMS < 0 {
		return
	}
	if t.horizon == Never {
		d := t.times.DisorderMS
		if t.mutant == NoDisorder {
			d = 0
		}
		t.horizon = timeMS + t.times.SkewMS + d
	}
	if timeMS < t.clock {
		return
	}
	t.clock = timeMS
	if t.high >= 0 && timeMS < t.untilMS {
		t.high = offset
		return
	}
	t.keepHigh()
	ahead := t.times.SkewMS + t.times.DisorderMS
	if t.mutant == NoDisorder {
		ahead = t.times.SkewMS
	}
	t.high, t.bucket = offset, t.times.Pane(t.clock+ahead)
	t.untilMS = t.times.End(t.bucket) - ahead
}

// keepHigh puts the record-high under way among the others.
func (t *Tracker) keepHigh() {
	if t.high >= 0 {
		t.highs[t.bucket], t.high = t.high, -1
	}
}

// Skip moves over offsets that hold no record (control batches, holes).
func (t *Tracker) Skip(next int64) {
	if next-1 > t.through {
		t.through = next - 1
	}
}

// Clock returns the record clock, Unset before the first record time.
func (t *Tracker) Clock() int64 { return t.clock }

// Horizon returns H; Never means that nothing may be claimed yet.
func (t *Tracker) Horizon() int64 { return t.horizon }

// Through returns the last offset seen.
func (t *Tracker) Through() int64 { return t.through }

// Builds reports whether this run may build and publish pane p: start(p) > H.
func (t *Tracker) Builds(p int64) bool {
	if t.horizon == Unset {
		return true
	}
	return t.times.Start(p) > t.horizon // never true while the horizon is Never
}

// Late reports whether an event time lies further behind the clock than the lateness.
func (t *Tracker) Late(ts int64) bool { return t.clock != Unset && t.clock-ts > t.times.LatenessMS }

// Future reports whether an event time lies further ahead of the clock than the skew.
func (t *Tracker) Future(ts int64) bool { return t.clock == Unset || ts-t.clock > t.times.SkewMS }

// Unfinished returns u, the smallest pane with end ≥ clock − lateness, whether or
// not it holds data; ok is false before the first record time.
func (t *Tracker) Unfinished() (u int64, ok bool) {
	if t.clock == Unset {
		return 0, false
	}
	return -floorDiv(-(t.clock-t.times.LatenessMS), t.times.PaneMS) - 1, true
}

// Commit returns the offset that may be committed once all panes before u are
// acknowledged: the last record-high c with clock(c) + skew + disorder < start(u).
// The committed offset is c itself: it is read again and restores the clock.
func (t *Tracker) Commit(u int64) (c int64, ok bool) {
	t.keepHigh()
	best := int64(0)
	for bucket, offset := range t.highs {
		if bucket < u && (!ok || bucket > best) {
			best, c, ok = bucket, offset, true
		}
	}
	if ok && t.mutant == CommitPastHigh {
		c++
	}
	return c, ok
}

// Forget drops the record-highs below the one that Commit(u) returned.
func (t *Tracker) Forget(u int64) {
	t.keepHigh()
	best, ok := int64(0), false
	for bucket := range t.highs {
		if bucket < u && (!ok || bucket > best) {
			best, ok = bucket, true
		}
	}
	for bucket := range t.highs {
		if ok && bucket < best {
			delete(t.highs, bucket)
		}
	}
}
