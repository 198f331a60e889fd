package app

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/wire"
)

// Names of the schemas that are published.
const (
	SchemaEvent      = "event"       // what input topics hold
	SchemaScore      = "score"       // scores
	SchemaDrift      = "drift-event" // alarms
	SchemaLifecycle  = "lifecycle-event"
	SchemaDeadLetter = "dead-letter"
)

// segmentWords say what the member segment of scores and drift events is.
const segmentWords = "The declared part of the traffic that this is about, as NAME=VALUE, such as region=eu; absent: all of it."

// draft is the dialect of every schema.
const draft = "https://json-schema.org/draft/2020-12/schema"

// Schemas returns the JSON Schemas of all records that others read or write, by name.
// Those of what Driftline writes are made from the types that it writes with, so they
// cannot differ. Later versions may add members, so none is closed.
func Schemas() map[string][]byte {
	out := map[string][]byte{SchemaEvent: event.Schema()}
	for _, s := range []struct {
		name, title, description string
		of                       reflect.Type
		more                     func(map[string]any)
	}{
		{
			SchemaScore, "Driftline score", "How one window of a model compares with its reference. Identity: model, version, reference, window_ms, end_ms; the same may come twice. Times are epoch milliseconds of event time. " +
				"Integers of statistics are billionths; null means not defined. covered and expected are parts of a million.", reflect.TypeFor[wire.Score](),
			func(m map[string]any) {
				property(m, "state")["enum"] = []string{wire.StateJudged, wire.StateLearning, wire.StateEmpty}
				property(m, "version")["description"] = "* for the input over all versions; else the version whose answers are counted, with predictions. Answers of the version whose answers the reference holds are compared with them: features are then score and prediction, the predicted class."
				property(m, "segment")["description"] = segmentWords + " reference is then the identity of that part of the model's reference."
			},
		},
		{
			SchemaDrift, "Driftline drift event", "An alarm changed. CloudEvents 1.0 in structured mode; the same may come twice, with the same id. time is event time. Integers of statistics are billionths.", reflect.TypeFor[wire.Event](),
			func(m map[string]any) {
				cloudEvent(m)
				property(m, "data")["$id"] = "urn:driftline:schema:event:v1" // as dataschema says
				property(property(m, "data"), "kind")["description"] = "drift, quality, performance, early, joint (all features together) or prediction (what version answered; top is then score, prediction or both, and may_retrain false)."
				property(property(m, "data"), "segment")["description"] = segmentWords + " Such an alarm has an episode of its own and asks for no retrain."
			},
		},
		{SchemaLifecycle, "Driftline lifecycle event", "A retrain, promotion, rollback or reference changed. CloudEvents 1.0 in structured mode; the same may come twice, with the same id. data depends on the type.", reflect.TypeFor[lifecycle](), cloudEvent},
		{
			SchemaDeadLetter, "Driftline dead letter", "A record of an input topic that could not be read: where it stands, why, and its first 16 KiB. at is the byte of the fault; time_ms is -1 for a record without a time.", reflect.TypeFor[wire.DeadLetter](),
			func(m map[string]any) {
				property(m, "sample")["description"] = "The first 16 KiB of the record."
			},
		},
	} {
		m := schemaOf(s.of)
		m["$schema"], m["$id"], m["title"], m["description"] = draft, "urn:driftline:schema:"+s.name+":v1", s.title, s.description
		s.more(m)
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			panic(fmt.Sprintf("schema %s: %v", s.name, err)) // maps and texts of ours
		}
		out[s.name] = text
	}
	return out
}

func property(m map[string]any, name string) map[string]any {
	return m["properties"].(map[string]any)[name].(map[string]any)
}

// cloudEvent pins what is the same in every event of ours.
func cloudEvent(m map[string]any) {
	property(m, "specversion")["const"] = "1.0"
	property(m, "id")["pattern"] = "^[0-9a-f]{32}$"
	property(m, "type")["pattern"] = `^dev\.driftline\..+\.v1$`
	property(m, "time")["format"] = "date-time"
	property(m, "source")["pattern"] = "^/driftline/"
}

// schemaOf describes the JSON of a type as encoding/json writes it.
func schemaOf(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	case reflect.TypeFor[[]byte]():
		return map[string]any{"type": []string{"string", "null"}, "contentEncoding": "base64"}
	}
	switch t.Kind() {
	case reflect.Struct:
		properties, required := map[string]any{}, []string{}
		for i := range t.NumField() {
			name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			properties[name] = schemaOf(t.Field(i).Type)
			if options != "omitempty" {
				required = append(required, name)
			}
		}
		return map[string]any{"type": "object", "properties": properties, "required": required}
	case reflect.Pointer:
		s := schemaOf(t.Elem())
		if name, ok := s["type"].(string); ok {
			s["type"] = []string{name, "null"}
		}
		return s
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.Interface:
		return map[string]any{}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": "string"}
	}
	panic("schema of " + t.String() + ": a kind that records do not hold")
}
