package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/driftline/driftline/registry/store"
)

// Retrain is one answer to a trigger, from queue to verdict.
type Retrain struct {
	ID             string `json:"id"`
	Model          string `json:"model"`
	Kind           string `json:"kind" enum:"alarm,schedule,person,bootstrap"`
	State          string `json:"state"`
	Reason         string `json:"reason" doc:"Of the present state."`
	Alarm          string `json:"alarm" doc:"Id of the alarm that asked for it, or empty."`
	ClockMS        int64  `json:"clock_ms" doc:"Event time of the trigger."`
	Version        string `json:"version" doc:"Registered version, or empty."`
	ChampionBefore string `json:"champion_before"`
	RunID          string `json:"run_id"`
	ApprovedBy     string `json:"approved_by"`
	CreatedMS      int64  `json:"created_ms"`
	UpdatedMS      int64  `json:"updated_ms"`
}

// RetrainDetail is a retrain with its history and the report of the gate.
type RetrainDetail struct {
	Retrain
	Attempts int64           `json:"attempts"`
	Steps    []Step          `json:"steps" nullable:"false"`
	Gates    []Gate          `json:"gates" nullable:"false"`
	Trigger  json.RawMessage `json:"trigger" doc:"What asked for it; an object, or empty text."`
	Dataset  json.RawMessage `json:"dataset" doc:"Manifest of the training rows; an object, or empty text."`
	Decision json.RawMessage `json:"decision" doc:"The gate's decision; an object, or empty text."`
}

// Step is one state a retrain was in.
type Step struct {
	State  string `json:"state"`
	Reason string `json:"reason"`
	AtMS   int64  `json:"at_ms" doc:"Wall clock."`
}

// Gate is one check of the gate. Numbers that do not exist are null.
type Gate struct {
	Name     string   `json:"name"`
	Value    *float64 `json:"value"`
	Limit    *float64 `json:"limit"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
	Support  int64    `json:"support" doc:"Rows behind the value."`
	Outcome  string   `json:"outcome" doc:"pass, fail, undecided or skipped."`
	Reason   string   `json:"reason,omitempty"`
	Advisory bool     `json:"advisory,omitempty" doc:"Reported, does not decide."`
}

// parseGates reads the checks of a retrain: a list, or a decision that holds one.
func parseGates(text string) ([]Gate, error) {
	if text = strings.TrimSpace(text); text == "" || text == "null" {
		return []Gate{}, nil
	}
	out := []Gate{}
	if strings.HasPrefix(text, "[") {
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			return nil, fmt.Errorf("gate report: %w", err)
		}
		return out, nil
	}
	var decision struct {
		Checks []Gate `json:"checks"`
	}
	if err := json.Unmarshal([]byte(text), &decision); err != nil {
		return nil, fmt.Errorf("gate report: %w", err)
	}
	return append(out, decision.Checks...), nil
}

func retrainOf(r store.Retrain) Retrain {
	return Retrain{
		ID: r.ID, Model: r.Model, Kind: r.Kind, State: r.State, Reason: r.Reason, Alarm: r.Episode, ClockMS: r.ClockMS, Version: r.Version,
		ChampionBefore: r.ChampionBefore, RunID: r.RunID, ApprovedBy: r.ApprovedBy, CreatedMS: r.CreatedMS, UpdatedMS: r.UpdatedMS,
	}
}

func retrainDetail(r store.Retrain) (RetrainDetail, error) {
	out := RetrainDetail{
		Retrain: retrainOf(r), Attempts: r.Attempts, Steps: []Step{},
		Trigger: specJSON(r.TriggerJSON), Dataset: specJSON(r.DatasetJSON), Decision: specJSON(r.DecisionJSON),
	}
	for _, s := range r.Steps {
		out.Steps = append(out.Steps, Step{State: s.State, Reason: s.Reason, AtMS: s.AtMS})
	}
	var err error
	if out.Gates, err = parseGates(r.GatesJSON); err != nil {
		return out, err
	}
	if len(out.Gates) == 0 && strings.HasPrefix(strings.TrimSpace(r.DecisionJSON), "{") {
		out.Gates, err = parseGates(r.DecisionJSON)
	}
	return out, err
}

type retrainsInput struct {
	Model string   `query:"model"`
	State []string `query:"state" doc:"One or several states, with commas."`
	Kind  string   `query:"kind" enum:"alarm,schedule,person,bootstrap"`
	Limit int      `query:"limit" default:"100" minimum:"1" maximum:"5000"`
}

func listRetrains(ctx context.Context, s *server, in *retrainsInput) (List[Retrain], error) {
	for i, state := range in.State {
		in.State[i] = strings.ToUpper(state)
	}
	rows, err := s.Store.Retrains(ctx, store.RetrainQuery{Model: in.Model, States: in.State, Kind: in.Kind, Limit: in.Limit + 1})
	out := make([]Retrain, len(rows))
	for i, r := range rows {
		out[i] = retrainOf(r)
	}
	return listOf(out, in.Limit), err
}

// RetrainPath names a retrain in a path.
type RetrainPath struct {
	ID string `path:"id" doc:"Id of the retrain."`
}

func getRetrain(ctx context.Context, s *server, in *RetrainPath) (RetrainDetail, error) {
	r, err := s.Store.Retrain(ctx, in.ID)
	if err != nil {
		return RetrainDetail{}, err
	}
	return retrainDetail(r)
}

type triggerInput struct {
	Body struct {
		Model  string `json:"model" minLength:"1"`
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
		Force  bool   `json:"force,omitempty" doc:"Skip the drift condition and the cool-down; never fresh labels, data quality or gates."`
	}
}

func triggerRetrain(ctx context.Context, s *server, in *triggerInput) (out Retrain, err error) {
	if s.Trigger == nil {
		return out, &Problem{Status: http.StatusNotImplemented, Title: "Not offered here", Detail: "this server cannot ask for retrains", Next: "use driftline retrain where the trainer runs"}
	}
	if _, err := s.Store.WatchedModel(ctx, in.Body.Model); err != nil {
		return out, err
	}
	id, err := s.Trigger(ctx, in.Body.Model, store.Actor(ctx), in.Body.Reason, in.Body.Force)
	if err != nil {
		return out, err
	}
	r, err := s.Store.Retrain(ctx, id)
	return retrainOf(r), err
}

type actInput struct {
	RetrainPath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

// actOn makes the handler of an act on a retrain; the answer is the row after it.
func actOn(pick func(*server) Act) func(context.Context, *server, *actInput) (Retrain, error) {
	return func(ctx context.Context, s *server, in *actInput) (Retrain, error) {
		if err := pick(s)(ctx, in.ID, store.Actor(ctx), in.Body.Reason); err != nil {
			return Retrain{}, err
		}
		r, err := s.Store.Retrain(ctx, in.ID)
		return retrainOf(r), err
	}
}
