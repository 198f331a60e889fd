package web

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/driftline/driftline/registry/store"
)

// Silence mutes the notification of a model's alarms for a time. Times are wall clock.
type Silence struct {
	ID          string `json:"id"`
	Model       string `json:"model"`
	Feature     string `json:"feature" doc:"Empty for the whole model."`
	Kind        string `json:"kind" doc:"drift, quality, performance, joint or prediction; empty for all."`
	Segment     string `json:"segment" doc:"Part of the traffic, such as region=eu; empty for all of it with its parts."`
	Reason      string `json:"reason"`
	Author      string `json:"author"`
	CreatedMS   int64  `json:"created_ms"`
	UntilMS     int64  `json:"until_ms" doc:"Ends by itself then."`
	Active      bool   `json:"active" doc:"It mutes now."`
	EndedBy     string `json:"ended_by" doc:"Who ended it before its time; empty for nobody."`
	EndedReason string `json:"ended_reason"`
	EndedMS     int64  `json:"ended_ms"`
}

func silenceOf(s store.Silence, nowMS int64) Silence {
	return Silence{
		ID: s.ID, Model: s.Model, Feature: s.Feature, Kind: s.Kind, Segment: s.Segment, Reason: s.Reason, Author: s.Author, CreatedMS: s.CreatedMS, UntilMS: s.UntilMS,
		Active: s.ActiveAt(nowMS), EndedBy: s.EndedBy, EndedReason: s.EndedReason, EndedMS: s.EndedMS,
	}
}

func silencesOf(rows []store.Silence, nowMS int64) []Silence {
	out := make([]Silence, len(rows))
	for i, s := range rows {
		out[i] = silenceOf(s, nowMS)
	}
	return out
}

// silencedAlarm reads one alarm with what silences say of it, and those that are in force
// for its model, kind and part of the traffic.
func silencedAlarm(ctx context.Context, t *store.Tx, id string, nowMS int64) (a store.AlarmRow, silences []store.Silence, err error) {
	if a, err = t.AnyAlarm(ctx, id); err != nil {
		return a, nil, err
	}
	if a.Phase != "firing" && a.Phase != store.PhaseWarned {
		return a, nil, nil
	}
	if silences, err = t.Silences(ctx, store.SilenceQuery{Model: a.Model, ActiveMS: nowMS, Limit: maxFiring}); err != nil {
		return a, nil, err
	}
	silences = slices.DeleteFunc(silences, func(s store.Silence) bool { return !s.Regards(&a) })
	one := []store.AlarmRow{a}
	store.Mute(one, silences, nowMS)
	return one[0], silences, nil
}

type silencesInput struct {
	Model string `query:"model"`
	All   bool   `query:"all" doc:"Also those that have ended."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"5000"`
}

func listSilences(ctx context.Context, s *server, in *silencesInput) (List[Silence], error) {
	q := store.SilenceQuery{Model: in.Model, Limit: in.Limit + 1}
	if !in.All {
		q.ActiveMS = s.NowMS()
	}
	rows, err := s.Store.Silences(ctx, q)
	return listOf(silencesOf(rows, s.NowMS()), in.Limit), err
}

type addSilenceInput struct {
	Body struct {
		Model   string `json:"model" minLength:"1"`
		Feature string `json:"feature,omitempty" doc:"Default: the whole model. An alarm is silenced if each feature behind it is. Alarms of kind prediction are about score and prediction."`
		Kind    string `json:"kind,omitempty" enum:"drift,quality,performance,joint,prediction" doc:"Default: all kinds."`
		Segment string `json:"segment,omitempty" doc:"Only alarms of this part of the traffic, as NAME=VALUE such as region=eu. Default: those of all of it and of each part."`
		UntilMS int64  `json:"until_ms,omitempty" doc:"End, epoch milliseconds; this or for_ms, at most 90 days ahead."`
		ForMS   int64  `json:"for_ms,omitempty" doc:"Length in milliseconds, from now on."`
		Reason  string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func addSilence(ctx context.Context, s *server, in *addSilenceInput) (Silence, error) {
	now := s.NowMS()
	b := &in.Body
	if (b.UntilMS > 0) == (b.ForMS > 0) {
		return Silence{}, invalid("body.until_ms", b.UntilMS, errors.New("a silence has an end: give either until_ms or for_ms, above 0"))
	}
	until := b.UntilMS
	if b.ForMS > 0 {
		until = now + min(b.ForMS, store.MaxSilenceMS+1) // too long is refused, and never overflows
	}
	if b.Segment != "" {
		if err := checkSegment("body.segment", b.Segment); err != nil {
			return Silence{}, err
		}
	}
	if err := s.knownFeature(ctx, b.Model, b.Kind, b.Feature); err != nil {
		return Silence{}, err
	}
	row, err := s.Store.AddSilence(ctx, store.Silence{
		Model: b.Model, Feature: b.Feature, Kind: b.Kind, Segment: b.Segment, Reason: b.Reason, Author: store.Actor(ctx), UntilMS: until,
	}, now)
	return silenceOf(row, now), err
}

// knownFeature refuses a feature that no newest score of the model has: a misspelt
// silence would mute nothing, and nobody would know. A model without scores takes any. Of
// the kind prediction the two that there are, the store knows.
func (s *server) knownFeature(ctx context.Context, model, kind, feature string) error {
	if feature == "" || kind == kindPrediction {
		return nil
	}
	latest, err := s.Store.LatestScores(ctx, model)
	if err != nil {
		return err
	}
	some := false
	for _, row := range latest {
		if row.Version != anyVersion && kind != "" {
			continue // features of answers
		}
		score, err := parseScore(row.Body)
		if err != nil {
			return err
		}
		for _, f := range score.Features {
			if f.Name == feature {
				return nil
			}
			some = true
		}
	}
	if !some {
		return nil
	}
	return invalid("body.feature", feature, fmt.Errorf("%q is no feature that model %q is compared by", feature, model))
}

// SilencePath names a silence in a path.
type SilencePath struct {
	ID string `path:"id" doc:"Id of the silence."`
}

type expireInput struct {
	SilencePath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func expireSilence(ctx context.Context, s *server, in *expireInput) (Silence, error) {
	row, err := s.Store.ExpireSilence(ctx, in.ID, store.Actor(ctx), in.Body.Reason, s.NowMS())
	return silenceOf(row, s.NowMS()), err
}

// Paused says whether a model is paused after an act.
type Paused struct {
	Model    string `json:"model"`
	Paused   bool   `json:"paused"`
	Changed  bool   `json:"changed"`
	By       string `json:"by" doc:"Who paused it; empty where it is not paused."`
	Reason   string `json:"reason"`
	PausedMS int64  `json:"paused_ms"`
}

type pauseInput struct {
	ModelPath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func pauseModel(ctx context.Context, s *server, in *pauseInput) (Paused, error) {
	return s.pauseOr(ctx, in.Model, func(t *store.Tx) (bool, error) {
		return t.Pause(ctx, in.Model, store.Actor(ctx), in.Body.Reason, s.NowMS())
	})
}

func resumeModel(ctx context.Context, s *server, in *pauseInput) (Paused, error) {
	return s.pauseOr(ctx, in.Model, func(t *store.Tx) (bool, error) {
		return t.Resume(ctx, in.Model, store.Actor(ctx), in.Body.Reason)
	})
}

// pauseOr acts and reads in one transaction how the model stands afterwards.
func (s *server) pauseOr(ctx context.Context, model string, act func(*store.Tx) (bool, error)) (out Paused, err error) {
	err = s.Store.Tx(ctx, func(t *store.Tx) error {
		changed, err := act(t)
		if err != nil {
			return err
		}
		m, err := t.WatchedModel(ctx, model)
		out = Paused{Model: model, Paused: m.PausedMS != 0, Changed: changed, By: m.PausedBy, Reason: m.PausedReason, PausedMS: m.PausedMS}
		return err
	})
	return out, err
}
