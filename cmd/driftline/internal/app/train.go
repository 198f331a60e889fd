package app

import (
	"context"
	"fmt"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/reference"
)

// newTrainer wires the trainer. A process that does not know the deployment's layout
// (role serve) has none: it can still enqueue what a person asks for.
func (r *Running) newTrainer() (*trainer.Trainer, error) {
	if r.Kafka == nil || r.Declared == nil {
		return nil, nil
	}
	l := r.Declared.Layout
	owner := "driftline"
	if r.Dir != nil {
		owner = r.Dir.Instance()
	}
	return trainer.New(trainer.Config{
		Store: r.Store, Artifacts: r.Artifacts, Broker: r.Kafka, DriftTopic: r.Topics().Drift,
		Spec: func(_ context.Context, model string) (trainer.Spec, bool, error) {
			m, ok := r.Specs.Get(model)
			if !ok || m.Training == nil {
				return trainer.Spec{}, false, nil
			}
			s, err := TrainingSpec(m, l, r.Cfg.Trainer.Threads)
			return s, err == nil, err
		},
		Models: func(context.Context) ([]string, error) { return r.Specs.Names(), nil },
		Clock:  r.clock,
		Ready:  r.storedUpTo,
		PaneMS: l.PaneMS, SkewMS: l.SkewMS, NowMS: NowMS, Owner: owner, LeaseMS: r.Cfg.Trainer.Lease.MS(),
		CodeVersion: r.Build.Version, Log: r.Log,
	})
}

// clock is the record clock that the stream has reached: what the sources claim, plus
// the lateness that they wait for.
func (r *Running) clock(ctx context.Context, _ string) (int64, bool, error) {
	sources, err := r.Store.Sources(ctx)
	if err != nil {
		return 0, false, err
	}
	clock, known := int64(0), false
	for _, s := range sources {
		if s.UptoMS > 0 {
			clock, known = max(clock, s.UptoMS), true
		}
	}
	return clock + r.Declared.Layout.LatenessMS, known, nil
}

// storedUpTo reports whether the historian has read every input record of a time
// before ms, so that a training set misses nothing that was there. Records may come
// late by the lateness, which is waited for too.
func (r *Running) storedUpTo(ctx context.Context, _ string, ms int64) (bool, error) {
	read, err := (&historyStore{p: r.Parts}).Offsets(ctx)
	if err != nil {
		return false, err
	}
	for _, in := range r.Declared.Layout.Inputs {
		n, err := r.Kafka.Partitions(ctx, in.Topic)
		if err != nil {
			return false, fmt.Errorf("partitions of %s: %w", in.Topic, err)
		}
		for i := range n {
			p := log.Partition{Topic: in.Topic, Index: int32(i)}
			need, err := r.Kafka.OffsetAt(ctx, p, ms+r.Declared.Layout.LatenessMS)
			if err != nil {
				return false, fmt.Errorf("offset of %s at %d ms: %w", p, ms, err)
			}
			if read[p] < need {
				return false, nil
			}
		}
	}
	return true, nil
}

// TrainingSpec turns a model's configuration into what the trainer takes.
func TrainingSpec(m config.Model, l wire.Layout, threads int) (trainer.Spec, error) {
	t := m.Training
	s := trainer.Default(m.Name)
	params, err := gbdt.ParseParams(t.Params)
	if err != nil {
		return s, fmt.Errorf("models %q, training.params: %w", m.Name, err)
	}
	params.NumJobs = threads
	s.Automation, s.Trigger, s.PerformanceTrigger, s.Features, s.Params = m.Automation, t.Trigger, t.PerformanceTrigger, t.Features, params
	s.WindowMS, s.CoolDownMS, s.MinFreshMS, s.ProbationMS = t.Window.MS(), t.Cooldown.MS(), t.MinFresh.MS(), t.Probation.MS()
	s.MinRows, s.MaxPerWeek, s.Refit, s.Gate, s.Positive = t.MinRows, t.MaxPerWeek, t.Refit, t.Gate.Judge(), m.Label.Positive
	s.ReferenceWindowsMS, s.Early, s.Joint = l.WindowsMS, EarlyOf(m, l), JointOf(m, l)
	s.Segments = m.Segments.Wire()
	if t.Bootstrap.Enabled {
		s.BootstrapAfterMS = t.Bootstrap.After.MS()
	}
	return s, s.Validate()
}

// EarlyOf is what a model's references are calibrated for, so that it is warned early.
func EarlyOf(m config.Model, l wire.Layout) reference.Early {
	p := m.Policy.Wire()
	if p.Early == wire.EarlyOff {
		return reference.Early{}
	}
	return reference.Early{StepMS: l.SlotMS(), Alarms: p.EarlyAlarms()}
}

// jointMaxRate is up to how many rows a second the joint sums are no cost to speak of: at
// 4 µs for a row of 50 features they take 0.4 % of a core.
const jointMaxRate = 1000

// JointOf is what a model's references are calibrated for, so that its features are
// looked at together.
func JointOf(m config.Model, l wire.Layout) reference.Joint {
	p := m.Policy.Wire()
	if p.Joint == wire.JointOff {
		return reference.Joint{}
	}
	j := reference.Joint{Alarms: p.JointAlarms(), PaneMS: l.PaneMS, SlotMS: l.SlotMS()}
	if m.Policy.Joint == config.JointAuto {
		j.MaxRate = jointMaxRate
	}
	return j
}
