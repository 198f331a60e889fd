package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// Kinds of outbox rows that are more than lifecycle events.
const (
	kindEvent            = "event"             // payload: a CloudEvent for the drift topic
	kindControlGrid      = "control.grid"      // payload: base64 of the control value
	kindControlReference = "control.reference" // payload: base64 of the control value
	kindApplied          = "model.applied"     // payload: specification of a watched model, JSON
)

// lifecycleTypes are the events of the lifecycle topic, by kind of outbox row.
var lifecycleTypes = map[string]string{
	"model.promoted": "model.promoted", "model.rolledback": "model.rolledback", "retrain.requested": "retrain.requested",
	"retrain.completed": "retrain.completed", "gate.decided": "gate.decided", "reference.changed": "reference.changed",
	kindApplied: "model.applied",
}

// lifecycle is a CloudEvent of the lifecycle topic. Id and time come from the outbox
// row, so that a repeat is recognised.
type lifecycle struct {
	SpecVersion  string          `json:"specversion"`
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Subject      string          `json:"subject"`
	Time         string          `json:"time"`
	ContentType  string          `json:"datacontenttype"`
	PartitionKey string          `json:"partitionkey"`
	ModelVersion string          `json:"modelversion,omitempty"`
	Data         json.RawMessage `json:"data"`
}

// Render turns an outbox row into the records it publishes.
func (p *Parts) Render(row historian.OutboxRow) ([]log.Record, error) {
	t := p.Topics()
	switch row.Kind {
	case kindEvent:
		q := wire.Home(row.Ref, p.Cfg.Stream.Partitions)
		return []log.Record{{Partition: log.Partition{Topic: t.Drift, Index: q}, TimeMS: log.StampNow, Key: []byte(row.Ref), Value: []byte(row.Payload)}}, nil
	case kindControlGrid, kindControlReference:
		value, err := base64.StdEncoding.DecodeString(row.Payload)
		if err != nil {
			return nil, fmt.Errorf("outbox row %d, %s of model %q: %w", row.ID, row.Kind, row.Ref, err)
		}
		return p.controlRecords(wire.Control{Kind: row.Kind[len("control."):], ID: row.Ref, Seq: rowSeq(row), Value: value}), nil
	}
	if row.Kind == store.KindExclusions {
		return p.exclusionRecords(row)
	}
	typ, ok := lifecycleTypes[row.Kind]
	if !ok {
		typ = row.Kind
	}
	data := json.RawMessage(row.Payload)
	if !json.Valid(data) {
		data = json.RawMessage(strconv.Quote(row.Payload))
	}
	ev := lifecycle{
		SpecVersion: "1.0", ID: sketches.HashFields([]byte(row.Kind), []byte(row.Ref), []byte(row.Version), strconv.AppendInt(nil, row.ID, 10)).String(),
		Source: "/driftline/" + p.Cfg.Namespace, Type: "dev.driftline." + typ + ".v1", Subject: "models/" + row.Ref, Time: wire.RFC3339(row.CreatedMS),
		ContentType: "application/json", PartitionKey: row.Ref, ModelVersion: row.Version, Data: data,
	}
	value, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("outbox row %d: %w", row.ID, err)
	}
	recs := []log.Record{{Partition: log.Partition{Topic: t.Lifecycle}, TimeMS: log.StampNow, Key: []byte(row.Ref), Value: value}}
	if row.Kind == kindApplied {
		more, err := p.appliedRecords(row)
		if err != nil {
			return nil, err
		}
		recs = append(recs, more...)
	}
	return recs, nil
}

// appliedRecords admits the model of an applied specification and puts its policy
// in force. The model's first record stands; its policy has the row's number as
// sequence, so a later specification wins.
func (p *Parts) appliedRecords(row historian.OutboxRow) ([]log.Record, error) {
	m, err := config.ParseSpec([]byte(row.Payload), p.Cfg)
	if err != nil {
		return nil, fmt.Errorf("outbox row %d, specification of model %q: %w", row.ID, row.Ref, err)
	}
	l := p.Cfg.Layout(0)
	from := (NowMS()+l.SkewMS)/l.PaneMS + 2
	recs := p.controlRecords(ModelControl(m, from))
	return append(recs, p.controlRecords(wire.Control{Kind: "policy", ID: m.Name, Seq: rowSeq(row), Value: m.Policy.Wire().Encode()})...), nil
}

// exclusionRecords tells the stream which spans of a model are excluded.
func (p *Parts) exclusionRecords(row historian.OutboxRow) ([]log.Record, error) {
	var spans []store.ExcludedSpan
	if err := json.Unmarshal([]byte(row.Payload), &spans); err != nil {
		return nil, fmt.Errorf("outbox row %d, exclusions of model %q: %w", row.ID, row.Ref, err)
	}
	x := wire.Exclusions{Model: row.Ref}
	for _, s := range spans {
		x.Ranges = append(x.Ranges, wire.Span(s))
	}
	return p.controlRecords(wire.Control{Kind: "exclusions", ID: row.Ref, Seq: rowSeq(row), Value: x.Encode()}), nil
}

// rowSeq is the sequence of control that an outbox row publishes: the same when it is
// published again, and above those that configuration gives, which count up from 1.
func rowSeq(row historian.OutboxRow) int64 { return row.CreatedMS*1000 + row.ID%1000 }

// ModelControl admits a model. There is one such record per model, whoever writes it
// first: configuration, specification or the evaluator.
func ModelControl(m config.Model, fromPane int64) wire.Control {
	return wire.Control{Kind: "model", ID: m.Name, Seq: 1, Value: m.Wire(fromPane).Encode()}
}

func (p *Parts) controlRecords(c wire.Control) []log.Record {
	var recs []log.Record
	for _, kv := range c.Records() {
		recs = append(recs, log.Record{Partition: log.Partition{Topic: p.Topics().Control}, TimeMS: log.StampNow, Key: kv.Key, Value: kv.Value})
	}
	return recs
}
