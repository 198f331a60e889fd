package app

import (
	"context"
	"fmt"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/metrics"
	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// The most that reading holds, in bytes: two answers of a fetch per source, and once
// the largest batch after decompression.
const (
	fetchBytes  = 1 << 20
	expandBytes = 64 << 20
)

// waitingHistorical is how many closed steps of an archive may wait for one cycle:
// its records lie close together, and a cycle each would cost more than it saves.
const waitingHistorical = 24

// memoryPoll is how often the account is made again.
const memoryPoll = 15 * time.Second

// Memory is the most that this process's counting and judging can hold, computed from
// configuration and control: partitions × models × open window steps × features ×
// cells, every model in every partition. It is far above what is used at most times.
type Memory struct {
	Collect, Evaluate int64 // bytes; 0 for a role that this process does not run
	Limit             int64
	Models, Owned     int // models admitted, and input partitions that this process reads
}

// Bound returns the bytes of both roles.
func (m Memory) Bound() int64 { return m.Collect + m.Evaluate }

// Check returns why the account does not fit, nil if it does.
func (m Memory) Check() error {
	if m.Bound() <= m.Limit {
		return nil
	}
	return fmt.Errorf("memory: %d models over %d input partitions may need up to %s (counting %s, judging %s), and stream.memory_limit allows %s: "+
		"raise it where the machine has the memory, share the partitions among more workers (stream.worker_count), lower stream.versions, or watch fewer models or features",
		m.Models, m.Owned, Size(m.Bound()), Size(m.Collect), Size(m.Evaluate), Size(m.Limit))
}

// Size rounds bytes up to whole MiB, as somebody would write them down.
func Size(bytes int64) config.Size { return config.Size((bytes + 1<<20 - 1) >> 20 << 20) }

// Memory makes the account for the roles given, with so many models more than the view
// holds.
func (p *Parts) Memory(ctx context.Context, l wire.Layout, v *wire.View, roles Roles, more int) (Memory, error) {
	all, owned, err := p.inputPartitions(ctx, l)
	if err != nil {
		return Memory{}, err
	}
	return p.account(l, v, roles, all, owned, more), nil
}

// partition is an input partition with what its topic is.
type partition struct{ historical bool }

// inputPartitions returns how many partitions the input topics have, and those of this worker.
func (p *Parts) inputPartitions(ctx context.Context, l wire.Layout) (all int, owned []partition, err error) {
	for _, in := range l.Inputs {
		n, err := p.Kafka.Partitions(ctx, in.Topic)
		if err != nil {
			return 0, nil, fmt.Errorf("partitions of %s: %w", in.Topic, err)
		}
		all += n
		for i := range n {
			if p.mine(i) {
				owned = append(owned, partition{p.historical(in.Topic)})
			}
		}
	}
	return all, owned, nil
}

func (p *Parts) account(l wire.Layout, v *wire.View, roles Roles, all int, owned []partition, more int) Memory {
	m := Memory{Limit: int64(p.Cfg.Stream.MemoryLimit), Models: len(v.Models()) + more, Owned: len(owned)}
	if roles.Collect {
		per := map[bool]int64{}
		for _, historical := range []bool{false, true} {
			q := p.quota(historical)
			q.More = more
			per[historical] = collect.Memory(l, v, q)
		}
		m.Collect = expandBytes
		for _, x := range owned {
			m.Collect += per[x.historical] + 2*fetchBytes
		}
	}
	if roles.Evaluate {
		m.Evaluate = evaluate.Memory(l, v, evaluate.Quota{
			Sources: all, Versions: p.Cfg.Stream.Versions, More: more, KeptMS: keepPanes.Milliseconds(),
			BackMS: func(model string) int64 {
				m, _ := p.Cfg.Model(model)
				return m.Policy.Wire().BackMS(l)
			},
			Owned: func(model string) bool { return p.mine(int(wire.Home(model, int(l.PanesPartitions)))) },
		})
	}
	return m
}

// quota bounds one source.
func (p *Parts) quota(historical bool) collect.Quota {
	q := collect.Quota{Versions: p.Cfg.Stream.Versions}
	if historical {
		q.Waiting = waitingHistorical
	}
	return q
}

// checkMemory refuses to start what does not fit: before anything is published.
func (r *Running) checkMemory(ctx context.Context, roles Roles) error {
	if !roles.Collect && !roles.Evaluate {
		return nil
	}
	d, err := r.ReadControl(ctx)
	if err != nil {
		return err
	}
	l, ok := d.View.Layout()
	if !ok {
		l = r.Cfg.Layout(0)
	}
	more := 0
	for _, m := range r.Cfg.Models {
		if !d.View.Known(m.Name) {
			more++
		}
	}
	m, err := r.Memory(ctx, l, d.View, roles, more)
	if err != nil {
		return err
	}
	if err := m.Check(); err != nil {
		return &cli.Exit{Code: cli.Usage, Err: err}
	}
	r.Log.Info().Int64("bound_bytes", m.Bound()).Int64("limit_bytes", m.Limit).Int("models", m.Models).Int("partitions", m.Owned).Msg("memory that counting and judging may need at most")
	return nil
}

// CheckAdmission returns why control records, and models beside them that nothing but
// rows is counted of, would not fit into a process with the settings of this one.
// Where all roles share a process they must fit together, else each by itself.
func (p *Parts) CheckAdmission(ctx context.Context, more int, controls ...wire.Control) error {
	d, err := p.ReadControl(ctx)
	if err != nil {
		return err
	}
	l, ok := d.View.Layout()
	if !ok {
		return nil
	}
	const after = 1 << 62 // behind every record there is
	for _, c := range controls {
		if c.Kind == "model" || c.Kind == "grid" {
			d.View.Add(after, []byte(c.Key()), c.Value)
		}
	}
	processes := []Roles{{Collect: true}, {Evaluate: true}}
	if p.Cfg.Embedded() {
		processes = []Roles{Everything}
	}
	for _, roles := range processes {
		m, err := p.Memory(ctx, l, d.View, roles, more)
		if err != nil {
			return err
		}
		if err := m.Check(); err != nil {
			return err
		}
	}
	return nil
}

// room tells an evaluator whether models that their first events admit fit. Partitions
// are counted when it is made; those added later show in the account.
func (p *Parts) room(ctx context.Context, l wire.Layout) (func(*wire.View, int) bool, error) {
	all, owned, err := p.inputPartitions(ctx, l)
	if err != nil {
		return nil, err
	}
	roles := Roles{Evaluate: true}
	if p.Cfg.Embedded() {
		roles = Everything
	}
	return func(v *wire.View, more int) bool {
		return p.account(l, v, roles, all, owned, more).Check() == nil
	}, nil
}

// WatchMemory makes the account again as control and partitions change, for metrics,
// and warns where records that others wrote have made it too large.
func (r *Running) WatchMemory(ctx context.Context, roles Roles) error {
	view := wire.NewView(wire.CollectSide)
	reader := loop.NewReader(r.IO(), log.Partition{Topic: r.Topics().Control}, -1)
	look := func() (Memory, error) {
		recs, err := reader.ToEnd(ctx)
		if err != nil {
			return Memory{}, err
		}
		for _, rec := range recs {
			view.Add(rec.Offset, rec.Key, rec.Value)
		}
		return r.Memory(ctx, r.Declared.Layout, view, roles, 0)
	}
	warned := false
	for {
		m, err := look()
		over := m.Check()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // what is counted does not depend on it
			r.Log.Warn().Err(err).Msg("the memory account cannot be made")
		default:
			r.Progress.account(m)
			if over != nil && !warned {
				r.Log.Warn().Err(over).Msg("more is admitted than the memory limit allows; the next start will be refused")
			}
			warned = over != nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(memoryPoll):
		}
	}
}

func (g *Progress) account(m Memory) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.memory = m
}

// bound is the account as metrics show it.
func (g *Progress) bound() metrics.Memory {
	g.mu.Lock()
	defer g.mu.Unlock()
	return metrics.Memory{Collect: g.memory.Collect, Evaluate: g.memory.Evaluate, Limit: g.memory.Limit}
}
