package evaluate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// output gathers what a cycle writes.
type output struct {
	events, scores, slots []log.Record
}

// Publish returns the cycle for the oldest run of final panes: applied control,
// drift events, scores, ring slots, done marker, commit. In this order, because a
// marker says that all before it is durable.
func (f *Fold) Publish() (loop.Cycle, bool, error) {
	ready := f.ready()
	if ready == 0 {
		return loop.Cycle{}, false, nil
	}
	f.running = f.queue[:min(ready, f.cfg.MaxRun)]
	f.apply()
	last := f.running[len(f.running)-1]
	f.toApply = append(f.toApply, f.intend(last.pane))
	out := output{slots: f.takeRepairs()}
	for _, fin := range f.running {
		if err := f.pane(fin, &out); err != nil {
			return loop.Cycle{}, false, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.models)) {
		out.slots = append(out.slots, f.learntRecords(f.models[name])...)
	}
	done := wire.Done{Pane: last.pane, First: f.first, At: last.at, Resume: f.resumeAfter(last), Table: f.markerTable(last)}
	admitted := f.admissions(last.pane)
	c := loop.Cycle{
		Stages: []loop.Stage{
			{What: "control records", Records: admitted},
			{What: "applied control", Records: f.toApply, State: true},
			{What: "drift events", Records: out.events},
			{What: "scores", Records: out.scores},
			{What: "ring slots", Records: out.slots, State: true},
			{What: "done marker", Records: []log.Record{f.state(wire.DoneKey(mod(last.pane, f.cfg.Layout.Ring0())), done.Encode())}, State: true},
		},
		Commit: done.Resume,
		Admits: len(admitted) > 0,
	}
	return c, true, nil
}

// Published says that the last cycle is complete.
func (f *Fold) Published() {
	last := f.running[len(f.running)-1]
	for _, fin := range f.running {
		f.leave(fin.pane)
	}
	maps.DeleteFunc(f.digests, func(pane int64, _ map[partialKey]seen) bool { return pane <= last.pane-pendingPanes })
	f.table.forget(f.end(last.pane))
	f.queue = slices.Delete(f.queue, 0, len(f.running))
	f.running = nil
	f.done, f.hasDone, f.at, f.intent = last.pane, true, last.at, last.pane
	f.toApply = nil
	for _, m := range f.models {
		m.forget(f.done)
	}
}

// resumeAfter returns the offset from which a load must read so that every pane that
// is not done yet is filled again: the first record of any of them, at most the one
// after the position the marker stands at.
func (f *Fold) resumeAfter(last final) int64 {
	resume := last.at + 1
	for p, w := range f.pending {
		if p > last.pane {
			resume = min(resume, w.first)
		}
	}
	return resume
}

// pane processes one final pane: rings, then per model its windows and alarms, then
// the slots that say how things stand after it.
func (f *Fold) pane(fin final, out *output) error {
	var merged map[string]*cell
	if w := f.pending[fin.pane]; w != nil {
		merged = w.merged
		f.want(w.names)
		if w.torn {
			fin.covered.Covered = 0
		}
	}
	if err := f.store(fin, merged); err != nil {
		return err
	}
	if err := f.join(fin.pane); err != nil {
		return err
	}
	l := f.cfg.Layout
	slotEnds := f.slotOf(fin.pane+1) != f.slotOf(fin.pane)
	fine, coarse := 0, 0 // slots written, per ring
	for _, name := range slices.Sorted(maps.Keys(f.models)) {
		m := f.models[name]
		stepped, err := f.judge(m, fin.pane, out)
		if err != nil {
			return fmt.Errorf("model %q at %d: %w", name, f.end(fin.pane), err)
		}
		c := m.ring[0][fin.pane]
		if c != nil || stepped || slotEnds {
			if c == nil {
				c = newCell()
			}
			fine += f.writeSlots(m, c, wire.Slot{Ring: 0, Number: fin.pane, Alarms: f.alarmStates(m)}, l.Ring0(), out)
		}
		if slotEnds {
			if c := m.ring[1][f.slotOf(fin.pane)]; c != nil {
				coarse += f.writeSlots(m, c, wire.Slot{Ring: 1, Number: f.slotOf(fin.pane)}, l.Ring1(), out)
			}
		}
	}
	fin.covered.Slots = uint64(fine)
	out.slots = append(out.slots, f.state(wire.CoverageKey(0, mod(fin.pane, l.Ring0())), fin.covered.Encode()))
	if slotEnds {
		slot := f.slotOf(fin.pane)
		c := f.cover[1][slot]
		c.Slots = uint64(coarse)
		out.slots = append(out.slots, f.state(wire.CoverageKey(1, mod(slot, l.Ring1())), c.Encode()))
	}
	return nil
}

// writeSlots writes a place of a model's ring and returns how many records it takes.
func (f *Fold) writeSlots(m *model, c *cell, base wire.Slot, ring int64, out *output) int {
	base.Model, base.Prev, base.Control = m.name, m.newest[base.Ring], f.control
	if m.lost[base.Ring][base.Number] {
		base.Prev = base.Number // says that it is incomplete
	}
	slots := c.slots(base, f.cfg.SlotBytes)
	for _, s := range slots {
		out.slots = append(out.slots, f.state(wire.SlotKey(m.name, s.Chunk, s.Ring, mod(s.Number, ring)), s.Encode()))
	}
	m.newest[base.Ring] = base.Number
	return len(slots)
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// want notes unknown models of a final pane for admission; features says of each
// whether it sends its features apart.
func (f *Fold) want(names map[string]bool) {
	for name, features := range names {
		if f.view.Known(name) || f.admitted[name] {
			continue
		}
		m := wire.Model{Name: name, FeaturesFrom: "prediction", Classes: wire.DefaultClasses}
		if features || f.wanted[name].FeaturesFrom == "feature" {
			m.FeaturesFrom = "feature"
		}
		f.wanted[name] = m
	}
}

// admissions returns control records for models seen for the first time, in order of
// name, up to the bound. Repeated after a crash, the first record in the log stands.
func (f *Fold) admissions(last int64) []log.Record {
	var recs []log.Record
	known, more := len(f.view.Models()), 0
	for _, name := range slices.Sorted(maps.Keys(f.wanted)) {
		m := f.wanted[name]
		delete(f.wanted, name)
		if f.view.Known(name) {
			continue
		}
		if known+more >= f.cfg.Admission.MaxModels || f.cfg.Admission.Room != nil && !f.cfg.Admission.Room(f.view, more+1) {
			if !f.noRoom[name] && len(f.noRoom) < maxNames {
				f.noRoom[name] = true
				f.stats.NotAdmitted++
			}
			continue
		}
		more++
		f.admitted[name] = true
		m.FromPane = max(last, f.next) + 1
		c := wire.Control{Kind: "model", ID: name, Seq: 1, Value: m.Encode()}
		for _, kv := range c.Records() {
			recs = append(recs, log.Record{Partition: log.Partition{Topic: f.cfg.Topics.Control}, TimeMS: log.StampNow, Key: kv.Key, Value: kv.Value})
		}
	}
	return recs
}
