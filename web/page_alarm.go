package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

type alarmsView struct {
	Incidents []incident // one of whose alarms fires
	Warnings  []store.AlarmRow
	Ended     []incident
}

// listed is how many rows a list page shows.
const listed = 200

func (s *server) alarmsPage(ctx context.Context, r *http.Request) (page, error) {
	var view alarmsView
	model := r.URL.Query().Get("model")
	var all []incident
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		all, err = readIncidents(ctx, t, model, s.NowMS())
		return err
	})
	for _, n := range all {
		switch {
		case n.Open():
			view.Incidents = append(view.Incidents, n)
		case len(n.Alarms) > 0 && n.Worst().Phase == store.PhaseWarned:
			view.Warnings = append(view.Warnings, n.Alarms...)
		default:
			view.Ended = append(view.Ended, n)
		}
	}
	view.Warnings, view.Ended = view.Warnings[:min(len(view.Warnings), listed)], view.Ended[:min(len(view.Ended), listed)]
	return page{Title: "Alarms", Nav: "alarms", Data: view}, err
}

type alarmView struct {
	Explanation
	Alarm    store.AlarmRow
	Top      []featureBody
	Events   []eventRow
	Retrains []store.Retrain
	Beside   []store.AlarmRow // others of the same incident
	Silences []store.Silence  // in force, of its model and kind
}

// ThresholdName is what the threshold is one of, "" where the alarm has none.
func (v *alarmView) ThresholdName() string {
	switch {
	case v.Alarm.Kind == kindJoint:
		return "Limit of the score of all features together"
	case v.Alarm.Kind == store.KindEarly:
		return "Threshold of the evidence"
	case !sharesFeatures(&v.Alarm):
		return ""
	case v.Alarm.Kind == "quality":
		return "Rise of missing values allowed"
	case v.Rule == drift.RuleCalibrated:
		return "Threshold of a feature, lower bound of PSI"
	}
	return "Threshold of a feature, PSI"
}

// OfFeatures tells whether the alarm goes by a share of the features.
func (v *alarmView) OfFeatures() bool { return sharesFeatures(&v.Alarm) }

// Described are the features that statistics are known of, the few that contribute most.
func (v *alarmView) Described() (out []Feature) {
	const most = 10
	for _, f := range v.Features {
		if f.Statistics != nil && len(out) < most {
			out = append(out, f)
		}
	}
	return out
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
	var told story
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		if told, err = tell(ctx, t, id, s.NowMS()); err != nil {
			return err
		}
		view = alarmView{Alarm: told.alarm, Top: told.features, Retrains: told.retrains, Silences: told.silences}
		for _, a := range told.incident.Alarms {
			if a.Episode != id {
				view.Beside = append(view.Beside, a)
			}
		}
		events, err := eventsOf(ctx, t, id, listed)
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
	if err != nil {
		return page{}, err
	}
	if err := s.describeStory(ctx, &told); err != nil {
		return page{}, err
	}
	view.Explanation = told.explanation()
	return page{Title: "Alarm of " + view.Model, Nav: "alarms", Data: &view}, nil
}

// eventsOf reads the events of an alarm, oldest first; of an early warning its one.
func eventsOf(ctx context.Context, t *store.Tx, id string, most int) ([]store.EventRow, error) {
	events, err := t.Events(ctx, store.EventQuery{Episode: id, Oldest: true, Limit: most})
	if err != nil || len(events) > 0 {
		return events, err
	}
	e, found, err := t.Warning(ctx, id)
	if !found {
		return nil, err
	}
	return []store.EventRow{e}, err
}

// eventWord is the part of an event's type that says what happened.
func eventWord(eventType string) string {
	parts := strings.Split(strings.TrimSuffix(eventType, ".v1"), ".")
	return parts[len(parts)-1]
}
