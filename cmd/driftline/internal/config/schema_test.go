package config

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("driftline.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("driftline.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON turns YAML text into what the validator takes.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSchema_AcceptsTheReferenceAndRefusesWhatLoadRefuses(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	example, err := os.ReadFile(uncommented(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"the reference":     referenceText(t),
		"its example model": string(example),
		"an empty section":  "stream:\n",
	} {
		if err := s.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"an unknown key":           "stream: {latness: 5m}",
		"a duration without unit":  "stream: {lateness: 5 minutes}",
		"a word that is not known": "log: {level: loud}",
		"text for a number":        "policy: {warn: little}",
		"a key inside a model":     "models: [{name: a, color: red}]",
	} {
		if err := s.Validate(asJSON(t, text)); err == nil {
			t.Errorf("%s: the schema accepts %s", name, text)
		}
		if _, err := load(t, text, Layers{}); err == nil {
			t.Errorf("%s: Load accepts %s", name, text)
		}
	}
}
