package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// lateGrid is a world in which alpha gets a second grid, and a reference on it, at a
// random operation: the grid names a pane that collectors have begun or passed, but
// that is not final.
func lateGrid(t testing.TB, seed uint64, rate float64) (w *world, late bool) {
	t.Helper()
	w = bareWorld(t, 2)
	w.references(t)
	rng := rand.New(rand.NewPCG(seed, 30))
	at := epochMS
	var times []int64
	for i := range 160 {
		at += rng.Int64N(15_000)
		times = append(times, at)
		w.put(t, rng.IntN(2), at, row(rng, models[rng.IntN(2)], at, i, i > 80))
	}
	w.ticks(t, 2, at)
	g, c := otherGrid(t)

	n, when := int64(0), 60+rng.Int64N(200)
	write := func(op memlog.Op) {
		if n++; n != when {
			return
		}
		final := int64(0) // the newest pane that any evaluator has seen final
		for _, f := range w.folds {
			if done, ok := f.Done(); ok {
				final = max(final, done)
			}
		}
		reached := int64(0)
		for part := range int32(2) {
			p := log.Partition{Topic: inputTopic, Index: part}
			for _, r := range w.log.Records(p) {
				if r.Offset < max(0, w.log.CommitOf(group, p)) {
					reached = max(reached, r.TimeMS/60_000)
				}
			}
		}
		from := max(epochMS/60_000+8, final+8, reached+4) // behind the clock of most runs, ahead of what is final
		late = from < times[len(times)-1]/60_000
		w.append(t, wire.Control{Kind: "grid", ID: "alpha", Seq: 2, Value: wire.GridControl{Model: "alpha", FromPane: from, Grid: g}.Encode()})
		w.append(t, wire.Control{Kind: "reference", ID: "alpha", Seq: 2, Value: wire.Reference{Model: "alpha", Kind: "file", Counts: c}.Encode()})
	}
	for life := 0; ; life++ {
		r := memlog.Rates{MaxFetch: 6}
		if life < 30 {
			r.KillBefore, r.KillAfter = rate, rate
		}
		faults := memlog.Seeded(rng, r)
		if w.live(t, rng, func(op memlog.Op) memlog.Fault { write(op); return faults(op) }) {
			break
		}
	}
	if n < when {
		return w, false
	}
	return w, late
}

// A grid comes late: collectors go back and read again, evaluators wait for claims
// made with knowledge of it, and the results are those of a replay, in which every
// reader knows the grid from the start.
func TestFault_LateLearner(t *testing.T) {
	t.Parallel()
	tried, onNew := 0, 0
	for seed := range uint64(seeds(t, 80)) {
		w, late := lateGrid(t, seed, 0)
		if !late {
			continue
		}
		tried++
		got := w.results(t)
		same(t, int(seed), w.replayed(t), got)
		refs := map[string]bool{}
		for _, l := range got {
			if l.Model == "alpha" && l.Kind == "score" && strings.Contains(string(l.Value), `"state":"judged"`) {
				refs[l.Reference] = true
			}
		}
		if len(refs) == 2 {
			onNew++
		}
	}
	t.Logf("%d seeds with a late grid, %d of them judged on both grids", tried, onNew)
	if tried == 0 || onNew == 0 && !testing.Short() {
		t.Error("no grid came late")
	}
}

// The same under kills. A collector that dies between the record and its reading it
// finds at its next start that control came which the run before had not read, and
// begins early enough to build again what that run published without the grid.
func TestFault_LateLearnerKilled(t *testing.T) {
	t.Parallel()
	tried := 0
	// Two inputs on which control came between a start and its first record, or while a
	// run that had begun again stood behind what an earlier one had published.
	all := []uint64{434, 832}
	for seed := range uint64(seeds(t, 80)) {
		all = append(all, seed)
	}
	for _, seed := range all {
		w, late := lateGrid(t, seed, 0.004)
		if !late {
			continue
		}
		tried++
		same(t, int(seed), w.replayed(t), w.results(t))
	}
	t.Logf("%d seeds with a late grid, 0 differ", tried)
	if tried == 0 {
		t.Error("no grid came late")
	}
}
