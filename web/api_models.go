package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/driftline/driftline/registry/store"
)

// ModelSummary is a watched model in a list.
type ModelSummary struct {
	Name       string  `json:"name"`
	Status     string  `json:"status" doc:"Most urgent first: quality, performance, drift, stale, rising, learning, paused, empty, quiet."`
	State      string  `json:"state" enum:"learning,watching,paused"`
	Automation string  `json:"automation" enum:"observe,retrain,approve,promote"`
	Champion   string  `json:"champion" doc:"Version that serves; empty for none."`
	Alarms     int     `json:"alarms" doc:"Alarms that fire now."`
	Silenced   int     `json:"silenced" doc:"Of these, those whose notification is muted."`
	WindowMS   int64   `json:"window_ms" doc:"Window that the figures are of; 0 for none yet."`
	EndMS      int64   `json:"end_ms" doc:"End of the newest final window."`
	MaxPSI     *Number `json:"max_psi"`
	MaxFeature string  `json:"max_feature"`
	Drifted    int64   `json:"drifted"`
	Judged     int64   `json:"judged"`
	Total      int64   `json:"total"`
	EarlyMS    int64   `json:"early_warning_ms" doc:"Event time of an early warning that stands, for a day; 0 for none."`
	EarlyOf    string  `json:"early_warning_feature"`
	Missing    string  `json:"missing" doc:"What a first verdict still takes, and when it comes; empty where there is one."`
	FirstMS    int64   `json:"first_verdict_ms" doc:"Window end at which the first verdict comes if the traffic stays; 0 where that cannot be told."`
	Accuracy   *Number `json:"accuracy" doc:"Share of right classes over the last 7 days with labels; null where unknown."`
	Labelled   int64   `json:"labelled" doc:"Predictions behind the accuracy."`
	Retrain    string  `json:"retrain" doc:"State of the last retrain; empty for none."`
	UpdatedMS  int64   `json:"updated_ms" doc:"Last change of the settings."`

	PausedBy     string `json:"paused_by" doc:"Of a model that is paused: who did it; empty where it is not."`
	PausedReason string `json:"paused_reason"`
	PausedMS     int64  `json:"paused_ms" doc:"Wall clock."`
}

// Number is a plain float in the API.
type Number = float64

// ModelDetail is everything about a model at a glance.
type ModelDetail struct {
	ModelSummary
	Spec     json.RawMessage `json:"spec" doc:"Settings as applied; an object."`
	Versions []Version       `json:"versions" nullable:"false"`
	Scores   []Score         `json:"scores" nullable:"false" doc:"Newest final score per version, reference and window."`
	Segments []Score         `json:"segments" nullable:"false" doc:"Newest final score per declared part of the traffic, version and window."`
	Open     []Alarm         `json:"open_alarms" nullable:"false"`
	Silences []Silence       `json:"silences" nullable:"false" doc:"Those in force."`
	// Performance holds at most two.
	Performance []Performance `json:"performance" nullable:"false" doc:"Of the champion: the newest week whose labels are there, and one behind it whose labels are awaited."`
	History     []Reign       `json:"champions" nullable:"false" doc:"Who was champion when, oldest first."`
}

// Version is a registered version.
type Version struct {
	Version   string   `json:"version"`
	Stage     string   `json:"stage"`
	Aliases   []string `json:"aliases" nullable:"false"`
	RunID     string   `json:"run_id"`
	Status    string   `json:"status"`
	CreatedMS int64    `json:"created_ms"`
}

// Reign is a time in which one version was champion.
type Reign struct {
	Version  string `json:"version" doc:"Empty for a time without champion."`
	Previous string `json:"previous"`
	SinceMS  int64  `json:"since_ms" doc:"Wall clock of the act."`
	Act      string `json:"act" doc:"promote, rollback, alias or stage."`
	Actor    string `json:"actor"`
	Reason   string `json:"reason"`
}

// ModelPath names a model in a path.
type ModelPath struct {
	Model string `path:"model" doc:"Name of the model."`
}

func listModels(ctx context.Context, s *server, _ *struct{}) (List[ModelSummary], error) {
	fleet, err := s.fleet(ctx)
	if err != nil {
		return List[ModelSummary]{}, err
	}
	return listOf(fleet, len(fleet)), nil
}

func getModel(ctx context.Context, s *server, in *ModelPath) (out ModelDetail, err error) {
	err = s.Store.Read(ctx, func(t *store.Tx) error {
		w, err := t.WatchedModel(ctx, in.Model)
		if err != nil {
			return err
		}
		f, err := readFleet(ctx, t, s.NowMS())
		if err != nil {
			return err
		}
		m, err := f.model(ctx, t, w)
		if err != nil {
			return err
		}
		out = ModelDetail{ModelSummary: m.ModelSummary, Spec: specJSON(w.SpecJSON), Versions: []Version{}, Scores: []Score{}, Segments: []Score{}, Open: []Alarm{}, History: []Reign{}}
		for _, row := range m.latest {
			score, err := scoreOf(row, true)
			if err == nil {
				err = score.tellMissing(row, needsOf(w))
			}
			if err != nil {
				return err
			}
			out.Scores = append(out.Scores, score)
		}
		parts, err := latestSegments(ctx, t, in.Model)
		if err != nil {
			return err
		}
		for _, row := range parts {
			score, err := scoreOf(row, true)
			if err != nil {
				return err
			}
			score.Features = nil // of up to 64 parts: the scores of one have them
			out.Segments = append(out.Segments, score)
		}
		for _, a := range m.open {
			out.Open = append(out.Open, alarmOf(a))
		}
		out.Silences = silencesOf(m.silences, s.NowMS())
		if out.Versions, err = versionsOf(ctx, t, in.Model); err != nil {
			return err
		}
		if out.Performance, err = newestPerformance(ctx, t, in.Model, out.Champion); err != nil {
			return err
		}
		reigns, err := t.ChampionHistory(ctx, in.Model)
		for _, c := range reigns {
			out.History = append(out.History, Reign{Version: c.Version, Previous: c.Previous, SinceMS: c.SinceMS, Act: c.Act, Actor: c.Actor, Reason: c.Reason})
		}
		return err
	})
	return out, err
}

// specJSON is the settings as JSON; what is not JSON shows as a string.
func specJSON(text string) json.RawMessage {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage("null")
	}
	return quoted
}

// versionsOf lists the versions of a model, newest first; none if it is not registered.
func versionsOf(ctx context.Context, t *store.Tx, model string) ([]Version, error) {
	rows, err := versionRows(ctx, t, model)
	if err != nil {
		return nil, err
	}
	out := make([]Version, 0, len(rows))
	for _, v := range rows {
		out = append(out, Version{Version: v.Version, Stage: v.Stage, Aliases: append([]string{}, v.Aliases...), RunID: v.RunID, Status: v.Status, CreatedMS: v.CreatedMS})
	}
	return out, nil
}

func versionRows(ctx context.Context, t *store.Tx, model string) ([]store.ModelVersion, error) {
	rows, _, err := t.SearchVersions(ctx, store.Search{Filter: "name = " + filterText(model), OrderBy: []string{"version_number DESC"}})
	return rows, err
}

type applyInput struct {
	ModelPath
	DryRun bool `query:"dry_run" doc:"Only say what would change."`
	Body   struct {
		Spec   json.RawMessage `json:"spec" doc:"Settings of the model, an object with the keys of the configuration's models section."`
		Reason string          `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

// Applied says what applying settings changed, or would change.
type Applied struct {
	Model   string   `json:"model"`
	Created bool     `json:"created"`
	Changed bool     `json:"changed"`
	DryRun  bool     `json:"dry_run"`
	Diff    []Change `json:"diff" nullable:"false"`
}

func applyModel(ctx context.Context, s *server, in *applyInput) (out Applied, err error) {
	if s.ValidateSpec == nil {
		return out, &Problem{Status: http.StatusNotImplemented, Title: "Not offered here", Detail: "this server cannot check the settings of a model", Next: "use driftline models apply on the machine that runs it"}
	}
	spec, err := s.ValidateSpec(in.Model, in.Body.Spec)
	if err != nil {
		return out, invalid("body.spec", nil, err)
	}
	if spec.Automation == "" {
		spec.Automation = "observe"
	}
	out = Applied{Model: in.Model, DryRun: in.DryRun, Diff: []Change{}}
	run := s.Store.Tx
	if in.DryRun {
		run = s.Store.Read
	}
	err = run(ctx, func(t *store.Tx) error {
		old, err := t.WatchedModel(ctx, in.Model)
		out.Created = errors.Is(err, store.ErrNotFound)
		if err != nil && !out.Created {
			return err
		}
		if out.Diff, err = diffJSON([]byte(old.SpecJSON), spec.JSON); err != nil {
			return err
		}
		out.Changed = out.Created || len(out.Diff) > 0 || old.Automation != spec.Automation
		if in.DryRun || !out.Changed {
			return nil
		}
		m := store.WatchedModel{Name: in.Model, SpecJSON: string(spec.JSON), State: old.State, Automation: spec.Automation, CreatedMS: old.CreatedMS}
		if out.Created {
			m.State = "learning"
		}
		if err := t.PutWatchedModel(ctx, m); err != nil {
			return err
		}
		if err := t.Audit(ctx, "watch.apply", "watched:"+in.Model, nil, map[string]string{"reason": in.Body.Reason}); err != nil {
			return err
		}
		return t.AddOutbox(ctx, "model.applied", in.Model, "", string(spec.JSON))
	})
	return out, err
}

// Serving says which version serves after an act, and which did before.
type Serving struct {
	Model    string `json:"model"`
	Version  string `json:"version"`
	Previous string `json:"previous"`
	Changed  bool   `json:"changed"`
}

type promoteInput struct {
	ModelPath
	Body struct {
		Version string `json:"version" minLength:"1"`
		Reason  string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func promoteVersion(ctx context.Context, s *server, in *promoteInput) (Serving, error) {
	changed, prev, err := s.Store.Promote(ctx, in.Model, in.Body.Version, store.Actor(ctx), in.Body.Reason)
	return Serving{Model: in.Model, Version: in.Body.Version, Previous: prev, Changed: changed}, err
}

type rollbackInput struct {
	ModelPath
	Body struct {
		Version string `json:"version,omitempty" doc:"Default: the champion before the present one."`
		Reason  string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func rollbackVersion(ctx context.Context, s *server, in *rollbackInput) (Serving, error) {
	version, prev, err := s.Store.Rollback(ctx, in.Model, in.Body.Version, store.Actor(ctx), in.Body.Reason)
	return Serving{Model: in.Model, Version: version, Previous: prev, Changed: version != prev}, err
}
