package historian

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
)

// Topics names what the historian reads.
type Topics struct {
	Inputs                        []string
	Panes, Scores, Drift, Control string
}

// Config is what a historian needs.
type Config struct {
	Topics  Topics
	Reader  func(topic string) event.Reader // of an input topic, for one goroutine; nil: native events
	Keep    func(model string) Keep
	Columns func(model string) []string // features that may be stored; nil or empty: all
	// Segments are those that a model declares: values by name. Names alone matter here:
	// what an event says of another one is not stored. nil: none is.
	Segments func(model string) map[string][]string
	Wait     time.Duration // longest wait of one fetch
	// BatchRows is how many rows one transaction holds at most, about; 0: 500.
	BatchRows int
	NowMS     func() int64
	Render    func(OutboxRow) ([]log.Record, error) // what an outbox row publishes
	Retry     func(err error) bool
	Pause     func(ctx context.Context, attempt int) error
	Retried   func(what string, attempt int, err error)
	// Invalid reports whether an error of Store.Write is about a row that can never be
	// stored. Such a row is left out and told to Refused, the others are written. nil:
	// no error is of that kind.
	Invalid func(err error) bool
	Refused func(err error)
	// Written is called after each transaction; nil is allowed.
	Written func(rows int)
	// Clock is told the record time reached in a partition, after its rows are
	// written; nil is allowed.
	Clock func(ctx context.Context, p log.Partition, timeMS int64) error
	// CaughtUp is told that all there is of a partition is written, by any goroutine;
	// nil is allowed.
	CaughtUp func(p log.Partition)
}

// defaultBatchRows stands where Config.BatchRows is 0.
const defaultBatchRows = 500

// Historian reads topics into a Store.
type Historian struct {
	cfg   Config
	log   log.Log
	store Store

	mu       sync.Mutex
	position map[log.Partition]int64 // written up to here
}

// New returns a historian; nothing is read yet.
func New(l log.Log, s Store, cfg Config) *Historian {
	return &Historian{cfg: cfg, log: l, store: s, position: map[log.Partition]int64{}}
}

// Position returns the offset up to which a partition's rows are in the database.
func (h *Historian) Position(p log.Partition) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.position[p]
}

// Partitions returns the partitions that are read.
func (h *Historian) Partitions(ctx context.Context) ([]log.Partition, error) {
	var ps []log.Partition
	topics := append([]string{h.cfg.Topics.Panes, h.cfg.Topics.Scores, h.cfg.Topics.Drift, h.cfg.Topics.Control}, h.cfg.Topics.Inputs...)
	for _, t := range topics {
		n, err := h.log.Partitions(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("partitions of %s: %w", t, err)
		}
		for i := range n {
			ps = append(ps, log.Partition{Topic: t, Index: int32(i)})
		}
	}
	return ps, nil
}

// fetched is what one reader hands to the writer.
type fetched struct {
	p      log.Partition
	rows   Rows
	next   int64
	timeMS int64
	done   chan error
}

// Run reads until the context ends or a final error comes.
func (h *Historian) Run(ctx context.Context) error {
	var ps []log.Partition
	var offsets map[log.Partition]int64
	err := h.try(ctx, "start the historian", func() (err error) {
		if ps, err = h.Partitions(ctx); err != nil {
			return err
		}
		offsets, err = h.store.Offsets(ctx)
		return err
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	queue := make(chan fetched)
	for _, p := range ps {
		from, had := offsets[p]
		if !had {
			from = -1
		}
		g.Go(func() error { return h.read(ctx, p, from, queue) })
	}
	g.Go(func() error { return h.write(ctx, queue) })
	if h.cfg.Render != nil {
		g.Go(func() error { return h.publish(ctx) })
	}
	return g.Wait()
}

func (h *Historian) try(ctx context.Context, what string, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || !h.cfg.Retry(err) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if h.cfg.Retried != nil {
			h.cfg.Retried(what, attempt, err)
		}
		if err := h.cfg.Pause(ctx, attempt); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

func (h *Historian) reader(topic string) event.Reader {
	if h.cfg.Reader == nil {
		return event.NewDecoder(event.Limits{})
	}
	return h.cfg.Reader(topic)
}

// read fetches one partition and waits until its rows are written before it reads on.
func (h *Historian) read(ctx context.Context, p log.Partition, from int64, queue chan<- fetched) error {
	c := converter{topics: h.cfg.Topics, keep: h.cfg.Keep, columns: h.cfg.Columns, segments: h.cfg.Segments, reader: h.reader(p.Topic)}
	if from < 0 {
		if err := h.try(ctx, "bounds of "+p.String(), func() (err error) { from, _, err = h.log.Bounds(ctx, p); return err }); err != nil {
			return err
		}
	}
	h.moved(p, from)
	for {
		var b log.Batch
		err := h.try(ctx, fmt.Sprintf("fetch %s at %d", p, from), func() (err error) {
			b, err = h.log.Fetch(ctx, p, from, h.cfg.Wait)
			if errors.Is(err, log.ErrOutOfRange) { // retention overtook us, or the topic was made again
				from, _, err = h.log.Bounds(ctx, p)
				b = log.Batch{Next: from}
			}
			return err
		})
		if err != nil {
			return err
		}
		if len(b.Records) == 0 && b.Next <= from {
			if err := ctx.Err(); err != nil {
				return err
			}
			if h.cfg.CaughtUp != nil {
				h.cfg.CaughtUp(p)
			}
			continue
		}
		f := fetched{p: p, next: from, timeMS: -1, done: make(chan error, 1)}
		for _, r := range b.Records {
			if r.Offset < from {
				continue
			}
			c.convert(r, &f.rows)
			f.timeMS = max(f.timeMS, r.TimeMS)
			f.next = r.Offset + 1
		}
		f.next = max(f.next, b.Next)
		select {
		case queue <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-f.done:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
		from = f.next
	}
}

func (h *Historian) moved(p log.Partition, next int64) {
	h.mu.Lock()
	h.position[p] = next
	h.mu.Unlock()
}

// write joins what the readers have ready into one transaction.
func (h *Historian) write(ctx context.Context, queue <-chan fetched) error {
	for {
		var batch []fetched
		select {
		case f := <-queue:
			batch = append(batch, f)
		case <-ctx.Done():
			return ctx.Err()
		}
		n := batch[0].rows.len()
	more:
		for n < cmp.Or(h.cfg.BatchRows, defaultBatchRows) {
			select {
			case f := <-queue:
				batch = append(batch, f)
				n += f.rows.len()
			default:
				break more
			}
		}
		err := h.commit(ctx, batch)
		for _, f := range batch {
			f.done <- err
		}
		if err != nil {
			return err
		}
	}
}

func (h *Historian) commit(ctx context.Context, batch []fetched) error {
	var rows Rows
	next := map[log.Partition]int64{}
	for _, f := range batch {
		rows.add(f.rows)
		next[f.p] = f.next
	}
	if err := h.put(ctx, rows, next); err != nil {
		return err
	}
	for _, f := range batch {
		if h.cfg.Clock != nil && f.timeMS >= 0 {
			if err := h.try(ctx, "performance after "+f.p.String(), func() error { return h.cfg.Clock(ctx, f.p, f.timeMS) }); err != nil {
				return err
			}
		}
		h.moved(f.p, f.next)
	}
	if h.cfg.Written != nil {
		h.cfg.Written(rows.len())
	}
	return nil
}

// put writes the rows and the offsets in one transaction. Where one of the rows can
// never be stored, the others are written one by one and the offsets last: a row that
// nobody can store must not stop the history.
func (h *Historian) put(ctx context.Context, rows Rows, next map[log.Partition]int64) error {
	err := h.try(ctx, fmt.Sprintf("write %d rows", rows.len()), func() error { return h.store.Write(ctx, rows, next) })
	if err == nil || h.cfg.Invalid == nil || !h.cfg.Invalid(err) {
		return err
	}
	for one := range rows.each() {
		err := h.try(ctx, "write a row", func() error { return h.store.Write(ctx, one, nil) })
		switch {
		case err == nil:
		case h.cfg.Invalid(err):
			h.cfg.Refused(err)
		default:
			return err
		}
	}
	return h.try(ctx, "write the offsets", func() error { return h.store.Write(ctx, Rows{}, next) })
}
