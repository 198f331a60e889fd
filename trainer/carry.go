package trainer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

// job is one retrain in the hands of this trainer. The row says where it stands; the
// rest is loaded from artifacts where a former holder of the lease made it.
type job struct {
	*Trainer
	row  store.Retrain
	trig trigger
	spec Spec

	base   string // artifact path of the run
	data   *dataset
	tested *gbdt.Model

	pending store.Retrain // set by a transaction that writes the row once more
}

// resting tells whether a retrain wants nothing from a trainer as it stands.
func resting(r store.Retrain) bool {
	switch r.State {
	case store.RetrainApproval:
		return r.ApprovedMS == 0
	case store.RetrainBlocked, store.RetrainProbation, store.RetrainDone, store.RetrainCoalesced,
		store.RetrainRejected, store.RetrainRolledBack, store.RetrainFailed:
		return true
	}
	return false
}

// carryOne takes the oldest retrain that is free and carries it to a state where it
// rests.
func (t *Trainer) carryOne(ctx context.Context) (worked bool, err error) {
	var r store.Retrain
	found := false
	if err := t.write(ctx, "claim a retrain", func(tx *store.Tx) (err error) {
		r, found, err = tx.ClaimRetrain(ctx, t.cfg.Owner, t.cfg.NowMS(), t.cfg.LeaseMS)
		return err
	}); err != nil || !found {
		return false, err
	}
	j := &job{Trainer: t, row: r}
	err = j.holdLease(ctx, j.carry)
	if err == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return true, ctx.Err()
	}
	return true, j.end(ctx, err)
}

// holdLease renews the lease while f runs and ends f's context if it is lost.
func (j *job) holdLease(ctx context.Context, f func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for sleep(inner, time.Duration(j.cfg.LeaseMS)*time.Millisecond/3) {
			if err := j.cfg.Store.RenewLease(inner, j.row.ID, j.row.Fence, j.cfg.NowMS(), j.cfg.LeaseMS); errors.Is(err, store.ErrConflict) {
				cancel(err)
				return
			}
		}
	}()
	err := f(inner)
	if cause := context.Cause(inner); err != nil && cause != nil && ctx.Err() == nil {
		err = cause
	}
	cancel(nil)
	<-done
	return err
}

// carry goes from phase to phase.
func (j *job) carry(ctx context.Context) error {
	var err error
	if j.trig, err = parseTrigger(j.row); err != nil {
		return err
	}
	s, ok, err := j.cfg.Spec(ctx, j.row.Model)
	if err != nil {
		return err
	}
	if !ok {
		return refuse("model %q has no training spec any more", j.row.Model)
	}
	if err := s.Validate(); err != nil {
		return refuse("training spec of model %q: %v", j.row.Model, err)
	}
	j.spec = s
	for !resting(j.row) {
		was := j.row.State
		if err := j.cfg.Store.Read(ctx, func(tx *store.Tx) error { return stopIfPaused(ctx, tx, j.row.Model) }); err != nil {
			return err
		}
		phase, ok := map[string]func(context.Context) error{
			store.RetrainQueued:     j.check,
			store.RetrainChecked:    j.take,
			store.RetrainLeased:     j.makeDataset,
			store.RetrainDataset:    j.fit,
			store.RetrainTrained:    j.evaluate,
			store.RetrainEvaluated:  j.register,
			store.RetrainRegistered: j.decide,
			store.RetrainGated:      j.conclude,
			store.RetrainApproval:   j.promote,
			store.RetrainPromoted:   j.watch,
		}[was]
		if !ok {
			return refuse("retrain %s is in the unknown state %s", j.row.ID, was)
		}
		if err := phase(ctx); err != nil {
			return fmt.Errorf("after %s: %w", was, err)
		}
		j.cfg.Log.Info().Str("model", j.row.Model).Str("retrain", j.row.ID).Str("from", was).Str("state", j.row.State).Str("reason", j.row.Reason).Msg("retrain moved")
	}
	return nil
}

// advance moves the row in one transaction with what else must be true in the new
// state.
func (j *job) advance(ctx context.Context, to string, p store.RetrainPatch, also func(*store.Tx, store.Retrain) error) error {
	var next store.Retrain
	from := j.row.State
	err := j.write(ctx, from+" to "+to, func(tx *store.Tx) (err error) {
		if next, err = tx.AdvanceRetrain(ctx, j.row.ID, j.row.Fence, from, to, p, j.cfg.NowMS()); err != nil || also == nil {
			return err
		}
		return also(tx, next)
	})
	if err != nil {
		return err
	}
	j.row = next
	if j.pending.ID != "" {
		j.row, j.pending = j.pending, store.Retrain{}
	}
	return nil
}

// end settles an error of a phase: what lasts ends the retrain, what may pass puts it
// off. A lost lease is nothing to settle: another trainer has the row.
func (j *job) end(ctx context.Context, cause error) error {
	var want *scarcity
	var stop *held
	var err error
	switch {
	case errors.Is(cause, store.ErrConflict):
		j.cfg.Log.Warn().Str("model", j.row.Model).Str("retrain", j.row.ID).Err(cause).Msg("retrain has gone to another hand")
		return nil
	case errors.As(cause, &stop):
		err = j.hold(ctx, stop)
	case errors.As(cause, &want):
		err = j.advance(ctx, store.RetrainCoalesced, store.RetrainPatch{Reason: want.text}, j.closing(store.RunKilled))
	case (lasting(cause) || j.row.Attempts >= maxAttempts) && j.row.State == store.RetrainPromoted:
		// The promotion stands; what could follow it did not.
		err = j.advance(ctx, store.RetrainDone, store.RetrainPatch{Reason: cause.Error()}, nil)
	case lasting(cause) || j.row.Attempts >= maxAttempts:
		err = j.advance(ctx, store.RetrainFailed, store.RetrainPatch{Reason: cause.Error()}, j.closing(store.RunFailed))
	default:
		wait := j.cfg.NowMS() + backoffMS(j.row.Attempts)
		j.cfg.Log.Warn().Str("model", j.row.Model).Str("retrain", j.row.ID).Str("state", j.row.State).Err(cause).Msg("retrain is put off")
		err = j.advance(ctx, j.row.State, store.RetrainPatch{Reason: "put off: " + cause.Error(), WaitUntilMS: &wait}, nil)
	}
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err != nil {
		return errors.Join(cause, err)
	}
	return nil
}

// closing ends the run and tells that the retrain is over.
func (j *job) closing(status string) func(*store.Tx, store.Retrain) error {
	return func(tx *store.Tx, r store.Retrain) error {
		ctx := store.WithActor(context.Background(), Actor)
		if r.RunID != "" {
			if err := endRun(ctx, tx, r.RunID, status, j.cfg.NowMS()); err != nil {
				return err
			}
		}
		if err := putAway(ctx, tx, r); err != nil {
			return err
		}
		return tell(ctx, tx, toldCompleted, r)
	}
}

func endRun(ctx context.Context, tx *store.Tx, id, status string, nowMS int64) error {
	run, err := tx.Run(ctx, id)
	if err != nil || run.Status != store.RunRunning || run.Stage != store.Active {
		return err
	}
	_, err = tx.UpdateRun(ctx, id, store.RunUpdate{Status: &status, EndMS: &nowMS})
	return err
}

// put writes one artifact of the run.
func (j *job) put(ctx context.Context, name string, body []byte) error {
	base, err := j.runPath(ctx)
	if err != nil {
		return err
	}
	if err := j.at("artifact "+name, "before"); err != nil {
		return err
	}
	if err := j.cfg.Artifacts.Put(ctx, base+"/"+name, bytes.NewReader(body), 0); err != nil {
		return err
	}
	return j.at("artifact "+name, "after")
}

// runPath is the artifact path of the run.
func (j *job) runPath(ctx context.Context) (string, error) {
	if j.base != "" {
		return j.base, nil
	}
	run, err := j.cfg.Store.Run(ctx, j.row.RunID)
	if err != nil {
		return "", err
	}
	j.base, err = artifactPath(run.ArtifactURI, j.cfg.ArtifactRoot)
	return j.base, err
}

// dataset returns the frozen rows, from memory or from the artifact.
func (j *job) dataset(ctx context.Context) (*dataset, error) {
	if j.data != nil {
		return j.data, nil
	}
	m, ok := manifestOf(j.row)
	if !ok {
		return nil, refuse("retrain %s has no data-set manifest that can be read", j.row.ID)
	}
	base, err := j.runPath(ctx)
	if err != nil {
		return nil, err
	}
	d, err := j.openDataset(ctx, m, base)
	if err != nil {
		return nil, err
	}
	j.data = d
	return d, nil
}

func (t *Trainer) openDataset(ctx context.Context, m Manifest, base string) (*dataset, error) {
	r, _, err := t.cfg.Artifacts.Open(ctx, base+"/"+dataPath)
	if err != nil {
		return nil, err
	}
	d, err := loadDataset(m, r)
	return d, errors.Join(err, r.Close())
}

// champion loads the version that this retrain is compared with; nil for a first one.
func (j *job) champion(ctx context.Context) (*Champion, error) {
	if j.row.ChampionBefore == "" {
		return nil, nil
	}
	c, err := j.models.Version(ctx, j.row.Model, j.row.ChampionBefore)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse("the champion, version %s, was deleted while the retrain was under way", j.row.ChampionBefore)
	}
	return c, err
}

// testedModel returns the model that the gate judges.
func (j *job) testedModel(ctx context.Context) (*gbdt.Model, error) {
	if j.tested != nil {
		return j.tested, nil
	}
	base, err := j.runPath(ctx)
	if err != nil {
		return nil, err
	}
	j.tested, err = readModel(ctx, j.cfg.Artifacts, base+"/"+testedPath)
	return j.tested, err
}

// decision returns what the gate said so far.
func (j *job) decision() (d judge.Decision, err error) {
	if err := decodeDecision(j.row.GatesJSON, &d); err != nil {
		return d, refuse("the gate's record of retrain %s cannot be read: %v", j.row.ID, err)
	}
	return d, nil
}
