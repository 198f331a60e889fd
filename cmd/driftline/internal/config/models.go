package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// ReadModels reads the models of a file for "models apply": a list under models, as
// in the configuration, and nothing else. What a model leaves out comes from base.
// All faults are joined, each a *Fault.
func ReadModels(path string, base *Config) ([]Model, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, &Fault{Where: path, Text: err.Error()}
	}
	where := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", path, n.Line) }
	return readModels(text, path, where, base)
}

func readModels(text []byte, place string, where func(*yaml.Node) string, base *Config) ([]Model, error) {
	root, err := parse(text)
	if err != nil {
		return nil, &Fault{Where: place, Text: "not YAML: " + err.Error()}
	}
	var file struct {
		Models []Model `yaml:"models" doc:"Watched models."`
	}
	out := &Loaded{Config: *base, origin: map[string]string{}}
	out.Models = nil
	l := loader{out: out}
	if root != nil {
		l.decoder(where).section(root, reflect.ValueOf(&file).Elem(), "")
	}
	l.models()
	if len(l.faults) == 0 && len(out.Models) == 0 {
		l.faults = append(l.faults, &Fault{Where: place, Key: "models", Text: "empty; want a list of models"})
	}
	if len(l.faults) == 0 {
		l.faults = out.check(out.Origin)
	}
	if len(l.faults) > 0 {
		return nil, errors.Join(l.faults...)
	}
	return out.Models, nil
}

// Spec returns the model as canonical JSON, with the keys of the configuration: the
// text that the store keeps and the API shows. ParseSpec reads it.
func (m *Model) Spec() ([]byte, error) {
	text, err := yaml.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the model %q: %w", m.Name, err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("write the model %q: %w", m.Name, err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil { // keys sorted
		return nil, fmt.Errorf("write the model %q: %w", m.Name, err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// ParseSpec reads one model from JSON, as Spec writes it or as the API takes it:
// strictly, with all faults at once. What it leaves out comes from base.
func ParseSpec(text []byte, base *Config) (Model, error) {
	if !json.Valid(text) {
		return Model{}, &Fault{Where: "model", Text: "not JSON"}
	}
	wrapped := slices.Concat([]byte(`{"models":[`), text, []byte(`]}`)) // JSON is YAML
	models, err := readModels(wrapped, "model", func(*yaml.Node) string { return "" }, base)
	if err != nil {
		return Model{}, err
	}
	return models[0], nil
}
