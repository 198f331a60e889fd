package historian

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// converter turns records of one partition into rows. Records that cannot be read
// are left to fold 1, which counts them and writes the dead letter.
type converter struct {
	topics   Topics
	keep     func(model string) Keep
	columns  func(model string) []string
	segments func(model string) map[string][]string
	reader   event.Reader
}

func (c *converter) convert(r log.Record, rows *Rows) {
	switch r.Partition.Topic {
	case c.topics.Scores:
		if s, err := wire.DecodeScore(r.Value); err == nil {
			rows.Scores = append(rows.Scores, s)
		}
	case c.topics.Drift:
		if e, err := wire.DecodeEvent(r.Value); err == nil {
			rows.Events = append(rows.Events, e)
		}
	case c.topics.Panes:
		c.panes(r, rows)
	case c.topics.Control:
		if strings.HasPrefix(string(r.Key), "model/") {
			if m, err := wire.DecodeModel(r.Value); err == nil {
				rows.Models = append(rows.Models, m)
			}
		}
	default:
		c.example(r, rows)
	}
}

func (c *converter) panes(r log.Record, rows *Rows) {
	kind, err := wire.Peek(r.Value)
	if err != nil {
		return
	}
	switch kind {
	case wire.KindLedger:
		if l, err := wire.DecodeLedger(r.Value); err == nil {
			rows.Ledgers = append(rows.Ledgers, l)
		}
	case wire.KindFrontier:
		if f, err := wire.DecodeFrontier(r.Value); err == nil && r.Partition.Index == 0 {
			rows.Frontiers = append(rows.Frontiers, f)
		}
	}
}

// example turns the rows of an input record into examples.
func (c *converter) example(r log.Record, rows *Rows) {
	if r.TimeMS < 0 {
		return
	}
	events, err := c.reader.Read(&event.Raw{Key: r.Key, Value: r.Value, Headers: r.Headers, TimeMS: r.TimeMS})
	if err != nil {
		return
	}
	for i := range events {
		c.row(r, &events[i], rows)
	}
}

// row keeps what the model's examples hold of one event. Text is copied: an event's lasts
// as long as its record.
func (c *converter) row(r log.Record, ev *event.Event, rows *Rows) {
	if ev.ID == "" || ev.Type == event.TypeTick {
		return
	}
	keep := c.keep(ev.Model)
	if keep == KeepNothing {
		return
	}
	x := Example{Model: strings.Clone(ev.Model), ID: strings.Clone(ev.ID), EventMS: r.TimeMS, At: r.Partition, Offset: r.Offset}
	if ev.HasTime {
		x.EventMS = ev.TimeMS
	}
	if ev.HasLabel {
		if text, ok := ev.Label.Text(); ok {
			l := x
			text = strings.Clone(text)
			l.Label = &text
			rows.Examples = append(rows.Examples, l)
		}
	}
	if ev.Type == event.TypeLabel {
		return
	}
	if ev.HasScore || ev.HasPrediction {
		p := x
		p.Prediction = &Prediction{Version: strings.Clone(ev.Version)}
		if ev.HasScore {
			score := ev.Score
			p.Prediction.Score = &score
		}
		if ev.HasPrediction {
			class, _ := ev.Prediction.Text()
			p.Prediction.Class = strings.Clone(class)
		}
		rows.Examples = append(rows.Examples, p)
	}
	if keep == KeepRows && len(ev.Features) > 0 {
		x.Features = string(event.AppendFeatures(nil, c.allowed(x.Model, ev.Features)))
		x.Segments = c.declared(x.Model, ev.Segments)
		rows.Examples = append(rows.Examples, x)
	}
}

// declared returns the event's segments of declared names as a JSON object, "" for none.
func (c *converter) declared(model string, segments []event.Segment) string {
	if c.segments == nil || len(segments) == 0 {
		return ""
	}
	names := c.segments(model)
	if len(names) == 0 {
		return ""
	}
	keep := map[string]string{}
	for _, s := range segments {
		if _, ok := names[s.Name]; ok {
			keep[s.Name] = s.Value
		}
	}
	if len(keep) == 0 {
		return ""
	}
	text, err := json.Marshal(keep) // in order of name
	if err != nil {
		return "" // texts of a map always encode
	}
	return string(text)
}

// allowed returns the features that may be stored.
func (c *converter) allowed(model string, features []event.Feature) []event.Feature {
	if c.columns == nil {
		return features
	}
	only := c.columns(model)
	if len(only) == 0 {
		return features
	}
	return slices.DeleteFunc(slices.Clone(features), func(f event.Feature) bool { return !slices.Contains(only, f.Name) })
}
