package evaluate

import (
	"fmt"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Control takes new control records in log order.
func (f *Fold) Control(recs []log.Record, next int64) error {
	for _, r := range recs {
		c, ok := f.view.Add(r.Offset, r.Key, r.Value)
		if !ok {
			continue
		}
		switch c.Kind {
		case "layout":
			if l, _ := f.view.Layout(); !slices.Equal(l.Encode(), f.cfg.Layout.Encode()) {
				return fmt.Errorf("layout in the control topic differs from the one this process was started with: stop it and start it again")
			}
		case "model":
			f.admitted[c.ID] = true
		case "fold":
			f.refold(c)
		case "reference", "policy", "exclusions":
			if pane, known := f.effective[c.Key()]; known {
				f.install(c, pane)
			} else {
				f.unapplied = append(f.unapplied, c)
			}
		}
	}
	f.control = next
	return nil
}

// apply gives the control that was read since the last cycle its pane: the one
// after the last that is done, or the very first; after a crash the one after the
// last that may have been published with the control as it was before. The record that says so is
// acknowledged before any score uses it.
func (f *Fold) apply() {
	pane := wire.NoPane
	if f.hasDone {
		pane = f.done + 1
	}
	if f.intent != wire.NoPane {
		pane = max(pane, f.intent+1)
	}
	for _, c := range f.unapplied {
		if f.home(c) != f.cfg.Partition {
			continue
		}
		f.effective[c.Key()] = pane
		f.install(c, pane)
		a := wire.Applied{Kind: c.Kind, ID: c.ID, Seq: c.Seq, Pane: pane}
		f.toApply = append(f.toApply, f.state(wire.AppliedKey(a.Kind, a.ID, a.Seq), a.Encode()))
	}
	f.unapplied = nil
}

// intentKind is the kind of the applied record that says up to which pane the cycle
// under way publishes. It is acknowledged before the cycle's events and scores: if
// the process dies among them, control that was not known to it must not take effect
// on a pane of which some were published already.
const intentKind = "run"

func (f *Fold) intend(pane int64) log.Record {
	a := wire.Applied{Kind: intentKind, ID: "all", Pane: pane}
	return f.state(wire.AppliedKey(a.Kind, a.ID, a.Seq), a.Encode())
}

// home returns the partition whose evaluator owns the model of c.
func (f *Fold) home(c wire.Control) int32 {
	return wire.Home(c.ID, int(f.cfg.Layout.PanesPartitions))
}

func (f *Fold) state(key, value []byte) log.Record {
	return log.Record{Partition: log.Partition{Topic: f.cfg.Topics.State, Index: f.cfg.Partition}, TimeMS: log.StampNow, Key: key, Value: value}
}

// loaded is the state partition by kind, per key the record of the larger number.
type loaded struct {
	done     wire.Done // the largest
	hasDone  bool
	markers  map[int64]wire.Done // by pane
	slots    map[string]wire.Slot
	coverage map[string]wire.Coverage
	learnt   []wire.Learnt
	kept     []wire.Kept
	early    map[string]wire.EarlyState // by key and slot
	pace     map[string]wire.CadenceState
	garbled  []place // keys of slots and coverage that cannot be read
}

// Load restores the state that the records of the state partition describe. Per key
// the larger pane number stands, not the last record: a process that was thought
// dead may have written later.
func (f *Fold) Load(state []log.Record) error {
	l := &loaded{markers: map[int64]wire.Done{}, slots: map[string]wire.Slot{}, coverage: map[string]wire.Coverage{}, early: map[string]wire.EarlyState{}, pace: map[string]wire.CadenceState{}}
	for _, r := range state {
		if len(r.Value) == 0 {
			continue
		}
		kind, err := wire.Peek(r.Value)
		if err == nil {
			err = f.read(l, kind, r)
		}
		if err != nil {
			f.stats.Undecodable++
			if p, ok := parsePlace(string(r.Key)); ok {
				l.garbled = append(l.garbled, p)
			}
		}
	}
	if f.cfg.Mutant == loop.NewestSlotIsDone {
		l.forgeDone()
	}
	for _, c := range f.unapplied {
		if pane, known := f.effective[c.Key()]; known {
			f.install(c, pane)
		}
	}
	f.unapplied = slices.DeleteFunc(f.unapplied, func(c wire.Control) bool { _, known := f.effective[c.Key()]; return known })
	if !l.hasDone {
		return nil
	}
	f.loaded = l
	return f.stand(l, l.done)
}

// stand puts the fold where a marker stands, and ignores what lies beyond it.
func (f *Fold) stand(l *loaded, m wire.Done) error {
	f.reset()
	f.done, f.hasDone = m.Pane, true
	f.first, f.next, f.started = m.First, m.Pane, true
	f.at, f.loadedAt, f.resume = m.At, m.At, m.Resume
	f.table.restore(m.Table)
	for _, c := range l.coverage {
		if c.Ring <= 1 && f.within(c.Ring, c.Number) {
			f.cover[c.Ring][c.Number] = c
		}
	}
	if err := f.loadLearnt(l.learnt); err != nil {
		return err
	}
	f.findLost(l)
	if err := f.loadSlots(l); err != nil {
		return err
	}
	f.loadKept(l.kept)
	if err := f.sumUp(); err != nil {
		return err
	}
	f.countLost()
	if err := f.loadPace(l.pace); err != nil {
		return err
	}
	return f.loadEarly(l.early)
}

// loadLearnt takes per model and window the record of most writes up to the marker.
func (f *Fold) loadLearnt(all []wire.Learnt) error {
	for _, x := range all {
		if x.Pane > f.done {
			continue
		}
		m := f.model(x.Model)
		if old := m.learnt[x.WindowMS]; old != nil && old.writes >= x.Writes {
			continue
		}
		b, err := sketches.DecodeBlocks(x.Blocks)
		if err != nil {
			return fmt.Errorf("learnt sums of model %q: %w", x.Model, err)
		}
		m.learnt[x.WindowMS] = &learnt{reference: x.Reference, pane: x.Pane, writes: x.Writes, blocks: b}
	}
	return nil
}

func (f *Fold) read(l *loaded, kind byte, r log.Record) error {
	switch kind {
	case wire.KindDone:
		d, err := wire.DecodeDone(r.Value)
		if err == nil {
			l.markers[d.Pane] = d
		}
		if err == nil && (!l.hasDone || d.Pane > l.done.Pane) {
			l.done, l.hasDone = d, true
		}
		return err
	case wire.KindSlot:
		s, err := wire.DecodeSlot(r.Value)
		k := string(r.Key) + fmt.Sprintf("@%d", s.Number) // a slot ahead of the marker must not hide the one it replaces
		if err == nil {
			l.slots[k] = s
		}
		return err
	case wire.KindCoverage:
		c, err := wire.DecodeCoverage(r.Value)
		if err == nil {
			l.coverage[string(r.Key)+fmt.Sprintf("@%d", c.Number)] = c
		}
		return err
	case wire.KindLearnt:
		x, err := wire.DecodeLearnt(r.Value)
		if err == nil {
			l.learnt = append(l.learnt, x)
		}
		return err
	case wire.KindKept:
		x, err := wire.DecodeKept(r.Value)
		if err == nil {
			l.kept = append(l.kept, x)
		}
		return err
	case wire.KindEarly:
		s, err := wire.DecodeEarlyState(r.Value)
		if err == nil {
			l.early[string(r.Key)+fmt.Sprintf("@%d", s.Slot)] = s
		}
		return err
	case wire.KindCadence:
		s, err := wire.DecodeCadenceState(r.Value)
		if err == nil {
			l.pace[string(r.Key)+fmt.Sprintf("@%d", s.Slot)] = s
		}
		return err
	case wire.KindApplied:
		a, err := wire.DecodeApplied(r.Value)
		if err == nil && a.Kind == intentKind {
			f.intent = max(f.intent, a.Pane)
			return nil
		}
		k := wire.Control{Kind: a.Kind, ID: a.ID, Seq: a.Seq}.Key()
		if _, had := f.effective[k]; err == nil && !had {
			f.effective[k] = a.Pane // the first one stands
		}
		return err
	}
	return nil
}

// within reports whether a ring still holds a number, given what is done.
func (f *Fold) within(ring uint8, number int64) bool {
	if ring == 0 {
		return number <= f.done && number > f.done-f.cfg.Layout.Ring0()
	}
	newest := f.slotOf(f.done + 1)
	return number < newest && number >= newest-f.cfg.Layout.Ring1()
}

// slotOf returns the number of the slot that holds the pane.
func (f *Fold) slotOf(pane int64) int64 {
	q := pane / f.cfg.Layout.SlotPanes
	if pane%f.cfg.Layout.SlotPanes != 0 && pane < 0 {
		q--
	}
	return q
}

func (f *Fold) loadSlots(l *loaded) error {
	for _, s := range l.slots {
		if !f.within(s.Ring, s.Number) {
			continue
		}
		m := f.model(s.Model)
		c := m.ring[s.Ring][s.Number]
		if c == nil {
			c = newCell()
			m.ring[s.Ring][s.Number] = c
		}
		if err := c.addSlot(f.mutated(s), f.view.Grid); err != nil {
			return fmt.Errorf("model %q, ring %d, number %d: %w", s.Model, s.Ring, s.Number, err)
		}
		if s.Number > m.newest[s.Ring] {
			m.newest[s.Ring] = s.Number
		}
		if s.Ring == 0 && s.Chunk == 0 && s.Number >= m.alarmsOf {
			m.alarmsOf = s.Number
			if err := m.loadAlarms(s.Alarms); err != nil {
				return fmt.Errorf("model %q, alarms of pane %d: %w", s.Model, s.Number, err)
			}
		}
	}
	return nil
}

// Resume returns the offset to read from. Records up to the marker's position only
// refill the panes that are not done yet.
func (f *Fold) Resume(committed, start int64) (int64, error) {
	if l := f.loaded; l != nil && f.cfg.Mutant != loop.NewestSlotIsDone {
		f.loaded = nil
		if err := f.goBack(l, start); err != nil {
			return 0, err
		}
		f.stats.RebuiltSlots += f.summed
	}
	from := int64(0)
	if f.hasDone {
		from = f.resume
		if committed >= 0 {
			from = min(from, committed)
		}
	} // without a marker nothing is done, whatever was committed: more reading, nothing else
	if from < start { // retention overtook this reader, or it is new on an old log
		f.table.cut(!f.hasDone || f.resume < start)
		from = start
	}
	if f.hasDone && from > f.loadedAt && f.cfg.Mutant != loop.NoCheckOnLoad {
		f.applied = f.loadedAt
		f.finalise(f.loadedAt) // no record may be left to trigger it
	}
	return from, nil
}
