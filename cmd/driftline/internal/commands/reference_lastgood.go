package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/trainer/reference"
)

// Days of last-good: by default a week, so that every day of it is in; at most a year.
const (
	defaultGoodDays = 7
	mostGoodDays    = 366
)

// chosenDays are the days that last-good chose.
type chosenDays struct {
	FromMS           int64  `json:"from_ms"` // whole UTC days, the end exclusive
	ToMS             int64  `json:"to_ms"`
	Days             string `json:"-"`                 // as people write them
	PerformanceKnown bool   `json:"performance_known"` // else they are the first after the promotion
	Why              string `json:"why"`
}

func parseDays(text string) (int, error) {
	if text == "" {
		return defaultGoodDays, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostGoodDays {
		return 0, fmt.Errorf("--from last-good: %q; want a number of whole days, 1 to %d", text, mostGoodDays)
	}
	return n, nil
}

// chooseDays finds the days on which the model was known to do well and narrows the source
// to them. Where there are none the error is reference.ErrGate, and b.good says why.
func (b *builder) chooseDays(ctx context.Context, m config.Model, src *source, spec *reference.Spec) error {
	spec.Kind, m.Name = reference.KindLastGood, b.model
	known, err := b.parts.LastGood(ctx, m, src.days, app.NowMS())
	if errors.Is(err, store.ErrNotFound) {
		b.good.Checks = []reference.Check{{Name: "a version that serves", Found: "none", Needed: "one that was promoted"}}
		b.good.Mend = fmt.Sprintf("promote the version that serves (driftline models promote %s VERSION), or give the days yourself with --from topic --from-time --to-time", b.model)
		return b.gateFault()
	}
	if err != nil {
		return err
	}
	for _, r := range b.excluded.Ranges {
		known.Exclusions = append(known.Exclusions, reference.BadSpan{FromMS: r.FromMS, ToMS: r.ToMS, Name: "an exclusion"})
	}
	if b.good = known.Choose(); b.good.OK {
		if err := b.stillHeld(ctx, m); err != nil {
			return err
		}
	}
	if spec.Version == "" {
		spec.Version = known.Version
	}
	src.fromMS, src.toMS = b.good.FromMS, b.good.ToMS
	return b.gateFault()
}

// stillHeld asks that the input topics hold all events of the days: what was removed would
// be missing from the reference without a word.
func (b *builder) stillHeld(ctx context.Context, m config.Model) error {
	from, err := heldFrom(ctx, b.parts.Kafka, b.parts.Topics().Inputs)
	if err == nil {
		holds(&b.good, from, b.declared.Layout.SkewMS, m)
	}
	return err
}

// holds adds the condition that records from a time on, 0 for all, hold the days. An event
// may be ahead of its record by the skew.
func holds(g *reference.GoodDays, fromMS, skewMS int64, m config.Model) {
	need := g.FromMS - skewMS
	c := reference.Check{Name: "events that the input topics hold", Found: "all there ever were", Needed: "all from record time " + plainMoment(need) + " on", OK: fromMS <= need}
	if fromMS > 0 {
		c.Found = "those from record time " + plainMoment(fromMS) + " on"
	}
	g.Checks = append(g.Checks, c)
	if c.OK {
		return
	}
	g.OK, g.Why = false, ""
	if m.Examples == "rows" {
		g.Mend = fmt.Sprintf("the topics no longer hold these days; the history keeps examples with features: --from examples:%s..%s", plainMoment(g.FromMS), plainMoment(g.ToMS))
	} else {
		g.Mend = fmt.Sprintf("the topics no longer hold these days, and the history keeps no features of model %s: raise retention.ms of the topics, or set examples: rows for the model, after which --from examples:FROM..TO is another way", m.Name)
	}
}

func plainMoment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// gateFault is the first condition that failed, nil if none did.
func (b *builder) gateFault() error {
	for _, c := range b.good.Checks {
		if !c.OK {
			return fmt.Errorf("%w for model %q: %s: found %s, needed %s. What to do: %s", reference.ErrGate, b.model, c.Name, c.Found, c.Needed, b.good.Mend)
		}
	}
	return nil
}

// refuse prints the conditions where no days qualify; other errors it hands on.
func (b *builder) refuse(spec reference.Spec, src source, out cli.Format, err error) error {
	if !errors.Is(err, reference.ErrGate) {
		return err
	}
	b.describe(spec, src, 0)
	b.out.Features = []string{}
	if err := b.print(out); err != nil {
		return err
	}
	return &cli.Exit{Code: cli.NotEnoughData, Err: err}
}

// chosen describes the days, nil where none were chosen.
func (b *builder) chosen() *chosenDays {
	if !b.good.OK {
		return nil
	}
	g := b.good
	days := time.UnixMilli(g.FromMS).UTC().Format(time.DateOnly)
	if last := time.UnixMilli(g.ToMS - 1).UTC().Format(time.DateOnly); last != days {
		days += " to " + last
	}
	return &chosenDays{FromMS: g.FromMS, ToMS: g.ToMS, Days: days, PerformanceKnown: g.Known, Why: g.Why}
}

// heldLog is the broker as heldFrom needs it.
type heldLog interface {
	Partitions(ctx context.Context, topic string) (int, error)
	Bounds(ctx context.Context, p log.Partition) (start, end int64, err error)
	Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error)
}

// heldFrom is the record time from which on every partition of the topics holds its
// records; 0 where none was ever removed. A partition that has become empty tells nothing:
// what others still hold says how far back the topics go.
func heldFrom(ctx context.Context, l heldLog, topics []string) (ms int64, err error) {
	for _, topic := range topics {
		n, err := l.Partitions(ctx, topic)
		if err != nil {
			return 0, err
		}
		for i := range n {
			p := log.Partition{Topic: topic, Index: int32(i)}
			at, end, err := l.Bounds(ctx, p)
			if err != nil {
				return 0, err
			}
			for removed := at > 0; removed && at < end; {
				batch, err := l.Fetch(ctx, p, at, time.Second)
				if err != nil {
					return 0, err
				}
				if len(batch.Records) > 0 {
					ms = max(ms, batch.Records[0].TimeMS)
					break
				}
				if batch.Next <= at {
					return 0, fmt.Errorf("%s: the broker gives nothing at offset %d of %d; try again", p, at, end)
				}
				at = batch.Next
			}
		}
	}
	return ms, nil
}
