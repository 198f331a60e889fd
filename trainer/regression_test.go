package trainer

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

// watched lets the performance alarm look at a world: the champion answers the world's
// examples, and what the alarm tells goes to the drift topic.
type watched struct {
	w      *world
	spec   cohort.Spec
	grid   *sketches.Grid
	days   map[string][]cohort.Day // by version
	state  []byte
	events []wire.Event
}

func (v *watched) PerformanceModels(context.Context) ([]historian.PerformanceModel, error) {
	return []historian.PerformanceModel{{Model: testModel, Champion: v.w.champion(), Cohort: v.spec}}, nil
}

// Baseline gives the metrics that the trainer itself logged at the gate.
func (v *watched) Baseline(ctx context.Context, m historian.PerformanceModel) (cohort.Promise, error) {
	version, err := v.w.store.Version(ctx, m.Model, m.Champion)
	v.w.check(err)
	run, err := v.w.store.Run(ctx, version.RunID)
	v.w.check(err)
	p := cohort.Promise{Figures: map[string]float64{}}
	for _, x := range run.Metrics {
		p.Figures[x.Key] = x.Value
	}
	return p, nil
}

func (v *watched) PerformanceState(context.Context, string) ([]byte, error) { return v.state, nil }
func (v *watched) FirstDay(context.Context, string) (int64, bool, error)    { return day(15), true, nil }
func (v *watched) AnswerDay(context.Context, historian.PerformanceModel, int64) (historian.Realised, bool, error) {
	return historian.Realised{}, false, nil
}

func (v *watched) Cohorts(_ context.Context, m historian.PerformanceModel) ([]cohort.Day, error) {
	return slices.Clone(v.days[m.Champion]), nil
}

func (v *watched) RealiseDay(ctx context.Context, m historian.PerformanceModel, startMS, _ int64) ([]historian.Realised, error) {
	c, err := LoadChampion(ctx, v.w.store, v.w.art, "mlflow-artifacts:/", testModel)
	v.w.check(err)
	got, err := collect(ctx, v.w.spec, v.w.store, store.ExampleQuery{Model: testModel, FromMS: startMS, ToMS: startMS + dayMS}, c.Features)
	v.w.check(err)
	x, err := score(c.Model, got.names, got.rows)
	v.w.check(err)
	var rows []cohort.Row
	for i, r := range got.rows {
		rows = append(rows, cohort.Row{Score: x[i], HasScore: true, Label: strconv.FormatFloat(r.y, 'g', -1, 64), LabelMS: r.ms, HasLabel: true})
	}
	if v.grid == nil {
		many := slices.Repeat(rows, 10) // its cells say nothing of errors
		v.grid, err = cohort.Grid(many)
		v.w.check(err)
	}
	d, err := cohort.NewDay(v.spec, startMS, v.grid)
	v.w.check(err)
	for _, r := range rows {
		d.Add(v.spec, r)
	}
	v.days[m.Champion] = append(v.days[m.Champion], *d)
	return []historian.Realised{{Version: m.Champion, Predicted: int64(len(rows)), Day: d}}, nil
}

func (v *watched) SavePerformance(_ context.Context, _ historian.PerformanceModel, state []byte, events []wire.Event, _ []historian.Reported) error {
	v.state, v.events = state, append(v.events, events...)
	for _, e := range events {
		v.w.check(v.w.log.Write(log.Record{Partition: log.Partition{Topic: topic, Index: 1}, TimeMS: v.w.now, Key: []byte(testModel), Value: e.Encode()}))
	}
	return nil
}

// A regression learns from feature a; from day 25 on labels follow from b. The alarm
// that its error raises, and nothing else, leads to retrains, until one has learnt b.
func TestRegression_ThatGoesBadIsRetrained(t *testing.T) {
	t.Parallel()
	number := func(x float64, r *rand.Rand) int { return int(math.Round(100*x + 5*r.NormFloat64())) }
	tens := func(a, _ float64, r *rand.Rand) int { return number(a, r) }
	other := func(_, b float64, r *rand.Rand) int { return number(b, r) }
	// The first alarm comes when few rows show b, so the gate refuses what they taught;
	// the episode goes on, and after the cool-down there are enough.
	learnt := []string{store.RetrainDone, store.RetrainRejected, store.RetrainCoalesced, store.RetrainProbation}
	for _, c := range []struct {
		trigger, automation string
		change              rule
		states              []string
	}{
		{OnHarm, AutoPromote, other, learnt},
		{OnDrift, AutoPromote, other, learnt},
		{OnHarm, AutoPromote, tens, []string{store.RetrainDone}}, // nothing changes
		{OnHarm, AutoObserve, other, []string{store.RetrainDone}},
	} {
		t.Run(fmt.Sprint(c.trigger, " ", c.automation, " ", len(c.states)), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.Open(t))
			w.spec.Params.Objective, w.spec.Gate.Kind, w.spec.Trigger = gbdt.SquaredError, judge.KindRegression, c.trigger
			w.spec.Params.NumRounds = 30
			w.spec.Gate.Primary = judge.Primary{Metric: judge.RMSE, Direction: judge.Lower}
			w.spec.Gate.Guards, w.spec.Gate.Relative, w.spec.Gate.Floors, w.spec.Positive = []judge.Guard{{Metric: judge.MAE, Margin: 5}}, nil, []judge.Floor{{Metric: judge.R2, Limit: 0.3}}, ""
			w.check(w.spec.Validate())
			tr := w.trainer("one")
			w.days(0, 15, tens)
			w.settle(tr)
			w.expect(store.RetrainDone)
			w.spec.Automation = c.automation

			v := &watched{w: w, days: map[string][]cohort.Day{}, spec: cohort.Spec{Kind: cohort.Regression, MaturityMS: dayMS}}
			perf := &historian.Performance{Store: v, Namespace: "n", Labels: []log.Partition{{Topic: "in"}}}
			for d := 15; d < 44; d++ {
				labels := rule(tens)
				if d >= 25 {
					labels = c.change
				}
				w.days(d, d+1, labels)
				w.check(perf.Clock(w.ctx, log.Partition{Topic: "in"}, w.clock))
				w.settle(tr)
			}
			rows := w.expect(c.states...)
			if len(rows) == 1 {
				if c.automation == AutoPromote && len(v.events) > 0 {
					t.Errorf("events without a change: %+v", v.events[0].Data)
				}
				return
			}
			e := v.events[0]
			if rows[1].EventID != e.ID || e.Data.Detail["metric"] != judge.RMSE || !strings.Contains(rows[1].TriggerJSON, `"cause":"performance"`) {
				t.Errorf("retrain %+v of event %+v", rows[1], e)
			}
			run, err := w.store.Run(w.ctx, w.rows()[0].RunID)
			w.check(err)
			if was, ok := metricOf(run, judge.RMSE); !ok || e.Data.Detail["baseline"] != was {
				t.Errorf("baseline %v, the gate recorded %v", e.Data.Detail["baseline"], was)
			}
			if got := (&measured{name: judge.RMSE, is: e.Data.Detail["value"].(float64)}); !got.harmful(e.Data.Detail["baseline"].(float64)) {
				t.Error("what raised the alarm is no harm to the trainer")
			}
			if last := v.events[len(v.events)-1]; w.champion() != rows[3].Version || what(last) != "superseded" || last.Data.Version != "1" {
				t.Errorf("champion %s, the last event %s of version %s", w.champion(), last.Type, last.Data.Version)
			}
		})
	}
}
