package store

import (
	"context"
	"fmt"
	"slices"
)

// States of a retrain.
const (
	RetrainQueued     = "QUEUED"
	RetrainChecked    = "CHECKED"
	RetrainLeased     = "LEASED"
	RetrainDataset    = "DATASET"
	RetrainTrained    = "TRAINED"
	RetrainEvaluated  = "EVALUATED"
	RetrainRegistered = "REGISTERED"
	RetrainGated      = "GATED"
	RetrainApproval   = "APPROVAL"
	RetrainBlocked    = "BLOCKED"
	RetrainPromoted   = "PROMOTED"
	RetrainProbation  = "PROBATION"
	RetrainDone       = "DONE"
	RetrainCoalesced  = "COALESCED"
	RetrainRejected   = "REJECTED"
	RetrainRolledBack = "ROLLED_BACK"
	RetrainFailed     = "FAILED"
)

// ActiveRetrainStates are the states of which a model has at most one row; the
// partial index retrains_one_active names the same.
var ActiveRetrainStates = []string{
	RetrainQueued, RetrainChecked, RetrainLeased, RetrainDataset, RetrainTrained, RetrainEvaluated, RetrainRegistered, RetrainGated, RetrainApproval, RetrainBlocked,
}

// retrainNext lists where each state may lead, beside FAILED and, before the gate,
// COALESCED and BLOCKED, which every active state may. Phases may be skipped
// backwards only by Retry.
var retrainNext = map[string][]string{
	RetrainQueued:     {RetrainChecked},
	RetrainBlocked:    {RetrainQueued},
	RetrainChecked:    {RetrainLeased, RetrainRejected},
	RetrainLeased:     {RetrainDataset, RetrainRejected},
	RetrainDataset:    {RetrainTrained, RetrainRejected},
	RetrainTrained:    {RetrainEvaluated, RetrainRejected},
	RetrainEvaluated:  {RetrainRegistered, RetrainRejected},
	RetrainRegistered: {RetrainGated, RetrainRejected},
	RetrainGated:      {RetrainApproval, RetrainPromoted, RetrainRejected, RetrainDone},
	RetrainApproval:   {RetrainPromoted, RetrainRejected},
	RetrainPromoted:   {RetrainProbation, RetrainDone, RetrainRolledBack},
	RetrainProbation:  {RetrainDone, RetrainRolledBack},
}

// decided are the states of a row whose question was answered: the new version was
// taken or refused.
var decided = []string{RetrainPromoted, RetrainProbation, RetrainDone, RetrainRolledBack, RetrainRejected}

func mayFollow(from, to string) bool {
	if from == to || slices.Contains(retrainNext[from], to) {
		return true
	}
	return slices.Contains(ActiveRetrainStates, from) && (to == RetrainFailed || to == RetrainCoalesced || to == RetrainBlocked)
}

// Retrain is one answer to a trigger, from queue to verdict.
type Retrain struct {
	ID             string // hash of the episode and window, or the schedule's slot
	Model          string
	Kind           string // alarm | schedule | person | bootstrap
	TriggerJSON    string
	EventID        string // drift event that asked for it, or ""
	Episode        string
	ClockMS        int64 // event time of the trigger
	State          string
	Reason         string // of the present state
	Owner          string // last holder of the lease
	Fence          int64  // how many owners there have been
	LeaseUntilMS   int64  // wall clock; 0 = free
	WaitUntilMS    int64  // wall clock before which nobody takes it (backoff)
	Attempts       int64  // how often it was taken
	ApprovedBy     string
	ApprovedReason string
	ApprovedMS     int64  // 0 = not approved
	DatasetJSON    string // manifest
	RunID          string
	Version        string // registered version
	ChampionBefore string // version it was compared with
	GatesJSON      string
	DecisionJSON   string
	CreatedMS      int64
	UpdatedMS      int64
	Steps          []RetrainStep // filled by Retrain, not by Retrains
}

// RetrainStep is one state a retrain was in.
type RetrainStep struct {
	State  string
	Reason string
	AtMS   int64
}

const retrainColumns = `id, model, kind, trigger_json, event_id, episode, clock_ms, state, reason, owner, fence, lease_until_ms, wait_until_ms, attempts,
	approved_by, approved_reason, coalesce(approved_ms, 0), dataset, run_id, version, champion_before, gates, decision, created_ms, updated_ms`

func scanRetrain(row scanner, r *Retrain) error {
	return row.Scan(&r.ID, &r.Model, &r.Kind, &r.TriggerJSON, &r.EventID, &r.Episode, &r.ClockMS, &r.State, &r.Reason, &r.Owner, &r.Fence, &r.LeaseUntilMS,
		&r.WaitUntilMS, &r.Attempts, &r.ApprovedBy, &r.ApprovedReason, &r.ApprovedMS, &r.DatasetJSON, &r.RunID, &r.Version, &r.ChampionBefore, &r.GatesJSON,
		&r.DecisionJSON, &r.CreatedMS, &r.UpdatedMS)
}

const insertRetrain = `INSERT INTO retrains (id, model, kind, trigger_json, event_id, episode, clock_ms, state, reason, created_ms, updated_ms)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`

// enqueueTries bounds how often EnqueueRetrain looks again when the active row that
// stood in its way has ended before it could be named.
const enqueueTries = 5

// EnqueueRetrain inserts a retrain, QUEUED unless r.State says BLOCKED or COALESCED,
// and returns the row as it stands. If the model has an active one, the new row is
// COALESCED with the reason. A repeat of an id changes nothing and returns the
// stored row; created tells the two apart.
//
// Read of r: ID, Model, Kind, TriggerJSON, EventID, Episode, ClockMS, State, Reason.
// Errors: ErrInvalid for an empty id or model, an unknown kind or another state.
func (t *Tx) EnqueueRetrain(ctx context.Context, r Retrain, nowMS int64) (row Retrain, created bool, err error) {
	if r.State == "" {
		r.State = RetrainQueued
	}
	if r.State != RetrainQueued && r.State != RetrainBlocked && r.State != RetrainCoalesced {
		return Retrain{}, false, fault(ErrInvalid, "a retrain begins as %s, %s or %s, not as %q", RetrainQueued, RetrainBlocked, RetrainCoalesced, r.State)
	}
	for range enqueueTries {
		n, err := t.exec(ctx, insertRetrain, r.ID, r.Model, r.Kind, r.TriggerJSON, r.EventID, r.Episode, r.ClockMS, r.State, r.Reason, nowMS, nowMS)
		if err != nil {
			return Retrain{}, false, fmt.Errorf("enqueue retrain %s of model %s: %w", r.ID, r.Model, err)
		}
		if n == 1 {
			if err := t.addStep(ctx, r.ID, r.State, r.Reason, nowMS); err != nil {
				return Retrain{}, false, err
			}
		}
		// Either this id is there, or the model has an active row.
		row, found, err := t.retrain(ctx, r.ID)
		if err != nil || found {
			return row, n == 1, err
		}
		active, found, err := t.activeRetrain(ctx, r.Model)
		if err != nil {
			return Retrain{}, false, err
		}
		if found {
			r.State = RetrainCoalesced
			r.Reason = "retrain " + active.ID + " of this model is under way"
		}
	}
	return Retrain{}, false, fault(ErrConflict, "retrain %s of model %q could not be queued: other retrains come and go; try again", r.ID, r.Model)
}

// EnqueueRetrain is Tx.EnqueueRetrain in a transaction of its own.
func (s *Store) EnqueueRetrain(ctx context.Context, r Retrain, nowMS int64) (row Retrain, created bool, err error) {
	err = s.Tx(ctx, func(t *Tx) error {
		row, created, err = t.EnqueueRetrain(ctx, r, nowMS)
		return err
	})
	return row, created, err
}

func (t *Tx) addStep(ctx context.Context, id, state, reason string, nowMS int64) error {
	_, err := t.exec(ctx, "INSERT INTO retrain_steps (retrain, state, reason, at_ms) VALUES ($1, $2, $3, $4)", id, state, reason, nowMS)
	return err
}

func (t *Tx) retrain(ctx context.Context, id string) (r Retrain, found bool, err error) {
	rows, err := t.retrainRows(ctx, " WHERE id = $1", []any{id})
	return first(rows), len(rows) > 0, err
}

func (t *Tx) activeRetrain(ctx context.Context, model string) (r Retrain, found bool, err error) {
	var b builder
	b.text(" WHERE model = " + b.arg(model) + " AND state IN " + b.list(ActiveRetrainStates))
	rows, err := t.retrainRows(ctx, b.sql(), b.args)
	return first(rows), len(rows) > 0, err
}

func (t *Tx) retrainRows(ctx context.Context, tail string, args []any) ([]Retrain, error) {
	var out []Retrain
	err := t.rows(ctx, "SELECT "+retrainColumns+" FROM retrains"+tail, args, func(row scanner) error {
		var r Retrain
		err := scanRetrain(row, &r)
		out = append(out, r)
		return err
	})
	return out, err
}

func first(rows []Retrain) Retrain {
	if len(rows) == 0 {
		return Retrain{}
	}
	return rows[0]
}

// Retrain returns one row with its steps, or ErrNotFound.
func (t *Tx) Retrain(ctx context.Context, id string) (Retrain, error) {
	r, found, err := t.retrain(ctx, id)
	if err == nil && !found {
		err = fault(ErrNotFound, "there is no retrain %q", id)
	}
	if err != nil {
		return r, err
	}
	err = t.rows(ctx, "SELECT state, reason, at_ms FROM retrain_steps WHERE retrain = $1 ORDER BY id", []any{id}, func(row scanner) error {
		var s RetrainStep
		err := row.Scan(&s.State, &s.Reason, &s.AtMS)
		r.Steps = append(r.Steps, s)
		return err
	})
	return r, err
}

// Retrain is Tx.Retrain over a snapshot of its own.
func (s *Store) Retrain(ctx context.Context, id string) (Retrain, error) {
	return inRead(ctx, s, func(t *Tx) (Retrain, error) { return t.Retrain(ctx, id) })
}

// ActiveRetrain returns the model's active row, if there is one.
func (t *Tx) ActiveRetrain(ctx context.Context, model string) (r Retrain, found bool, err error) {
	return t.activeRetrain(ctx, model)
}

// RetrainQuery selects retrains; a zero field does not restrict.
type RetrainQuery struct {
	Model   string
	States  []string
	Kind    string
	Episode string
	Version string
	Reached string // only rows that were in this state at some time
	FromMS  int64  // clock of the trigger, inclusive
	ToMS    int64  // clock of the trigger, exclusive
	Limit   int    // default 100, at most 10,000
}

// Retrains returns the rows that q selects, newest first.
func (t *Tx) Retrains(ctx context.Context, q RetrainQuery) ([]Retrain, error) {
	var b builder
	b.text(" WHERE 1 = 1")
	for _, c := range []struct{ column, value string }{{"model", q.Model}, {"kind", q.Kind}, {"episode", q.Episode}, {"version", q.Version}} {
		if c.value != "" {
			b.text(" AND " + c.column + " = " + b.arg(c.value))
		}
	}
	if len(q.States) > 0 {
		b.text(" AND state IN " + b.list(q.States))
	}
	if q.Reached != "" {
		b.text(" AND EXISTS (SELECT 1 FROM retrain_steps s WHERE s.retrain = retrains.id AND s.state = " + b.arg(q.Reached) + ")")
	}
	if q.FromMS != 0 {
		b.text(" AND clock_ms >= " + b.arg(q.FromMS))
	}
	if q.ToMS != 0 {
		b.text(" AND clock_ms < " + b.arg(q.ToMS))
	}
	b.text(" ORDER BY created_ms DESC, id DESC LIMIT " + b.arg(clampLimit(q.Limit, 100, 10_000)))
	return t.retrainRows(ctx, b.sql(), b.args)
}

// Retrains is Tx.Retrains over a snapshot of its own.
func (s *Store) Retrains(ctx context.Context, q RetrainQuery) ([]Retrain, error) {
	return inRead(ctx, s, func(t *Tx) ([]Retrain, error) { return t.Retrains(ctx, q) })
}

// LastDecision returns the model's row of the latest trigger, by event time, whose
// version was promoted (also if it was rolled back later) or refused; found is
// false if there is none.
func (t *Tx) LastDecision(ctx context.Context, model string) (r Retrain, found bool, err error) {
	var b builder
	b.text(" WHERE model = " + b.arg(model) + " AND state IN " + b.list(decided) + " ORDER BY clock_ms DESC, id DESC LIMIT 1")
	rows, err := t.retrainRows(ctx, b.sql(), b.args)
	return first(rows), len(rows) > 0, err
}

// LastDecision is Tx.LastDecision over a snapshot of its own.
func (s *Store) LastDecision(ctx context.Context, model string) (r Retrain, found bool, err error) {
	err = s.Read(ctx, func(t *Tx) error {
		r, found, err = t.LastDecision(ctx, model)
		return err
	})
	return r, found, err
}
