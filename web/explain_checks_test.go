package web

import (
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

func TestCheckText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body, want string
	}{
		{"volume", `{"check":"volume","rule":"far fewer rows than expected","detail":{"rows":12,"expected":5040.2,"least":4800,"most":5300,"weeks":4,"direction":"fewer"}}`,
			"far fewer rows than expected: 12, where the same hours of 4 weeks held 5,040 on average, 4,800 to 5,300"},
		{"freshness, declared", `{"check":"freshness","rule":"no rows although a delivery is due","detail":{"last_ms":1767225600000,"due_ms":1767333600000,"source":"expect_every"}}`,
			"no rows although a delivery is due: the last ones came up to 2026-01-01 00:00 UTC, and more were due by 2026-01-02 06:00 UTC, by expect_every of the model"},
		{"freshness, learnt", `{"check":"freshness","rule":"no rows although a delivery is due","detail":{"last_ms":1767225600000,"source":"learnt"}}`,
			"no rows although a delivery is due: the last ones came up to 2026-01-01 00:00 UTC, by what the last weeks brought"},
		{"schema", `{"check":"schema","rule":"r","detail":{"absent":["a","b"],"type_changed":["c"]}}`,
			"a, b in no row; c of another type than the reference's"},
		{"without detail", `{"check":"schema","rule":"a feature is absent or of another type"}`, "a feature is absent or of another type"},
	} {
		e, err := parseEvent(`{"data":` + tt.body + `}`)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if got := checkText(&e.Data); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// An alarm of one check of data quality is named with it wherever alarms are listed, and
// shows no threshold of PSI, which it does not look at.
func TestChecks_AlarmsAreNamedWithWhatTheyCheck(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	data := wire.EventData{
		Model: "churn", Version: "*", Kind: "quality", Check: wire.CheckFreshness, Policy: "default", Rule: "no rows although a delivery is due", WindowMS: dayMS,
		StartMS: fixtureNow - dayMS, EndMS: fixtureNow, SinceMS: fixtureNow, Phase: "resolved", Threshold: 0.2, ShareFire: 0.3, Drifted: 1, Judged: 1, All: 1,
	}
	for i, phase := range []string{"firing", "resolved"} {
		e := wire.NewEvent("test", wire.EventType("quality", phase), "f"+phase, "warning", fixtureNow, data)
		err := f.store.PutEvents(t.Context(), []store.EventRow{{
			ID: e.ID, Type: e.Type, Model: "churn", TimeMS: fixtureNow + int64(i), Episode: "fresh-episode", Version: "*", Policy: "default", WindowMS: dayMS,
			Kind: "quality", Check: wire.CheckFreshness, Phase: phase, Share: 1, Body: string(e.Encode()),
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/alarms", "/models/churn"} {
			if body := get(t, f.handler, path).Body.String(); !strings.Contains(body, "quality: freshness") {
				t.Errorf("%s, %s: the check is not named", path, phase)
			}
		}
	}
	body := get(t, f.handler, "/alarms/fresh-episode").Body.String()
	for _, wrong := range []string{"Rise of missing values", "Threshold of a feature", "alarm from", "1 in all"} {
		if strings.Contains(body, wrong) {
			t.Errorf("the page of a freshness alarm says %q", wrong)
		}
	}
	if x := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/fresh-episode/explain"), 200); x.Threshold != 0 || x.Limit != 0 {
		t.Errorf("threshold %g and share %g of an alarm that has none", x.Threshold, x.Limit)
	}
}
