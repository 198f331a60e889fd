package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	oneDay  = cohort.DayMS
	firstMS = int64(1_767_225_600_000) // 2026-01-01
)

// scored is one prediction of a made-up model with what became of it.
type scored struct {
	class, label string
	score        *float64
}

// world draws predictions of a calibrated model until changeAt, then of a change.
type world struct {
	kind     string // as in the configuration
	change   string // calm, concept or covariate
	changeAt int
	days     int
	rows     int
	missing  float64 // share of predictions whose label never comes
	rng      *rand.Rand
}

func (w *world) draw(day int) scored {
	change := "calm"
	if day >= w.changeAt {
		change = w.change
	}
	yes := func(b bool) string {
		if b {
			return "1"
		}
		return "0"
	}
	switch w.kind {
	case cohort.Regression:
		x := w.rng.Float64()
		if change == "covariate" {
			x = 0.7 + 0.3*x
		}
		spread := 0.1 + x
		if change == "concept" {
			spread += 0.5
		}
		return scored{class: fmt.Sprint(10 * x), label: fmt.Sprint(10*x + spread*w.rng.NormFloat64())}
	case cohort.Multiclass:
		names := []string{"bus", "car", "tram"}
		at := w.rng.IntN(3)
		p := 0.8 + 0.2*w.rng.Float64()
		if change == "covariate" {
			p -= 0.3
		}
		score := p
		if change == "concept" {
			p -= 0.3
		}
		label := names[at]
		if w.rng.Float64() >= p {
			label = names[(at+1+w.rng.IntN(2))%3]
		}
		return scored{class: names[at], label: label, score: &score}
	}
	far := 0.3 + 0.2*w.rng.Float64()
	if change == "covariate" {
		far = 0.2 * w.rng.Float64()
	}
	score := 0.5 + far
	if w.rng.IntN(2) == 0 {
		score = 0.5 - far
	}
	p := score
	if change == "concept" {
		p = 0.5 + (p-0.5)/3
	}
	return scored{class: yes(score >= 0.5), label: yes(w.rng.Float64() < p), score: &score}
}

// write puts the predictions on in and the labels, late and in any order, on labels: some
// never come, some come wrong first and are corrected, each twice.
func (w *world) write(t *testing.T, l *memlog.Log) {
	t.Helper()
	type rec struct {
		ms   int64
		part log.Partition
		text string
	}
	var recs []rec
	put := func(ms int64, topic string, part int32, format string, args ...any) {
		recs = append(recs, rec{ms, log.Partition{Topic: topic, Index: part}, fmt.Sprintf(format, args...)})
	}
	for day := range w.days {
		start := firstMS + int64(day)*oneDay
		for i := range w.rows {
			s := w.draw(day)
			id := fmt.Sprintf("%d-%d", day, i)
			at := start + int64(i)*oneDay/int64(w.rows)
			score := ""
			if s.score != nil {
				score = fmt.Sprintf(`,"score":%v`, *s.score)
			}
			prediction, label := fmt.Sprintf("%q", s.class), fmt.Sprintf("%q", s.label)
			if w.kind == cohort.Regression {
				prediction, label = s.class, s.label
			}
			put(at, "in", int32(i%2), `{"type":"prediction","model":"m","version":"1","id":%q,"ts":%d,"prediction":%s%s}`, id, at, prediction, score)
			if w.rng.Float64() < w.missing {
				continue
			}
			late := at + int64(w.rng.Float64()*float64(oneDay))
			if i%10 == 0 { // wrong first: the correction has the later event time, and may come first
				wrong := `"wrong"`
				put(late, "labels", 0, `{"type":"label","model":"m","id":%q,"ts":%d,"label":%s}`, id, late, label)
				put(late, "labels", 0, `{"type":"label","model":"m","id":%q,"ts":%d,"label":%s}`, id, late-1000, wrong)
			}
			put(late, "labels", 0, `{"type":"label","model":"m","id":%q,"ts":%d,"label":%s}`, id, late, label)
		}
	}
	slices.SortStableFunc(recs, func(a, b rec) int { return int(a.ms - b.ms) })
	for _, r := range recs {
		if err := l.Write(log.Record{Partition: r.part, TimeMS: r.ms, Value: []byte(r.text)}); err != nil {
			t.Fatal(err)
		}
	}
	w.tick(t, l)
}

// tick writes the records that end the last day. A life that ends between the rows it wrote
// and what it makes of the clock leaves that to the next record, whoever sends it.
func (w *world) tick(t *testing.T, l *memlog.Log) {
	t.Helper()
	end := firstMS + int64(w.days)*oneDay
	for _, r := range []log.Record{
		{Partition: log.Partition{Topic: "in"}, TimeMS: end},
		{Partition: log.Partition{Topic: "in", Index: 1}, TimeMS: end},
		{Partition: log.Partition{Topic: "labels"}, TimeMS: end + 2*oneDay},
	} {
		r.Value = []byte(`{"type":"tick"}`)
		if err := l.Write(r); err != nil {
			t.Fatal(err)
		}
	}
}

// past is the history of one deployment.
type past struct {
	t     *testing.T
	store *store.Store
	db    *historyStore
	log   *memlog.Log
}

func newPast(t *testing.T, s *store.Store, change func(m *config.Model)) *past {
	t.Helper()
	ctx := t.Context()
	cfg := config.Default()
	m := cfg.NewModel("m")
	m.Automation, m.Label.Maturity = "observe", config.Duration(2*24*time.Hour)
	change(&m)
	cfg.Models = []config.Model{m}
	err := s.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.EnsureDefaultExperiment(ctx, "mlflow-artifacts:/"); err != nil {
			return err
		}
		if _, err := tx.CreateModel(ctx, "m", "", nil); err != nil {
			return err
		}
		run, err := tx.CreateRun(ctx, store.NewRun{})
		if err != nil {
			return err
		}
		if _, err := tx.CreateVersion(ctx, store.NewVersion{Name: "m", Source: run.ArtifactURI, RunID: run.ID}); err != nil {
			return err
		}
		if err := tx.LogBatch(ctx, run.ID, store.Batch{Metrics: []store.Metric{{Key: "accuracy", Value: 0.9}}}); err != nil {
			return err
		}
		_, _, err = tx.Promote(ctx, "m", "1", "test", "test", firstMS)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	specs, err := NewSpecs(ctx, &cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	l := memlog.New(memlog.Config{Block: true, MaxFetch: 500})
	for name, n := range map[string]int{"in": 2, "labels": 1, "panes": 1, "scores": 1, "drift": 1, "control": 1} {
		if err := l.Create(log.Topic{Name: name, Partitions: n}); err != nil {
			t.Fatal(err)
		}
	}
	return &past{t: t, store: s, log: l, db: &historyStore{p: &Parts{Cfg: &cfg, Store: s}, specs: specs}}
}

// run is one life of a historian, until it has read all there is or its log dies.
func (p *past) run(h log.Log) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 2*time.Minute)
	defer cancel()
	perf := &historian.Performance{
		Store: p.db, Namespace: "n", Labels: []log.Partition{{Topic: "labels"}}, Predictions: []log.Partition{{Topic: "in"}, {Topic: "in", Index: 1}},
	}
	hist := historian.New(h, p.db, historian.Config{
		Topics: historian.Topics{Inputs: []string{"in", "labels"}, Panes: "panes", Scores: "scores", Drift: "drift", Control: "control"},
		Keep:   p.db.specs.Keep, Wait: 10 * time.Millisecond, NowMS: NowMS, Clock: perf.Clock, CaughtUp: perf.CaughtUp,
		Retry: func(error) bool { return false }, Pause: func(ctx context.Context, _ int) error { return ctx.Err() },
	})
	done := make(chan error, 1)
	go func() { done <- hist.Run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Millisecond):
		}
		read := true
		for topic, n := range map[string]int32{"in": 2, "labels": 1} {
			for i := range n {
				at := log.Partition{Topic: topic, Index: i}
				_, end := p.log.Ends(at)
				read = read && hist.Position(at) >= end
			}
		}
		if read {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		}
	}
}

func (p *past) reports() map[string]cohort.Report {
	p.t.Helper()
	rows, err := p.store.Cohorts(p.t.Context(), store.CohortQuery{Model: "m", Text: true, Reported: true})
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string]cohort.Report{}
	for _, r := range rows {
		var x cohort.Report
		if err := json.Unmarshal([]byte(r.Report), &x); err != nil {
			p.t.Fatal(err)
		}
		if x.Reading != r.Reading {
			p.t.Errorf("%s: reading %q beside a report of %q", r.Day, r.Reading, x.Reading)
		}
		out[r.Day] = x
	}
	return out
}

var kinds = map[string]func(m *config.Model){
	cohort.Binary:     func(*config.Model) {},
	cohort.Multiclass: func(m *config.Model) { m.Label.Kind, m.Classes = "multiclass", []string{"bus", "car", "tram"} },
	cohort.Regression: func(m *config.Model) { m.Label.Kind = "regression" },
}

// TestCohorts_AStreamEndsInTheRightWords is the whole way: a stream of predictions and of
// late, unordered, corrected and missing labels, through historian and database.
func TestCohorts_AStreamEndsInTheRightWords(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		postgres := strings.Contains(t.Name(), "postgres")
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			for change, want := range map[string]string{"calm": "harmless", "concept": "concept drift", "covariate": "covariate drift"} {
				if postgres && (kind != cohort.Binary || change != "concept") {
					continue // one there: the arithmetic is the same
				}
				t.Run(kind+", "+change, func(t *testing.T) {
					db := s
					if !postgres {
						db = storetest.Open(t)
					}
					p := newPast(t, db, kinds[kind])
					w := &world{kind: kind, change: change, changeAt: 22, days: 32, rows: 120, missing: 0.1, rng: rand.New(rand.NewPCG(3, 5))}
					w.write(t, p.log)
					if err := p.run(p.log.Handle(nil)); err != nil {
						t.Fatal(err)
					}
					all := p.reports()
					last, ok := all[dateOf(firstMS+31*oneDay)]
					if !ok || !last.Mature {
						t.Fatalf("no mature report of the last day: %v", slices.Sorted(maps.Keys(all)))
					}
					if last.Reading != want {
						t.Errorf("reading %q, want %q: %s", last.Reading, want, last.Words)
					}
					if before := all[dateOf(firstMS+21*oneDay)]; before.Reading != "harmless" {
						t.Errorf("the day before the change: %q: %s", before.Reading, before.Words)
					}
					if c := last.Coverage; c == nil || math.Abs(*c-0.9) > 0.05 {
						t.Errorf("label coverage %v with one label of ten missing: %+v", c, last.Beside)
					}
					for _, b := range last.Beside {
						if b.Why != "no label by the maturity" {
							t.Errorf("%d predictions: %s; each wrong label was corrected", b.Rows, b.Why)
						}
					}
					if last.Learnt.ToMS+2*oneDay > last.FromMS {
						t.Errorf("learnt up to %s for a window from %s", dateOf(last.Learnt.ToMS), dateOf(last.FromMS))
					}
					if gap, ok := last.Find(cohort.Error, cohort.Main(kind)); !ok || gap.Value == nil {
						t.Errorf("|estimated − realised| is not told: %+v", gap)
					}
				})
			}
		}
	})
}

// TestCohorts_KilledAnywhereSayTheSame: reports come from the database alone, so a life
// that ends anywhere leaves the same ones.
func TestCohorts_KilledAnywhereSayTheSame(t *testing.T) {
	t.Parallel()
	tell := func(lives int) map[string]cohort.Report {
		p := newPast(t, storetest.Open(t), kinds[cohort.Binary])
		w := &world{kind: cohort.Binary, change: "concept", changeAt: 14, days: 22, rows: 60, missing: 0.1, rng: rand.New(rand.NewPCG(7, 9))}
		w.write(t, p.log)
		for life := range lives {
			err := p.run(p.log.Handle(memlog.KillAt(int64(9+7*life), memlog.KillBefore)))
			if err == nil && life < 3 {
				t.Fatalf("life %d was not ended", life)
			}
		}
		w.tick(t, p.log)
		if err := p.run(p.log.Handle(nil)); err != nil {
			t.Fatal(err)
		}
		return p.reports()
	}
	want := tell(0)
	if len(want) != 22 {
		t.Fatalf("%d days are reported, want 22", len(want))
	}
	if d := cmp.Diff(want, tell(6)); d != "" {
		t.Errorf("reports after kills (-want +got):\n%s", d)
	}
}

// TestCohorts_SayByNameWhatIsMissing: classes that nobody named, and a regression of which
// there is too little to count it.
func TestCohorts_SayByNameWhatIsMissing(t *testing.T) {
	t.Parallel()
	t.Run("classes", func(t *testing.T) {
		t.Parallel()
		p := newPast(t, storetest.Open(t), func(m *config.Model) { m.Label.Positive = "yes" })
		w := &world{kind: cohort.Binary, change: "calm", changeAt: 9, days: 3, rows: 20, rng: rand.New(rand.NewPCG(1, 1))}
		w.write(t, p.log)
		if err := p.run(p.log.Handle(nil)); err != nil {
			t.Fatal(err)
		}
		all := p.reports()
		r := all[dateOf(firstMS)]
		if r.Reading != cohort.NotAvailable || !strings.Contains(r.Words, `the two classes are not known: label.positive is "yes"; list it and the other one under classes`) || len(all) != 3 {
			t.Errorf("%d reports, %q: %q", len(all), r.Reading, r.Words)
		}
	})
	t.Run("few numbers", func(t *testing.T) {
		t.Parallel()
		p := newPast(t, storetest.Open(t), kinds[cohort.Regression])
		w := &world{kind: cohort.Regression, change: "calm", changeAt: 9, days: 6, rows: 60, rng: rand.New(rand.NewPCG(1, 2))}
		w.write(t, p.log)
		if err := p.run(p.log.Handle(nil)); err != nil {
			t.Fatal(err)
		}
		all := p.reports()
		for day := range 6 {
			r := all[dateOf(firstMS+int64(day)*oneDay)]
			early := day < 3 // 60 a day: the fourth day has 240 to make cells from
			if early != strings.Contains(r.Words, "fewer than 200 labelled numbers") || early != (len(r.Figures) == 0) {
				t.Errorf("day %d: %q, %d figures", day, r.Words, len(r.Figures))
			}
		}
		last := all[dateOf(firstMS+5*oneDay)]
		if f, ok := last.Find(cohort.Realised, "rmse"); !ok || f.Value == nil || last.Days != 3 || len(last.PerDay) != 3 || last.PerDay[2].IC == nil {
			t.Errorf("the last day: %+v, %d days, per day %+v", f, last.Days, last.PerDay)
		}
	})
}

func TestCohortSpec_KnowsTheClassesOrSaysWhyNot(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		change   func(m *config.Model)
		kind     string
		classes  []string
		positive string
		reason   string
	}{
		{"default", func(*config.Model) {}, cohort.Binary, []string{"0", "1"}, "1", ""},
		{"as the stream admits it", func(m *config.Model) { m.Classes = []string{"", "0", "1", "false", "true"} }, cohort.Binary, []string{"0", "1"}, "1", ""},
		{"truth values", func(m *config.Model) { m.Label.Positive = "true" }, cohort.Binary, []string{"false", "true"}, "true", ""},
		{"two names", func(m *config.Model) { m.Classes, m.Label.Positive = []string{"stay", "churn"}, "churn" }, cohort.Binary, []string{"churn", "stay"}, "churn", ""},
		{"two names and another positive one", func(m *config.Model) { m.Classes, m.Label.Positive = []string{"stay", "churn"}, "left" }, cohort.Binary, nil, "left", "label.positive"},
		{"several", func(m *config.Model) { m.Label.Kind, m.Classes = "multiclass", []string{"b", "a", "c"} }, cohort.Multiclass, []string{"a", "b", "c"}, "", ""},
		{"several without names", func(m *config.Model) { m.Label.Kind = "multiclass" }, cohort.Multiclass, nil, "", "under classes"},
		{"several by training", func(m *config.Model) {
			training := config.DefaultTraining()
			training.Gate.Kind, training.Params = "multiclass", map[string]any{"objective": "multi:softprob", "num_class": 3}
			m.Training = &training
		}, cohort.Multiclass, []string{"0", "1", "2"}, "", ""},
		{"numbers", func(m *config.Model) { m.Label.Kind = "regression" }, cohort.Regression, nil, "", ""},
	} {
		cfg := config.Default()
		m := cfg.NewModel("m")
		m.Label.Maturity = config.Duration(36 * time.Hour)
		tt.change(&m)
		s := CohortSpec(m)
		if s.Kind != tt.kind || !slices.Equal(s.Classes, tt.classes) || s.Positive != tt.positive || s.MaturityMS != 2*oneDay || (s.Reason == "") != (tt.reason == "") || !strings.Contains(s.Reason, tt.reason) {
			t.Errorf("%s: %+v", tt.name, s)
		}
	}
}
