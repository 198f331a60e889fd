package web

import (
	"net/url"
	"strings"
	"testing"
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
