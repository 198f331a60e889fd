package web

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

const bikePath = "/api/v1/models/bike%20demand"

func TestAPI_ModelsAreListedMostUrgentFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	list := decode[List[ModelSummary]](t, get(t, f.handler, "/api/v1/models"), 200)
	var got []string
	for _, m := range list.Items {
		got = append(got, m.Status)
	}
	if want := []string{"drift", "learning", "empty", "quiet"}; !slices.Equal(got, want) {
		t.Fatalf("statuses %v, want %v", got, want)
	}
	m := list.Items[0]
	if m.Name != bike || m.Champion != "2" || m.Alarms != 1 || m.WindowMS != weekMS || m.MaxFeature != "hour" || m.Judged != 10 || m.Total != 11 {
		t.Errorf("summary %+v", m)
	}
	if m.Accuracy == nil || *m.Accuracy < 0.5 || *m.Accuracy > 1 || m.Labelled != 7*24 {
		t.Errorf("accuracy %v of %d labels, want the last seven days", m.Accuracy, m.Labelled)
	}
	if m.Retrain != store.RetrainProbation {
		t.Errorf("last retrain %q", m.Retrain)
	}
}

func TestAPI_OneModel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	m := decode[ModelDetail](t, get(t, f.handler, bikePath), 200)
	if len(m.Versions) != 2 || m.Versions[0].Version != "2" || m.Versions[0].Stage != "Production" || !slices.Equal(m.Versions[0].Aliases, []string{"champion"}) {
		t.Errorf("versions %+v", m.Versions)
	}
	if len(m.Scores) != 1 || len(m.Scores[0].Features) != 11 || m.Scores[0].State != "judged" {
		t.Errorf("scores %+v", m.Scores)
	}
	if len(m.Open) != 1 || m.Open[0].ID != f.alarm || len(m.History) != 2 || m.History[1].Previous != "1" {
		t.Errorf("alarms %+v, champions %+v", m.Open, m.History)
	}
	if !strings.Contains(string(m.Spec), `"share_fire":0.3`) {
		t.Errorf("spec %s", m.Spec)
	}
	decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/"+url.PathEscape(hostile)), 200)
	if p := decode[Problem](t, get(t, f.handler, "/api/v1/models/nobody"), 404); !strings.Contains(p.Detail, `"nobody" is not watched`) {
		t.Errorf("problem %+v", p)
	}
}

func TestAPI_Scores(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	tests := []struct {
		name, query string
		status      int
		n           int
		more        bool
	}{
		{"all", "", 200, 60, false},
		{"a limit", "?limit=5", 200, 5, true},
		{"a window of a week", "?window=7d", 200, 60, false},
		{"the same in milliseconds", "?window=604800000", 200, 60, false},
		{"another window", "?window=24h", 200, 0, false},
		{"all versions", "?version=*", 200, 60, false},
		{"one version", "?version=1", 200, 0, false},
		{"from a day on", "?from=2026-02-09", 200, 2, false},
		{"a stretch back from now", "?from=now-7d", 200, 1, false},
		{"up to a time", "?to=2025-01-13T00:00:00Z", 200, 2, false},
		{"final ones with features", "?final=true&features=true&limit=3", 200, 3, true},
		{"no length", "?window=soon", 422, 0, false},
		{"no time", "?from=yesterday", 422, 0, false},
		{"no limit", "?limit=0", 422, 0, false},
		{"an unknown parameter", "?windows=7d", 422, 0, false},
	}
	for _, tt := range tests {
		w := get(t, f.handler, bikePath+"/scores"+tt.query)
		if tt.status != 200 {
			if p := decode[Problem](t, w, tt.status); p.Next == "" || len(p.Errors) == 0 {
				t.Errorf("%s: %+v, want the fault and a next step", tt.name, p)
			}
			continue
		}
		list := decode[List[Score]](t, w, 200)
		if len(list.Items) != tt.n || list.More != tt.more {
			t.Errorf("%s: %d items, more %v; want %d, %v", tt.name, len(list.Items), list.More, tt.n, tt.more)
		}
		for i, s := range list.Items {
			if i > 0 && s.EndMS > list.Items[i-1].EndMS {
				t.Errorf("%s: not newest first", tt.name)
			}
			if (len(s.Features) > 0) != strings.Contains(tt.query, "features=true") {
				t.Errorf("%s: %d features", tt.name, len(s.Features))
			}
		}
	}
	if w := get(t, f.handler, "/api/v1/models/nobody/scores"); w.Code != 404 {
		t.Errorf("scores of an unknown model: %d", w.Code)
	}
}

func TestAPI_ManyScores(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	rng := rand.New(rand.NewPCG(1, 2))
	var rows []store.ScoreRow
	for k := range 1000 {
		s := bikeScore(k%60, firstEnd+int64(k)*hourMS, rng)
		s.Model, s.WindowMS = "churn", dayMS
		rows = append(rows, scoreRow(s))
	}
	if err := f.store.PutScores(context.Background(), rows); err != nil {
		t.Fatal(err)
	}
	list := decode[List[Score]](t, get(t, f.handler, "/api/v1/models/churn/scores?features=true&limit=999"), 200)
	if len(list.Items) != 999 || !list.More {
		t.Errorf("%d items, more %v", len(list.Items), list.More)
	}
	w := get(t, f.handler, "/models/churn")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "1,001 windows") {
		t.Errorf("page of a thousand windows: %d", w.Code)
	}
	if n := w.Body.Len(); n > 600_000 {
		t.Errorf("page of a thousand windows has %d bytes, want it bounded", n)
	}
}

func TestAPI_ApplyingSettings(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.ValidateSpec = func(model string, spec []byte) (Spec, error) {
			if strings.Contains(string(spec), "bogus") {
				return Spec{}, errors.New("bogus: unknown key, did you mean policy?")
			}
			return Spec{JSON: spec, Automation: "approve"}, nil
		}
	})
	body := `{"reason":"stricter","spec":{"name":"bike demand","policy":{"warn":0.05,"drifted":0.2,"ignore":["holiday"]}}}`
	dry := decode[Applied](t, send(t, f.handler, "PUT", bikePath+"?dry_run=true", body, nil), 200)
	if !dry.DryRun || !dry.Changed || dry.Created || len(dry.Diff) != 4 || dry.Diff[0].Key != "policy.ignore" {
		t.Fatalf("dry run %+v", dry)
	}
	if m, _ := f.store.WatchedModel(context.Background(), bike); m.Automation != "promote" {
		t.Errorf("a dry run changed the model: %+v", m)
	}
	pending := func() (n int, payload string) {
		rows, err := f.store.PendingOutbox(context.Background(), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Kind == "model.applied" {
				n, payload = n+1, r.Payload
			}
		}
		return n, payload
	}
	if n, _ := pending(); n != 0 {
		t.Errorf("a dry run left %d outbox rows", n)
	}
	done := decode[Applied](t, send(t, f.handler, "PUT", bikePath, body, nil), 200)
	m, err := f.store.WatchedModel(context.Background(), bike)
	n, payload := pending()
	if err != nil || !done.Changed || m.Automation != "approve" || m.State != "watching" || n != 1 || payload != m.SpecJSON || !strings.Contains(payload, "0.05") {
		t.Errorf("applied %+v; model %+v; %d outbox rows, last %s; %v", done, m, n, payload, err)
	}
	again := decode[Applied](t, send(t, f.handler, "PUT", bikePath, body, nil), 200)
	if n, _ := pending(); again.Changed || n != 1 {
		t.Errorf("applying the same again: %+v, %d outbox rows", again, n)
	}
	fresh := decode[Applied](t, send(t, f.handler, "PUT", "/api/v1/models/new", `{"reason":"r","spec":{"name":"new"}}`, nil), 200)
	if m, err := f.store.WatchedModel(context.Background(), "new"); err != nil || !fresh.Created || m.State != "learning" {
		t.Errorf("a new model: %+v, %+v, %v", fresh, m, err)
	}
	if p := decode[Problem](t, send(t, f.handler, "PUT", bikePath, `{"reason":"r","spec":{"bogus":1}}`, nil), 422); !strings.Contains(p.Detail, "did you mean policy?") {
		t.Errorf("problem %+v", p)
	}
	without := newHandler(t, f.store, nil)
	if p := decode[Problem](t, send(t, without, "PUT", bikePath, body, nil), 501); p.Next == "" {
		t.Errorf("problem %+v", p)
	}
}

func TestAPI_PromoteAndRollBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Actor = func(*http.Request) string { return "ann" } })
	s := decode[Serving](t, send(t, f.handler, "POST", bikePath+"/rollback", `{"reason":"worse at night"}`, nil), 200)
	if s.Version != "1" || s.Previous != "2" || !s.Changed {
		t.Errorf("rollback %+v", s)
	}
	s = decode[Serving](t, send(t, f.handler, "POST", bikePath+"/promote", `{"version":"2","reason":"fixed"}`, nil), 200)
	if s.Version != "2" || s.Previous != "1" || !s.Changed {
		t.Errorf("promote %+v", s)
	}
	s = decode[Serving](t, send(t, f.handler, "POST", bikePath+"/promote", `{"version":"2","reason":"again"}`, nil), 200)
	if s.Changed {
		t.Errorf("promoting the champion again: %+v", s)
	}
	for _, body := range []string{`{"version":"9","reason":"r"}`, `{"version":"x","reason":"r"}`} {
		if w := send(t, f.handler, "POST", bikePath+"/promote", body, nil); w.Code < 400 || w.Code > 499 {
			t.Errorf("promote %s: %d %s", body, w.Code, w.Body)
		}
	}
	audit := decode[List[AuditEntry]](t, get(t, f.handler, "/api/v1/audit?actor=ann&limit=2"), 200)
	if len(audit.Items) != 2 || !audit.More || audit.Items[0].Actor != "ann" || !strings.Contains(audit.Items[1].After, "fixed") {
		t.Errorf("audit %+v", audit)
	}
	older := decode[List[AuditEntry]](t, get(t, f.handler, fmt.Sprintf("/api/v1/audit?actor=ann&before=%d", audit.Items[1].ID)), 200)
	if len(older.Items) != 1 || !strings.Contains(older.Items[0].After, "worse at night") {
		t.Errorf("older audit %+v", older)
	}
	if w := get(t, f.handler, "/api/v1/audit?from=later"); w.Code != 422 {
		t.Errorf("audit from no time: %d", w.Code)
	}
}

func TestAPI_Alarms(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Actor = func(*http.Request) string { return "ann" } })
	for query, want := range map[string]int{"": 2, "?state=firing": 1, "?state=resolved": 1, "?kind=quality": 1, "?model=bike+demand": 1, "?model=nobody": 0, "?limit=1": 1} {
		if l := decode[List[Alarm]](t, get(t, f.handler, "/api/v1/alarms"+query), 200); len(l.Items) != want {
			t.Errorf("alarms%s: %d, want %d", query, len(l.Items), want)
		}
	}
	if w := get(t, f.handler, "/api/v1/alarms?state=loud"); w.Code != 422 {
		t.Errorf("unknown state: %d", w.Code)
	}
	at := "/api/v1/alarms/" + f.alarm
	decode[Done](t, send(t, f.handler, "POST", at+"/ack", `{"reason":"looking into it"}`, nil), 200)
	decode[Done](t, send(t, f.handler, "POST", at+"/note", `{"text":"summer"}`, nil), 200)
	a := decode[AlarmDetail](t, get(t, f.handler, at), 200)
	if a.AckBy != "ann" || len(a.Notes) != 2 || a.Notes[0].Text != "looking into it" || len(a.Events) != 2 || len(a.Retrains) != 1 || a.Retrains[0].ID != f.retrain {
		t.Errorf("alarm %+v", a)
	}
	if !strings.Contains(string(a.Events[0].Event), `"specversion":"1.0"`) {
		t.Errorf("event %s", a.Events[0].Event)
	}
	for _, x := range []string{"", "/explain"} {
		if w := get(t, f.handler, "/api/v1/alarms/nobody"+x); w.Code != 404 {
			t.Errorf("unknown alarm%s: %d", x, w.Code)
		}
	}
	if w := send(t, f.handler, "POST", "/api/v1/alarms/nobody/ack", `{"reason":"r"}`, nil); w.Code != 404 {
		t.Errorf("ack of an unknown alarm: %d", w.Code)
	}
}

func TestAPI_Retrains(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for query, want := range map[string]int{"": 3, "?model=churn": 2, "?state=failed": 1, "?state=failed,coalesced": 2, "?kind=schedule": 2, "?limit=2": 2} {
		if l := decode[List[Retrain]](t, get(t, f.handler, "/api/v1/retrains"+query), 200); len(l.Items) != want {
			t.Errorf("retrains%s: %d, want %d", query, len(l.Items), want)
		}
	}
	r := decode[RetrainDetail](t, get(t, f.handler, "/api/v1/retrains/"+f.retrain), 200)
	if len(r.Steps) != 10 || len(r.Gates) != 3 || r.Gates[0].Outcome != "pass" || *r.Gates[0].Low != 0.012 || r.Gates[2].Value != nil || r.Version != "2" {
		t.Errorf("retrain %+v", r)
	}
	if w := get(t, f.handler, "/api/v1/retrains/nobody"); w.Code != 404 {
		t.Errorf("unknown retrain: %d", w.Code)
	}
	out := decode[Retrain](t, send(t, f.handler, "POST", "/api/v1/retrains/r2failed/retry", `{"reason":"database is back"}`, nil), 200)
	if out.State != store.RetrainQueued {
		t.Errorf("after retry %+v", out)
	}
	if p := decode[Problem](t, send(t, f.handler, "POST", "/api/v1/retrains/r2failed/approve", `{"reason":"r"}`, nil), 409); !strings.Contains(p.Detail, "does not wait for approval") {
		t.Errorf("approve of a queued one: %+v", p)
	}
	out = decode[Retrain](t, send(t, f.handler, "POST", "/api/v1/retrains/r2failed/cancel", `{"reason":"not now"}`, nil), 200)
	if out.State != store.RetrainFailed || !strings.Contains(out.Reason, "not now") {
		t.Errorf("after cancel %+v", out)
	}
}

func TestAPI_AskingForARetrain(t *testing.T) {
	t.Parallel()
	var got []any
	var f *fixture
	f = newFixture(t, func(c *Config) {
		c.Trigger = func(ctx context.Context, model, actor, reason string, force bool) (string, error) {
			got = []any{model, actor, reason, force}
			r, _, err := f.store.EnqueueRetrain(ctx, store.Retrain{ID: "asked", Model: model, Kind: "person", TriggerJSON: "{}"}, fixtureNow)
			return r.ID, err
		}
	})
	r := decode[Retrain](t, send(t, f.handler, "POST", "/api/v1/retrains", `{"model":"fraud","reason":"new product","force":true}`, nil), 200)
	if r.ID != "asked" || r.State != store.RetrainQueued || !slices.Equal(got, []any{"fraud", "local", "new product", true}) {
		t.Errorf("retrain %+v, hook %v", r, got)
	}
	if w := send(t, f.handler, "POST", "/api/v1/retrains", `{"model":"nobody","reason":"r"}`, nil); w.Code != 404 {
		t.Errorf("unknown model: %d", w.Code)
	}
	without := newHandler(t, f.store, nil)
	if w := send(t, without, "POST", "/api/v1/retrains", `{"model":"fraud","reason":"r"}`, nil); w.Code != 501 {
		t.Errorf("without a trigger: %d", w.Code)
	}
}

func TestAPI_StreamsReferencesStatus(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	s := decode[Streams](t, get(t, f.handler, "/api/v1/streams"), 200)
	o := s.Totals
	if sum := o.Accepted + o.Late + o.Future + o.Thinned + o.Dead + o.Label + o.Tick + o.Unregistered + o.Aborted; sum != o.Records || o.Records != 120_000 {
		t.Errorf("outcomes add up to %d of %d", sum, o.Records)
	}
	if len(s.Sources) != 2 || s.Sources[0].AgeMS != 5000 || s.Sources[1].BehindMS != weekMS {
		t.Errorf("sources %+v", s.Sources)
	}
	if len(s.Reasons) != 2 || s.Reasons[0] != (Tally{"not JSON", 30}) || len(s.Unknown) != 1 {
		t.Errorf("reasons %+v, unknown %+v", s.Reasons, s.Unknown)
	}
	refs := decode[List[Reference]](t, get(t, f.handler, "/api/v1/references?model=bike+demand"), 200)
	if len(refs.Items) != 1 || refs.Items[0].Rows != 2184 || string(refs.Items[0].Meta) != `{"blocks":13}` {
		t.Errorf("references %+v", refs)
	}
	if w := get(t, f.handler, "/api/v1/references"); w.Code != 422 {
		t.Errorf("references of no model: %d", w.Code)
	}
	st := decode[Status](t, get(t, f.handler, "/api/v1/status"), 200)
	if st.Version != "1.2.3" || st.Models != 4 || st.Firing != 1 || st.Database != "sqlite" || len(st.Windows) != 2 {
		t.Errorf("status %+v", st)
	}
}

func TestAPI_EmptyStore(t *testing.T) {
	t.Parallel()
	h := emptyHandler(t)
	for _, path := range []string{"models", "alarms", "retrains", "audit", "references?model=x"} {
		w := get(t, h, "/api/v1/"+path)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"items":[]`) {
			t.Errorf("%s: %d %s, want an empty list", path, w.Code, w.Body)
		}
	}
}

func TestACIS_ProductionModel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	got := decode[struct {
		ModelName string             `json:"model_name"`
		Version   string             `json:"version"`
		Metrics   map[string]float64 `json:"metrics"`
		CreatedAt int64              `json:"created_at"`
	}](t, get(t, f.handler, "/api/ml/models/growth"), 200)
	if got.ModelName != "acis_growth_classifier" || got.Version != "2" || got.Metrics["accuracy"] != 0.91 || got.CreatedAt == 0 {
		t.Errorf("production model %+v", got)
	}
	for _, strategy := range []string{"value", "momentum", "%27%3B--"} {
		if p := decode[map[string]string](t, get(t, f.handler, "/api/ml/models/"+strategy), 404); p["detail"] != "No production model found" {
			t.Errorf("%s: %v", strategy, p)
		}
	}
}
