package store

import (
	"context"
	"slices"
)

// runnable are the states in which a trainer has something to do. PROMOTED is among
// them although no longer active: what follows a promotion must survive a crash.
// APPROVAL is, once a person has approved.
var runnable = []string{
	RetrainQueued, RetrainChecked, RetrainLeased, RetrainDataset, RetrainTrained, RetrainEvaluated, RetrainRegistered, RetrainGated, RetrainPromoted,
}

// claimTries bounds how many rows ClaimRetrain loses to others before it says that
// there is nothing to do; the caller asks again anyway.
const claimTries = 20

// ClaimRetrain gives owner the lease of the oldest row that wants work and is free:
// never taken, its lease expired, or held by owner itself, as after a restart. Each
// claim raises the fence, so the former holder's writes are refused from now on.
// Rows in except are passed over: those that this owner is working on already. So are
// rows of a paused model.
//
// found is false if there is nothing to do. Times are wall clock, ms.
func (t *Tx) ClaimRetrain(ctx context.Context, owner string, nowMS, leaseMS int64, except ...string) (r Retrain, found bool, err error) {
	if owner == "" || leaseMS <= 0 {
		return r, false, fault(ErrInvalid, "a lease needs an owner and a length above 0, not %q and %d ms", owner, leaseMS)
	}
	for range claimTries {
		var b builder
		b.text(" WHERE (state IN " + b.list(runnable) + " OR (state = " + b.arg(RetrainApproval) + " AND approved_ms IS NOT NULL)) AND wait_until_ms <= " + b.arg(nowMS) +
			" AND (lease_until_ms <= " + b.arg(nowMS) + " OR owner = " + b.arg(owner) + ")" +
			" AND model NOT IN (SELECT name FROM watched_models WHERE paused_ms IS NOT NULL)")
		if len(except) > 0 {
			b.text(" AND id NOT IN " + b.list(except))
		}
		b.text(" ORDER BY created_ms, id LIMIT 1")
		rows, err := t.retrainRows(ctx, b.sql(), b.args)
		if err != nil || len(rows) == 0 {
			return r, false, err
		}
		r = rows[0]
		// The fence is compared again: another trainer may have been faster.
		n, err := t.exec(ctx, `UPDATE retrains SET owner = $1, fence = fence + 1, lease_until_ms = $2, attempts = attempts + 1, updated_ms = $3
			WHERE id = $4 AND fence = $5 AND state = $6`, owner, nowMS+leaseMS, nowMS, r.ID, r.Fence, r.State)
		if err != nil {
			return r, false, err
		}
		if n == 1 {
			return t.retrain(ctx, r.ID)
		}
	}
	return Retrain{}, false, nil
}

// ClaimRetrain is Tx.ClaimRetrain in a transaction of its own.
func (s *Store) ClaimRetrain(ctx context.Context, owner string, nowMS, leaseMS int64, except ...string) (r Retrain, found bool, err error) {
	err = s.Tx(ctx, func(t *Tx) error {
		r, found, err = t.ClaimRetrain(ctx, owner, nowMS, leaseMS, except...)
		return err
	})
	return r, found, err
}

// RenewLease lengthens the lease to nowMS + leaseMS; leaseMS 0 gives it up.
// ErrConflict if the lease has gone to somebody else.
func (s *Store) RenewLease(ctx context.Context, id string, fence, nowMS, leaseMS int64) error {
	return s.Tx(ctx, func(t *Tx) error {
		n, err := t.exec(ctx, "UPDATE retrains SET lease_until_ms = $1 WHERE id = $2 AND fence = $3", nowMS+leaseMS, id, fence)
		if err == nil && n == 0 {
			err = t.lost(ctx, id, fence, "")
		}
		return err
	})
}

// RetrainPatch changes fields of a row; nil leaves a field as it is.
type RetrainPatch struct {
	Reason         string // of the new state; goes to the steps, too
	DatasetJSON    *string
	RunID          *string
	Version        *string
	ChampionBefore *string
	GatesJSON      *string
	DecisionJSON   *string
	WaitUntilMS    *int64
}

// AdvanceRetrain moves a row from one state to the next and writes what the phase
// found out, if fence and state are still those the caller knows; from = to only
// writes. A row that is no longer worked on gives its lease up. On PROMOTED a
// probation of the model that still runs is ended.
//
// Errors: ErrConflict if another owner has the row or it is in another state;
// ErrInvalid for a step that no retrain takes; ErrNotFound.
func (t *Tx) AdvanceRetrain(ctx context.Context, id string, fence int64, from, to string, p RetrainPatch, nowMS int64) (Retrain, error) {
	if !mayFollow(from, to) {
		return Retrain{}, fault(ErrInvalid, "retrain %s cannot go from %s to %s", id, from, to)
	}
	var b builder
	b.text("UPDATE retrains SET state = " + b.arg(to) + ", updated_ms = " + b.arg(nowMS))
	if from != to || p.Reason != "" {
		b.text(", reason = " + b.arg(p.Reason))
	}
	for _, f := range []struct {
		column string
		value  *string
	}{
		{"dataset", p.DatasetJSON}, {"run_id", p.RunID}, {"version", p.Version}, {"champion_before", p.ChampionBefore}, {"gates", p.GatesJSON}, {"decision", p.DecisionJSON},
	} {
		if f.value != nil {
			b.text(", " + f.column + " = " + b.arg(*f.value))
		}
	}
	if p.WaitUntilMS != nil {
		b.text(", wait_until_ms = " + b.arg(*p.WaitUntilMS))
	}
	if !slices.Contains(runnable, to) {
		b.text(", lease_until_ms = 0")
	}
	b.text(" WHERE id = " + b.arg(id) + " AND fence = " + b.arg(fence) + " AND state = " + b.arg(from))
	n, err := t.exec(ctx, b.sql(), b.args...)
	if err != nil {
		return Retrain{}, err
	}
	if n == 0 {
		return Retrain{}, t.lost(ctx, id, fence, from)
	}
	if from != to {
		if err := t.addStep(ctx, id, to, p.Reason, nowMS); err != nil {
			return Retrain{}, err
		}
	}
	r, _, err := t.retrain(ctx, id)
	if err == nil && from != to && to == RetrainPromoted {
		_, err = t.EndProbation(ctx, r.Model, id, "version "+r.Version+" was promoted", nowMS)
	}
	return r, err
}

// AdvanceRetrain is Tx.AdvanceRetrain in a transaction of its own.
func (s *Store) AdvanceRetrain(ctx context.Context, id string, fence int64, from, to string, p RetrainPatch, nowMS int64) (Retrain, error) {
	return inTx(ctx, s, func(t *Tx) (Retrain, error) { return t.AdvanceRetrain(ctx, id, fence, from, to, p, nowMS) })
}

// lost says why a compare-and-swap found nothing.
func (t *Tx) lost(ctx context.Context, id string, fence int64, state string) error {
	r, found, err := t.retrain(ctx, id)
	switch {
	case err != nil:
		return err
	case !found:
		return fault(ErrNotFound, "there is no retrain %q", id)
	case r.Fence != fence:
		return fault(ErrConflict, "retrain %s has gone to owner %q (fence %d, not %d)", id, r.Owner, r.Fence, fence)
	}
	return fault(ErrConflict, "retrain %s is %s, not %s", id, r.State, state)
}

// EndProbation ends the probation of the model's earlier promotions, all but the
// row except, and returns how many there were.
func (t *Tx) EndProbation(ctx context.Context, model, except, reason string, nowMS int64) (int, error) {
	var b builder
	b.text(" WHERE model = " + b.arg(model) + " AND id <> " + b.arg(except) + " AND state IN " + b.list([]string{RetrainPromoted, RetrainProbation}) + " ORDER BY id")
	rows, err := t.retrainRows(ctx, b.sql(), b.args)
	if err != nil {
		return 0, err
	}
	ended := 0
	for _, r := range rows {
		n, err := t.exec(ctx, `UPDATE retrains SET state = $1, reason = $2, fence = fence + 1, lease_until_ms = 0, updated_ms = $3
			WHERE id = $4 AND state = $5`, RetrainDone, reason, nowMS, r.ID, r.State)
		if err != nil {
			return ended, err
		}
		if n == 0 {
			continue // it ended otherwise meanwhile
		}
		if err := t.addStep(ctx, r.ID, RetrainDone, reason, nowMS); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, nil
}

// ApproveRetrain records a person's approval of a row in APPROVAL; a trainer then
// takes it up. The first approval stays.
//
// Errors: ErrState if the row does not wait for approval; ErrInvalid without name
// or reason; ErrNotFound.
func (s *Store) ApproveRetrain(ctx context.Context, id, by, reason string, nowMS int64) (Retrain, error) {
	if by == "" || reason == "" {
		return Retrain{}, fault(ErrInvalid, "an approval needs a name and a reason")
	}
	return s.act(ctx, id, "retrain.approve", by, reason, func(t *Tx, r Retrain) (int64, error) {
		if r.State != RetrainApproval {
			return 0, fault(ErrState, "retrain %s is %s and does not wait for approval", id, r.State)
		}
		if r.ApprovedMS != 0 {
			return 1, nil
		}
		return t.exec(ctx, `UPDATE retrains SET approved_by = $1, approved_reason = $2, approved_ms = $3, updated_ms = $4
			WHERE id = $5 AND state = $6 AND approved_ms IS NULL`, by, reason, nowMS, nowMS, id, RetrainApproval)
	})
}

// CancelRetrain ends an active row: REJECTED where it waited for approval, else
// FAILED. The fence is raised, so a trainer at work on it is stopped at its next
// step.
//
// Errors: ErrState if the row is not active; ErrInvalid without name or reason;
// ErrNotFound.
func (s *Store) CancelRetrain(ctx context.Context, id, by, reason string, nowMS int64) (Retrain, error) {
	if by == "" || reason == "" {
		return Retrain{}, fault(ErrInvalid, "a cancellation needs a name and a reason")
	}
	return s.act(ctx, id, "retrain.cancel", by, reason, func(t *Tx, r Retrain) (int64, error) {
		if !slices.Contains(ActiveRetrainStates, r.State) {
			return 0, fault(ErrState, "retrain %s is %s and cannot be cancelled", id, r.State)
		}
		to, text := RetrainFailed, "cancelled by "+by+": "+reason
		if r.State == RetrainApproval {
			to, text = RetrainRejected, "refused by "+by+": "+reason
		}
		n, err := t.exec(ctx, `UPDATE retrains SET state = $1, reason = $2, fence = fence + 1, lease_until_ms = 0, updated_ms = $3
			WHERE id = $4 AND fence = $5 AND state = $6`, to, text, nowMS, id, r.Fence, r.State)
		if err != nil || n == 0 {
			return n, err
		}
		return n, t.addStep(ctx, id, to, text, nowMS)
	})
}

// RetryRetrain puts a FAILED row back into the queue; what its phases wrote stays.
//
// Errors: ErrState if the row has not failed or the model has an active one;
// ErrInvalid without a name; ErrNotFound.
func (s *Store) RetryRetrain(ctx context.Context, id, by string, nowMS int64) (Retrain, error) {
	if by == "" {
		return Retrain{}, fault(ErrInvalid, "a retry needs a name")
	}
	return s.act(ctx, id, "retrain.retry", by, "", func(t *Tx, r Retrain) (int64, error) {
		if r.State != RetrainFailed {
			return 0, fault(ErrState, "retrain %s is %s; only a %s one can be retried", id, r.State, RetrainFailed)
		}
		active, found, err := t.activeRetrain(ctx, r.Model)
		if err != nil {
			return 0, err
		}
		if found {
			return 0, fault(ErrState, "retrain %s of model %q is under way; wait for its end", active.ID, r.Model)
		}
		reason := "retried by " + by
		n, err := t.exec(ctx, `UPDATE retrains SET state = $1, reason = $2, fence = fence + 1, lease_until_ms = 0, wait_until_ms = 0, updated_ms = $3
			WHERE id = $4 AND fence = $5 AND state = $6`, RetrainQueued, reason, nowMS, id, r.Fence, r.State)
		if err != nil || n == 0 {
			return n, err
		}
		return n, t.addStep(ctx, id, RetrainQueued, reason, nowMS)
	})
}

// act runs a person's change of a row, leaves the audit row and returns the row.
func (s *Store) act(ctx context.Context, id, action, by, reason string, change func(*Tx, Retrain) (int64, error)) (Retrain, error) {
	return inTx(ctx, s, func(t *Tx) (Retrain, error) {
		before, found, err := t.retrain(ctx, id)
		if err == nil && !found {
			err = fault(ErrNotFound, "there is no retrain %q", id)
		}
		if err != nil {
			return Retrain{}, err
		}
		n, err := change(t, before)
		if err != nil {
			return Retrain{}, err
		}
		if n == 0 {
			return Retrain{}, t.lost(ctx, id, before.Fence, before.State)
		}
		after, _, err := t.retrain(ctx, id)
		if err != nil {
			return Retrain{}, err
		}
		return after, t.auditAs(ctx, by, action, "retrain:"+id, map[string]string{"state": before.State}, map[string]string{"state": after.State, "reason": reason})
	})
}
