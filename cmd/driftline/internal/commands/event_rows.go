package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// feed reads the rows of one model's events: those that an input topic still holds, or
// the examples that the history keeps.
type feed struct {
	parts *app.Parts
	model string
	view  *wire.View // of the control topic; not needed for examples
	flag  string     // that named the source, for messages

	// skip leaves records unread that were written more than skewMS before the range
	// begins: collectors take an event for one of the future that is further ahead of
	// its record than that, and do not count it.
	skip   bool
	skewMS int64

	show *bars // of what was read; nil: lines tell
}

// leftOut are the rows of a source that lie outside the range asked for. Times are epoch
// ms, 0 where there is no such row.
type leftOut struct {
	rows        int
	first, last int64
}

func (o *leftOut) add(ms int64, rows int) {
	if o.rows == 0 || ms < o.first {
		o.first = ms
	}
	if o.rows == 0 || ms > o.last {
		o.last = ms
	}
	o.rows += rows
}

// read reads the rows of a topic or of the examples.
func (f *feed) read(ctx context.Context, src source, g *gathered, tell *ticker) error {
	if src.kind == fromExamples {
		return f.exampleRows(ctx, src, g, tell)
	}
	return f.topicRows(ctx, src, g, tell)
}

// exampleRows reads the examples with features that the history keeps.
func (f *feed) exampleRows(ctx context.Context, src source, g *gathered, tell *ticker) error {
	q := store.ExampleQuery{Model: f.model, FromMS: src.fromMS, ToMS: src.toMS, WithFeatures: true}
	return f.parts.Store.Examples(ctx, q, func(e store.ExampleRow) error {
		if e.Features == nil {
			return nil
		}
		if g.answers != nil {
			g.answers.example(e.EventMS, e.Prediction)
		}
		features, err := parseFeatures(e.Features.JSON)
		if err != nil {
			return fmt.Errorf("example %q of model %q: %w", e.ID, f.model, err)
		}
		if f.show != nil {
			f.show.counted("examples", len(g.times))
		} else {
			tell.line("examples: %d rows read", len(g.times))
		}
		return g.addIn(e.EventMS, features, g.storedMembership(e.Features.Segments))
	})
}

// parseFeatures reads features as the history keeps them.
func parseFeatures(text string) ([]event.Feature, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var members map[string]any
	if err := d.Decode(&members); err != nil {
		return nil, fmt.Errorf("stored features: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("stored features: more than one JSON value")
	}
	out := make([]event.Feature, 0, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		v := sketches.Wrong()
		switch x := members[name].(type) {
		case nil:
			v = sketches.Null()
		case bool:
			v = sketches.Bool(x)
		case string:
			v = sketches.String(x)
		case json.Number:
			if n, err := x.Float64(); err == nil {
				v = sketches.Number(n)
			}
		}
		out = append(out, event.Feature{Name: name, Value: v})
	}
	return out, nil
}

// topicRows reads the events of the model that an input topic, or all of them, hold.
func (f *feed) topicRows(ctx context.Context, src source, g *gathered, tell *ticker) error {
	want := event.TypePrediction
	if m, ok := f.view.Model(f.model, 1<<62); ok && m.FeaturesFrom == event.TypeFeature.String() {
		want = event.TypeFeature
	}
	topics := []string{src.topic}
	if src.topic == "" {
		topics = f.parts.Topics().Inputs
	}
	var all []held
	for _, topic := range topics {
		n, err := f.parts.Kafka.Partitions(ctx, topic)
		if errors.Is(err, log.ErrNoTopic) {
			return cli.Usagef("%s: topic %s does not exist; the input topics are %s", f.flag, topic, strings.Join(f.inputs(), ", "))
		}
		if err != nil {
			return err
		}
		for i := range n {
			h, err := f.held(ctx, log.Partition{Topic: topic, Index: int32(i)}, src)
			if err != nil {
				return err
			}
			all = append(all, h)
			f.shows(h, h.from, loop.Unset)
		}
	}
	for _, h := range all {
		if err := f.partitionRows(ctx, h, want, src, g, tell); err != nil {
			return err
		}
	}
	return nil
}

// held is what is to be read of a partition.
type held struct {
	log.Partition
	from, end int64 // offsets
}

func (f *feed) held(ctx context.Context, p log.Partition, src source) (h held, err error) {
	h.Partition = p
	if h.from, h.end, err = f.parts.Kafka.Bounds(ctx, p); err != nil || src.fromMS <= f.skewMS || !f.skip {
		return h, err
	}
	from, err := f.parts.Kafka.OffsetAt(ctx, p, src.fromMS-f.skewMS)
	h.from = max(h.from, from)
	return h, err
}

// shows draws how far a partition is read.
func (f *feed) shows(h held, at, clockMS int64) {
	if f.show != nil {
		f.show.at(replay.Progress{Source: wire.Source{Topic: h.Topic, Partition: h.Index}, Start: h.from, Position: min(at, h.end), End: h.end, Clock: clockMS})
	}
}

// inputs are the input topics that the deployment runs with, whatever is configured here.
func (f *feed) inputs() []string {
	l, ok := f.view.Layout()
	if !ok {
		return f.parts.Topics().Inputs
	}
	var names []string
	for _, in := range l.Inputs {
		names = append(names, in.Topic)
	}
	return names
}

func (f *feed) partitionRows(ctx context.Context, h held, want event.Type, src source, g *gathered, tell *ticker) error {
	p, at, end := h.Partition, h.from, h.end
	reader, from := f.parts.Reader(p.Topic), f.parts.Source()
	for at < end {
		batch, err := from.Fetch(ctx, p, at, time.Second)
		if err != nil {
			return err
		}
		for _, r := range batch.Records {
			if r.Offset >= end {
				continue
			}
			rows, err := reader.Read(&event.Raw{Key: r.Key, Value: r.Value, Headers: r.Headers, TimeMS: r.TimeMS})
			if err != nil || len(rows) == 0 || rows[0].Model != f.model {
				continue // what cannot be read is counted where it is collected
			}
			answer := g.answers != nil && rows[0].Type == event.TypePrediction
			if rows[0].Type != want && !answer {
				continue
			}
			ms := r.TimeMS
			if rows[0].HasTime {
				ms = rows[0].TimeMS
			}
			if src.fromMS != 0 && ms < src.fromMS || src.toMS != 0 && ms >= src.toMS {
				if rows[0].Type == want {
					g.outside.add(ms, len(rows))
				}
				continue
			}
			for i := range rows {
				if answer {
					g.answers.event(ms, &rows[i])
				}
				if rows[i].Type != want {
					continue
				}
				if err := g.addIn(ms, cloned(rows[i].Features), g.membership(rows[i].Segments)); err != nil {
					return err
				}
			}
		}
		if batch.Next <= at {
			return fmt.Errorf("%s: the broker gives nothing at offset %d of %d; try again", p, at, end)
		}
		at = batch.Next
		clock := loop.Unset
		if n := len(batch.Records); n > 0 {
			clock = batch.Records[n-1].TimeMS
		}
		if f.shows(h, at, clock); f.show == nil {
			tell.line("%s: offset %d of %d, %d rows of the model", p, at, end, len(g.times))
		}
	}
	return nil
}

// cloned keeps texts beyond the record: they are parts of its bytes.
func cloned(features []event.Feature) []event.Feature {
	for i := range features {
		if features[i].Value.Kind() == sketches.ValueString {
			text, _ := features[i].Value.Text()
			features[i].Value = sketches.String(strings.Clone(text))
		}
	}
	return features
}
