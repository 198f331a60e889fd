package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/driftline/driftline/registry/store"
)

type alarmsView struct {
	State  string
	Firing []store.AlarmRow
	Ended  []store.AlarmRow
}

// listed is how many rows a list page shows.
const listed = 200

func (s *server) alarmsPage(ctx context.Context, r *http.Request) (page, error) {
	var view alarmsView
	model := r.URL.Query().Get("model")
	rows, err := s.Store.Alarms(ctx, store.AlarmQuery{Model: model, Phase: "firing", Limit: listed})
	if err != nil {
		return page{}, err
	}
	view.Firing = rows
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
}

type eventRow struct {
	What    string // detected, ongoing, …
	TimeMS  int64
	Share   float64
	Drifted int
	Judged  int
	Rows    int64
	Body    string
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
		events, err := t.Events(ctx, store.EventQuery{Episode: id, Oldest: true, Limit: listed})
		for _, row := range events {
			b, err := parseEvent(row.Body)
			if err != nil {
				return err
			}
			view.Events = append(view.Events, eventRow{
				What: eventWord(row.Type), TimeMS: row.TimeMS, Share: b.Data.share(), Drifted: b.Data.Drifted, Judged: b.Data.Judged, Rows: b.Data.Rows, Body: row.Body,
			})
		}
		return err
	})
	return page{Title: "Alarm of " + view.Model, Nav: "alarms", Data: view}, err
}

// eventWord is the part of an event's type that says what happened.
func eventWord(eventType string) string {
	parts := strings.Split(strings.TrimSuffix(eventType, ".v1"), ".")
	return parts[len(parts)-1]
}
