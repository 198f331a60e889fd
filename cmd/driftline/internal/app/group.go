package app

import (
	"context"
	"fmt"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// inGroup reports whether the broker shares the partitions among the workers.
func (p *Parts) inGroup() bool { return p.Cfg.Stream.Assignment == "group" }

// join makes this process a member of the group of a role. run is called once per
// generation. Offsets are committed to the role's own group, outside any generation: a
// commit is right whoever makes it, see stream/collect.
func (p *Parts) join(ctx context.Context, role string, topics []string, run func(context.Context, *kafka.Generation) error) error {
	cfg := kafka.GroupConfig{
		ID: p.Group(role) + kafka.Members, Topics: topics,
		Retried: func(attempt int, err error) { p.retried("join", attempt, err) },
	}
	return p.Kafka.Join(ctx, cfg, func(ctx context.Context, gen *kafka.Generation) error {
		if p.Metrics != nil {
			p.Metrics.Rebalanced(role)
		}
		p.Log.Info().Str("role", role).Int32("generation", gen.ID).Int("partitions", len(gen.Partitions)).Msg("partitions shared out")
		return run(ctx, gen)
	})
}

// collectInGroup runs fold 1 for the partitions of each generation in turn. What a
// generation had not published when it ended is dropped: its successor, here or
// elsewhere, starts from the committed offset.
func (p *Parts) collectInGroup(ctx context.Context, l wire.Layout, g *Progress) error {
	inputs := map[string]wire.Input{}
	var topics []string
	for _, in := range l.Inputs {
		inputs[in.Topic] = in
		topics = append(topics, in.Topic)
	}
	return p.join(ctx, "collect", topics, func(ctx context.Context, gen *kafka.Generation) error {
		workers := p.workers()
		for _, part := range gen.Partitions {
			cfg, err := p.source(ctx, l, inputs[part.Topic], part, g)
			if err != nil {
				return fmt.Errorf("collect %s: %w", part, err)
			}
			workers.Add(cfg)
		}
		err := workers.Run(ctx)
		for _, part := range gen.Partitions {
			g.lost(part)
		}
		return err
	})
}

// evaluateInGroup runs fold 2 for the partitions of each generation in turn. Before
// state is written the coordinator is asked whether the generation still holds: a process
// that was stopped for minutes learns last that it does not.
func (p *Parts) evaluateInGroup(ctx context.Context, l wire.Layout, g *Progress) error {
	topic := p.Topics().Panes
	return p.join(ctx, "evaluate", []string{topic}, func(ctx context.Context, gen *kafka.Generation) error {
		own := indexes(gen.Partitions)
		if len(own) == 0 {
			<-ctx.Done() // more workers than partitions
			return ctx.Err()
		}
		err := p.evaluate(ctx, l, g, own, gen.Alive)
		for _, q := range own {
			g.lostPane(q)
		}
		return err
	})
}

func indexes(parts []log.Partition) (own []int32) {
	for _, part := range parts {
		own = append(own, part.Index)
	}
	return own
}
