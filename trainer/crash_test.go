package trainer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

var errKilled = errors.New("killed")

// killAt makes a fault that lets n calls through and then fails for ever, as a dead
// process does. n < 0 only counts.
func killAt(n int, count *int) func(string) error {
	return func(what string) error {
		*count++
		if n >= 0 && *count > n {
			return fmt.Errorf("%w %s", errKilled, what)
		}
		return nil
	}
}

// wallTime is the time of a champion's act, the one wall-clock field of the outbox.
var wallTime = regexp.MustCompile(`"time_ms":1700\d{9}\b`)

// outcome is all that a run of a world must agree on with an uninterrupted one. Run
// ids are random and stand as their number.
func (w *world) outcome() string {
	w.t.Helper()
	var b strings.Builder
	runs := map[string]string{}
	for _, r := range w.rows() {
		runs[r.RunID] = fmt.Sprintf("run of %s", r.ID)
		fmt.Fprintf(&b, "%s %s version %q against %q: %s\n%s\n%s\n", r.ID, r.State, r.Version, r.ChampionBefore, r.Reason, r.DatasetJSON, r.GatesJSON)
	}
	history, err := w.store.ChampionHistory(w.ctx, testModel)
	w.check(err)
	for _, c := range history {
		fmt.Fprintf(&b, "champion %s after %q: %s %s\n", c.Version, c.Previous, c.Act, c.Reason)
	}
	w.check(w.store.Read(w.ctx, func(tx *store.Tx) error {
		e, err := tx.ExperimentByName(w.ctx, testModel)
		if err != nil {
			return err
		}
		all, _, err := tx.SearchRuns(w.ctx, []string{e.ID}, store.Search{})
		if err != nil {
			return err
		}
		for _, r := range all {
			if runs[r.ID] == "" {
				fmt.Fprintf(&b, "a run that no retrain names: %s\n", r.Name)
			}
		}
		fmt.Fprintf(&b, "%d runs\n", len(all))
		versions, _, err := tx.SearchVersions(w.ctx, store.Search{Filter: "name = '" + testModel + "'"})
		if err != nil {
			return err
		}
		slices.SortFunc(versions, func(x, y store.ModelVersion) int { return strings.Compare(x.Version, y.Version) })
		for _, v := range versions {
			fmt.Fprintf(&b, "version %s %s %q %s %v\n", v.Version, v.Stage, v.Aliases, runs[v.RunID], v.Tags)
		}
		return nil
	}))
	rows, err := w.store.PendingOutbox(w.ctx, 1000)
	w.check(err)
	for _, o := range rows {
		payload := wallTime.ReplaceAllString(o.Payload, `"time_ms":0`)
		for id, name := range runs {
			if id != "" {
				payload = strings.ReplaceAll(payload, id, name)
			}
		}
		fmt.Fprintf(&b, "outbox %s %s %s\n", o.Kind, o.Version, payload)
	}
	return b.String()
}

// story drives a world from nothing to a promotion that passes, or fails, its
// probation. step carries it to the next point of rest.
func story(w *world, rest func()) {
	w.days(0, 15, byA)
	rest()
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	rest()
	w.days(36, 44, byA) // rolled back
	rest()
}

// A kill before or after any durable write, then a restart under the same name or the
// work of another trainer: the same end, one run and one version per retrain, one
// promotion each.
func TestCrash_AtAnyWriteLeadsToTheSameEnd(t *testing.T) {
	t.Parallel()
	points := 0
	divided := func(t *testing.T) *world { // with parts of the traffic
		w := newWorld(t, storetest.Open(t))
		w.spec.Segments, w.segments = regions(), byHour
		return w
	}
	whole := divided(t)
	tr := whole.trainer("one")
	tr.fault = killAt(-1, &points)
	story(whole, func() { whole.settle(tr) })
	whole.expect(store.RetrainDone, store.RetrainRolledBack)
	_, refs := whole.sent()
	for _, ref := range refs {
		if addUp(t, ref); ref.Answers == nil {
			t.Errorf("the reference of version %s has no answers", ref.Version)
		}
	}
	want := whole.outcome()
	if points < 60 {
		t.Fatalf("only %d points to kill at", points)
	}
	stride := 9 // odd, so that both kinds of restart are met
	switch {
	case os.Getenv("DRIFTLINE_CHAOS") != "":
		stride = 1
	case testing.Short():
		stride = 21
	}
	for n := 0; n < points; n += stride {
		t.Run(fmt.Sprintf("after %d of %d calls", n, points), func(t *testing.T) {
			t.Parallel()
			w := divided(t)
			calls := 0
			tr := w.trainer("one")
			tr.fault = killAt(n, &calls)
			story(w, func() {
				for range 60 {
					worked, err := tr.Step(w.ctx)
					switch {
					case errors.Is(err, errKilled):
						if n%2 == 0 {
							tr = w.trainer("one") // restarted: its own lease comes back at once
						} else {
							w.now += 120_000 // the lease runs out and another takes over
							tr = w.trainer("two")
						}
						continue
					case err != nil:
						t.Fatal(err)
					case !worked:
						return
					}
				}
				t.Fatal("no rest after 60 passes")
			})
			got := strings.ReplaceAll(w.outcome(), "taken by two", "taken by one")
			if got != want {
				t.Errorf("killed at call %d, another end: %s", n, firstDifference(got, want))
			}
		})
	}
}

// firstDifference shows the first line that differs.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n got %.400s\nwant %.400s", i+1, a, b)
		}
	}
	return "no difference"
}

func TestRace_TwoTrainersPromoteOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w, _ := started(t, s)
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.alarm("drift", "worsened", 36, nil) // the same retrain by its id
		var group sync.WaitGroup
		for _, owner := range []string{"one", "two", "three"} {
			tr := w.trainer(owner)
			group.Go(func() {
				for range 8 {
					if _, err := tr.Step(w.ctx); err != nil && !errors.Is(err, store.ErrConflict) {
						t.Errorf("%s: %v", owner, err)
					}
				}
			})
		}
		group.Wait()
		w.expect(store.RetrainDone, store.RetrainProbation)
		history, err := w.store.ChampionHistory(w.ctx, testModel)
		w.check(err)
		if len(history) != 2 || w.champion() != "2" {
			t.Errorf("%d changes of champion, champion %q; want 2 and version 2", len(history), w.champion())
		}
	})
}

// A trainer that stalls while its lease runs out writes nothing afterwards.
func TestLease_LostWhileWorkingWritesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w, slow := started(t, s)
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		fast := w.trainer("two")
		taken := false
		slow.fault = func(what string) error {
			if what == "before TRAINED to EVALUATED" && !taken {
				taken = true
				w.now += 120_000
				w.settle(fast)
				w.expect(store.RetrainDone, store.RetrainProbation)
			}
			return nil
		}
		w.settle(slow)
		if !taken {
			t.Fatal("the slow trainer never came to the point")
		}
		w.expect(store.RetrainDone, store.RetrainProbation)
		if w.champion() != "2" {
			t.Errorf("champion is %q", w.champion())
		}
	})
}

func TestErrors_PassingOnesPutOffAndLastingOnesEnd(t *testing.T) {
	t.Parallel()
	t.Run("an artifact store that fails for a while", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		failed := 0
		tr.fault = func(what string) error {
			if strings.HasPrefix(what, "before artifact tested/") && failed < 3 {
				failed++
				return errors.New("no space left")
			}
			return nil
		}
		w.settle(tr)
		r := w.expect(store.RetrainDone, store.RetrainDataset)[1]
		if r.WaitUntilMS <= w.now || !strings.Contains(r.Reason, "put off") {
			t.Errorf("waits until %d at %d: %q", r.WaitUntilMS, w.now, r.Reason)
		}
		for range 3 {
			w.now += maxBackoffMS
			w.settle(tr)
		}
		w.expect(store.RetrainDone, store.RetrainProbation)
	})
	t.Run("one that never comes back ends the retrain", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		tr.fault = func(what string) error {
			if strings.HasPrefix(what, "before artifact tested/") {
				return errors.New("no space left")
			}
			return nil
		}
		for range maxAttempts {
			w.settle(tr)
			w.now += maxBackoffMS
		}
		r := w.expect(store.RetrainDone, store.RetrainFailed)[1]
		run, err := w.store.Run(w.ctx, r.RunID)
		w.check(err)
		if run.Status != store.RunFailed {
			t.Errorf("run is %s", run.Status)
		}
		tr.fault = nil
		w.check(Retry(w.ctx, w.store, r.ID, "ann"))
		w.settle(tr)
		again := w.expect(store.RetrainDone, store.RetrainProbation)[1]
		if again.RunID == r.RunID || again.Version != "2" {
			t.Errorf("the retry used run %s again, version %q", again.RunID, again.Version)
		}
	})
	t.Run("a changed data file ends the retrain", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		calls := 0
		tr.fault = func(what string) error {
			if what == "before artifact tested/model.json" {
				calls++
				return errKilled
			}
			return nil
		}
		if _, err := tr.Step(w.ctx); err != nil {
			t.Fatal(err)
		}
		r := w.rows()[1]
		run, err := w.store.Run(w.ctx, r.RunID)
		w.check(err)
		base, err := artifactPath(run.ArtifactURI, "mlflow-artifacts:/")
		w.check(err)
		w.check(w.art.Put(w.ctx, base+"/"+dataPath, strings.NewReader("other bytes"), 0))
		tr.fault = nil
		w.now += maxBackoffMS
		w.settle(tr)
		if r := w.expect(store.RetrainDone, store.RetrainFailed)[1]; !strings.Contains(r.Reason, "the artifact was changed") {
			t.Errorf("reason %q", r.Reason)
		}
	})
	t.Run("too few rows are no decision", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.spec.MinRows = 10_000
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		if r := w.expect(store.RetrainDone, store.RetrainCoalesced)[1]; !strings.Contains(r.Reason, "not enough data") {
			t.Errorf("reason %q", r.Reason)
		}
	})
	t.Run("a feature that is text is named", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.spec.Features = []string{"a", "note"}
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		if r := w.expect(store.RetrainDone, store.RetrainFailed)[1]; !strings.Contains(r.Reason, `feature "note" is no number`) {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

func TestRun_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error)
	go func() { done <- tr.Run(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run returned %v", err)
	}
}

func TestRows_AreTheSameWhateverTheOrderOfArrival(t *testing.T) {
	t.Parallel()
	var files []string
	for seed := range uint64(3) {
		w := newWorld(t, storetest.Open(t))
		w.days(0, 15, byA)
		var all []store.ExampleRow
		w.check(w.store.Examples(w.ctx, store.ExampleQuery{Model: testModel}, func(e store.ExampleRow) error { all = append(all, e); return nil }))
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		other := newWorld(t, storetest.Open(t))
		for part := range slices.Chunk(all, 50) {
			other.check(other.store.UpsertExamples(other.ctx, part))
		}
		d, body, err := newDataset(other.ctx, other.spec, other.store, store.Retrain{ID: "x", Model: testModel, Kind: "bootstrap", ClockMS: day(14)}, nil)
		other.check(err)
		back, err := loadDataset(d.Manifest, strings.NewReader(string(body)))
		other.check(err)
		if len(back.rows) != len(d.rows) || back.rows[5].x[0] != d.rows[5].x[0] || back.rows[5].id != d.rows[5].id {
			t.Errorf("rows read back differ: %+v, %+v", back.rows[5], d.rows[5])
		}
		files = append(files, d.SHA256)
	}
	if files[0] != files[1] || files[1] != files[2] {
		t.Errorf("data files differ: %q", files)
	}
}
