package memlog

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/driftline/driftline/stream/log"
)

// Handle is the connection of one process life to a Log. It implements log.Log.
type Handle struct {
	log *Log

	mu     sync.Mutex // guards all below and serialises the plan
	plan   Faults
	ops    int64
	killed bool
	closed bool
}

var _ log.Log = (*Handle)(nil)

// Handle opens a process life; plan may be nil for one without faults.
func (l *Log) Handle(plan Faults) *Handle { return &Handle{log: l, plan: plan} }

// Kill ends the life from outside: every later operation returns ErrKilled.
func (h *Handle) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.killed = true
}

// Killed tells whether the life has ended by a kill.
func (h *Handle) Killed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.killed
}

// Ops returns how many operations were begun through the handle.
func (h *Handle) Ops() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ops
}

// do runs one operation under its fault. effect is called with the log locked and
// at most once; part, if not nil, is the effect of an append that is cut.
func (h *Handle) do(ctx context.Context, op Op, effect func(f Fault) error, part func(n int) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.killed {
		return ErrKilled
	}
	if h.closed {
		return fmt.Errorf("%s %s: log is closed: %w", op.Kind, op.Partition, log.ErrUnreachable)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", op.Kind, op.Partition, err)
	}
	h.ops++
	op.N = h.ops
	var f Fault
	if h.plan != nil {
		f = h.plan(op)
	}

	l := h.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops[op.Kind]++
	switch f.Outcome {
	case NotDone, KillBefore:
		if n := min(f.Stored, len(op.Records)); n > 0 && part != nil {
			_ = part(n) // the caller is told of the fault, whatever the broker would have said
		}
	default:
		if err := effect(f); err != nil {
			if f.Outcome == KillAfter {
				h.killed = true
				return ErrKilled
			}
			return err
		}
	}
	switch f.Outcome {
	case NotDone, DoneSaidNo:
		err := f.Err
		if err == nil {
			err = log.ErrUnreachable
		}
		return fmt.Errorf("%s: injected: %w", op, err)
	case KillBefore, KillAfter:
		h.killed = true
		return ErrKilled
	}
	return nil
}

// Partitions implements log.Log.
func (h *Handle) Partitions(ctx context.Context, topic string) (n int, err error) {
	err = h.do(ctx, Op{Kind: Partitions, Partition: log.Partition{Topic: topic, Index: -1}}, func(Fault) error {
		t := h.log.topics[topic]
		if t == nil {
			return fmt.Errorf("partitions of %s: %w", topic, log.ErrNoTopic)
		}
		n = len(t.parts)
		return nil
	}, nil)
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Bounds implements log.Log.
func (h *Handle) Bounds(ctx context.Context, p log.Partition) (start, end int64, err error) {
	err = h.do(ctx, Op{Kind: Bounds, Partition: p}, func(Fault) error {
		_, pt, err := h.log.part(p)
		if err != nil {
			return fmt.Errorf("bounds of %w", err)
		}
		start, end = pt.start, pt.end
		return nil
	}, nil)
	if err != nil {
		return 0, 0, err
	}
	return start, end, nil
}

// OffsetAt implements log.Log.
func (h *Handle) OffsetAt(ctx context.Context, p log.Partition, timeMS int64) (offset int64, err error) {
	err = h.do(ctx, Op{Kind: OffsetAt, Partition: p}, func(Fault) error {
		_, pt, err := h.log.part(p)
		if err != nil {
			return fmt.Errorf("offset at %d ms of %w", timeMS, err)
		}
		offset = pt.offsetAt(timeMS)
		return nil
	}, nil)
	if err != nil {
		return 0, err
	}
	return offset, nil
}

// Fetch implements log.Log. Without Config.Block it never waits: an empty batch
// comes back at once and time does not move. With Block it waits on a timer for
// the first record, at most wait. Its fault strikes once, when it is called.
func (h *Handle) Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error) {
	var b log.Batch
	var changed chan struct{}
	limit := h.log.maxFetch
	read := func() error {
		_, pt, err := h.log.part(p)
		if err != nil {
			return fmt.Errorf("fetch %w", err)
		}
		if from < pt.start || from > pt.end {
			return fmt.Errorf("fetch %s from %d, held are %d to %d: %w", p, from, pt.start, pt.end, log.ErrOutOfRange)
		}
		if bad, ok := pt.badAt(from); ok && bad.first <= from {
			return &log.BadBatch{Partition: p, First: from, Last: bad.last, Records: bad.n, Err: bad.cause}
		}
		b = pt.batch(from, limit)
		changed = pt.changed
		return nil
	}
	err := h.do(ctx, Op{Kind: Fetch, Partition: p, Offset: from}, func(f Fault) error {
		if f.Limit > 0 {
			limit = f.Limit
		}
		return read()
	}, nil)
	if err != nil {
		return log.Batch{}, err
	}
	if len(b.Records) > 0 || b.Next > from || changed == nil || wait <= 0 {
		return b, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for b.Next <= from {
		select {
		case <-changed:
		case <-timer.C:
			if h.Killed() {
				return log.Batch{}, ErrKilled
			}
			return b, nil
		case <-ctx.Done():
			return log.Batch{}, fmt.Errorf("fetch %s from %d: %w", p, from, ctx.Err())
		}
		if h.Killed() {
			return log.Batch{}, ErrKilled
		}
		h.log.mu.Lock()
		err := read()
		h.log.mu.Unlock()
		if err != nil {
			return log.Batch{}, err
		}
	}
	return b, nil
}

// Append implements log.Log. An append that the log refuses stores nothing.
func (h *Handle) Append(ctx context.Context, recs []log.Record) error {
	if len(recs) == 0 {
		return nil
	}
	store := func(n int) error {
		if err := h.log.check(recs); err != nil {
			return err
		}
		h.log.store(recs[:n])
		return nil
	}
	return h.do(ctx, Op{Kind: Append, Partition: recs[0].Partition, Records: recs},
		func(Fault) error { return store(len(recs)) }, store)
}

// Committed implements log.Log.
func (h *Handle) Committed(ctx context.Context, group string, p log.Partition) (offset int64, err error) {
	err = h.do(ctx, Op{Kind: Committed, Partition: p, Group: group}, func(Fault) error {
		offset = h.log.committed(group, p)
		return nil
	}, nil)
	if err != nil {
		return 0, err
	}
	return offset, nil
}

// Commit implements log.Log.
func (h *Handle) Commit(ctx context.Context, group string, p log.Partition, offset int64) error {
	return h.do(ctx, Op{Kind: Commit, Partition: p, Group: group, Offset: offset}, func(Fault) error {
		if _, _, err := h.log.part(p); err != nil {
			return fmt.Errorf("commit %d for %s on %w", offset, group, err)
		}
		if offset < 0 {
			return fmt.Errorf("commit for %s on %s: offset %d; want ≥ 0", group, p, offset)
		}
		h.log.commits[groupPartition{group, p}] = offset
		return nil
	}, nil)
}

// CreateTopics implements log.Log.
func (h *Handle) CreateTopics(ctx context.Context, topics []log.Topic) error {
	if len(topics) == 0 {
		return nil
	}
	at := log.Partition{Topic: topics[0].Name, Index: -1}
	return h.do(ctx, Op{Kind: CreateTopics, Partition: at}, func(Fault) error {
		for _, t := range topics {
			if err := h.log.create(t); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// TopicConfig implements log.Log.
func (h *Handle) TopicConfig(ctx context.Context, topic string) (cfg map[string]string, err error) {
	err = h.do(ctx, Op{Kind: TopicConfig, Partition: log.Partition{Topic: topic, Index: -1}}, func(Fault) error {
		t := h.log.topics[topic]
		if t == nil {
			return fmt.Errorf("configuration of %s: %w", topic, log.ErrNoTopic)
		}
		cfg = maps.Clone(t.config)
		return nil
	}, nil)
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// Close implements log.Log: the handle answers log.ErrUnreachable from now on.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	return nil
}
