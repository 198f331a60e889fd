package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/driftline/driftline/registry/store"
)

type alarmsView struct {
	Incidents []incident
	Ended     []store.AlarmRow
}

// incident is the alarms of one model that fire together: its windows and kinds.
type incident struct {
	Model   string
	SinceMS int64 // of the oldest
	Alarms  []store.AlarmRow
}

// incidentsOf groups alarms by model; the incident that began last comes first.
func incidentsOf(firing []store.AlarmRow) (out []incident) {
	at := map[string]int{}
	for _, a := range firing {
		i, ok := at[a.Model]
		if !ok {
			i = len(out)
			at[a.Model] = i
			out = append(out, incident{Model: a.Model, SinceMS: a.SinceMS})
		}
		out[i].Alarms = append(out[i].Alarms, a)
		out[i].SinceMS = min(out[i].SinceMS, a.SinceMS)
	}
	slices.SortStableFunc(out, func(a, b incident) int { return cmp.Compare(b.SinceMS, a.SinceMS) })
	return out
}

// listed is how many rows a list page shows.
const listed = 200

func (s *server) alarmsPage(ctx context.Context, r *http.Request) (page, error) {
	var view alarmsView
	model := r.URL.Query().Get("model")
	rows, err := s.alarms(ctx, store.AlarmQuery{Model: model, Phase: "firing", Limit: listed})
	if err != nil {
		return page{}, err
	}
	view.Incidents = incidentsOf(rows)
	if rows, err = s.Store.Alarms(ctx, store.AlarmQuery{Model: model, Limit: listed}); err != nil {
		return page{}, err
	}
	for _, a := range rows {
		if a.Phase != "firing" {
			view.Ended = append(view.Ended, a)
		}
	}
	return page{Title: "Alarms", Nav: "alarms", Data: view}, nil
}

type alarmView struct {
	Explanation
	Alarm    store.AlarmRow
	Top      []featureBody
	Events   []eventRow
	Retrains []store.Retrain
	Others   []store.AlarmRow // of the same incident
	Silences []store.Silence  // in force, of its model and kind
}

type eventRow struct {
	What    string // detected, ongoing, …
	TimeMS  int64
	Share   float64
	Drifted int
	Judged  int
	Rows    int64
	Body    string
	// Replayed: a replay says so; live operation did not tell it.
	Replayed bool
}

func (s *server) alarmPage(ctx context.Context, r *http.Request) (page, error) {
	id := r.PathValue("id")
	var view alarmView
	err := s.Store.Read(ctx, func(t *store.Tx) error {
		e, err := explain(ctx, t, id)
		if err != nil {
			return err
		}
		told, err := tell(ctx, t, id)
		if err != nil {
			return err
		}
		view = alarmView{Explanation: e, Alarm: told.alarm, Top: told.features, Retrains: told.retrains}
		if told.alarm.Phase == "firing" {
			if view.Alarm, view.Silences, err = silencedAlarm(ctx, t, id, s.NowMS()); err != nil {
				return err
			}
			if view.Others, err = othersOf(ctx, t, told.alarm, s.NowMS()); err != nil {
				return err
			}
		}
		events, err := t.Events(ctx, store.EventQuery{Episode: id, Oldest: true, Limit: listed})
		for _, row := range events {
			b, err := parseEvent(row.Body)
			if err != nil {
				return err
			}
			view.Events = append(view.Events, eventRow{
				What: eventWord(row.Type), TimeMS: row.TimeMS, Share: b.Data.share(), Drifted: b.Data.Drifted, Judged: b.Data.Judged, Rows: b.Data.Rows, Body: row.Body, Replayed: row.Replayed,
			})
		}
		return err
	})
	return page{Title: "Alarm of " + view.Model, Nav: "alarms", Data: view}, err
}

// othersOf are the other alarms of the incident.
func othersOf(ctx context.Context, t *store.Tx, a store.AlarmRow, nowMS int64) ([]store.AlarmRow, error) {
	rows, err := t.Alarms(ctx, store.AlarmQuery{Model: a.Model, Phase: "firing", Limit: listed})
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(o store.AlarmRow) bool { return o.Episode == a.Episode })
	return rows, t.MuteAlarms(ctx, rows, nowMS)
}

// eventWord is the part of an event's type that says what happened.
func eventWord(eventType string) string {
	parts := strings.Split(strings.TrimSuffix(eventType, ".v1"), ".")
	return parts[len(parts)-1]
}
