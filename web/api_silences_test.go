package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

func TestAPI_SilencesMuteUntilTheirEnd(t *testing.T) {
	t.Parallel()
	now := fixtureNow
	f := newFixture(t, func(c *Config) {
		c.NowMS = func() int64 { return now }
		c.Actor = func(*http.Request) string { return "ann" }
	})
	const path = "/api/v1/silences"
	muted := func() int64 {
		t.Helper()
		a := decode[AlarmDetail](t, get(t, f.handler, "/api/v1/alarms/"+f.alarm), 200)
		list := decode[List[Alarm]](t, get(t, f.handler, "/api/v1/alarms?state=firing"), 200)
		m := decode[ModelDetail](t, get(t, f.handler, bikePath), 200)
		if a.State != "firing" || len(list.Items) != 1 || list.Items[0].SilencedUntilMS != a.SilencedUntilMS || m.Open[0].SilencedUntilMS != a.SilencedUntilMS {
			t.Fatalf("alarm %+v, in the list %+v, of the model %+v; want it firing, and the same everywhere", a.Alarm, list.Items, m.Open)
		}
		if m.Alarms != 1 || (m.Silenced == 1) != (a.SilencedUntilMS > 0) || m.Status != "drift" || len(a.Silences) != len(m.Silences) {
			t.Errorf("model: %d alarms, %d silenced, status %s, silences %+v", m.Alarms, m.Silenced, m.Status, m.Silences)
		}
		return a.SilencedUntilMS
	}
	if got := muted(); got != 0 {
		t.Fatalf("silenced until %d before there is a silence", got)
	}
	made := decode[Silence](t, send(t, f.handler, "POST", path, `{"model":"bike demand","kind":"drift","for_ms":3600000,"reason":"holidays"}`, nil), 200)
	if made.ID == "" || made.Author != "ann" || made.UntilMS != now+hourMS || !made.Active || made.Reason != "holidays" {
		t.Errorf("made %+v", made)
	}
	if got := muted(); got != now+hourMS {
		t.Errorf("silenced until %d, want %d", got, now+hourMS)
	}
	longer := decode[Silence](t, send(t, f.handler, "POST", path, fmt.Sprintf(`{"model":"bike demand","until_ms":%d,"reason":"longer"}`, now+2*hourMS), nil), 200)
	if got := muted(); got != now+2*hourMS {
		t.Errorf("silenced until %d, want the later end", got)
	}
	ended := decode[Silence](t, send(t, f.handler, "POST", path+"/"+longer.ID+"/expire", `{"reason":"settled"}`, nil), 200)
	if ended.Active || ended.EndedBy != "ann" || ended.EndedReason != "settled" || ended.EndedMS != now {
		t.Errorf("ended %+v", ended)
	}
	if p := decode[Problem](t, send(t, f.handler, "POST", path+"/"+longer.ID+"/expire", `{"reason":"again"}`, nil), 409); !strings.Contains(p.Detail, "ended already") {
		t.Errorf("problem %+v", p)
	}
	now += hourMS
	if got := muted(); got != 0 {
		t.Errorf("silenced until %d after its end", got)
	}
	for query, want := range map[string]int{"": 0, "?all=true": 2, "?all=true&model=churn": 0, "?all=true&limit=1": 1} {
		if list := decode[List[Silence]](t, get(t, f.handler, path+query), 200); len(list.Items) != want {
			t.Errorf("%q lists %+v, want %d", query, list.Items, want)
		}
	}
	audit := decode[List[AuditEntry]](t, get(t, f.handler, "/api/v1/audit?actor=ann"), 200)
	if len(audit.Items) != 3 || audit.Items[0].Action != "silence.expire" || !strings.Contains(audit.Items[1].After, "longer") {
		t.Errorf("audit %+v", audit.Items)
	}
}

func TestAPI_SilencesOfFeatures(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	row := store.EventRow{
		ID: "e", Type: "dev.driftline.drift.detected.v1", Model: "churn", TimeMS: fixtureNow, Body: "{}", Episode: "two-features", Version: "*",
		Policy: "p", WindowMS: dayMS, Kind: "drift", Phase: "firing", TopJSON: "[]", Features: []string{"plan", "tenure"},
	}
	if err := f.store.PutEvents(context.Background(), []store.EventRow{row}); err != nil {
		t.Fatal(err)
	}
	for i, feature := range []string{"plan", "tenure"} {
		body := fmt.Sprintf(`{"model":"fraud","feature":%q,"for_ms":1000,"reason":"a model without scores takes any name"}`, feature)
		decode[Silence](t, send(t, f.handler, "POST", "/api/v1/silences", body, nil), 200)
		x := store.Silence{Model: "churn", Feature: feature, Reason: "x", Author: "ada", UntilMS: fixtureNow + hourMS}
		if _, err := f.store.AddSilence(context.Background(), x, fixtureNow); err != nil {
			t.Fatal(err)
		}
		a := decode[AlarmDetail](t, get(t, f.handler, "/api/v1/alarms/two-features"), 200)
		if muted := a.SilencedUntilMS > 0; muted != (i == 1) {
			t.Errorf("with %d of 2 features silenced, the alarm is muted: %v", i+1, muted)
		}
	}
}

func TestAPI_SilencesThatAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"no end", `{"model":"churn","reason":"r"}`, 422, "give either until_ms or for_ms"},
		{"two ends", `{"model":"churn","reason":"r","until_ms":1,"for_ms":1}`, 422, "give either until_ms or for_ms"},
		{"a negative length", `{"model":"churn","reason":"r","for_ms":-1}`, 422, "give either until_ms or for_ms"},
		{"91 days", `{"model":"churn","reason":"r","for_ms":7862400000}`, 400, "at most 90 days"},
		{"a length beyond all bounds", `{"model":"churn","reason":"r","for_ms":9223372036854775807}`, 400, "at most 90 days"},
		{"a past end", `{"model":"churn","reason":"r","until_ms":5}`, 400, "must end after now"},
		{"an unknown kind", `{"model":"churn","reason":"r","for_ms":5,"kind":"noise"}`, 422, "kind"},
		{"an unknown model", `{"model":"nobody","reason":"r","for_ms":5}`, 404, "is not watched"},
		{"an unknown feature", `{"model":"bike demand","feature":"huor","reason":"r","for_ms":5}`, 422, `\"huor\" is no feature`},
		{"a feature of performance", `{"model":"bike demand","feature":"hour","kind":"performance","reason":"r","for_ms":5}`, 400, "not about features"},
		{"no reason", `{"model":"churn","reason":"","for_ms":5}`, 422, "reason"},
		{"a reason of spaces", `{"model":"churn","reason":"  ","for_ms":5}`, 400, "reason"},
	} {
		w := send(t, f.handler, "POST", "/api/v1/silences", tt.body, nil)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: %d %s, want %d and %q", tt.name, w.Code, w.Body, tt.status, tt.want)
		}
	}
	if list := decode[List[Silence]](t, get(t, f.handler, "/api/v1/silences?all=true"), 200); len(list.Items) != 0 {
		t.Errorf("refused silences are stored: %+v", list.Items)
	}
}

func TestAPI_PauseAndResume(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Actor = func(*http.Request) string { return "ann" }
		c.ValidateSpec = func(_ string, spec []byte) (Spec, error) { return Spec{JSON: spec, Automation: "approve"}, nil }
	})
	act := func(what, reason string) Paused {
		t.Helper()
		return decode[Paused](t, send(t, f.handler, "POST", bikePath+"/"+what, `{"reason":"`+reason+`"}`, nil), 200)
	}
	want := Paused{Model: bike, Paused: true, Changed: true, By: "ann", Reason: "labels are wrong", PausedMS: fixtureNow}
	if got := act("pause", "labels are wrong"); got != want {
		t.Errorf("pause: %+v, want %+v", got, want)
	}
	want.Changed = false
	if got := act("pause", "again"); got != want {
		t.Errorf("second pause: %+v, want the first to stay", got)
	}
	body := `{"reason":"stricter","spec":{"policy":{"warn":0.05}}}`
	decode[Applied](t, send(t, f.handler, "PUT", bikePath, body, nil), 200)
	if m := decode[ModelDetail](t, get(t, f.handler, bikePath), 200); m.State != "paused" || m.Automation != "approve" || m.PausedReason != "labels are wrong" || m.PausedBy != "ann" {
		t.Errorf("after new settings: %+v, want them applied and the model still paused", m.ModelSummary)
	}
	if got := act("resume", "mended"); got != (Paused{Model: bike, Changed: true}) {
		t.Errorf("resume: %+v", got)
	}
	if m := decode[ModelDetail](t, get(t, f.handler, bikePath), 200); m.State != "watching" || m.PausedBy != "" {
		t.Errorf("after resuming: %+v", m.ModelSummary)
	}
	if got := act("resume", "again"); got.Changed {
		t.Errorf("second resume: %+v", got)
	}
	for _, what := range []string{"pause", "resume"} {
		if w := send(t, f.handler, "POST", "/api/v1/models/nobody/"+what, `{"reason":"r"}`, nil); w.Code != 404 {
			t.Errorf("%s of an unknown model: %d %s", what, w.Code, w.Body)
		}
	}
}

// Editors silence and pause, viewers only look.
func TestAPI_SilencesAndPausesNeedAnEditor(t *testing.T) {
	t.Parallel()
	role := RoleViewer
	f := newFixture(t, func(c *Config) {
		c.Authorize = func(_ *http.Request, need string) error {
			if need == RoleViewer || need == RoleEditor && role == RoleEditor {
				return nil
			}
			return errors.New("no")
		}
	})
	acts := map[string]string{
		"/api/v1/silences":            `{"model":"churn","for_ms":1000,"reason":"r"}`,
		"/api/v1/silences/x/expire":   `{"reason":"r"}`,
		"/api/v1/models/churn/pause":  `{"reason":"r"}`,
		"/api/v1/models/churn/resume": `{"reason":"r"}`,
	}
	for path, body := range acts {
		if w := send(t, f.handler, "POST", path, body, nil); w.Code != 403 {
			t.Errorf("a viewer at %s: %d, want 403", path, w.Code)
		}
	}
	decode[List[Silence]](t, get(t, f.handler, "/api/v1/silences"), 200)
	role = RoleEditor
	for path, body := range acts {
		if w := send(t, f.handler, "POST", path, body, nil); w.Code != 200 && w.Code != 404 {
			t.Errorf("an editor at %s: %d %s", path, w.Code, w.Body)
		}
	}
}
