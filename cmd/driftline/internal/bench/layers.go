package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/valyala/fastjson"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/kafka/kafkabench"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// decode reads every event and looks at its first and last feature, so that nothing can
// be left out.
func (b *Bench) decode() (n int, err error) {
	dec := b.reader()
	raw := event.Raw{}
	for i := range b.recs {
		raw.Value, raw.TimeMS = b.recs[i].Value, b.recs[i].TimeMS
		evs, err := dec.Read(&raw)
		if err != nil {
			return n, err
		}
		if len(evs[0].Features) != b.cfg.Features {
			return n, fmt.Errorf("event %d has %d features, want %d", i, len(evs[0].Features), b.cfg.Features)
		}
		n++
	}
	return n, nil
}

// decoded gives events that were read before; only their times move on.
type decoded struct {
	ring []event.Event
	next int
}

func (d *decoded) Read(r *event.Raw) ([]event.Event, error) {
	d.next = (d.next + 1) % len(d.ring)
	d.ring[d.next].TimeMS = r.TimeMS
	return d.ring[d.next : d.next+1], nil
}

// ringEvents stay in the cache, as an event does that was decoded just before.
const ringEvents = 64

func (b *Bench) ring() (*decoded, error) {
	d := &decoded{}
	dec := b.reader()
	for i := range ringEvents {
		evs, err := dec.Read(&event.Raw{Value: b.recs[i%len(b.recs)].Value})
		if err != nil {
			return nil, err
		}
		ev := evs[0]
		ev.Features = append([]event.Feature(nil), ev.Features...)
		d.ring = append(d.ring, ev)
	}
	return d, nil
}

// fold counts decoded events and encodes what would be published.
func (b *Bench) fold() (n int, err error) {
	d, err := b.ring()
	if err != nil {
		return 0, err
	}
	s := b.source(layout(), loop.Origin{HorizonMS: loop.Unset}, d)
	if _, err := s.Control(b.control, int64(len(b.control))); err != nil {
		return 0, err
	}
	for i := range b.recs {
		s.Apply(b.recs[i])
		n++
		if s.Due() {
			if _, err := s.Publish(1, loop.Unset); err != nil {
				return n, err
			}
			s.Published()
		}
	}
	return n, nil
}

func (b *Bench) source(l wire.Layout, o loop.Origin, r event.Reader) *collect.Source {
	return collect.New(collect.Config{
		Source: wire.Source{Topic: inputTopic}, Layout: l, PanesTopic: countsTopic, DeadTopic: deadTopic, Reader: r,
	}, o)
}

// fetch reads the topic to its end.
func (b *Bench) fetch(ctx context.Context) (n int, err error) {
	session := b.log.Session()
	defer func() { err = errors.Join(err, session.Close()) }()
	asks := []log.Ask{{Partition: input}}
	for asks[0].From < int64(len(b.recs)) {
		if err := session.Fetch(ctx, asks, time.Second); err != nil {
			return n, err
		}
		for a, ok := session.Next(); ok; a, ok = session.Next() {
			if a.Err != nil {
				return n, a.Err
			}
			n += len(a.Records)
			asks[0].From = a.Next
		}
	}
	return n, nil
}

// collector is one life of the collecting role.
type collector struct {
	*loop.Worker
	session log.Session
	fold    *collect.Source // nil until it has started
	started int64           // offset at which it did
}

// collector starts a life in a group.
func (b *Bench) collector(l wire.Layout, control, group string) *collector {
	c := &collector{session: b.log.Session()}
	c.Worker = loop.NewWorker(loop.IO{
		Log: b.log, NowMS: func() int64 { return time.Now().UnixMilli() }, Wait: time.Second,
		Pause: func(ctx context.Context, _ int) error { return ctx.Err() },
		Retry: func(error) bool { return false },
	}, log.Partition{Topic: control})
	c.Add(loop.SourceConfig{
		Partition: input, Group: group, Control: log.Partition{Topic: control}, Times: collect.Times(l),
		TickMS: 10_000,
		New: func(o loop.Origin) loop.SourceFold {
			c.fold, c.started = b.source(l, o, b.reader()), o.Offset
			return c.fold
		},
		Names: func([]log.Record) int64 { return loop.Never },
	})
	return c
}

// until steps until the offset given, or the end of the topic, was counted.
func (c *collector) until(ctx context.Context, offset int64) error {
	for !c.CaughtUp() && (c.fold == nil || c.fold.Through() < offset) {
		if _, err := c.Step(ctx, c.session); err != nil {
			return err
		}
	}
	return nil
}

// whole runs the collecting role over the topic, in a group that has read nothing yet.
func (b *Bench) whole(ctx context.Context, group string) (n int, err error) {
	c := b.collector(layout(), controlTopic, group)
	defer func() { err = errors.Join(err, c.session.Close()) }()
	if err := c.until(ctx, math.MaxInt64); err != nil {
		return 0, err
	}
	return int(c.fold.Through() + 1), nil
}

// decodeWithLibrary decodes the same events with the fastest kept library that was measured
// beside it, into numbers by place; the event is checked in nothing.
func (b *Bench) decodeWithLibrary() (n int, err error) {
	var p fastjson.Parser
	row := make([]float64, b.cfg.Features)
	for i := range b.recs {
		v, err := p.ParseBytes(b.recs[i].Value)
		if err != nil {
			return n, err
		}
		features := v.GetObject("features")
		if features == nil {
			return n, fmt.Errorf("event %d has no features", i)
		}
		at := 0
		features.Visit(func(_ []byte, v *fastjson.Value) {
			if at < len(row) {
				row[at], _ = v.Float64()
				at++
			}
		})
		if at != len(row) {
			return n, fmt.Errorf("event %d has %d features, want %d", i, at, len(row))
		}
		if _, err := time.Parse(time.RFC3339, string(v.GetStringBytes("ts"))); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// plainFeature is what one writes who needs a histogram and moments.
type plainFeature struct {
	edges  []float64
	counts []uint64
	n      float64
	mean   float64
	m2     float64
}

// plain reads part of the topic the usual way.
func (b *Bench) plain(ctx context.Context) (n int, err error) {
	state := map[string]*plainFeature{}
	for i := range b.grid.Features {
		f := &b.grid.Features[i]
		state[f.Name] = &plainFeature{edges: f.Edges, counts: make([]uint64, f.Cells())}
	}
	err = kafkabench.ReadPlain(ctx, b.addr, inputTopic, b.plainEvents(), func(ev map[string]any) error {
		features, _ := ev["features"].(map[string]any)
		for name, v := range features {
			x, ok := v.(float64)
			f := state[name]
			if !ok || f == nil {
				return fmt.Errorf("feature %q is %T", name, v)
			}
			f.counts[sort.Search(len(f.edges), func(i int) bool { return f.edges[i] > x })]++
			f.n++
			d := x - f.mean
			f.mean += d / f.n
			f.m2 += d * (x - f.mean)
		}
		if _, err := time.Parse(time.RFC3339, fmt.Sprint(ev["ts"])); err != nil {
			return err
		}
		n++
		return nil
	})
	return n, err
}

// plainEvents is how many events the plain way reads: it takes ten times as long.
func (b *Bench) plainEvents() int { return min(len(b.recs), max(len(b.recs)/8, 1)) }

func layout() wire.Layout {
	return wire.Layout{
		PaneMS: 60_000, SlotPanes: 60, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000, PanesPartitions: 1,
		WindowsMS: []int64{3_600_000}, Inputs: []wire.Input{{Topic: inputTopic, Role: wire.RoleEvents}},
	}
}

func controlRecords(topic string, l wire.Layout, g *sketches.Grid) []log.Record {
	var recs []log.Record
	for _, c := range []wire.Control{
		{Kind: "layout", ID: "main", Seq: 1, Value: l.Encode()},
		{Kind: "model", ID: model, Seq: 1, Value: wire.Model{Name: model, FeaturesFrom: "prediction"}.Encode()},
		{Kind: "grid", ID: model, Seq: 1, Value: wire.GridControl{Model: model, Grid: g}.Encode()},
	} {
		for _, kv := range c.Records() {
			recs = append(recs, log.Record{
				Partition: log.Partition{Topic: topic}, Offset: int64(len(recs)), TimeMS: log.StampNow, Key: kv.Key, Value: kv.Value,
			})
		}
	}
	return recs
}
