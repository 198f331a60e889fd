package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web/webtest"
)

// The model page shows the verdict on all features together, its reason where there is
// none, and nothing where the reference has no part for it; the API has the same.
func TestJoint_OnTheModelPageAndInTheAPI(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	body := get(t, f.handler, "/models/churn").Body.String()
	for _, want := range []string{"All features together", "score 5.125 of limit 3.400, most in a single correlation", "plan and age", "0.475", "Features that changed most"} {
		if !strings.Contains(body, want) {
			t.Errorf("page of churn lacks %q", want)
		}
	}
	if body := get(t, f.handler, "/models/"+url.PathEscape(webtest.Hostile)).Body.String(); !strings.Contains(body, "All features together") || strings.Contains(body, "<b>x</b>") {
		t.Error("a verdict that could not be given is not told, or told as markup")
	}
	if body := get(t, f.handler, "/models/"+url.PathEscape(webtest.Bike)).Body.String(); strings.Contains(body, "All features together") {
		t.Error("the page of a model that is not looked at together speaks of it")
	}
	var scores struct {
		Items []Score `json:"items"`
	}
	r := get(t, f.handler, "/api/v1/models/churn/scores?features=true")
	if err := json.Unmarshal(r.Body.Bytes(), &scores); r.Code != http.StatusOK || err != nil || len(scores.Items) == 0 {
		t.Fatalf("scores: %d, %v: %.300s", r.Code, err, r.Body)
	}
	if j := scores.Items[0].Joint; j == nil || j.Verdict != "drifted" || *j.Score != 5.125 || len(j.Pairs) != 1 || *j.Pairs[0].Cur != 0.475 || len(j.Parts) != 2 {
		t.Errorf("joint %+v", j)
	}
}

// An alarm of kind joint is stored, shown as drift of its model and explained in words.
func TestJoint_AnAlarmIsExplained(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	verdict := &wire.JointVerdict{
		Verdict: "drifted", N: 1000, M: 4000, Score: webtest.Nano(5.125), Limit: webtest.Nano(3.4), Path: "pair",
		Pairs: []wire.JointPair{{A: "plan", B: "age", Ref: webtest.Nano(0.0125), Cur: webtest.Nano(0.475), Change: webtest.Nano(9.5)}},
	}
	data := wire.EventData{
		Model: "churn", Version: "*", Kind: wire.KindOfJoint, Policy: "default", Rule: "all features together", Reference: "aa", WindowMS: dayMS,
		StartMS: fixtureNow - dayMS, EndMS: fixtureNow, SinceMS: fixtureNow, Phase: "firing", Rows: 4000, ReferenceRows: 1000, Drifted: 1, Judged: 1, All: 1, Hops: 6, Threshold: 3.4, ShareFire: 0.3, Detail: verdict.Detail(),
	}
	e := wire.NewEvent("test", wire.EventType(wire.KindOfJoint, "detected"), "j1", "warning", fixtureNow, data)
	err := f.store.PutEvents(context.Background(), []store.EventRow{{
		ID: "j1", Type: e.Type, Model: "churn", TimeMS: fixtureNow, Episode: "joint-episode", Version: "*", Policy: "default", Reference: "aa", WindowMS: dayMS,
		Kind: wire.KindOfJoint, Phase: "firing", Share: 1, Body: string(e.Encode()),
	}})
	if err != nil {
		t.Fatal(err)
	}
	x, err := Explain(context.Background(), f.store, "joint-episode")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"churn: all features together differ from the reference, most in a single correlation: score 5.125, limit 3.400, in 6 windows of 24 h in a row",
		"n = 4,000 against reference 1,000", "Most: the correlation of plan and age, 0.01 in the reference and 0.47 in the window.",
	} {
		if !strings.Contains(x.Text, want) {
			t.Errorf("explanation %q lacks %q", x.Text, want)
		}
	}
	if x.Joint == nil || len(x.Done) != 1 || x.Done[0] != "Not retrained: an alarm on all features together starts no retrain." {
		t.Errorf("evidence %+v, done %q", x.Joint, x.Done)
	}
	if body := get(t, f.handler, "/models/churn").Body.String(); !strings.Contains(body, "all features together differ") {
		t.Error("the headline of the model does not say what is open")
	}
	if r := get(t, f.handler, "/models/churn?window=other"); r.Code != http.StatusOK {
		t.Errorf("the link of an alert on a span that no window has: %d", r.Code)
	}
	r := get(t, f.handler, "/alarms/joint-episode")
	if body := r.Body.String(); r.Code != http.StatusOK || !strings.Contains(body, "Limit of the score of all features together</dt><dd>3.4<") || strings.Contains(body, "1 of 1 judged, 1 in all") {
		t.Errorf("page of the alarm: %d", r.Code)
	}
	if r := get(t, f.handler, "/api/v1/alarms?kind=joint"); r.Code != http.StatusOK || !strings.Contains(r.Body.String(), "joint-episode") {
		t.Errorf("alarms of the kind: %d %.200s", r.Code, r.Body)
	}
}
