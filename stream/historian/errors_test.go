package historian

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// realiseNumbers stores a day as the database does: a day that is realised again, after
// a kill, takes its place.
func (d *days) realiseNumbers(day int64) []Realised {
	c := d.numbers(day / dayMS)
	if c == nil {
		return nil
	}
	for len(d.counted) > 0 && d.counted[len(d.counted)-1].StartMS >= day {
		d.counted = d.counted[:len(d.counted)-1]
	}
	d.counted = append(d.counted, *c)
	// The texts of prediction and label are never alike: of numbers that says nothing.
	return []Realised{{Version: "1", Predicted: rowsADay, Classed: rowsADay, Day: c}}
}

var numberSpec = cohort.Spec{Kind: cohort.Regression, MaturityMS: 2 * dayMS}

const rowsADay = 40

// numbersOf draws days of a regression whose errors have the spread that the day has; 0:
// no predictions. A day is the same whenever it is drawn.
func numbersOf(t testing.TB, spread func(day int64) float64) func(day int64) *cohort.Day {
	t.Helper()
	draw := func(day int64, n int, sigma float64) (out []cohort.Row) {
		r := rand.New(rand.NewPCG(uint64(day), 11))
		for range n {
			x := 10 * r.Float64()
			out = append(out, cohort.Row{Class: fmt.Sprint(x), Label: strconv.FormatFloat(x+sigma*r.NormFloat64(), 'g', -1, 64), HasLabel: true, LabelMS: day * dayMS})
		}
		return out
	}
	grid, err := cohort.Grid(draw(1000, 400, 2))
	must(t, err)
	return func(day int64) *cohort.Day {
		sigma := spread(day)
		if sigma == 0 {
			return nil
		}
		c, err := cohort.NewDay(numberSpec, day*dayMS, grid)
		must(t, err)
		for _, r := range draw(day, rowsADay, sigma) {
			c.Add(numberSpec, r)
		}
		return c
	}
}

func newNumbers(t testing.TB, promised map[string]float64, spread func(day int64) float64) *days {
	t.Helper()
	return &days{
		models:  []PerformanceModel{{Model: "m", Champion: "1", Cohort: numberSpec}},
		promise: cohort.Promise{Figures: promised, Reason: "neither rmse nor mae is among the metrics of the run of version 1"},
		numbers: numbersOf(t, spread),
	}
}

// risen is a model whose errors have a spread of 1 but for days 20 to 39.
func risen(to float64) func(int64) float64 {
	return func(day int64) float64 {
		if day >= 20 && day < 40 {
			return to
		}
		return 1
	}
}

func eventsJSON(t testing.TB, d *days) string {
	t.Helper()
	b, err := json.Marshal(d.events)
	must(t, err)
	return string(b)
}

// RMSE rises from 1 to 2 on day 20 and comes back on day 40.
func TestErrors_RaiseAndResolveOneEpisode(t *testing.T) {
	t.Parallel()
	for _, metric := range []string{"rmse", "mae"} {
		promised := map[string]float64{metric: 1, "accuracy": 0.99, "r2": 0.9}
		if metric == "mae" {
			promised[metric] = math.Sqrt(2 / math.Pi)
		}
		d := newNumbers(t, promised, risen(2))
		f := watching(d)
		for day := range int64(58) {
			clock(t, f, day)
		}
		got := types(d.events)
		if len(got) < 3 || got[0] != "detected" || got[len(got)-1] != "resolved" {
			t.Fatalf("%s: events %v, want detected … resolved", metric, got)
		}
		ids := map[string]bool{}
		for _, e := range d.events {
			if e.Data.Episode != d.events[0].Data.Episode || ids[e.ID] || e.Data.Kind != "performance" || !e.Data.MayRetrain || e.Data.Rule != "realised "+metric {
				t.Errorf("event %+v: want one episode, an id of its own, and that it may start a retrain", e)
			}
			ids[e.ID] = true
		}
		first := d.events[0].Data
		if day := first.EndMS / dayMS; day < 22 || day > 25 {
			t.Errorf("%s: detected at the end of day %d, want 22 to 25", metric, day)
		}
		value, low := first.Detail["value"].(float64), first.Detail["low"].(float64)
		if first.Rows != 7*rowsADay || first.Detail["metric"] != metric || first.Detail["baseline"] != promised[metric] || first.Detail["margin"] != 0.1 ||
			value <= 1.1*promised[metric] || low <= promised[metric] || first.Detail["correct"] != nil {
			t.Errorf("%s: %d rows, detail %v", metric, first.Rows, first.Detail)
		}
		// The report of the week has the very same figure.
		for _, r := range d.reports {
			if r.Report.ToMS != first.EndMS {
				continue
			}
			x, _ := r.Report.Find(cohort.Realised, metric)
			if *x.Value != value || *x.Low != low || !r.Report.Promised.Worse || *r.Report.Promised.Value != value {
				t.Errorf("%s: the report has %v from %v, the event %v from %v; promised %+v", metric, *x.Value, *x.Low, value, low, r.Report.Promised)
			}
			if is, ok := first.Detail["realised"].(*float64); !ok || *is != value {
				t.Errorf("%s: realised is %v, the value %v", metric, first.Detail["realised"], value)
			}
		}

		// In one go, and in lives that end between the day and its state: the same events.
		again := newNumbers(t, promised, risen(2))
		clock(t, watching(again), 57)
		if eventsJSON(t, again) != eventsJSON(t, d) {
			t.Errorf("%s: in one go %v, day by day %v", metric, types(again.events), got)
		}
		killed := newNumbers(t, promised, risen(2))
		for day := range int64(58) {
			killed.fail = errDown
			g := watching(killed)
			_ = g.Clock(t.Context(), log.Partition{Topic: "labels"}, day*dayMS)
			_ = g.Clock(t.Context(), log.Partition{Topic: "labels", Index: 1}, day*dayMS)
			if killed.fail = nil; day%3 == 0 || day == 57 {
				clock(t, watching(killed), day)
			}
		}
		if eventsJSON(t, killed) != eventsJSON(t, d) {
			t.Errorf("%s: after kills %v, without %v", metric, types(killed.events), got)
		}
	}
}

// A rise that is no more than the margin, or that one day made, raises nothing.
func TestErrors_AreNotRaisedByChance(t *testing.T) {
	t.Parallel()
	for name, spread := range map[string]func(int64) float64{
		"as promised":      func(int64) float64 { return 0.95 },
		"within the limit": risen(1.04),
		"one bad day":      func(day int64) float64 { return map[bool]float64{true: 3, false: 0.95}[day == 20] },
		"no predictions":   func(int64) float64 { return 0 },
	} {
		d := newNumbers(t, map[string]float64{"rmse": 1}, spread)
		clock(t, watching(d), 50)
		if len(d.events) > 0 {
			t.Errorf("%s: events %v, detail %v", name, types(d.events), d.events[0].Data.Detail)
		}
		if name != "one bad day" {
			continue
		}
		above := 0 // the test bites: it is the interval that keeps these quiet
		for _, r := range d.reports {
			if p := r.Report.Promised; p.Value != nil && *p.Value > *p.Limit {
				above++
				if !strings.Contains(p.Words(), "above it, but not by more than chance") {
					t.Errorf("words %q", p.Words())
				}
			}
		}
		if above < 5 {
			t.Errorf("%d weeks above the limit, want those with the bad day", above)
		}
	}
}

func TestErrors_WithoutAPromiseSayWhy(t *testing.T) {
	t.Parallel()
	for name, promised := range map[string]map[string]float64{
		"none":           nil,
		"others":         {"accuracy": 0.9, "r2": 0.8},
		"not a number":   {"rmse": math.NaN(), "mae": math.Inf(1)},
		"below nothing":  {"rmse": -1},
		"beyond numbers": {"rmse": math.MaxFloat64},
	} {
		d := newNumbers(t, promised, risen(9))
		clock(t, watching(d), 50)
		if len(d.events) > 0 {
			t.Errorf("%s: events %v", name, types(d.events))
		}
		last := d.reports[len(d.reports)-1].Report
		if p := last.Promised; p == nil || p.Value != nil || p.Words() != "Not held against its promotion: neither rmse nor mae is among the metrics of the run of version 1." {
			t.Errorf("%s: promised %+v", name, last.Promised)
		}
		if _, err := json.Marshal(last); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := newNumbers(t, map[string]float64{"rmse": 1}, risen(9))
	clock(t, watching(d), 3) // one day: 40 rows
	if p := d.reports[0].Report.Promised; p.Reason != "40 labelled numbers, 50 are needed" || p.Rows != 40 {
		t.Errorf("promised %+v of one day", p)
	}
}

// What an earlier build stored of a regression has days, and no week that was held.
func TestErrors_GoOnFromTheStateOfAnEarlierBuild(t *testing.T) {
	t.Parallel()
	promised := map[string]float64{"rmse": 1}
	whole := newNumbers(t, promised, risen(2))
	clock(t, watching(whole), 57)
	d := newNumbers(t, promised, risen(2))
	clock(t, watching(d), 12)
	d.state = []byte(`{"version":"1","next_ms":864000000,"alarm":{"phase":"ok","last_valid_ms":86400000,"stale":true,"started":true},"days":[` +
		`{"day_ms":259200000,"classed":40,"correct":0},{"day_ms":345600000,"classed":40,"correct":0},{"day_ms":432000000,"classed":40,"correct":0},` +
		`{"day_ms":518400000,"classed":40,"correct":0},{"day_ms":604800000,"classed":40,"correct":0},{"day_ms":691200000,"classed":40,"correct":0},{"day_ms":777600000,"classed":40,"correct":0}]}`)
	clock(t, watching(d), 57)
	if eventsJSON(t, d) != eventsJSON(t, whole) {
		t.Errorf("events %v from the stored state, %v without an earlier build", types(d.events), types(whole.events))
	}
	// And a state of today is read by a build that knows nothing of what was held.
	var old struct {
		Version string     `json:"version"`
		NextMS  int64      `json:"next_ms"`
		Days    []dayCount `json:"days"`
	}
	if err := json.Unmarshal(d.state, &old); err != nil || old.Version != "1" || len(old.Days) != 7 || !strings.Contains(string(d.state), `"held":{"metric":"rmse"`) {
		t.Errorf("state %s: %v", d.state, err)
	}
}

// An episode that ends with its version keeps the figures of that version.
func TestErrors_ANewChampionClosesTheEpisode(t *testing.T) {
	t.Parallel()
	d := newNumbers(t, map[string]float64{"rmse": 1}, risen(2))
	f := watching(d)
	clock(t, f, 30)
	d.models[0].Champion = "2"
	d.promise = cohort.Promise{Figures: map[string]float64{"rmse": 7}}
	clock(t, f, 32)
	last := d.events[len(d.events)-1]
	if got := types(d.events); got[len(got)-1] != "superseded" || last.Data.Version != "1" || last.Data.Detail["baseline"] != 1.0 || last.Data.Detail["value"].(float64) < 1.5 {
		t.Errorf("events %v, the last of version %s: %v", got, last.Data.Version, last.Data.Detail)
	}
	// An episode of an earlier build has no figures of its week.
	data := wire.EventData{}
	tellError(&data, nil)
	if data.Rule != "realised error" || data.Detail["metric"] != nil {
		t.Errorf("%+v", data)
	}
}

// A version that answered before it was promoted is held to its days since: what it did
// in the shadow, or before it was once rolled back, was known to who promoted it.
func TestErrors_AreThoseSinceThePromotion(t *testing.T) {
	t.Parallel()
	d := newNumbers(t, map[string]float64{"rmse": 1}, func(day int64) float64 { return map[bool]float64{true: 3, false: 0.9}[day < 20] })
	d.models[0].Champion = "0"
	f := watching(d)
	clock(t, f, 22) // days 0 to 19
	d.models[0].Champion = "1"
	clock(t, f, 32)
	if len(d.events) > 0 {
		t.Errorf("events %v, detail %v", types(d.events), d.events[0].Data.Detail)
	}
	if len(d.reports) != 10 {
		t.Fatalf("%d reports, want those of days 20 to 29", len(d.reports))
	}
	for i, r := range d.reports {
		if want := min(i+1, 7); r.Report.Promised.Days != want || r.Report.Days != 7 {
			t.Errorf("day %d: held %d days, want %d; the report has %d", 20+i, r.Report.Promised.Days, want, r.Report.Days)
		}
	}
}
