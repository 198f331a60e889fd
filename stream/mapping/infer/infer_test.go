package infer_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/infer"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
)

func raws(s mappingtest.Sample, topic string) (out []event.Raw) {
	for _, r := range s.Records {
		if r.Topic == topic {
			out = append(out, r.Raw)
		}
	}
	return out
}

// readable reads records by a proposal.
func readable(t *testing.T, topic string, p infer.Proposal, recs []event.Raw) (rows []event.Event) {
	t.Helper()
	for _, f := range p.Mapping.Validate(topic) {
		t.Errorf("the proposal does not pass: %v", f)
	}
	r, err := mapping.New(mapping.Config{Mapping: p.Mapping, Topic: topic, Schemas: mappingtest.Schemas(t)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range recs {
		got, err := r.Read(&recs[i])
		if err != nil {
			t.Errorf("record %d of %s: %v", i, p.Mapping.Format, err)
			return nil
		}
		for _, ev := range got {
			rows = append(rows, event.Event{Type: ev.Type, Model: strings.Clone(ev.Model), ID: strings.Clone(ev.ID), TimeMS: ev.TimeMS, HasTime: ev.HasTime, Score: ev.Score, HasScore: ev.HasScore, HasPrediction: ev.HasPrediction, Features: append([]event.Feature(nil), ev.Features...)})
		}
	}
	return rows
}

func TestPropose_WhatIsProposedReadsTheSample(t *testing.T) {
	t.Parallel()
	for _, s := range mappingtest.Samples(t) {
		topics := map[string]bool{}
		for _, r := range s.Records {
			topics[r.Topic] = true
		}
		for topic := range topics {
			recs := raws(s, topic)
			p, err := infer.Propose(topic, recs)
			if err != nil {
				t.Errorf("%s: %v", s.Name, err)
				continue
			}
			if p.Mapping.Format != s.Mapping.Format {
				t.Errorf("%s: proposed %s, want %s", s.Name, p.Mapping.Format, s.Mapping.Format)
				continue
			}
			if s.Name == "seldon2" && strings.HasSuffix(topic, ".outputs") {
				p.Mapping.Score, p.Mapping.Prediction = s.Mapping.Score, s.Mapping.Prediction // told in a note: tensors' names are in protobuf
			}
			if rows := readable(t, topic, p, recs); len(rows) != 440 && s.Name != "seldon2" {
				t.Errorf("%s: %d rows, want 440", s.Name, len(rows))
			}
		}
	}
}

func TestPropose_FlatJSON(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		record func(i int) string
		want   mapping.Mapping
		check  func(ev event.Event) bool
	}{
		{
			"names of a shop", func(i int) string {
				return fmt.Sprintf(`{"when":%d.5,"request_uuid":"a-%d","customer":{"age":%d,"income":"12.5","region":"eu"},"probability":0.%d,"type":"purchase","tags":["x"]}`, 1767225600+i, i, i, i%10)
			},
			mapping.Mapping{Format: "flat", Type: "=prediction", Model: "=t", ID: "request_uuid", Time: "when", TimeUnit: "s", Score: "probability", Features: "customer", NumericStrings: true},
			func(ev event.Event) bool {
				return ev.HasTime && ev.TimeMS%1000 == 500 && len(ev.Features) == 3 && ev.HasScore && ev.ID != ""
			},
		},
		{
			"microseconds, and features beside the rest", func(i int) string {
				return fmt.Sprintf(`{"event_time":%d,"id":%d,"model":"m","a":1,"b":null,"c":true,"y_pred":"spam","note":"row %d of many"}`, 1767225600000000+i, i, i)
			},
			mapping.Mapping{Format: "flat", Time: "event_time", TimeUnit: "us", Prediction: "y_pred", Drop: []string{"note"}},
			func(ev event.Event) bool { return ev.HasTime && ev.Model == "m" && len(ev.Features) == 3 },
		},
		{
			"rows in an array, time as text", func(i int) string {
				return fmt.Sprintf(`{"model_name":"m","sent":"2026-01-01T00:00:%02dZ","rows":[{"x":1},{"x":2},{"x":%d}]}`, i, i)
			},
			mapping.Mapping{Format: "flat", Model: "model_name", Time: "sent", Rows: "rows"},
			func(ev event.Event) bool { return ev.Model == "m" && ev.HasTime && len(ev.Features) == 1 },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var recs []event.Raw
			for i := range 30 {
				recs = append(recs, event.Raw{Value: []byte(tt.record(i))})
			}
			p, err := infer.Propose("t", recs)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := fmt.Sprintf("%+v", p.Mapping), fmt.Sprintf("%+v", tt.want); got != want {
				t.Errorf("proposed %s\nwant     %s\n%s", got, want, strings.Join(p.Notes, "\n"))
			}
			for _, ev := range readable(t, "t", p, recs) {
				if !tt.check(ev) {
					t.Errorf("a row is read as %+v", ev)
					break
				}
			}
		})
	}
}

func TestPropose_SaysWhenItCannot(t *testing.T) {
	t.Parallel()
	if _, err := infer.Propose("t", []event.Raw{{}, {}}); !errors.Is(err, infer.ErrNothing) {
		t.Errorf("no values: %v", err)
	}
	if _, err := infer.Propose("t", []event.Raw{{Value: []byte("\x07rubbish\xff")}}); err == nil {
		t.Error("rubbish gave a proposal")
	}
}

func TestYAML_NamesFromOutsideCannotBreakOut(t *testing.T) {
	t.Parallel()
	p, err := infer.Propose("t", []event.Raw{{Value: []byte(`{"a\nevil: true":[1],"score: {":1,"ts":"2026-01-01T00:00:00Z","model":"m"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(p.YAML("t")) {
		if strings.HasPrefix(line, "evil") {
			t.Errorf("a name became a key:\n%s", p.YAML("t"))
		}
	}
}

func FuzzPropose(f *testing.F) {
	f.Add([]byte(`{"when":1767225600,"id":1,"x":{"y":[{"a":1}]}}`), "t")
	f.Add([]byte(`{"instances":[[1,2]]}`), "seldon.a.model.b.inputs")
	f.Add([]byte(`{"specversion":"1.0","type":"x","data":{"inputs":[{"shape":[1,2],"datatype":"FP64","name":"a"}]}}`), "t")
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0x32, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, "t")
	f.Fuzz(func(t *testing.T, value []byte, topic string) {
		recs := []event.Raw{{Value: value}, {Value: value}}
		p, err := infer.Propose(topic, recs)
		if err != nil {
			return
		}
		_ = p.YAML(topic)
		r, err := mapping.New(mapping.Config{Mapping: p.Mapping, Topic: topic})
		if err != nil {
			return // such as duplicate names; the configuration says so
		}
		_, _ = r.Read(&recs[0])
	})
}
