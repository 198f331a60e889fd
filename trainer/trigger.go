package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
)

// trigger is why a retrain was asked for, as its row keeps it.
type trigger struct {
	Cause       string `json:"cause"` // drift, performance, schedule, person, bootstrap
	EventType   string `json:"event_type,omitempty"`
	WindowMS    int64  `json:"window_ms,omitempty"`
	StartMS     int64  `json:"start_ms,omitempty"`
	EndMS       int64  `json:"end_ms,omitempty"`
	Drifted     int    `json:"drifted,omitempty"`
	Judged      int    `json:"judged,omitempty"`
	QualityOpen bool   `json:"quality_open,omitempty"`
	Force       bool   `json:"force,omitempty"`
	Actor       string `json:"actor,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

func (t trigger) String() string {
	switch t.Cause {
	case kindDrift:
		return fmt.Sprintf("drift: %d of %d judged features drifted", t.Drifted, t.Judged)
	case kindPerformance:
		return "realised performance fell"
	case "person":
		return fmt.Sprintf("asked for by %s: %s", t.Actor, t.Reason)
	}
	return t.Cause
}

func parseTrigger(r store.Retrain) (t trigger, err error) {
	if err := json.Unmarshal([]byte(r.TriggerJSON), &t); err != nil {
		return t, refuse("the trigger of retrain %s cannot be read: %v", r.ID, err)
	}
	return t, nil
}

// retrainID is the identity of the retrain that an alarm asks for.
func retrainID(episode string, endMS int64) string {
	return sketches.HashFields([]byte(episode), strconv.AppendInt(nil, endMS, 10)).String()
}

func slotID(kind, model string, slot int64) string {
	return sketches.HashFields([]byte(kind), []byte(model), strconv.AppendInt(nil, slot, 10)).String()
}

// queue enters one retrain: COALESCED if the model is paused, it comes too soon or
// another is under way, BLOCKED while a data-quality alarm is open, else QUEUED.
func (t *Trainer) queue(ctx context.Context, tx *store.Tx, s Spec, trig trigger, r store.Retrain) (store.Retrain, error) {
	body, err := json.Marshal(trig)
	if err != nil {
		return r, err
	}
	r.TriggerJSON, r.State, r.Reason = string(body), store.RetrainQueued, trig.String()
	why, err := paused(ctx, tx, s.Model)
	if err == nil && why == "" {
		why, err = tooSoon(ctx, tx, s, trig, r.ClockMS)
	}
	if err != nil {
		return r, err
	}
	open := trig.QualityOpen
	if !open {
		if open, err = qualityOpen(ctx, tx, r.Model); err != nil {
			return r, err
		}
	}
	switch {
	case why != "":
		r.State, r.Reason = store.RetrainCoalesced, why
	case open:
		r.State, r.Reason = store.RetrainBlocked, blockedReason
	}
	now := t.cfg.NowMS()
	row, created, err := tx.EnqueueRetrain(ctx, r, now)
	if err != nil || !created || row.State == store.RetrainCoalesced {
		return row, err
	}
	return row, tell(ctx, tx, toldRequested, row)
}

const blockedReason = "a data-quality alarm of this model is open: data like that must not become the norm"

// tooSoon says in words why a retrain must wait, "" if it need not. All of it is
// event time.
func tooSoon(ctx context.Context, tx *store.Tx, s Spec, trig trigger, clockMS int64) (string, error) {
	if trig.Cause == "bootstrap" {
		return "", nil
	}
	last, found, err := tx.LastDecision(ctx, s.Model)
	if err != nil {
		return "", err
	}
	if found && !trig.Force && trig.Cause != "schedule" {
		if since := clockMS - last.ClockMS; since < s.CoolDownMS {
			return fmt.Sprintf("cool-down: %s since the last decision (%s, %s), %s are needed", span(since), last.State, date(last.ClockMS), span(s.CoolDownMS)), nil
		}
	}
	if found && s.MinFreshMS > 0 {
		from := last.ClockMS
		if m, ok := manifestOf(last); ok {
			from = (int64(m.HoldoutThroughDay) + 1) * dayMS
		}
		c, err := tx.ExampleCounts(ctx, store.ExampleQuery{Model: s.Model, FromMS: from, ToMS: clockMS, LabelsUntilMS: clockMS, LabelledOnly: true, WithFeatures: true})
		if err != nil {
			return "", err
		}
		fresh := int64(0)
		if c.Labelled > 0 {
			fresh = max(0, min(floorDay(c.LastLabelledMS)+dayMS, clockMS)-from) // a day counts once it has begun
		}
		if fresh < s.MinFreshMS {
			return fmt.Sprintf("too little that is new: %s of labelled event time since the last decision's data ended (%s), %s are needed", span(fresh), date(from), span(s.MinFreshMS)), nil
		}
	}
	if s.MaxPerWeek > 0 && !trig.Force {
		week, err := tx.Retrains(ctx, store.RetrainQuery{Model: s.Model, Reached: store.RetrainPromoted, FromMS: clockMS - 7*dayMS + 1, ToMS: clockMS + 1, Limit: s.MaxPerWeek})
		if err != nil {
			return "", err
		}
		if len(week) >= s.MaxPerWeek {
			return fmt.Sprintf("%d promotions within 7 days of event time are the most that max_per_week allows", s.MaxPerWeek), nil
		}
	}
	return "", nil
}

// due queues first versions and scheduled retrains.
func (t *Trainer) due(ctx context.Context) (worked bool, err error) {
	models, err := t.cfg.Models(ctx)
	if err != nil {
		return false, err
	}
	slices.Sort(models)
	for _, m := range models {
		s, ok, err := t.spec(ctx, m)
		if err != nil {
			return worked, err
		}
		if !ok || s.Automation == AutoObserve || s.BootstrapAfterMS == 0 && s.ScheduleMS == 0 {
			continue
		}
		// What is due while the model is paused is due once it goes on.
		if why, err := t.paused(ctx, m); err != nil {
			return worked, err
		} else if why != "" {
			continue
		}
		_, err = t.cfg.Store.Champion(ctx, m)
		did := false
		switch {
		case errors.Is(err, store.ErrNotFound):
			did, err = t.bootstrap(ctx, s)
		case err == nil:
			did, err = t.scheduled(ctx, s)
		}
		worked = worked || did
		if err != nil {
			return worked, err
		}
	}
	return worked, nil
}

// bootstrap queues the training of a first version once the labelled examples span
// the wanted time, counted from the beginning of the first one's day. The clock is the
// beginning of the newest labelled day: that day may still be filling, so the rows of
// whole days alone make the same version whenever it is looked at.
func (t *Trainer) bootstrap(ctx context.Context, s Spec) (bool, error) {
	if s.BootstrapAfterMS == 0 {
		return false, nil
	}
	c, err := t.cfg.Store.ExampleCounts(ctx, store.ExampleQuery{Model: s.Model, LabelledOnly: true, WithFeatures: true})
	if err != nil || c.Labelled == 0 {
		return false, err
	}
	clock := floorDay(c.LastLabelledMS)
	if c.LastLabelledMS-floorDay(c.FirstLabelledMS) < s.BootstrapAfterMS {
		return false, nil
	}
	tried, err := t.cfg.Store.Retrains(ctx, store.RetrainQuery{Model: s.Model, Kind: "bootstrap", FromMS: clock - max(s.MinFreshMS, dayMS) + 1, Limit: 1})
	if err != nil || len(tried) > 0 {
		return false, err // tried on nearly the same rows already
	}
	if ok, err := t.ready(ctx, s.Model, clock); err != nil || !ok {
		return false, err
	}
	return t.queueSlot(ctx, s, trigger{Cause: "bootstrap"}, store.Retrain{ID: slotID("bootstrap", s.Model, clock), Model: s.Model, Kind: "bootstrap", ClockMS: clock})
}

// scheduled queues the retrain of the newest slot of the schedule.
func (t *Trainer) scheduled(ctx context.Context, s Spec) (bool, error) {
	clock, err := t.clock(ctx, s.Model)
	if err != nil || s.ScheduleMS == 0 || clock == 0 {
		return false, err
	}
	slot := floorDiv(clock, s.ScheduleMS)
	id := slotID("schedule", s.Model, slot)
	if _, err := t.cfg.Store.Retrain(ctx, id); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if ok, err := t.ready(ctx, s.Model, slot*s.ScheduleMS); err != nil || !ok {
		return false, err
	}
	return t.queueSlot(ctx, s, trigger{Cause: "schedule"}, store.Retrain{ID: id, Model: s.Model, Kind: "schedule", ClockMS: slot * s.ScheduleMS})
}

// Schedule queues the retrain of one slot of a schedule kept outside, such as cron:
// however many trainers call it, a slot gives one retrain. slotMS is the slot's wall
// clock; the retrain's own clock is that of the stream.
func (t *Trainer) Schedule(ctx context.Context, model string, slotMS int64) error {
	s, ok, err := t.spec(ctx, model)
	if err != nil || !ok {
		return err
	}
	id := slotID("cron", model, slotMS)
	if _, err := t.cfg.Store.Retrain(ctx, id); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	clock, err := t.clock(ctx, model)
	if err != nil {
		return err
	}
	_, err = t.queueSlot(ctx, s, trigger{Cause: "schedule"}, store.Retrain{ID: id, Model: model, Kind: "schedule", ClockMS: clock})
	return err
}

// queueSlot queues unless the model has a retrain under way; the slot then waits.
func (t *Trainer) queueSlot(ctx context.Context, s Spec, trig trigger, r store.Retrain) (queued bool, err error) {
	err = t.write(ctx, "queue a "+trig.Cause, func(tx *store.Tx) error {
		queued = false
		if _, busy, err := tx.ActiveRetrain(ctx, s.Model); err != nil || busy {
			return err
		}
		queued = true
		_, err := t.queue(ctx, tx, s, trig, r)
		return err
	})
	return queued, err
}

// Trigger queues the retrain that a person asks for and returns its id; its row says
// what became of it. force skips the drift condition and the cool-down, never
// freshness, data quality or the gate.
//
// Errors: store.ErrInvalid without actor or reason, store.ErrNotFound for a model
// without a training spec or labelled examples, store.ErrState for one that is paused.
func (t *Trainer) Trigger(ctx context.Context, model, actor, reason string, force bool) (retrainID string, err error) {
	if actor == "" || reason == "" {
		return "", &store.Fault{Kind: store.ErrInvalid, Text: "A retrain needs a name and a reason."}
	}
	s, ok, err := t.spec(ctx, model)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", &store.Fault{Kind: store.ErrNotFound, Text: fmt.Sprintf("Model %q has no training spec that can be used: give it one, then retrain.", model)}
	}
	if why, err := t.paused(ctx, model); err != nil {
		return "", err
	} else if why != "" {
		return "", &store.Fault{Kind: store.ErrState, Text: fmt.Sprintf("Model %q cannot be retrained: %s. Resume it first.", model, why)}
	}
	clock, err := t.clock(ctx, model)
	if err != nil {
		return "", err
	}
	if clock == 0 {
		c, err := t.cfg.Store.ExampleCounts(ctx, store.ExampleQuery{Model: model, LabelledOnly: true, WithFeatures: true})
		if err != nil {
			return "", err
		}
		if c.Labelled == 0 {
			return "", &store.Fault{Kind: store.ErrNotFound, Text: fmt.Sprintf("Model %q has no labelled examples with features: set examples: rows and wait for labels.", model)}
		}
		clock = c.LastLabelledMS + 1
	}
	id := sketches.HashFields([]byte("person"), []byte(model), []byte(actor), []byte(reason), strconv.AppendInt(nil, t.cfg.NowMS(), 10)).String()
	err = t.write(store.WithActor(ctx, actor), "queue a person's retrain", func(tx *store.Tx) error {
		_, err := t.queue(ctx, tx, s, trigger{Cause: "person", Force: force, Actor: actor, Reason: reason}, store.Retrain{ID: id, Model: model, Kind: "person", ClockMS: clock})
		return err
	})
	return id, err
}

// Approve lets a retrain that waits in APPROVAL be promoted. It needs no running
// trainer; nor do Cancel and Retry.
func Approve(ctx context.Context, s *store.Store, id, actor, reason string) error {
	_, err := s.ApproveRetrain(ctx, id, actor, reason, time.Now().UnixMilli())
	return err
}

// Cancel ends an active retrain: REJECTED where it waits for approval, else FAILED.
// Its run ends as KILLED and its version, if there is one, is archived.
func Cancel(ctx context.Context, s *store.Store, id, actor, reason string) error {
	now := time.Now().UnixMilli()
	r, err := s.CancelRetrain(ctx, id, actor, reason, now)
	if err != nil {
		return err
	}
	ctx = store.WithActor(ctx, actor)
	return s.Tx(ctx, func(tx *store.Tx) error {
		if r.RunID != "" {
			if err := endRun(ctx, tx, r.RunID, store.RunKilled, now); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		if err := putAway(ctx, tx, r); err != nil {
			return err
		}
		return tell(ctx, tx, toldCompleted, r)
	})
}

// Retry puts a failed retrain back into the queue; it gets a run of its own.
func Retry(ctx context.Context, s *store.Store, id, actor string) error {
	_, err := s.RetryRetrain(ctx, id, actor, time.Now().UnixMilli())
	return err
}
