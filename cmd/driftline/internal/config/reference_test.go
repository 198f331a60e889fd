package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite deploy/config/driftline.yaml")

var referencePath = filepath.Join("..", "..", "..", "..", "deploy", "config", "driftline.yaml")

// referenceText reads the file that ships.
func referenceText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReference_ShippedFileIsTheGeneratedOne(t *testing.T) {
	if *update {
		if err := os.WriteFile(referencePath, []byte(Reference()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(Reference(), referenceText(t)); diff != "" {
		t.Errorf("deploy/config/driftline.yaml differs; go test ./cmd/driftline/internal/config -update rewrites it (-want +got):\n%s", diff)
	}
}

func TestReference_ParsesStrictlyAndHoldsTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := Load(Layers{File: referencePath})
	if err != nil {
		t.Fatal(err)
	}
	// A file says "no items", a default is nil: both mean the same.
	want := Default()
	if diff := cmp.Diff(mustYAML(t, &want), mustYAML(t, &got.Config)); diff != "" {
		t.Errorf("the reference configuration differs from the defaults (-default +file):\n%s", diff)
	}
	if len(got.Warnings) > 0 {
		t.Errorf("warnings about the defaults: %q", got.Warnings)
	}
}

func TestReference_ExampleModelHoldsTheModelDefaults(t *testing.T) {
	t.Parallel()
	got, err := Load(Layers{File: uncommented(t)})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Models) != 1 {
		t.Fatalf("%d models in the example, want 1", len(got.Models))
	}
	want, m := Default(), got.Models[0]
	model := want.NewModel(m.Name)
	// What the head of the block names as examples, not defaults.
	model.Classes, model.Columns, model.Segments = m.Classes, m.Columns, m.Segments
	training := DefaultTraining()
	training.Params = m.Training.Params
	training.Gate.Relative, training.Gate.Slices, training.Gate.Bias = m.Training.Gate.Relative, m.Training.Gate.Slices, m.Training.Gate.Bias
	model.Training = &training
	model.settle()
	want.Models = []Model{model}
	if diff := cmp.Diff(mustYAML(t, &want), mustYAML(t, &got.Config)); diff != "" {
		t.Errorf("the example model differs from the defaults (-default +file):\n%s", diff)
	}
}

// TestReference_ListsEveryOption walks the Go types, not the generator, and looks
// for each key in the YAML tree of the shipped file.
func TestReference_ListsEveryOption(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(uncommented(t))
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	keysOf(doc.Content[0], "", found)
	keysOf(mappingBlock(t), "topics.inputs[]", found)
	keysOf(mappingBlock(t), "ingest.formats[]", found) // the same section
	count := 0
	optionsOf(reflect.TypeFor[Config](), "", func(key string, f reflect.StructField) {
		count++
		if !found[key] {
			t.Errorf("option %s is missing from deploy/config/driftline.yaml", key)
		}
		if doc := f.Tag.Get("doc"); !strings.HasSuffix(doc, ".") {
			t.Errorf("option %s: doc %q is no sentence", key, doc)
		}
	})
	if count < 150 {
		t.Errorf("walked %d options only, want at least 150", count)
	}
}

func TestReference_EveryFieldHasAnOptionName(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	env := map[string]string{}
	optionsOf(reflect.TypeFor[Config](), "", func(key string, f reflect.StructField) {
		if tag := f.Tag.Get("yaml"); !name.MatchString(tag) {
			t.Errorf("field %s at %s: yaml tag %q, want snake_case", f.Name, key, tag)
		}
	})
	for _, o := range Options() {
		if other := env[o.Env]; other != "" {
			t.Errorf("%s and %s share the variable %s", o.Key, other, o.Env)
		}
		env[o.Env] = o.Key
	}
	if other := env["DRIFTLINE_CONFIG"]; other != "" {
		t.Errorf("%s takes the variable DRIFTLINE_CONFIG, which names the file", other)
	}
}

// uncommented writes the shipped file with its example model in force, as a user
// would, and returns the path.
func uncommented(t *testing.T) string {
	t.Helper()
	before, example, found := strings.Cut(referenceText(t), "\n# models:\n")
	if !found {
		t.Fatal("the reference configuration has no example model")
	}
	lines := strings.Split(strings.TrimSuffix("# models:\n"+example, "\n"), "\n")
	for i, line := range lines {
		text, ok := strings.CutPrefix(line, "# ")
		if !ok {
			t.Fatalf("line %q of the example model is not commented out", line)
		}
		lines[i] = text
	}
	text := strings.Replace(before, "\nmodels: []\n", "\n", 1) + "\n" + strings.Join(lines, "\n") + "\n"
	path := filepath.Join(t.TempDir(), "driftline.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mappingBlock is the example of a mapping, as a user would put it under a topic.
func mappingBlock(t *testing.T) *yaml.Node {
	t.Helper()
	_, rest, found := strings.Cut(referenceText(t), "\n#     mapping:\n")
	block, _, _ := strings.Cut(rest, "\n\n")
	if !found {
		t.Fatal("the reference configuration has no example mapping")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte("    mapping:\n"+strings.ReplaceAll("\n"+block, "\n# ", "\n")), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

func TestReference_ExampleMappingPasses(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(referenceText(t), "\n#     mapping:\n")
	block, _, _ := strings.Cut(rest, "\n\n")
	got, err := load(t, "topics:\n  inputs:\n    - topic: a\n      format: flat\n      mapping:\n"+
		strings.ReplaceAll("\n"+strings.ReplaceAll(block, "#       ", "#         "), "\n# ", "\n"), Layers{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&exampleMapping, got.Topics.Inputs[0].Mapping); diff != "" {
		t.Errorf("the example mapping differs from its defaults (-want +got):\n%s", diff)
	}
}

func mustYAML(t *testing.T, c *Config) string {
	t.Helper()
	text, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keysOf gathers the keys of a YAML tree; items of lists are written [].
func keysOf(n *yaml.Node, prefix string, found map[string]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := join(prefix, n.Content[i].Value)
			found[key] = true
			keysOf(n.Content[i+1], key, found)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			keysOf(item, prefix+"[]", found)
		}
	}
}

// optionsOf calls f for every field below a type, inside lists and pointers too.
func optionsOf(t reflect.Type, prefix string, f func(key string, field reflect.StructField)) {
	for i := range t.NumField() {
		field := t.Field(i)
		key := join(prefix, field.Tag.Get("yaml"))
		f(key, field)
		inner := field.Type
		if inner.Kind() == reflect.Slice {
			inner, key = inner.Elem(), key+"[]"
		}
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			optionsOf(inner, key, f)
		}
	}
	if t.NumField() == 0 {
		panic(fmt.Sprintf("%s has no fields", t))
	}
}
