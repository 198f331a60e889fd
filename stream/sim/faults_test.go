package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// prepared is a world with references, and what an undisturbed run of it says.
func prepared(t testing.TB, seed int) (w *world, want []replay.Line) {
	t.Helper()
	for i := range 2 {
		w = newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), bothPlan)
		w.references(t)
		if i == 0 {
			must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))
			want = w.results(t)
		}
	}
	return w, want
}

// live runs one life; a kill is no error.
func (w *world) live(t testing.TB, rng *rand.Rand, faults memlog.Faults) (finished bool) {
	t.Helper()
	err := w.bothLife(w.log.Handle(faults), rng, loop.Sound)
	if err != nil && !errors.Is(err, memlog.ErrKilled) {
		t.Fatal(err)
	}
	return err == nil
}

// finish lives until all is done, dying now and then.
func (w *world) finish(t testing.TB, rng *rand.Rand, rate float64) {
	t.Helper()
	for life := 0; ; life++ {
		var faults memlog.Faults
		if life < 30 && rate > 0 {
			faults = memlog.Seeded(rng, memlog.Rates{KillBefore: rate, KillAfter: rate, Cut: 0.5, MaxFetch: 30})
		}
		if w.live(t, rng, faults) {
			return
		}
	}
}

func (w *world) replayed(t testing.TB) []replay.Line {
	t.Helper()
	lines, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), w.replayConfig())
	must(t, err)
	return lines
}

// same fails the test where the results differ.
func same(t testing.TB, seed int, want, got []replay.Line) {
	t.Helper()
	if diff := diffLines(want, got); diff != "" {
		t.Fatalf("seed %d: %s", seed, diff)
	}
}

// lastDone returns the newest done markers of a state partition, newest first.
func (w *world) markers(t testing.TB, q int32) (all []log.Record) {
	t.Helper()
	for _, r := range w.records(t, w.part(stateTopic, q)) {
		if strings.HasPrefix(string(r.Key), "_done/") {
			all = append([]log.Record{r}, all...)
		}
	}
	return all
}

// disturbed runs half, disturbs the log between two lives, and finishes under kills;
// the results must be those of the undisturbed run.
func disturbed(t *testing.T, n int, disturb func(t testing.TB, w *world, rng *rand.Rand)) {
	t.Helper()
	t.Parallel()
	for seed := range seeds(t, n) {
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 4))
		w.live(t, rng, memlog.KillAt(40+rng.Int64N(260), memlog.KillAfter))
		disturb(t, w, rng)
		w.finish(t, rng, 0.005)
		same(t, seed, want, w.results(t))
	}
}

func TestFault_MarkerMovedBack(t *testing.T) {
	moved := 0
	disturbed(t, 40, func(t testing.TB, w *world, rng *rand.Rand) {
		for q := range w.layout.PanesPartitions {
			if all := w.markers(t, q); len(all) > 1 {
				must(t, w.log.Write(log.Record{Partition: all[0].Partition, TimeMS: log.StampNow, Key: all[0].Key, Value: all[1].Value}))
				moved++
			}
		}
		must(t, w.log.Compact(stateTopic))
	})
	if moved == 0 {
		t.Error("no marker was moved")
	}
}

func TestFault_CommitLost(t *testing.T) {
	disturbed(t, 40, func(t testing.TB, w *world, rng *rand.Rand) { w.log.DropCommits(group) })
}

// The applied record is stored and the answer lost: it is written again, or loaded.
func TestFault_AppliedStoredButSaidNo(t *testing.T) {
	t.Parallel()
	struck := 0
	for seed := range seeds(t, 60) {
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 5))
		strike := func(op memlog.Op) memlog.Fault {
			if op.Kind == memlog.Append && strings.HasPrefix(string(op.Records[0].Key), "_applied/") {
				struck++
				return memlog.Fault{Outcome: []memlog.Outcome{memlog.DoneSaidNo, memlog.NotDone, memlog.KillAfter, memlog.KillBefore}[rng.IntN(4)], Stored: rng.IntN(2)}
			}
			return memlog.Fault{}
		}
		for range 3 {
			w.live(t, rng, strike)
		}
		w.finish(t, rng, 0)
		same(t, seed, want, w.results(t))
	}
	if struck == 0 {
		t.Error("no applied record was struck")
	}
}

// All collectors have stopped for good; the evaluator dies at every step in turn and
// still finishes from the log alone.
func TestFault_EvaluatorKilledAtArchiveEnd(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 20) {
		w, want := prepared(t, seed)
		must(t, w.collectLife(w.log.Handle(nil), nil, loop.Sound))
		for q := range w.layout.PanesPartitions {
			for n := int64(3); ; n++ {
				outcome := []memlog.Outcome{memlog.KillBefore, memlog.KillAfter}[n%2]
				e := w.evaluator(w.log.Handle(memlog.KillAt(n, outcome)), q, loop.Sound)
				var err error
				for idle := false; !idle && err == nil; {
					idle, err = e.Step(t.Context())
				}
				if err == nil {
					break
				}
			}
		}
		same(t, seed, want, w.results(t))
	}
}

// A partial of a pane that is final changes nothing: equal cells are counted, other
// cells are counted apart, since then an axiom broke.
func TestFault_LatePartial(t *testing.T) {
	t.Parallel()
	w, want := prepared(t, 3)
	must(t, w.collectLife(w.log.Handle(nil), nil, loop.Sound))
	h, tried := w.log.Handle(nil), 0
	for q := range w.layout.PanesPartitions {
		e := w.evaluator(h, q, loop.Sound)
		drain(t, e)
		p := log.Partition{Topic: panesTopic, Index: q}
		fold := w.folds[len(w.folds)-1]
		var equal, other []byte
		for _, r := range w.log.Records(p) {
			if kind, _ := wire.Peek(r.Value); kind != wire.KindPartial {
				continue
			}
			x, err := wire.DecodePartial(r.Value)
			must(t, err)
			if done, ok := fold.Done(); ok && x.ID.Pane <= done && x.Rows > 0 && len(x.Counts) == 0 {
				equal = r.Value
				x.Through, x.Rows = x.Through+1000, x.Rows+5
				other = x.Encode()
			}
		}
		if equal == nil {
			continue // no model lives here
		}
		tried++
		for i, value := range [][]byte{equal, other, equal} {
			must(t, w.log.Write(log.Record{Partition: p, TimeMS: log.StampNow, Value: value}))
			drain(t, e)
			s := fold.Stats()
			if wantDiffering := uint64(min(i, 1)); s.LatePartials != uint64(i+1) || s.LateDiffering != wantDiffering {
				t.Errorf("after %d late partials: counted %d, differing %d, want %d and %d", i+1, s.LatePartials, s.LateDiffering, i+1, wantDiffering)
			}
		}
	}
	if tried == 0 {
		t.Error("no partial was found")
	}
	same(t, 3, want, w.results(t))
}

// drain steps until nothing is read and nothing published.
func drain(t testing.TB, x driver) {
	t.Helper()
	for idle := false; !idle; {
		var err error
		idle, err = x.Step(t.Context())
		must(t, err)
	}
}

// swapAfter publishes another reference for alpha at the given I/O step.
func (w *world) swapAfter(t *testing.T, at int64) func(memlog.Faults) memlog.Faults {
	n := int64(0)
	return func(next memlog.Faults) memlog.Faults {
		return func(op memlog.Op) memlog.Fault {
			if n++; n == at {
				c := sketches.NewCounts(testGrid(t))
				for i := range 300 {
					c.AddRow()
					c.Add(0, sketches.Number(float64(10+i%13)))
					c.Add(1, sketches.String("abcd"[i%4:][:1]))
				}
				r := wire.Reference{Model: "alpha", Kind: "file", Counts: c}
				w.append(t, wire.Control{Kind: "reference", ID: "alpha", Seq: 2, Value: r.Encode()})
			}
			return next(op)
		}
	}
}

// A reference is replaced at a random moment, under kills: the results are those of
// a replay of the log with the same applied records.
func TestFault_ReferenceSwap(t *testing.T) {
	t.Parallel()
	superseded, swapped := 0, 0
	for seed := range max(20, seeds(t, 50)) {
		w, _ := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 6))
		swap := w.swapAfter(t, 100+rng.Int64N(400))
		for life := 0; ; life++ {
			rate := 0.01
			if life >= 30 {
				rate = 0
			}
			if w.live(t, rng, swap(memlog.Seeded(rng, memlog.Rates{NotDone: rate, DoneSaidNo: rate, KillBefore: rate, KillAfter: rate, Cut: 0.5, MaxFetch: 20}))) {
				break
			}
		}
		got := w.results(t)
		same(t, seed, w.replayed(t), got)
		refs := map[string]bool{}
		for _, l := range got {
			if l.Model == "alpha" && l.Kind == "score" {
				refs[l.Reference] = true
			}
			if strings.Contains(l.Kind, "superseded") {
				superseded++
			}
		}
		if len(refs) > 1 {
			swapped++
		}
	}
	t.Logf("%d seeds with scores against both references, %d episodes superseded", swapped, superseded)
	if swapped == 0 || superseded == 0 {
		t.Error("no swap in the middle, or none that closed an episode")
	}
}

// honest reports the first score that claims full coverage and still says something
// else about its rows and features than the undisturbed run, and how many scores
// admit that input is missing.
func honest(t testing.TB, want, got []replay.Line) (lie string, admitted int) {
	t.Helper()
	strip := func(l replay.Line) (string, wire.Score) {
		s, err := wire.DecodeScore(l.Value)
		must(t, err)
		s.Alarms, s.Early, s.Cadence, s.Drifted, s.Judged = nil, nil, nil, 0, 0 // states remember hops that were not judged
		for i, f := range s.Features {                                          // what is learnt from earlier windows differs with them
			s.Features[i] = wire.FeatureScore{Name: f.Name, N: f.N, M: f.M, PSI: f.PSI, JS: f.JS, KSLow: f.KSLow, Null: f.Null, Outside: f.Outside, Unseen: f.Unseen}
		}
		return fmt.Sprintf("%s %s %s %d %d", l.Model, l.Version, l.Reference, l.WindowMS, l.EndMS), s
	}
	truth := map[string][]byte{}
	for _, l := range want {
		if l.Kind == "score" {
			id, s := strip(l)
			truth[id] = s.Encode()
		}
	}
	for _, l := range got {
		if l.Kind != "score" {
			continue
		}
		id, s := strip(l)
		switch {
		case s.Covered < s.Expected:
			admitted++
		case truth[id] == nil:
			lie = "no such score without the fault: " + id
		case !bytes.Equal(truth[id], s.Encode()):
			lie = fmt.Sprintf("full coverage, but\nwant %s\ngot  %s", truth[id], s.Encode())
		}
	}
	return lie, admitted
}

// stateFault lives half, strikes one state record per partition and goes on. Where the
// panes topic still holds what a slot came from, the slot is made again and the results are
// those of the undisturbed run; where trimmed says that it does not, whatever a later
// window lacks it does not claim.
func stateFault(t *testing.T, n int, strike func(rng *rand.Rand, r log.Record, older []log.Record) []byte) {
	t.Helper()
	struck, whole, admitted, further, rebuilt := 0, 0, 0, 0, uint64(0)
	for seed := range max(30, seeds(t, n)) {
		trimmed := seed%3 == 2
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		w.live(t, rng, memlog.KillAt(150+rng.Int64N(200), memlog.KillAfter))
		hit := false
		for q := range w.layout.PanesPartitions {
			var slots []log.Record
			for _, r := range w.records(t, w.part(stateTopic, q)) {
				if kind := wire.Kind(r.Value); kind == wire.KindSlot || kind == wire.KindCoverage {
					slots = append(slots, r)
				}
			}
			if len(slots) == 0 {
				continue
			}
			i := len(slots) - 1 - rng.IntN(min(len(slots), 24))
			value := strike(rng, slots[i], slots[:i])
			if value == nil {
				value = []byte{} // a tombstone: lost altogether
			}
			must(t, w.log.Write(log.Record{Partition: slots[i].Partition, TimeMS: log.StampNow, Key: slots[i].Key, Value: value}))
			hit = true
			struck++
			if s, err := wire.DecodeSlot(slots[i].Value); err == nil && s.Chunk != s.Features() {
				further++
			}
			if p := (log.Partition{Topic: panesTopic, Index: q}); trimmed {
				if c := w.log.CommitOf(group, p); c > 0 {
					must(t, w.log.Truncate(p, c))
				}
			}
		}
		must(t, w.log.Compact(stateTopic))
		lives := len(w.folds)
		w.finish(t, rng, 0)
		lost := uint64(0)
		for _, f := range w.folds[lives:] {
			rebuilt += f.Stats().RebuiltSlots
			lost += f.Stats().LostSlots
		}
		got := w.results(t)
		if lost == 0 {
			same(t, seed, want, got)
			if hit {
				whole++
			}
			continue
		}
		lie, n := honest(t, want, got)
		if lie != "" {
			t.Fatalf("seed %d: %s", seed, lie)
		}
		admitted += n
	}
	t.Logf("%d records struck; %d seeds whole again, %d slots made again; %d scores with coverage below one", struck, whole, rebuilt, admitted)
	if further == 0 {
		t.Error("no further record of a slot was struck")
	}
	if rebuilt == 0 || whole == 0 {
		t.Error("no slot was made again")
	}
	if admitted == 0 {
		t.Error("no score admits that something is missing, though the panes topic was trimmed")
	}
}

// A ring slot or coverage record is garbled: its checksum tells.
func TestFault_StateSlotGarbled(t *testing.T) {
	t.Parallel()
	stateFault(t, 120, func(rng *rand.Rand, r log.Record, _ []log.Record) []byte {
		value := bytes.Clone(r.Value)
		value[rng.IntN(len(value))] ^= 0x40
		return value
	})
}

// It is lost, or clobbered by a process thought dead that writes what stood there a ring
// before: the numbers tell.
func TestFault_StateSlotLost(t *testing.T) {
	t.Parallel()
	stateFault(t, 120, func(rng *rand.Rand, r log.Record, older []log.Record) []byte {
		for i := len(older) - 1; i >= 0 && rng.IntN(3) > 0; i-- {
			if bytes.Equal(older[i].Key, r.Key) && !bytes.Equal(older[i].Value, r.Value) {
				return older[i].Value
			}
		}
		return nil
	})
}

// Retention takes panes that the evaluator has not read: what they counted is not
// claimed.
func TestFault_PanesTrimmed(t *testing.T) {
	t.Parallel()
	admitted := 0
	for seed := range seeds(t, 50) {
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 8))
		if seed%2 == 0 {
			w.live(t, rng, memlog.KillAt(100+rng.Int64N(200), memlog.KillAfter))
		}
		must(t, w.collectLife(w.log.Handle(nil), nil, loop.Sound))
		for q := range w.layout.PanesPartitions {
			p := log.Partition{Topic: panesTopic, Index: q}
			from := max(0, w.log.CommitOf(group, p))
			if _, end := w.log.Ends(p); end > from {
				must(t, w.log.Truncate(p, from+rng.Int64N(end-from)))
			}
		}
		w.finish(t, rng, 0)
		lie, n := honest(t, want, w.results(t))
		if lie != "" {
			t.Fatalf("seed %d: %s", seed, lie)
		}
		admitted += n
	}
	t.Logf("%d scores with coverage below one", admitted)
	if admitted == 0 {
		t.Error("no score admits that something is missing")
	}
}

// What a score carries as the state of its alarms, and every id, is the same in two
// runs that were cut into other batches.
func TestAlarms_StatesAndIdsDoNotDependOnTheRun(t *testing.T) {
	t.Parallel()
	w, want := prepared(t, 11)
	w.finish(t, rand.New(rand.NewPCG(1, 10)), 0.02)
	same(t, 11, want, w.results(t))
	states, ids := 0, map[string]bool{}
	for _, l := range want {
		if l.Kind == "score" {
			s, err := wire.DecodeScore(l.Value)
			must(t, err)
			for _, a := range s.Alarms {
				if !json.Valid(a.State) || a.Phase == "" {
					t.Errorf("alarm %+v", a)
				}
				states++
			}
			continue
		}
		e, err := wire.DecodeEvent(l.Value)
		must(t, err)
		if e.Data.Kind == wire.KindOfEarly { // a warning stands for itself
			e.Data.Episode = e.ID
		}
		if ids[e.ID] || len(e.ID) != 32 || len(e.Data.Episode) != 32 {
			t.Errorf("event id %q or episode %q: want 32 hex digits, once", e.ID, e.Data.Episode)
		}
		ids[e.ID] = true
	}
	if states == 0 || len(ids) == 0 {
		t.Errorf("%d states, %d events", states, len(ids))
	}
}
