package web

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// calibrated is a window of churn judged by the calibrated rule, with everything that a
// record keeps.
func calibrated(endMS int64) wire.Score {
	feature := func(name string, psi, lower float64) wire.FeatureScore {
		x := wire.FeatureScore{
			Name: name, Kind: "numeric", N: 12000, M: 1500, PSI: nanoOf(psi), PSIDebiased: nanoOf(psi - 0.01), KSLow: nanoOf(psi / 2), KSHigh: nanoOf(psi/2 + 0.01),
			NEff: nanoOf(600), DesignEffect: nanoOf(2.1), Bins: 10, Blocks: 24, Dependence: "reference blocks", Verdict: "stable", Rule: "calibrated",
			W1: nanoOf(0.4), W1Low: nanoOf(0.39), W1High: nanoOf(0.41), Brief: []byte(name),
		}
		if lower > 0 {
			x.PSILower = nanoOf(lower)
		}
		if lower > 0.2 {
			x.Verdict, x.Warned = "drifted", true
		}
		return x
	}
	s := wire.Score{
		Model: "churn", Version: "*", Reference: "aa", WindowMS: dayMS, EndMS: endMS, State: wire.StateJudged, Rows: 1500, Covered: 9, Expected: 10,
		Drifted: 2, Judged: 4, All: 4, Alpha: nanoOf(0.0003), ShareImportance: nanoOf(0.75),
		Features: []wire.FeatureScore{feature("age", 0.7, 0.4), feature("plan", 0.6, 0.22), feature("term", 0.12, 0.05), feature("zip", 0.02, 0)},
	}
	return s
}

func putCalibrated(t testing.TB, f *fixture, change func(*wire.EventData)) string {
	t.Helper()
	ctx := context.Background()
	end := firstEnd + 100*weekMS
	s := calibrated(end)
	week := s
	week.WindowMS, week.Drifted, week.Features, week.ShareImportance = weekMS, 0, nil, nil
	importance := 0.75
	d := wire.EventData{
		Model: s.Model, Version: "*", Kind: "drift", Policy: "default", Rule: "calibrated", Episode: "cal", Reference: "aa", WindowMS: dayMS, StartMS: end - dayMS, EndMS: end,
		Phase: "firing", Rows: 1500, ReferenceRows: 12000, Covered: 9, Expected: 10, Drifted: 2, Judged: 4, All: 4, Warn: 0.1, Threshold: 0.2, ShareFire: 0.3, Hops: 1,
		Alpha: 0.0003, FalseAlarms: 1, HopMS: hourMS, ShareImportance: &importance, Top: s.Features[:2],
	}
	if change != nil {
		change(&d)
	}
	e := wire.NewEvent("test", wire.EventType("drift", "detected"), "cal-1", "warning", end, d)
	if err := f.store.PutScores(ctx, []store.ScoreRow{scoreRow(s), scoreRow(week)}); err != nil {
		t.Fatal(err)
	}
	err := f.store.PutEvents(ctx, []store.EventRow{{
		ID: e.ID, Type: e.Type, Model: s.Model, TimeMS: end, Body: string(e.Encode()), Episode: "cal", Version: "*", Policy: "default", Reference: "aa",
		WindowMS: dayMS, Kind: "drift", Phase: "firing", Share: 0.5, TopJSON: "[]",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return "cal"
}

func TestExplain_SaysWhatItRestsOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Describe = func(_ context.Context, model, reference string, briefs map[string][]byte) (map[string]drift.Description, error) {
			if model != "churn" || reference != "aa" || string(briefs["age"]) != "age" {
				t.Errorf("asked for %s, %s, %v", model, reference, briefs)
			}
			return map[string]drift.Description{"age": {PSI10: 0.7, PSI20: 0.8, PSI30: 0.9, CramersV: math.NaN(), Reference: drift.Side{N: 12000, Mean: 40, Std: 10}, Window: drift.Side{N: 1500, Mean: 44, Std: 11, Min: math.NaN()}}}, nil
		}
	})
	id := putCalibrated(t, f, nil)
	if w := send(t, f.handler, http.MethodPost, "/api/v1/alarms/"+id+"/ack", `{"reason":"looking"}`, nil); w.Code != http.StatusOK {
		t.Fatalf("ack: %d %s", w.Code, w.Body)
	}
	e := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+id+"/explain"), http.StatusOK)
	for name, want := range map[string]string{
		"statistic":           "lower confidence bound of the PSI of each feature (rule calibrated)",
		"sample":              "age: n = 12,000 of the reference, m = 1,500 of the window, effective n 600, design effect 2.1 (from 24 blocks of the reference)",
		"threshold":           "PSI 0.2 from policy default (policy.drifted; 0.2 is the default, a convention); level 0.0003 a decision, from 1 false alarms a model and month (policy.false_alarms) over 720 decisions of a feature a month, one every 1 h and 4 features",
		"share":               "2 of 4 judged features drifted, share 50 %; the alarm fires from 30 % on (policy.share_fire); by importance 75 %, which is shown only",
		"window":              "1,500 rows, 90 % of the input was there",
		"smallest detectable": "would have been found with a chance of 0.8",
		"other evidence":      "coverage 90 %",
		"reference":           "aa, which is no longer kept",
	} {
		if got := fact(e, name); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q in it", name, got, want)
		}
	}
	var rules []string
	for _, o := range e.Others {
		rules = append(rules, o.Text)
	}
	want := []string{
		"classic PSI ≥ 0.1: 3 of 4 features, over the limit too", "classic PSI ≥ 0.2: 2 of 4 features, over the limit too", "classic PSI ≥ 0.25: 2 of 4 features, over the limit too",
		"lower bound > 0.25: 1 of 4 features, silent", "KS p < 0.05: 3 of 4 features, over the limit too", "window of 7 d: 0 of 4 features, silent",
	}
	if strings.Join(rules, "\n") != strings.Join(want, "\n") {
		t.Errorf("other rules\n%s\nwant\n%s", strings.Join(rules, "\n"), strings.Join(want, "\n"))
	}
	if e.Alpha == nil || *e.Alpha != 0.0003 || e.FalseAlarms == nil || *e.FalseAlarms != 1 || e.ShareImportance == nil || len(e.Definitions) == 0 {
		t.Errorf("explanation %+v", e)
	}
	age := e.Features[0]
	if age.Name != "age" || age.Detectable == nil || !(*age.Detectable > 0.2 && *age.Detectable < 2) || age.KSP == nil || *age.KSP > 1e-6 || *age.W1 != 0.4 {
		t.Errorf("feature %+v", age)
	}
	s := age.Statistics
	if s == nil || *s.PSI20 != 0.8 || *s.W1 != 4 || *s.MeanShift != 0.4 || s.Window.Min != nil || s.CramersV != nil || *s.Window.Mean != 44 {
		t.Errorf("statistics %+v", s)
	}
	if text := strings.Join(e.Done, " "); !strings.Contains(text, "Taken up by local") || !strings.Contains(text, `noted: "looking"`) {
		t.Errorf("done %q", text)
	}
	body := get(t, f.handler, "/alarms/"+id).Body.String()
	for _, want := range []string{"What it rests on", "By other rules", "lower bound &gt; 0.25: 1 of 4 features, silent", "effective n", "Reference and window", "0.700, 0.800, 0.900"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestExplain_TheShareThatDecides(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	id := putCalibrated(t, f, func(d *wire.EventData) {
		d.ShareBy, d.Multiplicity, d.Alpha = wire.ByImportance, drift.ByBH, 0.001
	})
	e := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+id+"/explain"), http.StatusOK)
	if got := fact(e, "share"); !strings.Contains(got, "by importance 75 %, which decides") || e.Share != 0.75 {
		t.Errorf("share %v, %q", e.Share, got)
	}
	if got := fact(e, "threshold"); !strings.Contains(got, "the features of a hop together by Benjamini–Hochberg") {
		t.Errorf("threshold %q", got)
	}
}

func TestScores_GiveStatisticsWhereAskedFor(t *testing.T) {
	t.Parallel()
	asked := 0
	f := newFixture(t, func(c *Config) {
		c.Describe = func(context.Context, string, string, map[string][]byte) (map[string]drift.Description, error) {
			asked++
			return map[string]drift.Description{"age": {PSI10: 0.7, PSI20: math.NaN()}}, nil
		}
	})
	putCalibrated(t, f, nil)
	list := decode[List[Score]](t, get(t, f.handler, "/api/v1/models/churn/scores?window=1d&features=true"), http.StatusOK)
	if asked != 0 || list.Items[0].Features[0].Statistics != nil || list.Items[0].Alpha == nil || *list.Items[0].ShareImportance != 0.75 {
		t.Errorf("asked %d times without being asked to: %+v", asked, list.Items[0])
	}
	list = decode[List[Score]](t, get(t, f.handler, "/api/v1/models/churn/scores?window=1d&statistics=true"), http.StatusOK)
	if s := list.Items[0].Features[0].Statistics; asked == 0 || s == nil || *s.PSI10 != 0.7 || s.PSI20 != nil {
		t.Errorf("asked %d times: %+v", asked, list.Items[0].Features[0])
	}
}

func TestModels_SayWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ctx := context.Background()
	end := firstEnd + 100*weekMS + 5*hourMS
	put := func(model string, s wire.Score) ModelDetail {
		t.Helper()
		if err := f.store.PutWatchedModel(ctx, store.WatchedModel{Name: model, SpecJSON: `{"policy":{"min_rows":50,"min_effective":40}}`, State: "learning", Automation: "observe"}); err != nil {
			t.Fatal(err)
		}
		s.Model, s.Version, s.WindowMS, s.EndMS, s.Covered, s.Expected = model, "*", dayMS, end, 10, 10
		if err := f.store.PutScores(ctx, []store.ScoreRow{scoreRow(s)}); err != nil {
			t.Fatal(err)
		}
		return decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/"+model), http.StatusOK)
	}
	m := put("none", wire.Score{State: wire.StateLearning, Rows: 77})
	if !strings.Contains(m.Missing, "no reference yet: 77 rows in the newest window of 24 h") || m.FirstMS != 0 || m.Scores[0].Missing != m.Missing {
		t.Errorf("no reference: %q", m.Missing)
	}
	learning := wire.FeatureScore{Name: "x", Kind: "numeric", N: 100, M: 100, Verdict: "learning", Blocks: 3, Rule: "calibrated"}
	m = put("learns", wire.Score{State: wire.StateJudged, Reference: "aa", Rows: 777, All: 1, Features: []wire.FeatureScore{learning}})
	day := end - end%dayMS
	if !strings.Contains(m.Missing, "3 of 8 windows of 24 h seen") || m.FirstMS != day+5*dayMS || !strings.Contains(m.Missing, momentText(m.FirstMS)+" UTC if the traffic stays") {
		t.Errorf("learning: %q, first verdict %d, want %d", m.Missing, m.FirstMS, day+5*dayMS)
	}
	for path, want := range map[string]string{"/models/learns": "3 of 8 windows", "/": "the first about " + momentText(m.FirstMS)} {
		if !strings.Contains(get(t, f.handler, path).Body.String(), want) {
			t.Errorf("%s does not say %q", path, want)
		}
	}
	filled := nanoOf(0.25)
	m = put("warms", wire.Score{State: wire.StateJudged, Reference: "aa", Rows: 777, Judged: 1, All: 1, Filled: filled})
	if !strings.Contains(m.Missing, "25 % of the window of 24 h has been counted") || m.FirstMS != end+dayMS/4 {
		t.Errorf("warm-up: %q, %d", m.Missing, m.FirstMS)
	}
	few := wire.FeatureScore{
		Name: "x", Kind: "numeric", N: 2000, M: 500, Verdict: "insufficient", Rule: "calibrated", NEff: nanoOf(12), DesignEffect: nanoOf(20), Bins: 10, Blocks: 24, Dependence: "reference blocks",
	}
	m = put("few", wire.Score{State: wire.StateJudged, Reference: "aa", Rows: 500, All: 1, Alpha: nanoOf(0.001), Features: []wire.FeatureScore{few}})
	for _, want := range []string{"0 of 1 features could be judged", "effective size 12 of 500 rows, at least 40 is needed (41.7 rows weigh as one)", "and only a PSI of ", "or more could be told"} {
		if !strings.Contains(m.Missing, want) {
			t.Errorf("few rows: %q lacks %q", m.Missing, want)
		}
	}
	if m := decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/bike%20demand"), http.StatusOK); m.Missing != "" || m.FirstMS != 0 {
		t.Errorf("a model with verdicts misses %q", m.Missing)
	}
}
