package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/wire"
)

// compile makes a schema ready to validate.
func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return s.Validate(doc)
}

// samples are records of each schema, empty ones and full ones.
func samples(t *testing.T) map[string][][]byte {
	t.Helper()
	cfg := config.Default()
	p := &Parts{Cfg: &cfg}
	nano := int64(-5)
	out := map[string][][]byte{
		SchemaEvent: {event.Encode(event.Event{Type: event.TypeTick})},
		SchemaScore: {
			wire.Score{Model: "m", Version: wire.AnyVersion, WindowMS: 1, State: wire.StateLearning}.Encode(),
			wire.Score{
				Model: "m", WindowMS: 1, State: wire.StateJudged, Features: []wire.FeatureScore{{Name: "a", PSI: &nano, Chi2: &nano, Top: []wire.Cells{{Label: "x", Part: &nano}}}},
				Predictions: &wire.Predictions{MeanScore: &nano, Classes: map[string]uint64{"0": 3}}, Alarms: []wire.AlarmAt{{State: []byte(`{"phase":1}`)}},
			}.Encode(),
		},
		SchemaDrift: {
			wire.NewEvent("prod", wire.EventType("drift", "detected"), wire.EventID("e", "part", 5), "warning", 5, wire.EventData{Model: "m", Kind: "drift", Segment: "region=eu"}).Encode(),
			wire.NewEvent("prod", wire.EventType("drift", "detected"), wire.EventID("e", "t", 5), "warning", 5, wire.EventData{Model: "m", Detail: map[string]any{"b": 1.5, "a": "x", "c": nil}}).Encode(),
		},
		SchemaDeadLetter: {wire.DeadLetter{Topic: "a", TimeMS: -1, Reason: "no_time", Sample: []byte("{\xff}")}.Encode(), wire.DeadLetter{}.Encode()},
	}
	for kind := range lifecycleTypes {
		if kind == kindApplied {
			continue // carries a whole specification, see live_test.go of commands
		}
		for _, payload := range []string{`{"a":1}`, "no JSON"} {
			recs, err := p.Render(historian.OutboxRow{ID: 7, Kind: kind, Ref: "m", Version: "3", Payload: payload, CreatedMS: 1000})
			if err != nil {
				t.Fatal(err)
			}
			out[SchemaLifecycle] = append(out[SchemaLifecycle], recs[0].Value)
		}
	}
	return out
}

func TestSchemas_TakeWhatIsWrittenAndNothingElse(t *testing.T) {
	t.Parallel()
	all := samples(t)
	for name, text := range Schemas() {
		s := compile(t, text)
		if len(all[name]) == 0 {
			t.Errorf("%s: no sample", name)
		}
		for _, sample := range all[name] {
			if err := valid(t, s, sample); err != nil {
				t.Errorf("%s refuses %s: %v", name, sample, err)
			}
			for other, texts := range all {
				if other == name || other == SchemaEvent {
					continue
				}
				if name == SchemaLifecycle && other == SchemaDrift {
					continue // both are CloudEvents; a lifecycle event's data may be anything
				}
				if valid(t, s, texts[0]) == nil {
					t.Errorf("%s takes a record of %s: %s", name, other, texts[0])
				}
			}
		}
	}
	s := compile(t, Schemas()[SchemaScore])
	good := string(all[SchemaScore][0])
	for what, bad := range map[string]string{
		"rows as text":     strings.Replace(good, `"rows":0`, `"rows":"0"`, 1),
		"negative rows":    strings.Replace(good, `"rows":0`, `"rows":-1`, 1),
		"an unknown state": strings.Replace(good, `"learning"`, `"guessing"`, 1),
		"no model":         strings.Replace(good, `"model":"m",`, ``, 1),
	} {
		if bad == good || valid(t, s, []byte(bad)) == nil {
			t.Errorf("%s: taken: %s", what, bad)
		}
	}
	drift := compile(t, Schemas()[SchemaDrift])
	bad := strings.Replace(string(all[SchemaDrift][0]), `"specversion":"1.0"`, `"specversion":"0.3"`, 1)
	if valid(t, drift, []byte(bad)) == nil {
		t.Error("CloudEvents 0.3 is taken for a drift event")
	}
}

// Both schemas say what a part of the traffic is, to whoever finds it in a record.
func TestSchemas_SayWhatASegmentIs(t *testing.T) {
	t.Parallel()
	for name, path := range map[string][]string{SchemaScore: {"segment"}, SchemaDrift: {"data", "segment"}} {
		var at map[string]any
		if err := json.Unmarshal(Schemas()[name], &at); err != nil {
			t.Fatal(err)
		}
		for _, key := range path {
			at = property(at, key)
		}
		if text, ok := at["description"].(string); !ok || !strings.Contains(text, "region=eu; absent: all of it") {
			t.Errorf("%s says of a segment: %v", name, at["description"])
		}
	}
}

// document makes the AsyncAPI document of a deployment with a prefix of its own.
func document(t *testing.T) (*Parts, []byte) {
	t.Helper()
	cfg := config.Default()
	cfg.Topics.Prefix = "team.a"
	cfg.Broker.Brokers = []string{"k1:9092", "k2:9092"}
	cfg.Ingest.Enabled = true
	cfg.Topics.Inputs[1].Format = "kserve"
	p := &Parts{Cfg: &cfg}
	text, err := p.AsyncAPI("1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return p, text
}

func TestAsyncAPI_HoldsEveryTopicAsItIsMade(t *testing.T) {
	t.Parallel()
	p, text := document(t)
	var doc struct {
		Channels map[string]struct {
			Address  string
			Messages map[string]map[string]string
			Bindings struct {
				Kafka struct {
					Topic                string
					Partitions, Replicas int
					TopicConfiguration   map[string]any
				}
			}
		}
		Operations map[string]struct{ Action string }
		Components struct {
			Messages map[string]struct{ Payload map[string]string }
		}
		Servers map[string]struct{ Host, Protocol string }
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, spec := range p.TopicSpecs() {
		c, ok := doc.Channels[channelID(spec.Name)]
		k := c.Bindings.Kafka
		if !ok || c.Address != spec.Name || k.Topic != spec.Name || k.Partitions != spec.Partitions || k.Replicas != spec.Replicas || len(c.Messages) != 1 {
			t.Errorf("topic %s: %+v, want it as topics create makes it", spec.Name, c)
		}
		for key, v := range spec.Config {
			got := fmt.Sprint(k.TopicConfiguration[key])
			if n, ok := k.TopicConfiguration[key].(float64); ok {
				got = fmt.Sprintf("%.0f", n)
			}
			if strings.Trim(got, "[]") != v {
				t.Errorf("topic %s: %s = %v, want %s", spec.Name, key, got, v)
			}
		}
	}
	if len(doc.Channels) != len(p.TopicSpecs()) || doc.Servers["broker2"].Host != "k2:9092" {
		t.Errorf("%d channels, servers %v", len(doc.Channels), doc.Servers)
	}
	for id, want := range map[string]string{"ml_features": SchemaEvent, "ml_predictions": schemaMapped, "team_a_panes": "binary", "team_a_drift": SchemaDrift} {
		if got := doc.Components.Messages[id].Payload["$ref"]; got != "#/components/schemas/"+want {
			t.Errorf("payload of %s is %s, want %s", id, got, want)
		}
	}
	for id, want := range map[string]bool{"receive_ml_features": true, "send_ml_features": true, "send_ml_predictions": false, "send_team_a_scores": true, "receive_team_a_dead": false} {
		if _, ok := doc.Operations[id]; ok != want {
			t.Errorf("operation %s: %v, want %v", id, ok, want)
		}
	}
}

// Every reference in the document leads to something in it.
func TestAsyncAPI_ReferencesLead(t *testing.T) {
	t.Parallel()
	_, text := document(t)
	var doc any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if target, ok := v["$ref"].(string); ok {
				n++
				at := doc
				for _, part := range strings.Split(strings.TrimPrefix(target, "#/"), "/") {
					m, _ := at.(map[string]any)
					at = m[part]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", target)
				}
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(doc)
	if n < 40 {
		t.Errorf("%d references, the document has more", n)
	}
	if strings.Contains(string(text), `"$id"`) {
		t.Error("an $id in the document: references below it would lead elsewhere")
	}
}

// The schemas inside the document say the same as those that are served.
func TestAsyncAPI_ItsSchemasTakeTheSameRecords(t *testing.T) {
	t.Parallel()
	_, text := document(t)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("asyncapi.json", doc); err != nil {
		t.Fatal(err)
	}
	all := samples(t)
	all[SchemaEvent] = append(all[SchemaEvent], []byte(`{"type":"prediction","model":"m","score":0.5,"features":{"a":1,"b":"x"}}`))
	for name, texts := range all {
		s, err := c.Compile("asyncapi.json#/components/schemas/" + name + "/schema")
		if err != nil {
			t.Fatal(err)
		}
		for _, sample := range texts {
			if err := valid(t, s, sample); err != nil {
				t.Errorf("%s refuses %s: %v", name, sample, err)
			}
		}
		if valid(t, s, []byte(`{"model":5,"specversion":1,"topic":2}`)) == nil {
			t.Errorf("%s takes anything", name)
		}
	}
}

// AsyncAPI's own JSON Schema takes the document.
func TestAsyncAPI_IsValidByItsOwnSchema(t *testing.T) {
	t.Parallel()
	official, err := os.ReadFile(filepath.Join("..", "..", "..", "..", ".cache", "asyncapi", "3.0.0.json"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run .ci/prepare asyncapi", err)
		}
		t.Skipf("%v: run .ci/prepare asyncapi", err)
	}
	s := compile(t, official)
	_, text := document(t)
	if err := valid(t, s, text); err != nil {
		t.Errorf("the document is not AsyncAPI 3.0: %v", err)
	}
	for what, bad := range map[string]string{
		"an unknown version": strings.Replace(string(text), `"asyncapi": "3.0.0"`, `"asyncapi": "9"`, 1),
		"partitions as text": strings.Replace(string(text), `"partitions": 6`, `"partitions": "6"`, 1),
		"an unknown action":  strings.Replace(string(text), `"action": "send"`, `"action": "shout"`, 1),
	} {
		if bad == string(text) || valid(t, s, []byte(bad)) == nil {
			t.Errorf("%s passes", what)
		}
	}
}
