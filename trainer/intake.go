package trainer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// consumer is the trainer's name in the table of readers' progress.
const consumer = "trainer"

// intake reads the drift topic from where the store says to its present end. Rows
// and progress go into one transaction per batch, so an event is handled once.
func (t *Trainer) intake(ctx context.Context) (worked bool, err error) {
	n, err := t.cfg.Broker.Partitions(ctx, t.cfg.DriftTopic)
	if errors.Is(err, log.ErrNoTopic) {
		return false, nil // nobody has written a drift event yet
	}
	if err != nil {
		return false, err
	}
	done, err := t.cfg.Store.Progress(ctx, consumer)
	if err != nil {
		return false, err
	}
	for i := range n {
		p := log.Partition{Topic: t.cfg.DriftTopic, Index: int32(i)}
		at := int64(-1)
		if k := slices.IndexFunc(done, func(d store.Progress) bool { return d.Topic == p.Topic && d.Part == p.Index }); k >= 0 {
			at = done[k].Next
		}
		did, err := t.readPartition(ctx, p, at)
		worked = worked || did
		if err != nil {
			return worked, err
		}
	}
	return worked, nil
}

func (t *Trainer) readPartition(ctx context.Context, p log.Partition, at int64) (worked bool, err error) {
	start, end, err := t.cfg.Broker.Bounds(ctx, p)
	if err != nil {
		return false, err
	}
	if at > end {
		// The topic was deleted and made again: what it holds now is new.
		t.cfg.Log.Warn().Str("partition", p.String()).Int64("next", at).Int64("end", end).Msg("drift topic is shorter than what was read; reading it anew")
		if err := t.write(ctx, "reset progress", func(tx *store.Tx) error { return tx.ResetProgress(ctx, consumer, p.Topic) }); err != nil {
			return false, err
		}
		at = start
	}
	if at >= 0 && at < start {
		t.cfg.Log.Warn().Str("partition", p.String()).Int64("next", at).Int64("start", start).Msg("drift events were deleted before they were read")
	}
	at = max(at, start)
	for at < end {
		b, err := t.cfg.Broker.Fetch(ctx, p, at, 0)
		if err != nil {
			return worked, err
		}
		if b.Next <= at {
			return worked, nil
		}
		next, err := t.takeBatch(ctx, p, b)
		if err != nil {
			return worked, err
		}
		worked, at = worked || next > at, next
		if next < b.Next {
			return worked, nil // the next event waits until its rows are stored
		}
	}
	return worked, nil
}

// takeBatch handles one batch of events in log order, up to the first that must wait
// for its rows, and returns the offset to go on from.
func (t *Trainer) takeBatch(ctx context.Context, p log.Partition, b log.Batch) (next int64, err error) {
	type item struct {
		event wire.Event
		spec  Spec
		asks  bool
	}
	items := make([]item, 0, len(b.Records))
	next = b.Next
	for _, r := range b.Records {
		e, err := wire.DecodeEvent(r.Value)
		if err != nil {
			t.cfg.Log.Warn().Str("partition", p.String()).Int64("offset", r.Offset).Err(err).Msg("drift event cannot be read and is passed over")
			continue
		}
		// Specs are asked for outside the transaction: they may stand in the same store.
		s, ok, err := t.spec(ctx, e.Data.Model)
		if err != nil {
			return 0, err
		}
		if ok = ok && asksForRetrain(s, e); ok {
			stored, err := t.ready(ctx, e.Data.Model, e.Data.EndMS)
			if err != nil {
				return 0, err
			}
			if !stored {
				next = r.Offset
				break
			}
		}
		items = append(items, item{e, s, ok})
	}
	if len(items) == 0 && next < b.Next {
		return next, nil
	}
	return next, t.write(ctx, "queue what drift events ask for", func(tx *store.Tx) error {
		for _, it := range items {
			if err := noteQuality(ctx, tx, it.event, t.cfg.NowMS()); err != nil {
				return err
			}
			if !it.asks {
				continue
			}
			if err := t.queueEvent(ctx, tx, it.spec, it.event); err != nil {
				return err
			}
		}
		return tx.PutProgress(ctx, consumer, []store.Progress{{Topic: p.Topic, Part: p.Index, Next: next}})
	})
}

// what returns "detected" of "dev.driftline.drift.detected.v1".
func what(e wire.Event) string {
	parts := strings.Split(e.Type, ".")
	if len(parts) < 2 {
		return ""
	}
	return parts[len(parts)-2]
}

// asksForRetrain tells whether an event may start a retrain under a spec.
func asksForRetrain(s Spec, e wire.Event) bool {
	if s.Automation == AutoObserve || !slices.Contains([]string{"detected", "ongoing", "worsened"}, what(e)) {
		return false
	}
	switch e.Data.Kind {
	case kindDrift:
		return e.Data.MayRetrain && s.Trigger != OnHarm
	case kindPerformance:
		return s.Trigger != OnDrift || s.PerformanceTrigger
	}
	return false
}

// Kinds of drift events.
const (
	kindDrift       = "drift"
	kindQuality     = "quality"
	kindPerformance = "performance"
)

func (t *Trainer) queueEvent(ctx context.Context, tx *store.Tx, s Spec, e wire.Event) error {
	trig := trigger{
		Cause: e.Data.Kind, EventType: e.Type, WindowMS: e.Data.WindowMS, StartMS: e.Data.StartMS, EndMS: e.Data.EndMS,
		Drifted: e.Data.Drifted, Judged: e.Data.Judged, QualityOpen: e.Data.QualityOpen,
	}
	_, err := t.queue(ctx, tx, s, trig, store.Retrain{
		ID: retrainID(e.Data.Episode, e.Data.EndMS), Model: e.Data.Model, Kind: "alarm", EventID: e.ID, Episode: e.Data.Episode, ClockMS: e.Data.EndMS,
	})
	return err
}
