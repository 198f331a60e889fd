package event_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/driftline/driftline/stream/event"
)

// compiled returns the published schema, ready to validate.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(event.Schema()))
	if err != nil {
		t.Fatalf("the schema is no JSON: %v", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("event.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("event.json")
	if err != nil {
		t.Fatalf("the schema does not compile: %v", err)
	}
	return s
}

func validate(s *jsonschema.Schema, text []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestSchema_AcceptsWhatDecodeAccepts(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for _, tt := range good {
		if err := validate(s, []byte(tt.text)); err != nil {
			t.Errorf("%s: the schema refuses %s: %v", tt.name, tt.text, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := event.Encode(anyEvent.Draw(t, "event"))
		if err := validate(s, text); err != nil {
			t.Fatalf("the schema refuses %s: %v", text, err)
		}
	})
}

func TestSchema_RefusesWhatDecodeRefuses(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	// What a schema cannot say, as its description tells.
	unsaid := map[event.Code]bool{
		event.CodeTooLarge: true, event.CodeTooDeep: true, event.CodeDuplicateKey: true, event.CodeBadNumber: true, event.CodeBadUTF8: true,
	}
	checked := 0
	for _, tt := range bad {
		if unsaid[tt.code] || !json.Valid([]byte(tt.text)) || tt.name == "an exponent as id" {
			continue // 1e3 is an integer to a schema
		}
		checked++
		if validate(s, []byte(tt.text)) == nil {
			t.Errorf("%s: the schema accepts %.200s", tt.name, tt.text)
		}
	}
	if checked < 40 {
		t.Errorf("only %d dead records were held against the schema, want at least 40", checked)
	}
}

func TestSchema_IsACopy(t *testing.T) {
	t.Parallel()
	event.Schema()[0] = 'x'
	if event.Schema()[0] != '{' {
		t.Error("a caller can change the published schema")
	}
}
