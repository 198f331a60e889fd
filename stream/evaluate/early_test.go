package evaluate

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

const earlyRows = 40 // of a slot

// earlyWorld is a model with a calibrated reference, and slots of its features.
type earlyWorld struct {
	grid  *sketches.Grid
	ref   wire.Reference
	slots []*sketches.Counts
	short map[int64]bool // slots of which input is missing
}

// newEarlyWorld makes slots of two features, the first of which moves up by shift
// standard deviations at the slot.
func newEarlyWorld(t testing.TB, slots, at int, shift float64) *earlyWorld {
	t.Helper()
	draws := generate.NewSequence(7, 1)
	row := func(c *sketches.Counts, by float64) {
		c.AddRow()
		c.Add(0, sketches.Number(draws.Normal()+by))
		c.Add(1, sketches.Number(draws.Normal()))
	}
	fs := make([]sketches.FeatureGrid, 2)
	for i := range fs {
		xs := make([]float64, 4000)
		for k := range xs {
			xs[k] = draws.Normal()
		}
		var err error
		if fs[i], err = sketches.NewNumeric([]string{"amount", "age"}[i], xs); err != nil {
			t.Fatal(err)
		}
	}
	g, err := sketches.NewGrid(fs)
	if err != nil {
		t.Fatal(err)
	}
	w := &earlyWorld{grid: g, short: map[int64]bool{}}
	counts, history := sketches.NewCounts(g), sequential.NewHistory(g)
	for range 400 {
		c := sketches.NewCounts(g)
		for range earlyRows {
			row(c, 0)
		}
		if err := history.Append(c); err != nil {
			t.Fatal(err)
		}
		if err := counts.Merge(c); err != nil {
			t.Fatal(err)
		}
	}
	s := sequential.DefaultSettings()
	s.Target, s.PaneRows, s.Cooldown, s.Alarms, s.Replicates = 1440, earlyRows, 6, 50, 5
	plan, err := sequential.Calibrate(counts, sequential.Evidence{History: history}, s)
	if err != nil {
		t.Fatal(err)
	}
	w.ref = wire.Reference{Model: "m", Kind: "training", Counts: counts, Early: &wire.EarlyPlan{Plan: plan, Rows: earlyRows}}
	for i := range slots {
		c, by := sketches.NewCounts(g), 0.0
		if i >= at {
			by = shift
		}
		for range earlyRows {
			row(c, by)
		}
		w.slots = append(w.slots, c)
	}
	return w
}

// fold has the reference in force from the first pane on.
func (w *earlyWorld) fold(t testing.TB, refs ...wire.Reference) *Fold {
	t.Helper()
	f := New(Config{Layout: layout(4, 180_000, 720_000), Policy: wire.DefaultPolicy(), Topics: Topics{State: "state", Drift: "drift"}})
	f.started = true
	add := func(offset int64, c wire.Control) {
		if _, ok := f.view.Add(offset, []byte(c.Key()), c.Value); !ok {
			t.Fatal(f.view.Problems)
		}
	}
	add(0, wire.Control{Kind: "model", ID: "m", Seq: 1, Value: wire.Model{Name: "m", FeaturesFrom: "prediction"}.Encode()})
	add(1, wire.Control{Kind: "grid", ID: "m", Seq: 1, Value: wire.GridControl{Model: "m", Grid: w.grid}.Encode()})
	for i, r := range append([]wire.Reference{w.ref}, refs...) {
		f.install(wire.Control{Kind: "reference", ID: "m", Seq: int64(i), Value: r.Encode()}, int64(i)*4*30) // the second from slot 30 on
	}
	if f.view.Refused > 0 {
		t.Fatal(f.view.Problems)
	}
	return f
}

// put gives the rings a slot.
func (w *earlyWorld) put(f *Fold, slot int64) {
	c := newCell()
	c.entry(key{grid: w.grid.ID()}).counts = w.slots[slot]
	f.model("m").ring[1][slot] = c
	cover := wire.Coverage{Ring: 1, Number: slot, Covered: 4, Expected: 4}
	if w.short[slot] {
		cover.Covered = 3
	}
	f.cover[1][slot] = cover
	for p := slot * 4; p < (slot+1)*4; p++ {
		f.cover[0][p] = wire.Coverage{Covered: 1, Expected: 1}
	}
}

// step ends a slot.
func (w *earlyWorld) step(t testing.TB, f *Fold, slot int64, out *output) {
	t.Helper()
	w.put(f, slot)
	last := slot*4 + 3
	f.model("m").follow(f.model("m").reference(last))
	if err := f.judgeEarly(f.model("m"), last, nil, out); err != nil {
		t.Fatal(err)
	}
	f.done, f.hasDone = last, true
}

func (w *earlyWorld) live(t testing.TB, f *Fold) *output {
	t.Helper()
	out := &output{}
	for slot := range w.slots {
		w.step(t, f, int64(slot), out)
	}
	return out
}

func eventsOf(t testing.TB, out *output) (all []wire.Event) {
	t.Helper()
	for _, r := range out.events {
		e, err := wire.DecodeEvent(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestEarly_WarnsOfAShiftAndIsSilentWithout(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 150, 150, 0)
	if es := eventsOf(t, w.live(t, w.fold(t))); len(es) > 0 {
		t.Errorf("%d warnings without a shift: %+v", len(es), es[0])
	}
	w = newEarlyWorld(t, 60, 40, 1)
	es := eventsOf(t, w.live(t, w.fold(t)))
	if len(es) == 0 {
		t.Fatal("nobody is warned of a shift by one standard deviation")
	}
	slot := w.fold(t).cfg.Layout.SlotMS()
	d := es[0].Data
	if first := d.EndMS/slot - 1; first < 40 || first > 42 || d.SinceMS/slot < 38 || d.SinceMS > d.StartMS {
		t.Errorf("warned at slot %d, since slot %d; want 40 to 42, since about 40", first, d.SinceMS/slot)
	}
	if es[0].Type != "dev.driftline.drift.warned.v1" || d.Kind != "early" || d.MayRetrain || d.Episode != "" || d.Detail["feature"] != "amount" {
		t.Errorf("event %s: %+v", es[0].Type, d)
	}
	if path, _ := d.Detail["path"].(string); !strings.HasPrefix(path, "mean up") {
		t.Errorf("path %q, want mean up", path)
	}
	target, achieved := d.Detail["false_alarms_target"].(float64), d.Detail["false_alarms_achieved"].(float64)
	if sum := d.Detail["sum"].(float64); sum < d.Threshold || target <= 0 || achieved <= 0 {
		t.Errorf("sum %v of threshold %v, target %v, achieved %v a month", sum, d.Threshold, target, achieved)
	}
}

// A fold that is loaded after any slot goes on with the same bytes: with the newest state,
// an older one, or none, where the ring gives it again.
func TestEarly_StateSurvivesALoadAfterEverySlot(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 27, 16, 0.7) // no longer than the coarse ring
	w.short[9], w.short[22], w.short[23] = true, true, true
	want := w.live(t, w.fold(t))
	if len(want.events) == 0 {
		t.Fatal("nobody is warned: too little is compared")
	}
	for slot := range w.slots {
		for _, lost := range []int{0, 1, 5, slot + 1} {
			f := w.fold(t)
			states := map[string]wire.EarlyState{}
			for i := range slot + 1 {
				w.put(f, int64(i))
				if s, err := wire.DecodeEarlyState(want.slots[i].Value); err != nil {
					t.Fatal(err)
				} else if i <= slot-lost {
					states[string(rune(i))] = s
				}
			}
			f.done, f.hasDone = int64(slot)*4+3, true
			if err := f.loadEarly(states); err != nil {
				t.Fatal(err)
			}
			got := &output{}
			for next := slot + 1; next < len(w.slots); next++ {
				w.step(t, f, int64(next), got)
			}
			if diff := differ(want.slots[slot+1:], got.slots); diff {
				t.Fatalf("loaded after slot %d without the newest %d states: other states follow", slot, lost)
			}
			if events := want.events[len(want.events)-len(got.events):]; differ(events, got.events) {
				t.Fatalf("loaded after slot %d without the newest %d states: other warnings follow", slot, lost)
			}
		}
	}
}

func differ(a, b []log.Record) bool {
	return !slices.EqualFunc(a, b, func(x, y log.Record) bool { return bytes.Equal(x.Key, y.Key) && bytes.Equal(x.Value, y.Value) })
}

// What lies beyond the marker is not there for a load.
func TestEarly_ALoadIgnoresStatesBeyondTheMarker(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 6, 0, 0.3)
	out := w.live(t, w.fold(t))
	f := w.fold(t)
	states := map[string]wire.EarlyState{}
	for i, r := range out.slots {
		s, err := wire.DecodeEarlyState(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		states[string(rune(i))] = s
	}
	f.done, f.hasDone = 3*4+1, true // in the middle of slot 3
	if err := f.loadEarly(states); err != nil {
		t.Fatal(err)
	}
	if got := f.model("m").early; got.slot != 2 || got.track.State().Panes != 3 {
		t.Errorf("state of slot %d after %d steps, want 2 after 3", got.slot, got.track.State().Panes)
	}
}

func TestEarly_ASlotWithoutAllOfItsInputDoesNotStep(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 30, 5, 0.7)
	plain := eventsOf(t, w.live(t, w.fold(t)))
	at := plain[0].Data.StartMS / 240_000 // the slot of the first warning
	w.short[at] = true
	f := w.fold(t)
	es := eventsOf(t, w.live(t, f))
	if es[0].Data.StartMS == plain[0].Data.StartMS {
		t.Errorf("warned by slot %d, of which input is missing", at)
	}
	if es[0].Data.SinceMS != plain[0].Data.SinceMS {
		t.Errorf("since %d, want %d: the gap counts as time", es[0].Data.SinceMS, plain[0].Data.SinceMS)
	}
	if n := f.model("m").early.track.State().Panes; n != 29 {
		t.Errorf("%d slots looked at, want 29 of 30", n)
	}
	// A fold that began within a slot has not seen all of it.
	f = w.fold(t)
	w.put(f, 3)
	delete(f.cover[0], 3*4)
	if _, whole := f.wholeSlot(f.model("m"), 3, true); whole {
		t.Error("a slot whose first pane was not seen counts as whole")
	}
}

func TestEarly_AnotherReferenceStartsAnotherState(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 40, 0, 0)
	next := w.ref
	next.Version = "2"
	f := w.fold(t, next)
	w.live(t, f)
	if e := f.model("m").early; e.reference != next.ID() || e.track.State().Panes != 10 {
		t.Errorf("reference %s after %d slots, want %s after 10", e.reference, e.track.State().Panes, next.ID())
	}
}

func TestEarly_CanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 30, 10, 2)
	f := w.fold(t)
	f.cfg.Policy.Early = wire.EarlyOff
	if out := w.live(t, f); len(out.events)+len(out.slots) > 0 {
		t.Errorf("%d warnings and %d states, want none", len(out.events), len(out.slots))
	}
	in := f.model("m").reference(0)
	on, off := wire.DefaultPolicy(), f.cfg.Policy
	for _, tt := range []struct {
		policy wire.Policy
		want   float64
	}{{on, 0.5}, {off, 1}} {
		got := settings(tt.policy, 2, 3_600_000, in.warnsEarly(tt.policy)).Alpha
		if want := drift.BudgetAlpha(tt.want, 2, 1, 1, 3_600_000); got != want {
			t.Errorf("early %q: windows decide at %v, want %v, a budget of %v", tt.policy.Early, got, want, tt.want)
		}
	}
}

// Ten times the traffic of the calibration is not ten times the evidence.
func TestEarly_MoreRowsThanCalibratedCountAsThatMany(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 1, 0, 0.5)
	in := w.fold(t).model("m").reference(0)
	one, ten := newCell(), newCell()
	one.entry(key{grid: w.grid.ID()}).counts = w.slots[0]
	sum := sketches.NewCounts(w.grid)
	for range 10 {
		if err := sum.Merge(w.slots[0]); err != nil {
			t.Fatal(err)
		}
	}
	ten.entry(key{grid: w.grid.ID()}).counts = sum
	rows, err := in.increments(one)
	if err != nil || rows != earlyRows {
		t.Fatalf("%d rows, %v", rows, err)
	}
	want := slices.Clone(in.inc)
	if rows, err = in.increments(ten); err != nil || rows != 10*earlyRows {
		t.Fatalf("%d rows, %v", rows, err)
	}
	if !slices.Equal(in.inc, want) {
		t.Errorf("increments %v, want %v", in.inc, want)
	}
	if got := shrink(-7, 1, 2); got != -3 {
		t.Errorf("shrink(−7, 1, 2) is %d, want −3: towards zero", got)
	}
}

// What a fold is told of the time before: a state, nothing, or that nothing is known.
func TestEarly_PastIsTakenOrUnknown(t *testing.T) {
	t.Parallel()
	w := newEarlyWorld(t, 30, 12, 1)
	before := w.fold(t)
	out := &output{}
	for slot := range int64(10) {
		w.step(t, before, slot, out)
	}
	told := before.Past()
	rest := func(p *wire.Past) *output {
		f := w.fold(t)
		f.cfg.Past = p
		for slot := range int64(10) {
			w.put(f, slot)
		}
		if err := f.join(40); err != nil {
			t.Fatal(err)
		}
		got := &output{}
		for slot := int64(10); slot < 30; slot++ {
			w.step(t, f, slot, got)
		}
		return got
	}
	want := w.live(t, w.fold(t))
	whole := rest(&told)
	if len(whole.events) == 0 || differ(want.events, whole.events) || differ(want.slots[10:], whole.slots) {
		t.Error("told of all that was, the fold does not go on as the one before did")
	}
	if got := rest(&wire.Past{AtMS: told.AtMS, First: 0, Unknown: true}); len(got.events) > 0 {
		t.Errorf("%d warnings on a state that is not known", len(got.events))
	}
	if got := rest(&wire.Past{AtMS: told.AtMS, First: wire.NoPane}); len(got.events) == 0 {
		t.Error("no warning, though there was nothing before")
	}
}
