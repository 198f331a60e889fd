package app

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Times of the drivers.
const (
	fetchWait      = 250 * time.Millisecond
	tickMS         = 10_000 // claims are repeated at least this often, provisional scores at most
	partitionsPoll = 10 * time.Second
	// idleMargin covers clocks that differ and a follower that hangs (30 s), on a
	// cluster; the embedded broker has one clock and no followers.
	idleMargin         = 40 * time.Second
	idleMarginEmbedded = time.Second
)

// IO gives a driver its connection.
func (p *Parts) IO() loop.IO {
	return loop.IO{
		Log: p.Source(), NowMS: NowMS, Pause: p.pause, Retry: p.retry, Wait: fetchWait,
		Retried: p.retried,
		Counted: func(part log.Partition, what string, n int64) {
			if p.Metrics != nil {
				p.Metrics.Lost(part, what, n)
			}
			p.Log.Warn().Str("partition", part.String()).Str("what", what).Int64("records", n).Msg("records lost before they were read")
		},
	}
}

// retried counts a call that is tried again and now and then says so.
func (p *Parts) retried(what string, attempt int, err error) {
	if p.Metrics != nil {
		p.Metrics.Retried(what, attempt, err)
	}
	if attempt%10 == 1 {
		p.Log.Warn().Str("what", what).Int("attempt", attempt).Err(err).Msg("trying again")
	}
}

// commandTries is how often a command asks a broker that does not answer; each try is
// patient by itself. Roles go on for ever.
const commandTries = 2

// errNoAnswer ends the waiting of a command.
var errNoAnswer = errors.New("the broker does not answer; is it running, and are --brokers or --data-dir right?")

func (p *Parts) pause(ctx context.Context, attempt int) error {
	if !p.patient && attempt >= commandTries {
		return errNoAnswer
	}
	return loop.Backoff(rand.Float64)(ctx, attempt)
}

func (p *Parts) limits() event.Limits {
	return event.Limits{Bytes: int(p.Cfg.Stream.RecordLimit), Features: p.Cfg.Stream.FeatureLimit}
}

// Progress is how far the stream roles of this process are.
type Progress struct {
	mu      sync.Mutex
	sources map[log.Partition]Position
	done    map[int32]DonePane
	memory  Memory
}

// Position is the next offset and the end of a partition, as last seen.
type Position struct{ Next, End int64 }

// DonePane is the end of the last window step that is complete, epoch ms.
type DonePane struct {
	EndMS     int64
	Any       bool
	Next, End int64
}

// NewProgress returns an empty one.
func NewProgress() *Progress {
	return &Progress{sources: map[log.Partition]Position{}, done: map[int32]DonePane{}}
}

func (g *Progress) source(p log.Partition, next, end int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sources[p] = Position{next, end}
}

func (g *Progress) pane(q int32, d DonePane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done[q] = d
}

// lost forgets what no longer is this process's to read, so that no old figure stands.
func (g *Progress) lost(p log.Partition) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sources, p)
}

func (g *Progress) lostPane(q int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.done, q)
}

// Sources returns the positions per input partition.
func (g *Progress) Sources() map[log.Partition]Position {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[log.Partition]Position{}
	for k, v := range g.sources {
		out[k] = v
	}
	return out
}

// JudgedMS returns the end of the last complete step over the partitions of this
// process that hold a model; ok is false while none does.
func (g *Progress) JudgedMS() (ms int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.done {
		if d.Any && (!ok || d.EndMS < ms) {
			ms, ok = d.EndMS, true
		}
	}
	return ms, ok
}

// DoneMS returns the end of the last complete step over all n partitions; ok is
// false until each of them has one.
func (g *Progress) DoneMS(n int32) (ms int64, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for q := range n {
		d, has := g.done[q]
		if !has || !d.Any {
			return 0, false
		}
		if q == 0 || d.EndMS < ms {
			ms = d.EndMS
		}
	}
	return ms, n > 0
}

// Collect runs fold 1 for this worker's input partitions, new ones included, on as many
// goroutines as there are processors for Go.
func (p *Parts) Collect(ctx context.Context, l wire.Layout, g *Progress) error {
	if p.inGroup() {
		return p.collectInGroup(ctx, l, g)
	}
	workers := p.workers()
	grp, ctx := errgroup.WithContext(ctx)
	grp.Go(func() error { return workers.Run(ctx) })
	grp.Go(func() error {
		return p.everyPartition(ctx, l.Inputs, func(in wire.Input, part log.Partition) error {
			cfg, err := p.source(ctx, l, in, part, g)
			if err == nil {
				workers.Add(cfg)
			}
			return err
		})
	})
	return grp.Wait()
}

func (p *Parts) workers() *loop.Workers {
	return loop.NewWorkers(p.IO(), log.Partition{Topic: p.Topics().Control}, runtime.GOMAXPROCS(0))
}

// everyPartition calls start once per partition this worker owns, and again for
// partitions that are added later.
func (p *Parts) everyPartition(ctx context.Context, inputs []wire.Input, start func(wire.Input, log.Partition) error) error {
	started := map[log.Partition]bool{}
	for {
		for _, in := range inputs {
			n, err := p.Kafka.Partitions(ctx, in.Topic)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				p.Log.Warn().Str("topic", in.Topic).Err(err).Msg("cannot count partitions")
				continue
			}
			for i := range n {
				part := log.Partition{Topic: in.Topic, Index: int32(i)}
				if p.mine(i) && !started[part] {
					started[part] = true
					if err := start(in, part); err != nil {
						return fmt.Errorf("collect %s: %w", part, err)
					}
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(partitionsPoll):
		}
	}
}

// source describes one input partition to its worker.
func (p *Parts) source(ctx context.Context, l wire.Layout, in wire.Input, part log.Partition, g *Progress) (loop.SourceConfig, error) {
	promise, err := p.promise(ctx, in.Topic)
	if err != nil {
		return loop.SourceConfig{}, err
	}
	t := p.Topics()
	id := wire.Source{Topic: part.Topic, Incarnation: in.Incarnation, Partition: part.Index}
	return loop.SourceConfig{
		Partition: part, Group: p.Group("collect"), Control: log.Partition{Topic: t.Control}, Times: collect.Times(l),
		TickMS: min(tickMS, max(1000, l.PaneMS)), PromiseMS: promise,
		New:      func(o loop.Origin) loop.SourceFold { return p.sourceFold(l, id, o) },
		Names:    func(recs []log.Record) int64 { return collect.Names(l, recs) },
		Progress: func(position, end int64) { g.source(part, position, end) },
	}, nil
}

func (p *Parts) sourceFold(l wire.Layout, id wire.Source, o loop.Origin) loop.SourceFold {
	return collect.New(p.sourceConfig(l, id), o)
}

// sourceConfig is fold 1 of one source, live or replayed.
func (p *Parts) sourceConfig(l wire.Layout, id wire.Source) collect.Config {
	t := p.Topics()
	return collect.Config{
		Source: id, Layout: l, PanesTopic: t.Panes, DeadTopic: t.Dead, Reader: p.Reader(id.Topic), Quota: p.quota(p.historical(id.Topic)),
	}
}

func (p *Parts) historical(topic string) bool {
	for _, in := range p.Cfg.Topics.Inputs {
		if in.Topic == topic {
			return in.Historical
		}
	}
	return false
}

// promise is how far behind the wall clock an idle partition may still get accepted
// records; 0 where the brokers do not bound it.
func (p *Parts) promise(ctx context.Context, topic string) (int64, error) {
	if p.Cfg.Stream.Idle == "off" {
		return 0, nil
	}
	cfg, err := p.Kafka.TopicConfig(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("settings of topic %s: %w", topic, err)
	}
	if cfg["message.timestamp.type"] == "LogAppendTime" {
		return p.margin(), nil
	}
	before, _, ok, err := p.bounds(ctx, topic)
	if err != nil || !ok {
		return 0, err
	}
	return before.Milliseconds() + p.margin(), nil
}

func (p *Parts) margin() int64 {
	if p.Cfg.Embedded() {
		return idleMarginEmbedded.Milliseconds()
	}
	return idleMargin.Milliseconds()
}

// Evaluate runs fold 2 for this worker's partitions.
func (p *Parts) Evaluate(ctx context.Context, l wire.Layout, g *Progress) error {
	if p.inGroup() {
		return p.evaluateInGroup(ctx, l, g)
	}
	var own []int32
	for q := range l.PanesPartitions {
		if p.mine(int(q)) {
			own = append(own, q)
		}
	}
	return p.evaluate(ctx, l, g, own, nil)
}

// evaluate runs fold 2 for partitions of the panes topic. alive is asked before each
// write of state; nil: the end of the state partition tells.
func (p *Parts) evaluate(ctx context.Context, l wire.Layout, g *Progress, own []int32, alive func(context.Context) error) error {
	room, err := p.room(ctx, l)
	if err != nil {
		return err
	}
	grp, ctx := errgroup.WithContext(ctx)
	for _, q := range own {
		t := p.Topics()
		var fold *evaluate.Fold // the one that is driven, for its counters
		judging := p.judging()
		e := loop.NewPanes(p.IO(), loop.PanesConfig{
			Panes: log.Partition{Topic: t.Panes, Index: q}, State: log.Partition{Topic: t.State, Index: q},
			Control: log.Partition{Topic: t.Control}, Group: p.Group("evaluate"), ProvisionalMS: tickMS, Alive: alive,
			New: func() loop.PanesFold {
				cfg := p.panesConfig(l, q)
				cfg.Admission.Room = room
				fold = evaluate.New(cfg)
				return fold
			},
			Progress: func(done int64, ok bool, next, end int64) {
				if judging != nil {
					judging.Observe(fold.Stats())
				}
				g.pane(q, DonePane{EndMS: (done + 1) * l.PaneMS, Any: ok, Next: next, End: end})
			},
		})
		grp.Go(func() error {
			return fmt.Errorf("evaluate partition %d: %w", q, e.Run(ctx)) // Run ends with an error, be it the context's
		})
	}
	return grp.Wait()
}

// panesFold is the fold of a replay, which cannot read a record of the judging side
// again and so holds what it has read. past is what it knows of the time before.
func (p *Parts) panesFold(l wire.Layout, q int32, past *wire.Past) *evaluate.Fold {
	cfg := p.panesConfig(l, q)
	cfg.Past, cfg.MaxPending = past, -1
	return evaluate.New(cfg)
}

func (p *Parts) panesConfig(l wire.Layout, q int32) evaluate.Config {
	t := p.Topics()
	return evaluate.Config{
		Layout: l, Partition: q, Namespace: p.Cfg.Namespace,
		Topics:    evaluate.Topics{Panes: t.Panes, State: t.State, Scores: t.Scores, Drift: t.Drift, Control: t.Control},
		Admission: evaluate.Admission{Auto: p.Cfg.Admission.Mode == "auto", MaxModels: p.Cfg.Admission.MaxModels},
		Policy:    p.Cfg.Policy.Wire(),
	}
}
