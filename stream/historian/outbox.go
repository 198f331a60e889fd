package historian

import (
	"context"
	"time"

	"github.com/driftline/driftline/stream/log"
)

// outboxEvery is how often the outbox is looked at while it is empty.
const outboxEvery = 200 * time.Millisecond

// publish sends outbox rows to the log: records first, acknowledged, then the mark.
// A crash between the two repeats records, which carry deterministic ids or keys.
func (h *Historian) publish(ctx context.Context) error {
	tick := time.NewTicker(outboxEvery)
	defer tick.Stop()
	for {
		n, err := h.publishOnce(ctx)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// PublishOutbox publishes what is pending now and returns how many rows it was.
func (h *Historian) PublishOutbox(ctx context.Context) (int, error) { return h.publishOnce(ctx) }

func (h *Historian) publishOnce(ctx context.Context) (int, error) {
	var rows []OutboxRow
	if err := h.try(ctx, "read the outbox", func() (err error) { rows, err = h.store.Outbox(ctx, 100); return err }); err != nil {
		return 0, err
	}
	if len(rows) == 0 {
		return 0, nil
	}
	ids := make([]int64, 0, len(rows))
	for _, row := range rows {
		recs, err := h.cfg.Render(row)
		if err != nil {
			return 0, err
		}
		if err := h.append(ctx, recs); err != nil {
			return 0, err
		}
		ids = append(ids, row.ID)
	}
	err := h.try(ctx, "mark the outbox", func() error { return h.store.Published(ctx, ids, h.cfg.NowMS()) })
	return len(rows), err
}

func (h *Historian) append(ctx context.Context, recs []log.Record) error {
	if len(recs) == 0 {
		return nil
	}
	return h.try(ctx, "publish the outbox", func() error { return h.log.Append(ctx, recs) })
}
