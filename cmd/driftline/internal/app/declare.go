package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Declared is what the control topic says after the configuration was published.
type Declared struct {
	Layout  wire.Layout
	View    *wire.View
	newest  map[string]wire.Control // by kind and id: the last in log order, which is in force
	largest map[string]int64        // by kind and id: the largest sequence used
}

// ReadControl reads the control topic to its end.
func (p *Parts) ReadControl(ctx context.Context) (*Declared, error) {
	recs, err := loop.NewReader(p.IO(), log.Partition{Topic: p.Topics().Control}, -1).ToEnd(ctx)
	if err != nil {
		return nil, err
	}
	d := &Declared{View: wire.NewView(wire.EvaluateSide), newest: map[string]wire.Control{}, largest: map[string]int64{}}
	for _, r := range recs {
		c, ok := d.View.Add(r.Offset, r.Key, r.Value)
		if !ok {
			continue
		}
		k := c.Kind + "/" + c.ID
		d.newest[k] = c
		d.largest[k] = max(d.largest[k], c.Seq)
	}
	d.Layout, _ = d.View.Layout()
	return d, nil
}

// Newest returns the control record of a kind and id that came last.
func (d *Declared) Newest(kind, id string) (wire.Control, bool) {
	c, ok := d.newest[kind+"/"+id]
	return c, ok
}

// Declare publishes layout, models and policies of the configuration where control
// does not say the same yet, and returns what holds. Several processes may do so at
// once: of two records with one key the first stands.
func (p *Parts) Declare(ctx context.Context) (*Declared, error) {
	d, err := p.ReadControl(ctx)
	if err != nil {
		return nil, err
	}
	want, err := p.wantedLayout(ctx)
	if err != nil {
		return nil, err
	}
	if _, has := d.View.Layout(); !has {
		if err := want.Validate(); err != nil {
			return nil, cli.Usagef("%w", err)
		}
		if err := p.Publish(ctx, wire.Control{Kind: "layout", ID: "main", Seq: 1, Value: want.Encode()}); err != nil {
			return nil, err
		}
	} else if err := p.sameLayout(d.Layout, want); err != nil {
		return nil, err
	}
	if err := p.declareFold(ctx, d); err != nil {
		return nil, err
	}
	if err := p.declareModels(ctx, d); err != nil {
		return nil, err
	}
	return p.ReadControl(ctx)
}

// wantedLayout is what the configuration asks for. The disorder follows from the
// brokers' bounds where every input topic has them.
func (p *Parts) wantedLayout(ctx context.Context) (wire.Layout, error) {
	var disorder time.Duration
	bounded := true
	for _, in := range p.Cfg.Topics.Inputs {
		before, after, ok, err := p.bounds(ctx, in.Topic)
		if err != nil {
			return wire.Layout{}, err
		}
		if !ok {
			bounded = false
			p.Log.Warn().Str("topic", in.Topic).Dur("disorder", p.Cfg.Stream.Disorder.Std()).
				Msg("brokers do not bound record times: stream.disorder is assumed; idle partitions hold windows up")
			continue
		}
		disorder = max(disorder, before+after)
	}
	if !bounded {
		disorder = 0
	}
	return p.Cfg.Layout(disorder), nil
}

// sameLayout refuses a configuration that differs from the running deployment. The
// disorder alone may differ: what control says stays in force.
func (p *Parts) sameLayout(have, want wire.Layout) error {
	if have.DisorderMS < want.DisorderMS {
		p.Log.Warn().Int64("in_force_ms", have.DisorderMS).Int64("brokers_ms", want.DisorderMS).
			Msg("brokers allow more disorder than this deployment was made with: offsets that are reset may give incomplete windows")
	}
	want.DisorderMS = have.DisorderMS
	if bytes.Equal(have.Encode(), want.Encode()) {
		return nil
	}
	return cli.Usagef("the configuration differs from the deployment that this topic prefix belongs to (%s): found %s, configured %s; "+
		"set the keys of `stream` and `topics.inputs` back, or choose another topics.prefix (and data_dir) for a new deployment",
		p.Topics().Control, describe(have), describe(want))
}

func describe(l wire.Layout) string {
	ms := func(v int64) time.Duration { return time.Duration(v) * time.Millisecond }
	var windows []time.Duration
	for _, w := range l.WindowsMS {
		windows = append(windows, ms(w))
	}
	var inputs []string
	for _, in := range l.Inputs {
		inputs = append(inputs, in.Topic)
	}
	return fmt.Sprintf("resolution %s, slide %d, windows %v, lateness %s, skew %s, partitions %d, inputs %v",
		ms(l.PaneMS), l.SlotPanes, windows, ms(l.LatenessMS), ms(l.SkewMS), l.PanesPartitions, inputs)
}

func (p *Parts) declareModels(ctx context.Context, d *Declared) error {
	for _, m := range p.Cfg.Models {
		if !d.View.Known(m.Name) {
			from, err := p.nextFree(ctx, d)
			if err != nil {
				return err
			}
			if err := p.Publish(ctx, ModelControl(m, from)); err != nil {
				return err
			}
		}
		if err := p.declarePolicy(ctx, d, m.Name, m.Policy.Wire()); err != nil {
			return err
		}
	}
	return nil
}

// nativeReading is how records are decoded where nothing else is configured.
func nativeReading() sketches.ID {
	return sketches.HashFields([]byte("native JSON"), []byte("1"))
}

// reading identifies how records are decoded: whoever changes what a record says gives
// it another text, so that old and new never meet in one window step. Formats and
// mappings of the input topics are part of it.
func (p *Parts) reading() (sketches.ID, error) {
	fields := [][]byte{[]byte("native JSON"), []byte("1")}
	for _, in := range p.Cfg.Topics.Inputs {
		if (in.Format == "" || in.Format == "native") && in.Mapping == nil {
			continue
		}
		text, err := whatIsSet(in.Mapping)
		if err != nil {
			return sketches.ID{}, fmt.Errorf("mapping of topic %s: %w", in.Topic, err)
		}
		fields = append(fields, []byte(in.Topic), []byte(in.Format), text)
	}
	return sketches.HashFields(fields...), nil
}

// whatIsSet returns the keys of a mapping that are set, in order of name: a key that a
// later release adds changes nothing for those who do not use it.
func whatIsSet(m *config.Mapping) ([]byte, error) {
	all, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var keys map[string]any
	if err := json.Unmarshal(all, &keys); err != nil {
		return nil, err
	}
	maps.DeleteFunc(keys, func(_ string, v any) bool { return v == nil || v == "" || v == false })
	return json.Marshal(keys)
}

// declareFold publishes how records are read from a free pane on, where control does
// not say the same yet. Without a record all are read, by the first decoder.
func (p *Parts) declareFold(ctx context.Context, d *Declared) error {
	decoder, err := p.reading()
	if err != nil {
		return err
	}
	want := wire.Fold{Number: 1, Rate: uint64(math.Round(p.Cfg.Stream.Thin * float64(wire.FullRate))), Decoder: decoder}
	have, ok := d.View.NewestFold()
	if !ok {
		have = wire.Fold{Rate: wire.FullRate, Decoder: nativeReading()}
	}
	if have.Rate == want.Rate && have.Decoder == want.Decoder {
		return nil
	}
	if want.FromPane, err = p.nextFree(ctx, d); err != nil {
		return err
	}
	want.Number = have.Number + 1
	p.Log.Info().Float64("thin", p.Cfg.Stream.Thin).Int64("from_ms", want.FromPane*d.Layout.PaneMS).Msg("records are read in another way from here on")
	return p.Publish(ctx, wire.Control{Kind: "fold", ID: "main", Seq: int64(want.Number), Value: want.Encode()})
}

func (p *Parts) declarePolicy(ctx context.Context, d *Declared, model string, policy wire.Policy) error {
	if err := policy.Validate(); err != nil {
		return cli.Usagef("model %q: %w", model, err)
	}
	value := policy.Encode()
	have, ok := d.Newest("policy", model)
	if ok && bytes.Equal(have.Value, value) {
		return nil
	}
	return p.Publish(ctx, wire.Control{Kind: "policy", ID: model, Seq: d.largest["policy/"+model] + 1, Value: value})
}

// nextFree returns the first pane that no collector can have counted yet: 0 before
// the deployment has counted anything.
func (p *Parts) nextFree(ctx context.Context, d *Declared) (int64, error) {
	l, ok := d.View.Layout()
	if !ok {
		return 0, nil
	}
	clock, counted := int64(0), false
	for _, in := range p.Cfg.Topics.Inputs {
		n, err := p.Kafka.Partitions(ctx, in.Topic)
		if err != nil {
			return 0, fmt.Errorf("partitions of %s: %w", in.Topic, err)
		}
		for i := range n {
			part := log.Partition{Topic: in.Topic, Index: int32(i)}
			c, err := p.Kafka.Committed(ctx, p.Group("collect"), part)
			if err != nil {
				return 0, fmt.Errorf("committed offset of %s: %w", part, err)
			}
			at, err := p.LastTime(ctx, part)
			if err != nil {
				return 0, err
			}
			clock, counted = max(clock, at), counted || c >= 0
		}
	}
	if !counted {
		return 0, nil
	}
	return (clock+l.SkewMS)/l.PaneMS + 2, nil
}

// LastTime is the time of the last record of a partition, 0 if it is empty.
func (p *Parts) LastTime(ctx context.Context, part log.Partition) (int64, error) {
	lo, hi, err := p.Kafka.Bounds(ctx, part)
	if err != nil || hi == lo {
		return 0, err
	}
	b, err := p.Kafka.Fetch(ctx, part, hi-1, time.Second)
	if err != nil {
		return 0, fmt.Errorf("last record of %s: %w", part, err)
	}
	last := int64(0)
	for _, r := range b.Records {
		last = max(last, r.TimeMS)
	}
	return last, nil
}

// Publish writes control records: parts first, acknowledged, then the manifest.
func (p *Parts) Publish(ctx context.Context, cs ...wire.Control) error {
	for _, c := range cs {
		kvs := c.Records()
		for i := range kvs {
			rec := log.Record{Partition: log.Partition{Topic: p.Topics().Control}, TimeMS: log.StampNow, Key: kvs[i].Key, Value: kvs[i].Value}
			if err := p.Kafka.Append(ctx, []log.Record{rec}); err != nil {
				return fmt.Errorf("publish control %s: %w", c.Key(), err)
			}
		}
	}
	return nil
}

// Group is the name of a role's consumer group.
func (p *Parts) Group(role string) string { return p.Cfg.Broker.Group + "-" + role }

// mine reports whether this worker reads a partition.
func (p *Parts) mine(partition int) bool {
	n := max(1, p.Cfg.Stream.WorkerCount)
	return partition%n == p.Cfg.Stream.WorkerIndex
}

func sortedKeys[V any](m map[string]V) []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}
