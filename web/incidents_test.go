package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

func TestIncidents_AreAlarmsOfAModelWhoseTimesOverlap(t *testing.T) {
	t.Parallel()
	const h = hourMS
	row := func(id, model, kind, phase string, since, end int64) store.AlarmRow {
		a := store.AlarmRow{Episode: id, Model: model, Kind: kind, Phase: phase, SinceMS: since, LastMS: end, Share: 0.4}
		if phase != "firing" {
			a.ResolvedMS = end
		}
		return a
	}
	ns := incidentsOf([]store.AlarmRow{
		row("late", "m", "drift", "resolved", 500*h, 510*h),
		row("a", "m", "drift", "resolved", 10*h, 50*h),
		row("b", "m", "quality", "superseded", 40*h, 60*h),
		row("c", "m", "drift", "resolved", 60*h, 70*h), // touches
		row("d", "m", "drift", "resolved", 71*h, 72*h), // does not
		row("w", "m", "early", "warned", 480*h, 490*h), // stands until 514
		row("x", "n", "drift", "resolved", 45*h, 46*h), // of another model
		row("open", "m", "performance", "firing", 505*h, 505*h),
		row("same", "m", "drift", "firing", 600*h, 600*h),
	})
	var got []string
	for _, n := range ns {
		var ids []string
		for _, a := range n.Alarms {
			ids = append(ids, a.Episode)
		}
		got = append(got, fmt.Sprintf("%s %s %d-%d %v %s open=%v", n.ID, n.Model, n.SinceMS/h, n.UntilMS/h, ids, n.Worst().Episode, n.Open()))
	}
	want := []string{
		"i-w m 480-0 [same open late w] open open=true",
		"i-d m 71-72 [d] d open=false",
		"i-x n 45-46 [x] x open=false",
		"i-a m 10-70 [c b a] b open=false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("incidents\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// putWarning stores an early warning of bike.
func putWarning(t testing.TB, f *fixture, endMS int64) string {
	t.Helper()
	typ := wire.EventType("drift", "warned")
	detail := wire.EarlyDetail{Feature: "temp", Path: "mean up by 0.5 sd", Sum: 12.5, Target: 0.5, Achieved: 0.48, Low: 0.4, High: 0.6, Basis: "blocks"}
	e := wire.NewEvent("test", typ, wire.EventID("e", typ, endMS), "info", endMS, wire.EventData{
		Model: bike, Version: "*", Kind: wire.KindOfEarly, Policy: "default", Rule: "early warning", Reference: "4f2d9c0a11b2c3d4",
		WindowMS: hourMS, StartMS: endMS - hourMS, EndMS: endMS, SinceMS: endMS - 5*hourMS, Rows: 40, ReferenceRows: 2184, Covered: 10, Expected: 10, All: 11,
		Threshold: 9.75, Detail: detail.Map(),
	})
	err := f.store.PutEvents(context.Background(), []store.EventRow{{ID: e.ID, Type: e.Type, Model: bike, TimeMS: endMS, Body: string(e.Encode()), Kind: "early", Version: "*"}})
	if err != nil {
		t.Fatal(err)
	}
	return e.ID
}

func TestEarlyWarnings_AreOnEverySurface(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	newest := firstEnd + 59*weekMS
	id := putWarning(t, f, newest-3*hourMS)

	list := decode[List[Alarm]](t, get(t, f.handler, "/api/v1/alarms?kind=early"), http.StatusOK)
	if len(list.Items) != 1 || list.Items[0].ID != id || list.Items[0].State != "warned" || list.Items[0].Incident == "" || list.Items[0].SinceMS != newest-8*hourMS {
		t.Fatalf("list %+v", list.Items)
	}
	all := decode[List[Alarm]](t, get(t, f.handler, "/api/v1/alarms?model=bike%20demand"), http.StatusOK)
	if len(all.Items) != 2 || all.Items[0].Incident != all.Items[1].Incident {
		t.Errorf("the warning and the alarm that fires are not one incident: %+v", all.Items)
	}
	ns := decode[List[Incident]](t, get(t, f.handler, "/api/v1/incidents?state=firing"), http.StatusOK)
	if len(ns.Items) != 1 || len(ns.Items[0].Alarms) != 2 || ns.Items[0].Worst != "drift" || ns.Items[0].UntilMS != 0 || ns.Items[0].WorstID != f.alarm {
		t.Errorf("incidents %+v", ns.Items)
	}
	one := decode[AlarmDetail](t, get(t, f.handler, "/api/v1/alarms/"+id), http.StatusOK)
	if len(one.Events) != 1 || one.Incident != ns.Items[0].ID {
		t.Errorf("one warning %+v", one)
	}
	e := decode[Explanation](t, get(t, f.handler, "/api/v1/alarms/"+id+"/explain"), http.StatusOK)
	for _, want := range []string{"temp no longer follows the reference (mean up by 0.5 sd)", "evidence 12.500, threshold 9.750", "opens no alarm"} {
		if !strings.Contains(e.Text, want) {
			t.Errorf("text %q lacks %q", e.Text, want)
		}
	}
	if got := fact(e, "calibration"); got != "calibrated to 0.5 false warnings a model and month, 0.48 achieved (0.4 to 0.6)" {
		t.Errorf("calibration %q", got)
	}
	for path, want := range map[string]string{
		"/alarms/" + id: "What was seen?", "/alarms": "early 1 h", "/models/bike%20demand": "early warning</span>", "/": "early warning: temp",
	} {
		if path == "/alarms" {
			want = id[:8]
		}
		if w := get(t, f.handler, path); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: status %d, want %q on the page", path, w.Code, want)
		}
	}
	m := decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/bike%20demand"), http.StatusOK)
	if m.EarlyMS != newest-3*hourMS || m.EarlyOf != "temp" || m.Status != "drift" {
		t.Errorf("model %+v", m.ModelSummary)
	}
	w := send(t, f.handler, http.MethodPost, "/api/v1/alarms/"+id+"/note", `{"text":"seen"}`, nil)
	if w.Code < 400 || w.Code >= 500 || !strings.Contains(w.Body.String(), "early warning") {
		t.Errorf("a note on a warning: %d %s", w.Code, w.Body)
	}
}

// A warning stands for a day of event time: then the model is quiet again.
func TestEarlyWarnings_PassByThemselves(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	putWarning(t, f, firstEnd+58*weekMS)
	m := decode[ModelDetail](t, get(t, f.handler, "/api/v1/models/bike%20demand"), http.StatusOK)
	if m.EarlyMS != 0 {
		t.Errorf("a warning of a week ago stands: %+v", m.ModelSummary)
	}
}

func fact(e Explanation, name string) string {
	for _, f := range e.Evidence {
		if f.Name == name {
			return f.Text
		}
	}
	return ""
}
