package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// Moving references need weeks: here a resolution is a quarter of a day, a slide half of
// one, and a season half a day of the week.
const (
	quarterMS = int64(6 * 3_600_000)
	dayMS     = int64(86_400_000)
	movedDays = 36
)

// burst is when a drift passes through, in days from the epoch.
type burst struct{ from, to int64 }

// movingCase is one world with moving references.
type movingCase struct {
	seed       uint64
	partitions int
	quiet      bool // alarms never fire
	burst      burst
}

func movingWorld(t testing.TB, c movingCase) *world {
	t.Helper()
	l := planLayout(inputTopic)
	l.PaneMS, l.SlotPanes, l.LatenessMS, l.SkewMS, l.DisorderMS = quarterMS, 2, quarterMS, quarterMS, 4*quarterMS
	l.WindowsMS = []int64{dayMS, 2 * dayMS}
	w := &world{layout: l, log: memlog.New(memlog.Config{NowMS: epochMS + 365*dayMS}), plan: plan{partitions: c.partitions, maxAppend: 4}}
	w.createTopics(t, c.partitions)
	w.control(t)
	w.references(t)
	for i, m := range models {
		p := wire.DefaultPolicy()
		p.Rule, p.MinRows, p.FireAfter, p.ResolveAfter = "classic", 5, 0, 0
		p.Drifted, p.Quality = 1.6, wire.Quality{OutOfRange: 0.4} // windows are small: less is noise
		if m == "beta" {
			p.Rule, p.MinEffective, p.Drifted = "calibrated", 1, 1
		}
		if c.quiet {
			p.Drifted, p.Quality = 50, wire.Quality{}
		}
		p.Trailing = &wire.Trailing{LengthMS: 5 * dayMS, GapMS: 2 * dayMS, Warn: 0.1, Drifted: p.Drifted}
		p.Seasonal = &wire.Seasonal{Weeks: 3 + i, Warn: 0.1, Drifted: p.Drifted}
		w.append(t, wire.Control{Kind: "policy", ID: m, Seq: 2, Value: p.Encode()})
	}
	rng, to := rand.New(rand.NewPCG(c.seed, 70)), rand.New(rand.NewPCG(c.seed, uint64(c.partitions)))
	at := epochMS
	for i := 0; at < epochMS+movedDays*dayMS; i++ {
		at += rng.Int64N(2 * quarterMS / 10)
		day := (at - epochMS) / dayMS
		w.put(t, to.IntN(c.partitions), at, movingRow(rng, at, i, day >= c.burst.from && day < c.burst.to))
	}
	for part := range c.partitions {
		w.put(t, part, at+3*quarterMS, []byte(`{"type":"tick"}`))
	}
	return w
}

// movingRow is an event of nights or days, which differ.
func movingRow(rng *rand.Rand, at int64, id int, shift bool) []byte {
	ts := at - rng.Int64N(quarterMS/2)
	x := float64(rng.IntN(12))
	if ts/(dayMS/2)%2 == 0 {
		x += 8
	}
	if shift {
		x = 17 + float64(rng.IntN(6))
	}
	return event.Encode(event.Event{
		Type: event.TypePrediction, Model: models[rng.IntN(2)], Version: fmt.Sprint(1 + rng.IntN(2)), ID: fmt.Sprint(id), TimeMS: ts, HasTime: true,
		Features: []event.Feature{{Name: "x", Value: sketches.Number(x)}, {Name: "s", Value: sketches.String("abcd"[rng.IntN(4):][:1])}},
	})
}

// exclude appends exclusions of a model.
func (w *world) exclude(t testing.TB, model string, seq int64, spans ...wire.Span) {
	t.Helper()
	w.append(t, wire.Control{Kind: "exclusions", ID: model, Seq: seq, Value: wire.Exclusions{Model: model, Ranges: spans}.Encode()})
}

// movingScores are the scores against references of a kind, judged ones only.
func movingScores(t *testing.T, ls []replay.Line, model, kind string) (out []wire.Score) {
	t.Helper()
	for _, s := range scoresOf(t, ls) {
		if s.ReferenceKind == kind && s.State == wire.StateJudged && (model == "" || s.Model == model) {
			out = append(out, s)
		}
	}
	return out
}

// An uninterrupted run, one that dies now and then, and a replay give the same scores and
// events against moving references, with exclusions that come while all runs.
func TestFault_MovingReferencesSurviveKills(t *testing.T) {
	t.Parallel()
	judged, fired, excluded := map[string]int{}, map[string]int{}, 0
	for seed := range max(3, seeds(t, 60)) {
		c := movingCase{seed: uint64(seed), partitions: 2, burst: burst{27, 29}}
		w := movingWorld(t, c)
		rng := rand.New(rand.NewPCG(c.seed, 71))
		for range 3 {
			w.live(t, rng, memlog.KillAt(100+rng.Int64N(800), memlog.KillAfter))
		}
		w.exclude(t, "alpha", 1, wire.Span{FromMS: epochMS + 4*dayMS, ToMS: epochMS + 5*dayMS})
		w.live(t, rng, memlog.KillAt(100+rng.Int64N(800), memlog.KillAfter))
		w.exclude(t, "alpha", 2, wire.Span{FromMS: epochMS + 4*dayMS, ToMS: epochMS + 5*dayMS}, wire.Span{FromMS: epochMS + 20*dayMS, ToMS: epochMS + 21*dayMS})
		w.finish(t, rng, 0.004)
		got := w.results(t)
		same(t, seed, w.replayed(t), got)
		for _, kind := range []string{wire.KindTrailing, wire.KindSeasonal} {
			judged[kind] += len(movingScores(t, got, "", kind))
		}
		for _, l := range got {
			if l.Kind == "score" {
				continue
			}
			e, err := wire.DecodeEvent(l.Value)
			must(t, err)
			if e.Data.Kind == "drift" && e.Data.Phase == "firing" {
				fired[e.Data.ReferenceKind]++
			}
			if wire.Moves(e.Data.ReferenceKind) && e.Data.MayRetrain {
				t.Fatalf("seed %d: an alarm against a %s reference may start a retrain", seed, e.Data.ReferenceKind)
			}
		}
		excluded++
	}
	t.Logf("%d seeds; judged %v; events of firing alarms %v", excluded, judged, fired)
	if judged[wire.KindTrailing] == 0 || judged[wire.KindSeasonal] == 0 || fired[wire.KindTrailing] == 0 || fired[wire.KindSeasonal] == 0 || fired["file"] == 0 {
		t.Error("some kind of reference was never compared with, or no alarm against it fired")
	}
}

// The same with all control given before: the run that is killed equals the one that is
// left alone. Without the record of what never enters it does not.
func runMoving(t testing.TB, seed uint64, m loop.Mutant) string {
	t.Helper()
	c := movingCase{seed: seed, partitions: 2, burst: burst{9, 11}}
	truth, w := movingWorld(t, c), movingWorld(t, c)
	for _, x := range []*world{truth, w} {
		x.exclude(t, "beta", 1, wire.Span{FromMS: epochMS + 14*dayMS, ToMS: epochMS + 15*dayMS})
	}
	want := truth.undisturbed(t).results(t)
	rng := rand.New(rand.NewPCG(seed, 72))
	for life := 0; ; life++ {
		r := memlog.Rates{NotDone: 0.005, DoneSaidNo: 0.005, Cut: 0.5, MaxFetch: 30}
		if life < 30 {
			r.KillBefore, r.KillAfter = 0.004, 0.004
		}
		err := w.bothLife(w.log.Handle(memlog.Seeded(rng, r)), rng, m)
		if err == nil {
			break
		}
		if !errors.Is(err, memlog.ErrKilled) {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
		if rng.IntN(4) == 0 {
			must(t, w.log.Compact(stateTopic))
		}
	}
	return diffLines(want, w.results(t))
}

func TestFault_MovingReferencesEqualThoseOfARunLeftAlone(t *testing.T) {
	t.Parallel()
	for seed := range max(3, seeds(t, 60)) {
		if diff := runMoving(t, uint64(seed), loop.Sound); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

func TestFault_AForgottenMarkIsFoundOut(t *testing.T) {
	t.Parallel()
	foundOut(t, max(4, seeds(t, 30)), 0.5, func(seed uint64) string { return runMoving(t, seed, loop.MovingForgotten) })
}

// P2: how events are spread over partitions leaves no trace.
func TestP2_MovingReferencesDoNotDependOnPartitions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(max(1, seeds(t, 10))) {
		lines := func(partitions int) []replay.Line {
			w := movingWorld(t, movingCase{seed: seed, partitions: partitions, burst: burst{10, 12}})
			must(t, w.bothLife(w.log.Handle(nil), rand.New(rand.NewPCG(seed, uint64(partitions))), loop.Sound))
			return w.results(t)
		}
		want := lines(1)
		if n := len(movingScores(t, want, "", wire.KindSeasonal)); n == 0 {
			t.Fatalf("seed %d: nothing is judged against a season", seed)
		}
		for _, partitions := range []int{2, 7} {
			if diff := diffLines(want, lines(partitions)); diff != "" {
				t.Fatalf("seed %d, %d partitions: %s", seed, partitions, diff)
			}
		}
	}
}

// What a reference says it holds, counted straight from the records: the rows of its span,
// or of the same half days of the weeks before, without what is excluded.
func TestMoving_HoldsTheRowsOfItsSpan(t *testing.T) {
	t.Parallel()
	const half = dayMS / 2
	for seed := range max(2, seeds(t, 20)) {
		w := movingWorld(t, movingCase{seed: uint64(seed), partitions: 2, quiet: true})
		out := wire.Span{FromMS: epochMS + 12*dayMS + 1, ToMS: epochMS + 13*dayMS}
		w.exclude(t, "alpha", 1, out)
		got := w.undisturbed(t).results(t)
		rows := map[int64]uint64{} // of alpha, by half day
		dec := event.NewDecoder(event.Limits{})
		var ev event.Event
		for p := range w.plan.partitions {
			for _, r := range w.records(t, w.part(inputTopic, int32(p))) {
				if dec.Decode(r.Value, &ev) == nil && ev.Model == "alpha" {
					rows[ev.TimeMS/half]++
				}
			}
		}
		may := func(n int64) bool {
			return n*half >= epochMS && (n*half >= out.ToMS || (n+1)*half <= out.FromMS)
		}
		trailing, seasonal := movingScores(t, got, "alpha", wire.KindTrailing), movingScores(t, got, "alpha", wire.KindSeasonal)
		if len(trailing) < 20 || len(seasonal) < 10 {
			t.Fatalf("seed %d: %d scores against a trailing reference, %d against a season", seed, len(trailing), len(seasonal))
		}
		for _, s := range trailing {
			next, want := (s.EndMS-2*dayMS)/half, uint64(0)
			for n := next - 10; n < next; n++ {
				if may(n) {
					want += rows[n]
				}
			}
			if s.ReferenceRows != want || s.ReferenceToMS != next*half || s.ReferenceFromMS != (next-10)*half {
				t.Fatalf("seed %d, window %d ms to %d: trailing reference of %d rows from %d to %d, want %d rows up to %d",
					seed, s.WindowMS, s.EndMS, s.ReferenceRows, s.ReferenceFromMS, s.ReferenceToMS, want, next*half)
			}
		}
		for _, s := range seasonal {
			want := uint64(0)
			for n := (s.EndMS - s.WindowMS) / half; n*half < s.EndMS; n++ {
				weeks, sum := 0, uint64(0)
				for k := int64(1); k <= 3; k++ {
					if may(n - 14*k) {
						weeks, sum = weeks+1, sum+rows[n-14*k]
					}
				}
				for k := int64(1); k <= 3 && (weeks < 3 || sum < 5); k++ {
					for _, side := range []int64{-1, 1} {
						if may(n-14*k+side) && (n-14*k+side+1)*half <= s.EndMS-s.WindowMS {
							want += rows[n-14*k+side]
						}
					}
				}
				want += sum
			}
			if s.ReferenceRows != want {
				t.Fatalf("seed %d, window %d ms to %d: seasonal reference of %d rows, want %d", seed, s.WindowMS, s.EndMS, s.ReferenceRows, want)
			}
		}
	}
}

// A drift that passes: what the alarm stood over never enters, so the trailing reference
// after it is made of fewer half days, and the alarm against the model's own reference
// does not depend on it.
func TestMoving_WhatAnAlarmStandsOverNeverEnters(t *testing.T) {
	t.Parallel()
	w := movingWorld(t, movingCase{seed: 3, partitions: 1, burst: burst{12, 14}})
	got := w.undisturbed(t).results(t)
	var spans []wire.Span // of firing alarms of alpha
	for _, l := range got {
		if l.Kind == "score" || l.Model != "alpha" {
			continue
		}
		e, err := wire.DecodeEvent(l.Value)
		must(t, err)
		if e.Data.Phase == "firing" && e.Data.Kind == "drift" {
			spans = append(spans, wire.Span{FromMS: e.Data.StartMS, ToMS: e.Data.EndMS})
		}
	}
	if len(spans) == 0 {
		t.Fatal("no alarm fired")
	}
	narrower, last := 0, map[string]wire.Run{}
	for _, s := range scoresOf(t, got) {
		if s.Model != "alpha" || len(s.Moving) == 0 {
			continue
		}
		state, err := wire.DecodeMovingState(s.Moving)
		must(t, err)
		for _, x := range spans {
			if x.ToMS > s.EndMS {
				continue
			}
			for slot := x.FromMS / (dayMS / 2); slot*(dayMS/2) < x.ToMS; slot++ {
				if state.Has(slot) {
					t.Fatalf("at %d: the half day from %d may enter, and an alarm fired on a window from %d to %d", s.EndMS, slot*(dayMS/2), x.FromMS, x.ToMS)
				}
			}
		}
		if len(state.Out) > 0 {
			narrower++
			last["alpha"] = slices.MaxFunc(state.Out, func(a, b wire.Run) int { return int(a.Last - b.Last) })
		}
	}
	if narrower == 0 {
		t.Error("no state has a slot that is out")
	}
}

// From the middle, with a history: which half days never enter is told by the scores, the
// counts are read again from far enough back, and all is as live operation had it. One that
// is stopped anywhere goes on to the same.
func TestReplay_MovingReferencesFromTheMiddle(t *testing.T) {
	t.Parallel()
	compared, stops := map[string]int{}, 0
	for seed := range max(3, seeds(t, 30)) {
		w := movingWorld(t, movingCase{seed: uint64(seed), partitions: 2, burst: burst{20, 22}})
		w.exclude(t, "alpha", 1, wire.Span{FromMS: epochMS + 8*dayMS, ToMS: epochMS + 9*dayMS})
		rng := rand.New(rand.NewPCG(uint64(seed), 73))
		w.finish(t, rng, 0)
		want := w.results(t)
		cfg := w.replayConfig()
		cfg.FromMS = epochMS + (80+rng.Int64N(50))*quarterMS
		cfg.ToMS = min(epochMS+(movedDays-1)*dayMS, cfg.FromMS+(4+rng.Int64N(30))*quarterMS)
		var err error
		cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, want))
		must(t, err)
		io := w.io(w.log.Handle(nil))
		got, err := replay.Run(t.Context(), io, cfg)
		must(t, err)
		if diff := diffLines(within(want, cfg.FromMS, cfg.ToMS, "alpha"), within(got, cfg.FromMS, cfg.ToMS, "alpha")); diff != "" {
			t.Fatalf("seed %d, day %.2f to %.2f: %s", seed, float64(cfg.FromMS-epochMS)/float64(dayMS), float64(cfg.ToMS-epochMS)/float64(dayMS), diff)
		}
		for _, kind := range []string{wire.KindTrailing, wire.KindSeasonal} {
			compared[kind] += len(movingScores(t, got, "alpha", kind))
		}

		parts, n := w.interrupted(t, rng, cfg, 3, 6)
		stops += n
		if diff := diffLines(got, replay.Dedupe(parts)); diff != "" {
			t.Fatalf("seed %d, stopped: %s", seed, diff)
		}
	}
	t.Logf("%v scores compared, %d stops", compared, stops)
	if compared[wire.KindTrailing] == 0 || compared[wire.KindSeasonal] == 0 || stops == 0 {
		t.Error("nothing was compared, or nothing was stopped")
	}
}

// A slot that was kept and cannot be read back is taken out: references made of it hold
// fewer rows and say so, and it is counted as damage. It never counts as a time without rows.
func TestFault_KeptSlotLost(t *testing.T) {
	t.Parallel()
	thinner := 0
	for seed := range max(2, seeds(t, 20)) {
		c := movingCase{seed: uint64(seed), partitions: 1, quiet: true}
		want := movingScores(t, movingWorld(t, c).undisturbed(t).results(t), "alpha", wire.KindTrailing)
		w := movingWorld(t, c)
		rng := rand.New(rand.NewPCG(uint64(seed), 74))
		w.live(t, rng, memlog.KillAt(900+rng.Int64N(300), memlog.KillAfter))
		var kept []log.Record
		for q := range w.layout.PanesPartitions {
			for _, r := range w.records(t, w.part(stateTopic, q)) {
				if k, err := wire.DecodeKept(r.Value); err == nil && k.Model == "alpha" {
					kept = append(kept, r)
				}
			}
		}
		if len(kept) < 4 {
			continue
		}
		lost := kept[len(kept)-2-rng.IntN(2)]
		w.write(t, log.Record{Partition: lost.Partition, TimeMS: log.StampNow, Key: lost.Key, Value: []byte("garbled")})
		must(t, w.log.Compact(stateTopic))
		w.folds = nil
		w.finish(t, rng, 0)
		damaged := uint64(0)
		for _, f := range w.folds {
			damaged += f.Stats().LostSlots
		}
		if damaged == 0 {
			t.Fatalf("seed %d: a kept slot is gone, and nothing is counted", seed)
		}
		truth := map[string]uint64{}
		for _, s := range want {
			truth[fmt.Sprint(s.WindowMS, s.EndMS)] = s.ReferenceRows
		}
		for _, s := range movingScores(t, w.results(t), "alpha", wire.KindTrailing) {
			switch rows := truth[fmt.Sprint(s.WindowMS, s.EndMS)]; {
			case s.ReferenceRows > rows:
				t.Fatalf("seed %d, to %d: %d rows, there are %d", seed, s.EndMS, s.ReferenceRows, rows)
			case s.ReferenceRows < rows:
				thinner++
			}
		}
	}
	t.Logf("%d scores against a reference without the lost slot", thinner)
	if thinner == 0 {
		t.Error("no reference had held what was lost")
	}
}

// A replay of a range in which a policy comes into force: the alarms that begin with it are
// new, in the replay as in live operation, and nothing of their past is unknown.
func TestReplay_APolicyThatComesIntoForceWithinTheRange(t *testing.T) {
	t.Parallel()
	compared := 0
	for seed := range max(3, seeds(t, 20)) {
		w := movingWorld(t, movingCase{seed: uint64(seed), partitions: 2, burst: burst{10, 30}})
		rng := rand.New(rand.NewPCG(uint64(seed), 75))
		w.live(t, rng, memlog.KillAt(900+rng.Int64N(400), memlog.KillAfter))
		p := wire.DefaultPolicy()
		p.Name, p.Rule, p.MinRows, p.FireAfter, p.ResolveAfter = "later", "classic", 5, 0, 0
		p.Drifted, p.Quality = 1.6, wire.Quality{OutOfRange: 0.4}
		p.Trailing = &wire.Trailing{LengthMS: 4 * dayMS, GapMS: 3 * dayMS, Warn: 0.1, Drifted: 1.6}
		w.append(t, wire.Control{Kind: "policy", ID: "alpha", Seq: 3, Value: p.Encode()})
		w.finish(t, rng, 0)
		want := w.results(t)
		first := int64(0)
		for _, s := range scoresOf(t, want) {
			if slices.ContainsFunc(s.Alarms, func(a wire.AlarmAt) bool { return a.Policy == "later" }) && (first == 0 || s.EndMS < first) {
				first = s.EndMS
			}
		}
		if first < epochMS+8*dayMS || first > epochMS+(movedDays-8)*dayMS {
			continue
		}
		cfg := w.replayConfig()
		cfg.FromMS = first - (1+rng.Int64N(8))*quarterMS
		cfg.ToMS = first + 28*quarterMS
		var err error
		cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, want))
		must(t, err)
		got, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		must(t, err)
		if diff := diffLines(within(want, cfg.FromMS, cfg.ToMS, "alpha"), within(got, cfg.FromMS, cfg.ToMS, "alpha")); diff != "" {
			t.Fatalf("seed %d, policy in force at day %.2f: %s", seed, float64(first-epochMS)/float64(dayMS), diff)
		}
		compared++
	}
	if compared == 0 {
		t.Error("in no world did the policy come into force where it can be compared")
	}
}
