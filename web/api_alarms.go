package web

import (
	"context"
	"encoding/json"

	"github.com/driftline/driftline/registry/store"
)

// Alarm is one episode of an alarm.
type Alarm struct {
	ID          string  `json:"id"`
	Model       string  `json:"model"`
	Version     string  `json:"version" doc:"* for all versions together."`
	Policy      string  `json:"policy"`
	Reference   string  `json:"reference"`
	WindowMS    int64   `json:"window_ms"`
	Kind        string  `json:"kind" enum:"drift,quality,performance,joint,prediction,early"`
	Check       string  `json:"check" doc:"Of kind quality: volume, freshness or schema; empty for the values of features, and for other kinds."`
	Segment     string  `json:"segment" doc:"Part of the traffic that it is about, such as region=eu; empty for all of it. An alarm of a part is of kind drift and asks for no retrain."`
	State       string  `json:"state" enum:"firing,resolved,superseded,warned" doc:"warned: an early warning, which opens no alarm and asks for no retrain."`
	Incident    string  `json:"incident" doc:"Alarms of a model whose times overlap share it."`
	SinceMS     int64   `json:"since_ms"`
	LastMS      int64   `json:"last_ms" doc:"Last event of the alarm."`
	ResolvedMS  int64   `json:"resolved_ms" doc:"0 while it fires."`
	Share       float64 `json:"share"`
	QualityOpen bool    `json:"quality_open" doc:"A data-quality alarm was open with it, which blocks retraining by itself."`
	AckBy       string  `json:"ack_by" doc:"Who has taken it up; empty for nobody."`
	AckMS       int64   `json:"ack_ms"`
	// SilencedUntilMS is a wall clock.
	SilencedUntilMS int64 `json:"silenced_until_ms" doc:"While it fires: its notification is muted until then, by silences; 0 for not."`
}

// AlarmDetail is an alarm with everything that belongs to it.
type AlarmDetail struct {
	Alarm
	Notes    []Note       `json:"notes" nullable:"false"`
	Silences []Silence    `json:"silences" nullable:"false" doc:"Silences of its model that are in force and may cover it."`
	Events   []DriftEvent `json:"events" nullable:"false" doc:"Oldest first."`
	Retrains []Retrain    `json:"retrains" nullable:"false" doc:"Retrains that it asked for."`
}

// Note is what a person wrote to an alarm.
type Note struct {
	AtMS   int64  `json:"at_ms"`
	Author string `json:"author"`
	Text   string `json:"text"`
}

// DriftEvent is one event of an alarm.
type DriftEvent struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	TimeMS int64  `json:"time_ms"`
	// Replayed events were never published: a replay says that this happened.
	Replayed bool            `json:"replayed" doc:"A replay says that this happened; live operation did not tell it."`
	Event    json.RawMessage `json:"event" doc:"The event as published, CloudEvents 1.0."`
}

func alarmOf(a store.AlarmRow) Alarm {
	return Alarm{
		ID: a.Episode, Model: a.Model, Version: a.Version, Policy: a.Policy, Reference: a.Reference, WindowMS: a.WindowMS, Kind: a.Kind, Check: a.Check, Segment: a.Segment,
		State: a.Phase, SinceMS: a.SinceMS, LastMS: a.LastMS, ResolvedMS: a.ResolvedMS, Share: a.Share, QualityOpen: a.QualityOpen, AckBy: a.AckBy, AckMS: a.AckMS,
		SilencedUntilMS: a.SilencedUntilMS,
	}
}

type alarmsInput struct {
	Model   string `query:"model"`
	State   string `query:"state" enum:"firing,resolved,superseded,warned"`
	Kind    string `query:"kind" enum:"drift,quality,performance,joint,prediction,early"`
	Segment string `query:"segment" doc:"Those of a part of the traffic, as NAME=VALUE such as region=eu, or * for those of any part; default all alarms."`
	Limit   int    `query:"limit" default:"100" minimum:"1" maximum:"5000"`
}

func listAlarms(ctx context.Context, s *server, in *alarmsInput) (List[Alarm], error) {
	q := store.AlarmQuery{Model: in.Model, Phase: in.State, Kind: in.Kind, Limit: in.Limit + 1}
	var err error
	if q.Segment, err = segmentAsked("query.segment", in.Segment); err != nil {
		return List[Alarm]{}, err
	}
	var rows []store.AlarmRow
	ids := map[string]string{}
	err = s.Store.Read(ctx, func(t *store.Tx) (err error) {
		if rows, err = t.AllAlarms(ctx, q); err != nil {
			return err
		}
		if err := t.MuteAlarms(ctx, rows, s.NowMS()); err != nil {
			return err
		}
		ns, err := readIncidents(ctx, t, in.Model, s.NowMS())
		ids = incidentIDs(ns)
		return err
	})
	out := make([]Alarm, len(rows))
	for i, a := range rows {
		out[i] = alarmOf(a)
		out[i].Incident = ids[a.Episode]
	}
	return listOf(out, in.Limit), err
}

// AlarmPath names a alarm in a path.
type AlarmPath struct {
	ID string `path:"id" doc:"Id of the alarm."`
}

func getAlarm(ctx context.Context, s *server, in *AlarmPath) (out AlarmDetail, err error) {
	err = s.Store.Read(ctx, func(t *store.Tx) error {
		a, silences, err := silencedAlarm(ctx, t, in.ID, s.NowMS())
		if err != nil {
			return err
		}
		out = AlarmDetail{Alarm: alarmOf(a), Silences: silencesOf(silences, s.NowMS()), Notes: []Note{}, Events: []DriftEvent{}, Retrains: []Retrain{}}
		for _, n := range a.Notes {
			out.Notes = append(out.Notes, Note{AtMS: n.AtMS, Author: n.Author, Text: n.Text})
		}
		ns, err := readIncidents(ctx, t, a.Model, s.NowMS())
		if err != nil {
			return err
		}
		out.Incident = incidentIDs(ns)[a.Episode]
		events, err := eventsOf(ctx, t, in.ID, 1000)
		if err != nil {
			return err
		}
		for _, e := range events {
			out.Events = append(out.Events, DriftEvent{ID: e.ID, Type: e.Type, TimeMS: e.TimeMS, Replayed: e.Replayed, Event: specJSON(e.Body)})
		}
		rows, err := t.Retrains(ctx, store.RetrainQuery{Episode: in.ID})
		for _, r := range rows {
			out.Retrains = append(out.Retrains, retrainOf(r))
		}
		return err
	})
	return out, err
}

func explainAlarm(ctx context.Context, s *server, in *AlarmPath) (Explanation, error) {
	var told story
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		told, err = tell(ctx, t, in.ID, s.NowMS())
		return err
	})
	if err != nil {
		return Explanation{}, err
	}
	if err := s.describeStory(ctx, &told); err != nil {
		return Explanation{}, err
	}
	return told.explanation(), nil
}

// Done confirms an act.
type Done struct {
	ID   string `json:"id"`
	Done bool   `json:"done"`
}

type ackInput struct {
	AlarmPath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"Kept as a note."`
	}
}

// ackAlarm notes first: a crash between the two leaves a note without the
// acknowledgement, and a repeat mends it.
func ackAlarm(ctx context.Context, s *server, in *ackInput) (Done, error) {
	by := store.Actor(ctx)
	if err := s.Store.NoteAlarm(ctx, in.ID, by, in.Body.Reason, s.NowMS()); err != nil {
		return Done{}, err
	}
	err := s.Store.AckAlarm(ctx, in.ID, by, s.NowMS())
	return Done{ID: in.ID, Done: err == nil}, err
}

type noteInput struct {
	AlarmPath
	Body struct {
		Text string `json:"text" minLength:"1" maxLength:"10000"`
	}
}

func noteAlarm(ctx context.Context, s *server, in *noteInput) (Done, error) {
	err := s.Store.NoteAlarm(ctx, in.ID, store.Actor(ctx), in.Body.Text, s.NowMS())
	return Done{ID: in.ID, Done: err == nil}, err
}
