package web

import (
	"net/url"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

func TestAPI_Performance(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, tt := range []struct {
		name, query string
		status, n   int
		more        bool
	}{
		{"all", "", 200, 3, false},
		{"a limit", "?limit=1", 200, 1, true},
		{"with labels only", "?mature=true", 200, 2, false},
		{"one version", "?version=1", 200, 0, false},
		{"from a day on", "?from=2100-01-01", 200, 0, false},
		{"no day", "?from=yesterday", 422, 0, false},
		{"no limit", "?limit=0", 422, 0, false},
	} {
		w := get(t, f.handler, bikePath+"/performance"+tt.query)
		if tt.status != 200 {
			decode[Problem](t, w, tt.status)
			continue
		}
		if l := decode[List[Performance]](t, w, 200); len(l.Items) != tt.n || l.More != tt.more {
			t.Errorf("%s: %d reports, more %t; want %d, %t", tt.name, len(l.Items), l.More, tt.n, tt.more)
		}
	}
	decode[Problem](t, get(t, f.handler, "/api/v1/models/nobody/performance"), 404)

	m := decode[ModelDetail](t, get(t, f.handler, bikePath), 200)
	if len(m.Performance) != 2 || !m.Performance[0].Mature || m.Performance[1].Mature {
		t.Fatalf("performance of the model: %+v, want the newest week with labels and the one behind it", m.Performance)
	}
	p := m.Performance[0]
	if p.Reading != "concept drift" || p.Coverage == nil || *p.Coverage != 0.952 || p.Labelled != 160 || p.Learnt.Labels != 640 || len(p.Beside) != 1 || len(p.Calibration) != 1 || len(p.Answers) != 2 {
		t.Errorf("report %+v", p)
	}
	if p.Estimate != "balanced" || p.EstimateRows != 1640 || p.EstimateWorth == nil || *p.EstimateWorth != 812.4 {
		t.Errorf("the way of the estimate: %q, %d, %v", p.Estimate, p.EstimateRows, p.EstimateWorth)
	}
	if f := p.Find("realised", "roc_auc"); f.Value != nil || f.Reason != "no labelled rows with a score" {
		t.Errorf("an undefined measure is %+v, want null and the reason", f)
	}
	if f := p.Find("error", "accuracy"); f.Value == nil || *f.Value != 0.12 {
		t.Errorf("error of the estimate %+v", f)
	}
	if f := p.Find("estimated", "rmse"); f.Value != nil || f.Reason == "" {
		t.Errorf("a measure of another kind: %+v", f)
	}
	if p.Promised != nil {
		t.Errorf("a classifier is held against %+v", p.Promised)
	}
	other := decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/"+url.PathEscape(hostile)), 200)
	if other.Performance == nil || len(other.Performance) != 0 {
		t.Errorf("performance of a model without champion: %v, want an empty list", other.Performance)
	}
}

func TestPage_ModelShowsPerformance(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	page := get(t, f.handler, "/models/"+url.PathEscape(bike)).Body.String()
	for _, want := range []string{
		"concept drift", "the scores promised 0.900", "95 % <span", "8 with no label by the maturity", "640 labels", "no labelled rows with a score",
		"recall of &lt;b&gt;1&lt;/b&gt;", "F1, mean of classes", "0.780 <span class=\"dim\">0.700 to 0.840</span>", "labels are awaited", "0.120", "balanced: 1640 labelled rows weighed to look like the week&#39;s inputs, worth 812", "label PSI not available (too few rows)",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of a model does not hold %q", want)
		}
	}
	if strings.Contains(page, "<b>1</b>") {
		t.Error("a class is not escaped")
	}
	if page := get(t, f.handler, "/models/churn").Body.String(); !strings.Contains(page, "Nothing is known yet") {
		t.Error("a model without reports does not say so")
	}
}

// A week of a regression is held against what its version was promoted with: the API has
// the figures, the page the sentence.
func TestPerformance_OfARegressionIsHeldAgainstItsPromotion(t *testing.T) {
	t.Parallel()
	pages, err := parseTemplates(func() int64 { return 0 })
	if err != nil {
		t.Fatal(err)
	}
	row := store.CohortRow{Model: "m", Version: "1", Day: "2026-01-07", MaturityMS: dayMS, Kind: "regression"}
	for _, tt := range []struct{ name, promised, want string }{
		{"worse", `{"metric":"rmse","baseline":2,"margin":0.1,"limit":2.2,"days":7,"rows":700,"value":3,"low":2.5,"high":3.6,"worse":true}`, "rmse 3 (2.5 to 3.6) over 700 labelled numbers, promoted with 2; the limit is 2.2: worse."},
		{"by chance", `{"metric":"mae","baseline":2,"margin":0.1,"limit":2.2,"days":7,"rows":70,"value":3,"low":1.5,"high":4.6,"worse":false}`, "mae 3 (1.5 to 4.6) over 70 labelled numbers, promoted with 2; the limit is 2.2: above it, but not by more than chance."},
		{"no interval", `{"metric":"mae","baseline":2,"margin":0.1,"limit":2.2,"days":1,"rows":70,"value":2.1,"worse":false,"reason":"one day has no spread between days"}`, "mae 2.1 (no interval: one day has no spread between days) over 70 labelled numbers, promoted with 2; the limit is 2.2: not worse."},
		{"no promise", `{"margin":0.1,"days":0,"rows":0,"worse":false,"reason":"version 1 has no run with figures of its gate"}`, "Not held against its promotion: version 1 has no run with figures of its gate."},
	} {
		row.Report = `{"kind":"regression","mature":true,"days":7,"predicted":700,"labelled":700,"figures":[],"reading":"harmless","words":"w","promised":` + tt.promised + `}`
		p, err := performanceOf(&row)
		if err != nil || p.Promised == nil || p.Promised.Words != tt.want || p.Promised.Worse != (tt.name == "worse") || p.Promised.Margin != 0.1 {
			t.Errorf("%s: %+v, %v; want %q", tt.name, p.Promised, err, tt.want)
			continue
		}
		var b strings.Builder
		view := viewOf(p)
		if err := pages["model"].ExecuteTemplate(&b, "performance", &view); err != nil || !strings.Contains(b.String(), "<dt>Against its promotion</dt><dd>"+tt.want+"</dd>") {
			t.Errorf("%s: page %s, %v", tt.name, b.String(), err)
		}
	}
}
