package web

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web/webtest"
)

// segmented is the world with parts of the traffic, and the open alarm of one.
func segmented(t *testing.T) (f *fixture, alarm string) {
	t.Helper()
	f = newFixture(t, nil)
	return f, f.world.Segments(t)
}

// drawings are the figures of a page.
func drawings(body string) string {
	return strings.Join(regexp.MustCompile(`(?s)<figure.*?</figure>|<svg.*?</svg>`).FindAllString(body, -1), "\n")
}

// What is drawn and told of all of the traffic is the same with parts and without.
func TestSegments_LeaveAllOfTheTrafficAsItIs(t *testing.T) {
	t.Parallel()
	plain := newFixture(t, nil)
	f, _ := segmented(t)
	for _, path := range []string{bikePath + "/scores?limit=500", bikePath + "/scores?references=all", bikePath + "/scores?features=true&window=7d&limit=3"} {
		if a, b := get(t, plain.handler, path).Body.String(), get(t, f.handler, path).Body.String(); a != b {
			t.Errorf("%s differs once there are parts", path)
		}
	}
	const page = "/models/bike%20demand?window=7d&range=all"
	a, b := get(t, plain.handler, page).Body.String(), get(t, f.handler, page).Body.String()
	if drawings(a) == "" || drawings(a) != drawings(b) {
		t.Error("the drawings of a model differ once there are parts")
	}
	if strings.Contains(a, "Parts of the traffic") {
		t.Error("the page of a model without parts speaks of them")
	}
	was, is := decode[ModelDetail](t, get(t, plain.handler, bikePath), 200), decode[ModelDetail](t, get(t, f.handler, bikePath), 200)
	if len(was.Scores) != len(is.Scores) || was.Drifted != is.Drifted || was.Judged != is.Judged || was.EndMS != is.EndMS || was.Status != is.Status || *was.MaxPSI != *is.MaxPSI || was.Missing != is.Missing {
		t.Errorf("summary %+v, was %+v", is.ModelSummary, was.ModelSummary)
	}
	if len(was.Segments) != 0 || is.Alarms != was.Alarms+1 {
		t.Errorf("%d parts without parts; %d alarms, were %d", len(was.Segments), is.Alarms, was.Alarms)
	}
	if e, o := decode[Explanation](t, get(t, plain.handler, "/api/v1/alarms/"+plain.alarm+"/explain"), 200), decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+f.alarm+"/explain"), 200); e.Why != o.Why || e.Segment != "" || len(e.Others) != len(o.Others) {
		t.Errorf("explanation %q, was %q", o.Why, e.Why)
	}
}

func TestSegments_InTheAPI(t *testing.T) {
	t.Parallel()
	f, alarm := segmented(t)
	scores := func(query string) []Score {
		t.Helper()
		return decode[List[Score]](t, get(t, f.handler, bikePath+"/scores?"+query), 200).Items
	}
	for name, query := range map[string]string{webtest.Drifting: "segment=" + webtest.Drifting, webtest.Odd: "segment=" + url.QueryEscape(webtest.Odd)} {
		got := scores(query)
		if len(got) != 60 || got[0].EndMS < got[59].EndMS {
			t.Fatalf("%d scores of %.30s, want 60, newest first", len(got), name)
		}
		for _, s := range got {
			if s.Segment != name {
				t.Fatalf("score of %.30q among those of %.30q", s.Segment, name)
			}
		}
	}
	seen := map[string]int{}
	for _, s := range scores("segment=*&features=true") {
		seen[s.Segment]++
		if s.Segment == webtest.Learning && (s.State != wire.StateLearning || !strings.Contains(s.Reason, "12 rows")) {
			t.Errorf("a part that learns: %+v", s)
		}
		if s.Missing != "" {
			t.Errorf("part %.30q: missing %q, which is told of all of the traffic", s.Segment, s.Missing)
		}
	}
	if len(seen) != 4 || seen[""] != 0 {
		t.Errorf("parts %v, want four and nothing of all of the traffic", seen)
	}
	if got := scores("segment=station%3Dmars"); len(got) != 0 {
		t.Errorf("a part that there is not has %d scores", len(got))
	}

	alarms := func(query string) (ids []string) {
		t.Helper()
		for _, a := range decode[List[Alarm]](t, get(t, f.handler, "/api/v1/alarms?"+query), 200).Items {
			ids = append(ids, a.ID)
		}
		return ids
	}
	if got := alarms("segment=*"); !slices.Equal(got, []string{alarm}) {
		t.Errorf("alarms of parts %v, want %s", got, alarm)
	}
	if got := alarms("segment=" + webtest.Drifting + "&model=bike+demand"); !slices.Equal(got, []string{alarm}) {
		t.Errorf("alarms of the part %v", got)
	}
	if got := alarms("segment=" + webtest.Quiet); len(got) != 0 {
		t.Errorf("alarms of a quiet part %v", got)
	}
	if got := alarms("state=firing"); len(got) != 2 || !slices.Contains(got, alarm) {
		t.Errorf("alarms that fire %v, want those of parts with the others", got)
	}
	d := decode[AlarmDetail](t, get(t, f.handler, "/api/v1/alarms/"+alarm), 200)
	if d.Segment != webtest.Drifting || len(d.Events) != 2 || !strings.Contains(string(d.Events[0].Event), `"segment":"station=harbour"`) || !strings.Contains(string(d.Events[0].Event), `"may_retrain":false`) {
		t.Errorf("alarm %+v with events %s", d.Alarm, d.Events[0].Event)
	}
	// The incident holds both, and the alarm of all of the traffic comes first.
	ns := decode[List[Incident]](t, get(t, f.handler, "/api/v1/incidents?state=firing"), 200).Items
	if len(ns) != 1 || len(ns[0].Alarms) != 2 || ns[0].WorstID != f.alarm || ns[0].Segment != "" || d.Incident != ns[0].ID {
		t.Errorf("incidents %+v", ns)
	}
	m := decode[ModelDetail](t, get(t, f.handler, bikePath), 200)
	if len(m.Segments) != 4 || m.Segments[0].Features != nil || m.Segments[0].Segment == "" {
		t.Errorf("newest of the parts: %+v", m.Segments)
	}
}

func TestSegments_FaultsSayWhatToDo(t *testing.T) {
	t.Parallel()
	f, _ := segmented(t)
	for _, text := range []string{"eu", "=eu", "region=", "**", "region"} {
		for _, path := range []string{bikePath + "/scores", "/api/v1/alarms"} {
			p := decode[Problem](t, get(t, f.handler, path+"?segment="+url.QueryEscape(text)), 400)
			if len(p.Errors) != 1 || p.Errors[0].Location != "query.segment" || p.Errors[0].Value != text || !strings.Contains(p.Detail, "NAME=VALUE") || !strings.Contains(p.Next, "models[].segments") {
				t.Errorf("%s?segment=%s: %+v", path, text, p)
			}
		}
		w := get(t, f.handler, "/models/bike%20demand?segment="+url.QueryEscape(text))
		if w.Code != 400 || !strings.Contains(w.Body.String(), "What to do:") {
			t.Errorf("page of %q: status %d", text, w.Code)
		}
	}
	p := decode[Problem](t, send(t, f.handler, "POST", "/api/v1/silences", `{"model":"bike demand","segment":"harbour","for_ms":1000,"reason":"x"}`, nil), 400)
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.segment" {
		t.Errorf("silence of no part: %+v", p)
	}
	p = decode[Problem](t, send(t, f.handler, "POST", "/api/v1/silences", `{"model":"bike demand","segment":"station=mars","for_ms":1000,"reason":"x"}`, nil), 400)
	if !strings.Contains(p.Detail, "known are") || !strings.Contains(p.Detail, webtest.Drifting) {
		t.Errorf("silence of a part that there is not: %+v", p)
	}
}

func TestSegments_SilenceOfOnePart(t *testing.T) {
	t.Parallel()
	f, alarm := segmented(t)
	until := func(id string) int64 {
		t.Helper()
		return decode[AlarmDetail](t, get(t, f.handler, "/api/v1/alarms/"+id), 200).SilencedUntilMS
	}
	s := decode[Silence](t, send(t, f.handler, "POST", "/api/v1/silences", `{"model":"bike demand","segment":"station=harbour","for_ms":3600000,"reason":"works at the harbour"}`, nil), 200)
	if s.Segment != webtest.Drifting || until(alarm) != s.UntilMS || until(f.alarm) != 0 {
		t.Errorf("silence %+v mutes its part until %d, all of the traffic until %d", s, until(alarm), until(f.alarm))
	}
	for _, path := range []string{"/alarms/" + alarm, "/models/bike%20demand"} {
		if body := get(t, f.handler, path).Body.String(); !strings.Contains(body, `all of <span class="segment">station=harbour</span>`) {
			t.Errorf("%s does not show of what part the silence is", path)
		}
	}
	if body := get(t, f.handler, "/models/bike%20demand?segment="+webtest.Quiet).Body.String(); strings.Contains(body, "works at the harbour") {
		t.Error("the page of another part shows the silence")
	}
}

func TestSegments_AnAlarmIsExplained(t *testing.T) {
	t.Parallel()
	f, alarm := segmented(t)
	e := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+alarm+"/explain"), 200)
	for _, want := range []string{
		"bike demand, the part station=harbour of the traffic: ", "n = 42 against the same part of the reference, 546.",
		"Not retrained: an alarm of a part of the traffic starts no retrain, for a new version learns from all of the traffic",
	} {
		if !strings.Contains(e.Text, want) {
			t.Errorf("explanation lacks %q:\n%s", want, e.Text)
		}
	}
	facts := map[string]string{}
	for _, x := range e.Evidence {
		facts[x.Name] = x.Text
	}
	if got := facts["traffic"]; !strings.Contains(got, "42 rows of the window of 168 in all (25 %)") {
		t.Errorf("traffic: %q", got)
	}
	if got := facts["reference"]; !strings.Contains(got, "the same part of the model's reference of training, 546 rows") {
		t.Errorf("reference: %q", got)
	}
	if !slices.ContainsFunc(e.Others, func(o OtherRule) bool { return o.Rule == "all of the traffic, window of 7 d" && o.Judged > 0 }) {
		t.Errorf("other rules do not say how all of the traffic stood: %+v", e.Others)
	}
	if e.Segment != webtest.Drifting || len(e.Features) != 11 {
		t.Errorf("part %q, %d features", e.Segment, len(e.Features))
	}
	whole := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+f.alarm+"/explain"), 200)
	if !slices.ContainsFunc(whole.Evidence, func(x Fact) bool { return strings.Contains(x.Text, "drift of station=harbour over 7 d") }) {
		t.Errorf("the alarm of all of the traffic does not name that of its part: %+v", whole.Evidence)
	}
}

func TestSegments_OnPages(t *testing.T) {
	t.Parallel()
	f, alarm := segmented(t)
	odd := url.QueryEscape(webtest.Odd)
	pages := map[string][]string{
		"/models/bike%20demand":                                         {"Parts of the traffic", "station=north", "this part of the reference holds 12 rows", "4 of 10", `href="/alarms/` + alarm + `"`, "segment=station%3dharbour", "4 of 10 judged (of 11) features above PSI 0.2"},
		"/models/bike%20demand?segment=" + webtest.Drifting:             {"The part station=harbour of the traffic is in alarm", "n = 42", "How far from the reference", `class="span alarm"`, "drift of station=harbour alarm", "&amp;segment=station%3dharbour", "Features in the newest window"},
		"/models/bike%20demand?segment=" + webtest.Quiet + "&window=7d": {"The part station=north of the traffic: 0 of", "None so far."},
		"/models/bike%20demand?segment=" + webtest.Learning:             {"has no verdict yet: this part of the reference holds 12 rows"},
		"/models/bike%20demand?segment=station%3Dmars":                  {"has not been judged in this window yet"},
		"/models/bike%20demand?segment=" + odd + "&window=7d&range=90d": {"note=&lt;b&gt;a=b/c?d&amp;e#f"},
		"/alarms":          {`drift of <span class="segment">station=harbour</span>`, "2 alarms fire"},
		"/alarms/" + alarm: {"the part station=harbour of the traffic", "Part of the traffic", "42 against 546", "starts no retrain", "segment=station%3dharbour"},
	}
	link := regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)
	for path, wants := range pages {
		w := get(t, f.handler, path)
		body := w.Body.String()
		if w.Code != 200 {
			t.Errorf("%.80s: status %d", path, w.Code)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%.80s: %q is missing", path, want)
			}
		}
		if n := strings.Count(body, "<h1>"); n != 1 {
			t.Errorf("%.80s has %d headings of the first level", path, n)
		}
		for _, bad := range []string{"<b>", "ZgotmplZ", "<no value>", "%!"} {
			if strings.Contains(body, bad) {
				t.Errorf("%.80s holds %q", path, bad)
			}
		}
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			if to := html.UnescapeString(m[1]); strings.Contains(to, "segment=") {
				if w := get(t, f.handler, to); w.Code != 200 {
					t.Errorf("%.80s links to %.120s: status %d", path, to, w.Code)
				}
			}
		}
	}
	for _, not := range []string{"Does it matter?", "How good are the answers?", "<h2>Versions</h2>", "Parts of the traffic</h2>"} {
		if strings.Contains(get(t, f.handler, "/models/bike%20demand?segment="+webtest.Drifting).Body.String(), not) {
			t.Errorf("the page of a part holds %q, which is of the model", not)
		}
	}
	// The links of the table lead to the part they name, however odd it is.
	table := get(t, f.handler, "/models/bike%20demand").Body.String()
	m := regexp.MustCompile(`<a class="segment" href="([^"]*note[^"]*)"`).FindStringSubmatch(table)
	if m == nil {
		t.Fatal("no link to the odd part")
	}
	if u, err := url.Parse(html.UnescapeString(m[1])); err != nil || u.Query().Get("segment") != webtest.Odd {
		t.Errorf("the link leads to %q, %v", u.Query().Get("segment"), err)
	}
}

// An alarm of a part alone puts its model among those that drift, and the headline says
// which part it is.
func TestSegments_APartAloneIsHeard(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	if m := decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/churn"), 200); m.Status != "quiet" {
		t.Fatalf("churn is %s", m.Status)
	}
	e := wire.NewEvent("test", wire.EventType("drift", "detected"), "s1", "warning", fixtureNow, wire.EventData{
		Model: "churn", Version: "*", Kind: "drift", Policy: "default", Rule: "classic", Reference: "part", Segment: "region=eu", WindowMS: dayMS, StartMS: fixtureNow - dayMS,
		EndMS: fixtureNow, Phase: "firing", Rows: 9, ReferenceRows: 90, Drifted: 1, Judged: 2, All: 2, Threshold: 0.2, ShareFire: 0.3, Hops: 1,
	})
	row := store.EventRow{ID: "s1", Type: e.Type, Model: "churn", TimeMS: fixtureNow, Body: string(e.Encode()), Episode: "part-episode", Version: "*", Policy: "default", Reference: "part", WindowMS: dayMS, Kind: "drift", Segment: "region=eu", Phase: "firing", Share: 0.5, TopJSON: "[]"}
	if err := f.store.PutEvents(t.Context(), []store.EventRow{row}); err != nil {
		t.Fatal(err)
	}
	m := decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/churn"), 200)
	if m.Status != "drift" || m.Alarms != 1 || m.Open[0].Segment != "region=eu" || m.Drifted != 0 {
		t.Errorf("model %+v", m.ModelSummary)
	}
	if body := get(t, f.handler, "/models/churn").Body.String(); !strings.Contains(body, "churn, the part region=eu of the traffic: 1 of 2 features") {
		t.Error("the headline does not name the part")
	}
}

// A part that is declared no longer is not listed for ever.
func TestSegments_LeftBehindAreLeftOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	const most = 3
	for back := range int64(most) {
		s := webtest.ScoreRow(wire.Score{Model: bike, Version: "*", Reference: "r" + strconv.FormatInt(back, 10), Segment: "weeks=" + strconv.FormatInt(back, 10), WindowMS: weekMS, EndMS: firstEnd + (59-back)*weekMS, State: wire.StateEmpty})
		if err := f.store.PutScores(t.Context(), []store.ScoreRow{s}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, s := range decode[ModelDetail](t, get(t, f.handler, bikePath), 200).Segments {
		got = append(got, s.Segment)
	}
	if want := []string{"weeks=0", "weeks=1"}; !slices.Equal(got, want) {
		t.Errorf("parts %v, want %v", got, want)
	}
	if body := get(t, f.handler, "/models/bike%20demand").Body.String(); !strings.Contains(body, "no rows in the window") {
		t.Error("a part without rows does not say so")
	}
}
