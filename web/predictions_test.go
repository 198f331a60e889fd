package web

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web/webtest"
)

// predicted is the world with what versions answer, and the open alarm on it.
func predicted(t *testing.T) (f *fixture, alarm string) {
	t.Helper()
	f = newFixture(t, nil)
	return f, f.world.Predictions(t)
}

// What versions answer stands on the model page with its verdict, or why there is none; what
// is drawn and told of the input is the same with it and without.
func TestPredictions_OnTheModelPage(t *testing.T) {
	t.Parallel()
	plain := newFixture(t, nil)
	f, alarm := predicted(t)
	const page = "/models/bike%20demand?window=7d&range=all"
	was, body := get(t, plain.handler, page).Body.String(), get(t, f.handler, page).Body.String()
	if strings.Contains(was, "<h2>Predictions</h2>") {
		t.Error("the page of a model without answers speaks of them")
	}
	_, table, ok := strings.Cut(body, "<h2>Predictions</h2>")
	if table, _, _ = strings.Cut(table, "</section>"); !ok {
		t.Fatal("the page has no predictions")
	}
	rows := strings.Split(table, "<tr>")[2:]
	if len(rows) != 2 {
		t.Fatalf("%d versions, want the two that answered in the newest window", len(rows))
	}
	for i, wants := range [][]string{
		{"v" + webtest.Compared, "firing", "0.250", `0 <span class="dim">75 %</span>, 1 <span class="dim">25 %</span>`, "0.500", "0.031", "/alarms/" + alarm},
		{"v" + webtest.Newer, "not compared", "the reference holds no answers of this version, or policy.predictions is off", "none <span", "and 3 more", `<span class="dim">none</span>`},
	} {
		for _, want := range wants {
			if !strings.Contains(rows[i], want) {
				t.Errorf("row %d lacks %q:\n%s", i, want, rows[i])
			}
		}
	}
	if strings.Contains(table, "<b>x</b>") {
		t.Error("the name of a class is markup")
	}
	// One drawing more, which alone has the alarm; marks and curves of the input stay.
	_, plot, ok := strings.Cut(body, "<figcaption>Largest PSI of what version "+webtest.Compared+" answers</figcaption>")
	if plot, _, _ = strings.Cut(plot, "</figure>"); !ok || !strings.Contains(plot, "/alarms/"+alarm) || strings.Contains(plot, "/alarms/"+f.alarm) || !strings.Contains(plot, "largest PSI") {
		t.Errorf("the drawing of the answers: %.300s", plot)
	}
	figures := func(page string) string {
		return strings.Join(regexp.MustCompile(`(?s)<figure.*?</figure>`).FindAllString(strings.Replace(page, plot, "", 1), 5), "")
	}
	before, _, _ := strings.Cut(body, "<h2>Predictions</h2>")
	if a, _, _ := strings.Cut(was, "<h2>How good are the answers?</h2>"); figures(a) == "" || figures(a) != figures(before) {
		t.Error("the drawings of the input differ once there are answers")
	}
}

// The summary of a model is of its input; its answers count among the alarms, and put it
// under drift where nothing else does.
func TestPredictions_CountAsDriftOfTheModel(t *testing.T) {
	t.Parallel()
	plain := newFixture(t, nil)
	f, alarm := predicted(t)
	was, is := decode[ModelDetail](t, get(t, plain.handler, bikePath), 200), decode[ModelDetail](t, get(t, f.handler, bikePath), 200)
	if was.Drifted != is.Drifted || was.Judged != is.Judged || was.EndMS != is.EndMS || was.Status != is.Status || *was.MaxPSI != *is.MaxPSI || was.Missing != is.Missing || is.Alarms != was.Alarms+1 {
		t.Errorf("summary %+v, was %+v", is.ModelSummary, was.ModelSummary)
	}
	// Of churn nothing but the answers drifted.
	e := store.EventRow{
		ID: "p", Type: wire.EventType(wire.KindOfPrediction, "detected"), Model: "churn", TimeMS: fixtureNow, Body: `{"data":{"kind":"prediction"}}`, Episode: "churn-answers", Version: "7", Policy: "default", WindowMS: dayMS,
		Kind: wire.KindOfPrediction, Phase: "firing", TopJSON: "[]",
	}
	if err := f.store.PutEvents(t.Context(), []store.EventRow{e}); err != nil {
		t.Fatal(err)
	}
	if m := decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/churn"), 200); m.Status != "drift" {
		t.Errorf("status %q, want drift", m.Status)
	}
	if body := get(t, f.handler, "/models/churn").Body.String(); !strings.Contains(body, "scores and predicted classes of version 7 are not spread as they were in the reference") {
		t.Error("the headline does not say what is open")
	}
	list := decode[List[Incident]](t, get(t, f.handler, "/api/v1/incidents?model=bike+demand&state=firing"), 200).Items
	if len(list) != 1 || list[0].Worst != "drift" || len(list[0].Alarms) < 2 {
		t.Fatalf("incidents %+v, want one whose worst alarm is that of the input", list)
	}
	if body := get(t, f.handler, "/alarms").Body.String(); !strings.Contains(body, "/alarms/"+alarm) {
		t.Error("the alarm is not listed")
	}
}

func TestPredictions_InTheAPI(t *testing.T) {
	t.Parallel()
	f, alarm := predicted(t)
	scores := decode[List[Score]](t, get(t, f.handler, bikePath+"/scores?version="+webtest.Compared+"&features=true&limit=60"), 200).Items
	if len(scores) != 60 {
		t.Fatalf("%d scores of the version, want 60", len(scores))
	}
	s := scores[0]
	if s.Predictions == nil || *s.Predictions.MeanScore != 0.25 || *s.Predictions.PSI != 0.5 || s.Predictions.Classes["0"] != 126 || len(s.Features) != 2 || s.Features[0].Name != "score" || s.Features[0].Verdict != "drifted" || s.Missing != "" {
		t.Errorf("score %+v", s)
	}
	other := decode[List[Score]](t, get(t, f.handler, bikePath+"/scores?version="+webtest.Newer+"&features=true&limit=1"), 200).Items
	if len(other) != 1 || other[0].Predictions == nil || other[0].Predictions.PSI != nil || len(other[0].Features) != 0 {
		t.Errorf("scores of a version that is not compared: %+v", other)
	}
	for _, s := range decode[List[Score]](t, get(t, f.handler, bikePath+"/scores?version=*&features=true&limit=2"), 200).Items {
		if s.Predictions != nil || s.Version != "*" {
			t.Errorf("score of the input: %+v", s)
		}
	}
	if got := decode[List[Alarm]](t, get(t, f.handler, "/api/v1/alarms?kind=prediction"), 200).Items; len(got) != 1 || got[0].ID != alarm || got[0].Version != webtest.Compared {
		t.Errorf("alarms of the kind: %+v", got)
	}
	for body, code := range map[string]int{
		`{"model":"bike demand","kind":"prediction","feature":"hour","reason":"r","for_ms":5}`:  http.StatusUnprocessableEntity,
		`{"model":"bike demand","kind":"drift","feature":"score","reason":"r","for_ms":5}`:      http.StatusUnprocessableEntity,
		`{"model":"bike demand","kind":"prediction","feature":"score","reason":"r","for_ms":5}`: http.StatusOK,
	} {
		if r := send(t, f.handler, http.MethodPost, "/api/v1/silences", body, nil); r.Code/100 != code/100 {
			t.Errorf("silence %s: %d %.200s", body, r.Code, r.Body)
		}
	}
}

// An alarm on predictions is told in words: whose answers, what of them moved, how sure that
// is, and why nothing is retrained.
func TestPredictions_AnAlarmIsExplained(t *testing.T) {
	t.Parallel()
	f, alarm := predicted(t)
	e := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+alarm+"/explain"), 200)
	for _, want := range []string{
		"bike demand: the scores of version 2 are not spread as they were in the reference, with the lower bound of PSI above 0.2 (share 0.50 ≥ 0.3) in the window of 7 d",
		"n = 168 against reference 2,184", "Most: score, PSI 0.500, KS 0.050 to 0.100; 50 % of the shift is in 0.9 – 1 (12 % of the reference, 50 % of the window).",
		"Not retrained: an alarm on predictions starts no retrain, for it says that answers changed, not whether they are worse; look at the performance of the version.",
		"Silent with threshold ≥ 0.38 or share limit ≥ 0.51",
	} {
		if !strings.Contains(e.Text, want) {
			t.Errorf("explanation %q lacks %q", e.Text, want)
		}
	}
	facts := map[string]string{}
	for _, x := range e.Evidence {
		facts[x.Name] = x.Text
	}
	if !strings.Contains(facts["answers"], "what version 2 answered") || !strings.Contains(facts["threshold"], "and the features of the model, these two among them") || !strings.Contains(facts["sample"], "effective n 120") {
		t.Errorf("evidence %q", facts)
	}
	if len(e.Features) != 2 || e.Features[0].Name != "score" || e.Features[0].Detectable == nil || len(e.Definitions) == 0 || e.Version != webtest.Compared {
		t.Errorf("features %+v", e.Features)
	}
	body := get(t, f.handler, "/alarms/"+alarm).Body.String()
	for _, want := range []string{"Answers of that window", "Threshold of a feature, lower bound of PSI", "1 of 2 judged, 2 in all", "12 % → 50 %", "--kind prediction --for 2d", "Same incident"} {
		if !strings.Contains(body, want) {
			t.Errorf("page of the alarm lacks %q", want)
		}
	}
	// Other windows of the same version are looked at, not those of the input.
	day := webtest.PredictionScore(webtest.Compared, 10, e.EndMS)
	day.WindowMS = dayMS
	if err := f.store.PutScores(t.Context(), []store.ScoreRow{webtest.ScoreRow(day)}); err != nil {
		t.Fatal(err)
	}
	others := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+alarm+"/explain"), 200).Others
	if last := others[len(others)-1]; !strings.HasPrefix(last.Rule, "window of ") || last.Judged != 2 || last.Drifted != 0 {
		t.Errorf("other rules %+v", others)
	}
}

func TestAnswersVerdict_SaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	learning := []featureBody{{Name: "score", Verdict: "learning", Reason: "no blocks in time"}}
	for _, c := range []struct {
		name            string
		body            scoreBody
		drifted, judged int64
		fires           bool
		verdict, why    string
	}{
		{"in alarm", scoreBody{}, 0, 0, true, "firing", ""},
		{"drifted", scoreBody{}, 1, 2, false, "drifted", ""},
		{"stable", scoreBody{}, 0, 1, false, "stable", ""},
		{"learning", scoreBody{Features: learning}, 0, 0, false, "learning", "no blocks in time"},
		{"no answers", scoreBody{State: "empty"}, 0, 0, false, "insufficient", "no answers in the window"},
		{"no reference", scoreBody{State: "learning"}, 0, 0, false, "", "the model has no reference yet"},
		{"another version", scoreBody{State: "judged"}, 0, 0, false, "", "the reference holds no answers of this version, or policy.predictions is off"},
	} {
		if verdict, why := answersVerdict(&c.body, c.drifted, c.judged, c.fires); verdict != c.verdict || why != c.why {
			t.Errorf("%s: %q, %q; want %q, %q", c.name, verdict, why, c.verdict, c.why)
		}
	}
}
