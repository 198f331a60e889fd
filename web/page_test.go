package web

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func emptyHandler(t *testing.T) http.Handler {
	t.Helper()
	return newHandler(t, storetest.Open(t), nil)
}

// pagesOf are all pages of the fixture.
func pagesOf(f *fixture) []string {
	odd := url.PathEscape(hostile)
	return []string{
		"/", "/models/bike%20demand", "/models/bike%20demand?window=7d&range=90d", "/models/bike%20demand?window=24h", "/models/churn", "/models/fraud", "/models/" + odd,
		"/alarms", "/alarms?model=churn", "/alarms/" + f.alarm, "/alarms/quality000000000", "/retrains", "/retrains?model=churn", "/retrains/" + f.retrain, "/retrains/r2failed",
		"/registry", "/registry/bike%20demand", "/registry/acis_value_classifier", "/experiments", "/experiments/0", "/runs/" + f.runID, "/streams",
	}
}

// text strips the markup.
var markup = regexp.MustCompile(`<[^>]*>`)

func TestPages_AreWholeAndHarmless(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	inner := regexp.MustCompile(`(?i)\b(panes?|partials?|frontiers?|slots?|horizons?|done markers?)\b`)
	for _, path := range pagesOf(f) {
		w := get(t, f.handler, path)
		body := w.Body.String()
		if w.Code != 200 || !strings.Contains(body, "</html>") {
			t.Errorf("%s: status %d", path, w.Code)
			continue
		}
		if n := strings.Count(body, "<h1>"); n != 1 {
			t.Errorf("%s has %d headings of the first level", path, n)
		}
		for _, bad := range []string{"<script>", "<b>", "<i>", " style=", "<style", "javascript:", "onerror", "ZgotmplZ", "<no value>", "%!"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		if n := strings.Count(body, "<script"); n != 1 || !strings.Contains(body, `<script src="/static/links.js" defer></script>`) {
			t.Errorf("%s has %d scripts", path, n)
		}
		if m := inner.FindString(markup.ReplaceAllString(body, " ")); m != "" {
			t.Errorf("%s says %q", path, m)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

func TestPages_LinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	link := regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)
	seen := map[string]bool{}
	for _, path := range pagesOf(f) {
		for _, m := range link.FindAllStringSubmatch(get(t, f.handler, path).Body.String(), -1) {
			to := strings.ReplaceAll(m[1], "&amp;", "&")
			if seen[to] {
				continue
			}
			seen[to] = true
			if w := get(t, f.handler, to); w.Code != 200 {
				t.Errorf("%s links to %s: status %d", path, to, w.Code)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d links", len(seen))
	}
}

func TestPages_SayTheFacts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	tests := []struct {
		name, path string
		want       []string
	}{
		{"fleet", "/", []string{"▲</span> 1 Drift", "bike demand", ">v2<", "hour", "5 of 10", "83 %", "168 labels", "promoted, on probation", "no verdict", "none"}},
		{"model that drifts", "/models/bike%20demand", []string{
			"4 of 10 judged (of 11) features above PSI 0.2", "Now: 5 of 10 features drifted", "drifted 0.2", "warn 0.1", "alarm at 30 %", "◇ v2", "Realised accuracy per week",
			"insufficient", "20 values in the window for 10 bins", "60 windows", `class="cell drifted"`, `class="cell none"`, `class="span alarm"`, "Retrained: version 2 promoted",
		}},
		{"model that is quiet", "/models/churn", []string{"Quiet: 0 of 2 features drifted", "No values in this range."}},
		{"model without data", "/models/fraud", []string{"No window has been scored yet", "driftline doctor", "driftline retrain fraud"}},
		{"model that learns", "/models/" + url.PathEscape(hostile), []string{"Learning: 4,000 rows", "Missing: 0 of 8 windows of 24 h seen", "the first verdict comes about", "&lt;script&gt;alert(1)&lt;/script&gt;"}},
		{"alarm", "/alarms/" + f.alarm, []string{
			"Why did this fire?", "share 0.40 ≥ 0.3", "2 windows of 7 d in a row", "Silent with threshold ≥ 0.28 or share limit ≥ 0.41", "17 – 19", "version 2 promoted", "detected", "ongoing", "168 against 2,184", "still firing",
			"driftline models rollback &#39;bike demand&#39;",
		}},
		{"alarm about data", "/alarms/quality000000000", []string{"missing values in 1 of 2 features (&lt;b&gt;x&lt;/b&gt; 50 % null)", "blocks automatic retraining"}},
		{"list of alarms", "/alarms", []string{"Incident: bike demand", "1 alarm fires", "Ended", "nobody"}},
		{"list of retrains", "/retrains", []string{"Retrained: version 2 promoted.", "Retrain failed: the trainer lost its database.", "Not retrained: drift is harmless"}},
		{"retrain", "/retrains/" + f.retrain, []string{"accuracy_gain", "0.043", "0.012 to 0.071", "pass", "skipped", "no groups named", "step GATED", "promoted, on probation"}},
		{"retrain that failed", "/retrains/r2failed", []string{"driftline retrains retry r2failed", "The gate has not judged yet."}},
		{"registry", "/registry", []string{"bike demand", "acis_growth_classifier", "Production"}},
		{"versions", "/registry/bike%20demand", []string{"Version 2 is champion", "gates passed", "0.910", "Archived", `id="v2"`, "driftline models rollback"}},
		{"run", "/runs/" + f.runID, []string{"nightly &lt;i&gt;run&lt;/i&gt;", "max_depth", "0.880", "bike demand v2"}},
		{"streams", "/streams", []string{"120,000 records read", "1 of 2 sources have sent no news", "0.8 %", "&lt; 0.1 %", "not JSON", "shadow", "20 min ago"}},
	}
	for _, tt := range tests {
		body := get(t, f.handler, tt.path).Body.String()
		for _, want := range tt.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %q is missing", tt.name, want)
			}
		}
	}
}

func TestPages_OfAnEmptyStore(t *testing.T) {
	t.Parallel()
	h := emptyHandler(t)
	for path, want := range map[string]string{
		"/": "driftline models apply -f model.yaml", "/alarms": "All quiet", "/retrains": "driftline retrain MODEL", "/registry": "No model is registered",
		"/experiments": "No experiment yet", "/streams": "No data never means no drift",
	} {
		if w := get(t, h, path); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: status %d, want %q", path, w.Code, want)
		}
	}
}

func TestPages_Faults(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for path, status := range map[string]int{
		"/models/nobody": 404, "/alarms/nobody": 404, "/retrains/nobody": 404, "/registry/nobody": 404, "/runs/nobody": 404, "/experiments/77": 404, "/nothing": 404,
		"/static/none.css": 404, "/static/%2e%2e": 404, "/models/churn?window=soon": 422, "/models/churn?range=soon": 422,
	} {
		w := get(t, f.handler, path)
		if w.Code != status || !strings.Contains(w.Body.String(), "What to do:") {
			t.Errorf("%s: status %d, want %d and what to do", path, w.Code, status)
		}
	}
}

func TestPages_StageAndAliasThatDiffer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	err := f.store.Tx(context.Background(), func(tx *store.Tx) error { return tx.SetAlias(context.Background(), bike, "champion", "1") })
	if err != nil {
		t.Fatal(err)
	}
	if body := get(t, f.handler, "/registry/bike%20demand").Body.String(); !strings.Contains(body, "stage Production: version 2; champion: version 1") {
		t.Error("the page does not say that stage and champion differ")
	}
}

func TestPages_PausedModelSaysSo(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, model := range []string{bike, "churn"} {
		if _, err := f.store.Pause(context.Background(), model, "ada", "labels are <b>wrong</b>", fixtureNow); err != nil {
			t.Fatal(err)
		}
	}
	// Of a model that is quiet the pause is the first thing to say; where an alarm fires, it is not.
	for path, want := range map[string][]string{
		"/models/churn":         {"‖</span> Paused", "until it is resumed", "by ada, ", "labels are &lt;b&gt;wrong&lt;/b&gt;"},
		"/models/bike%20demand": {"▲</span> Drift", "4 of 10 judged", "‖</span> paused", "labels are &lt;b&gt;wrong&lt;/b&gt;"},
		"/":                     {"1 Paused", "1 Drift", "‖ paused"},
		"/api/v1/models/churn":  {`"state":"paused"`, `"status":"paused"`, `"paused_by":"ada"`},
		"/api/v1/models?":       {`"status":"drift","state":"paused"`},
	} {
		body := get(t, f.handler, path).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
}

func TestPages_SilencedAlarmsAreMarked(t *testing.T) {
	t.Parallel()
	now := fixtureNow
	f := newFixture(t, func(c *Config) { c.NowMS = func() int64 { return now } })
	const mark = "⊘</span> silenced until"
	pages := []string{"/alarms", "/alarms/" + f.alarm, "/models/bike%20demand"}
	check := func(what string, marked bool) {
		t.Helper()
		for _, path := range pages {
			if got := strings.Contains(get(t, f.handler, path).Body.String(), mark); got != marked {
				t.Errorf("%s: %s is marked: %v, want %v", what, path, got, marked)
			}
		}
		if got := strings.Contains(get(t, f.handler, "/").Body.String(), "⊘ 1 of 1 silenced"); got != marked {
			t.Errorf("%s: the list of models says so: %v, want %v", what, got, marked)
		}
	}
	check("before", false)
	add := func(feature string) {
		t.Helper()
		x := store.Silence{Model: bike, Feature: feature, Kind: "drift", Reason: "<b>known</b>", Author: "ada", UntilMS: now + hourMS}
		if _, err := f.store.AddSilence(context.Background(), x, now); err != nil {
			t.Fatal(err)
		}
	}
	add("hour")
	check("a silence of one feature", false)
	if body := get(t, f.handler, "/alarms/"+f.alarm).Body.String(); !strings.Contains(body, "They do not cover this alarm") || !strings.Contains(body, "&lt;b&gt;known&lt;/b&gt;") {
		t.Error("the alarm's page does not say that the silence does not cover it")
	}
	add("")
	check("a silence of the model", true)
	if body := get(t, f.handler, "/alarms/"+f.alarm).Body.String(); !strings.Contains(body, "Nobody is told of this alarm until") || !strings.Contains(body, "still firing") {
		t.Error("the alarm's page does not say that it fires and is silenced")
	}
	now += hourMS
	check("when it has ended", false)
}

func TestPages_AlarmsOfOneModelAreOneIncident(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	err := f.store.PutEvents(context.Background(), []store.EventRow{{
		ID: "day", Type: "dev.driftline.drift.detected.v1", Model: bike, TimeMS: firstEnd, Episode: "daily-alarm", Version: "*", Policy: "default", Reference: "aa",
		WindowMS: dayMS, Kind: "drift", Phase: "firing", Body: `{"data":{"kind":"drift"}}`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	body := get(t, f.handler, "/alarms").Body.String()
	if strings.Count(body, "Incident: ") != 1 || !strings.Contains(body, "since 2025-01-06 00:00, 2 alarms fire") {
		t.Error("two windows of one model are not one incident since the older one")
	}
	if body := get(t, f.handler, "/alarms/"+f.alarm).Body.String(); !strings.Contains(body, "Same incident") || !strings.Contains(body, `href="/alarms/daily-alarm"`) {
		t.Error("the alarm does not name the other one of its incident")
	}
}

// TestStyle_TextIsReadable holds every pair of text and background of both themes to
// the contrast that WCAG 2.1 asks for at level AA (1.4.3), and signs to 3:1 (1.4.11).
func TestStyle_TextIsReadable(t *testing.T) {
	t.Parallel()
	css, err := files.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	themes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(themes) != 2 {
		t.Fatalf("%d themes, want light and dark", len(themes))
	}
	for i, theme := range themes {
		colour := map[string]float64{"white": 1}
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(theme[1], -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		pairs := [][2]string{{"text", "page"}, {"text", "card"}, {"dim", "page"}, {"dim", "card"}, {"dim", "head"}, {"dim", "plain-back"}, {"link", "card"}, {"link", "page"}, {"white", "drifted"}}
		for _, tone := range []string{"good", "bad", "wait", "busy", "plain"} {
			pairs = append(pairs, [2]string{tone, tone + "-back"}, [2]string{tone, "card"}, [2]string{"text", tone + "-back"})
		}
		for _, line := range []string{"l0", "l1", "l2", "l3"} {
			pairs = append(pairs, [2]string{line, "card"})
		}
		for _, p := range pairs {
			if got := contrast(colour[p[0]], colour[p[1]]); got < 4.5 {
				t.Errorf("theme %d: %s on %s has %.2f:1, want 4.5:1", i, p[0], p[1], got)
			}
		}
		for _, sign := range []string{"drifted", "alarm"} {
			if got := contrast(colour[sign], colour["card"]); got < 3 {
				t.Errorf("theme %d: %s on card has %.2f:1, want 3:1", i, sign, got)
			}
		}
	}
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// luminance is the relative luminance of WCAG 2.1.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	part := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.03928 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"churn": "churn", "a b": "'a b'", "it's": `'it'\''s'`, "": "''", "-rf": "'-rf'", "$(x)": "'$(x)'", "acis_growth": "acis_growth"} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", in, got, want)
		}
	}
}
