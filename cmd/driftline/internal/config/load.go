package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/driftline/driftline/trainer/judge"
)

// maxFileBytes bounds a configuration file; the largest sensible one has some
// thousand models.
const maxFileBytes = 8 << 20

// Layers is the input of Load: every layer above the defaults.
type Layers struct {
	Preset func(*Config) // defaults of a command, such as AllInOne; may be nil
	File   string        // path of the YAML file; empty for none
	Env    []string      // NAME=value, as os.Environ gives it
	Flags  []Flag        // flags that were given, in order
}

// Flag is one flag that was given on the command line.
type Flag struct {
	Name  string // with dashes, for messages: --listen
	Key   string // option it sets: http.listen
	Value string
}

// Loaded is a configuration and where its values came from.
type Loaded struct {
	Config
	// Warnings are not wrong enough to stop: a variable DRIFTLINE_* that sets
	// nothing, a bound that invites late records.
	Warnings []string

	origin map[string]string
}

// Load reads and checks the configuration. On error all faults are joined, each a
// *Fault.
func Load(in Layers) (*Loaded, error) {
	out := &Loaded{Config: Default(), origin: map[string]string{}}
	if in.Preset != nil {
		in.Preset(&out.Config)
	}
	l := loader{out: out}
	env := environment(in.Env)
	l.foreign(env)
	l.file(in.File)
	l.variables(env)
	for _, f := range in.Flags {
		l.text("flag "+f.Name, f.Key, f.Value)
	}
	l.models()
	if len(l.faults) == 0 { // a value that could not be read would be judged by its default
		l.faults = out.check(out.Origin)
		out.Warnings = append(out.Warnings, out.warnings()...)
	}
	if len(l.faults) > 0 {
		return nil, errors.Join(l.faults...)
	}
	return out, nil
}

// Origin tells where the value of an option came from: "default", "file:line",
// "environment NAME" or "flag --name". Inside lists keys are written as in
// messages: models[0].policy.warn; what a model inherits has the origin of the
// policy it inherits from.
func (l *Loaded) Origin(key string) string {
	for {
		if o := l.origin[key]; o != "" {
			return o
		}
		_, rest, inherits := strings.Cut(key, "].policy.")
		if !inherits || !strings.HasPrefix(key, "models[") {
			return "default"
		}
		key = "policy." + rest
	}
}

type loader struct {
	out     *Loaded
	faults  []error
	pending *yaml.Node // the list of models of the highest layer that has one
	place   func(*yaml.Node) string
}

func (l *loader) decoder(where func(*yaml.Node) string) *decoder {
	return &decoder{
		where: where, origin: l.out.origin, faults: &l.faults, fresh: l.fresh,
		models: func(n *yaml.Node) { l.pending, l.place = n, where },
	}
}

// fresh gives list elements and optional sections their defaults.
func (l *loader) fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t {
	case reflect.TypeFor[Model]():
		v.Set(reflect.ValueOf(l.out.NewModel("")))
	case reflect.TypeFor[Training]():
		v.Set(reflect.ValueOf(DefaultTraining()))
	case reflect.TypeFor[Input]():
		v.Set(reflect.ValueOf(Input{Role: "events", Format: "native"}))
	case reflect.TypeFor[SliceRule]():
		v.Set(reflect.ValueOf(defaultSlices))
	case reflect.TypeFor[BiasRule]():
		v.Set(reflect.ValueOf(defaultBias))
	case reflect.TypeFor[RelativeFloors]():
		v.Set(reflect.ValueOf(RelativeFloors(*judge.Relative().Relative)))
	}
	return v
}

func (l *loader) models() {
	if l.pending == nil {
		return
	}
	d := l.decoder(l.place)
	d.value(l.pending, reflect.ValueOf(&l.out.Models).Elem(), "models", nil)
	for i := range l.out.Models {
		l.out.Models[i].settle()
	}
}

// file reads the YAML layer.
func (l *loader) file(path string) {
	if path == "" {
		return
	}
	fail := func(line int, format string, args ...any) {
		where := path
		if line > 0 {
			where = fmt.Sprintf("%s:%d", path, line)
		}
		l.faults = append(l.faults, &Fault{Where: where, Text: fmt.Sprintf(format, args...)})
	}
	text, err := readFile(path)
	if err != nil {
		fail(0, "%v", err)
		return
	}
	root, err := parse(text)
	if err != nil {
		fail(0, "not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if root == nil {
		return // nothing but comments
	}
	where := func(n *yaml.Node) string { return fmt.Sprintf("%s:%d", path, n.Line) }
	l.decoder(where).section(root, reflect.ValueOf(&l.out.Config).Elem(), "")
}

// readFile reads a bounded file; the error names neither the path nor the call,
// for the fault does.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		var pathErr *os.PathError
		if errors.As(err, &pathErr) {
			return nil, fmt.Errorf("%w; give --config a file that can be read", pathErr.Err)
		}
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxFileBytes)
	}
	return text, nil
}

// parse returns the one document of text, nil if it is empty.
func parse(text []byte) (root *yaml.Node, err error) {
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("line %d: a second document; want one", second.Line)
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// text sets one option from a variable or a flag.
func (l *loader) text(where, key, value string) {
	v, known := find(reflect.ValueOf(&l.out.Config).Elem(), key)
	if !known {
		panic("config: flag for an option that is not there: " + key)
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	if k := v.Kind(); k == reflect.Slice || k == reflect.Map {
		var err error
		if n, err = listNode(value, k); err != nil {
			l.faults = append(l.faults, &Fault{Where: where, Key: key, Text: err.Error()})
			return
		}
	}
	d := l.decoder(func(*yaml.Node) string { return where })
	if key == "models" {
		d.models(n)
		return
	}
	var enum []string
	for _, o := range Options() {
		if o.Key == key {
			enum = o.Enum
		}
	}
	d.value(n, v, key, enum)
}

// listNode reads a list or map from one line: YAML in brackets or braces, or for
// lists the items between commas.
func listNode(value string, kind reflect.Kind) (*yaml.Node, error) {
	trimmed := strings.TrimSpace(value)
	if kind == reflect.Slice && !strings.HasPrefix(trimmed, "[") && !strings.HasPrefix(trimmed, "-") {
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for item := range strings.SplitSeq(trimmed, ",") {
			if item = strings.TrimSpace(item); item != "" {
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: item})
			}
		}
		return n, nil
	}
	root, err := parse([]byte(trimmed))
	if err != nil {
		return nil, errors.New("the text in brackets is not YAML") // it may hold a password
	}
	if root == nil {
		root = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	}
	return root, nil
}

// environment turns NAME=value lines into a map.
func environment(lines []string) map[string]string {
	env := make(map[string]string, len(lines))
	for _, line := range lines {
		if name, value, ok := strings.Cut(line, "="); ok {
			env[name] = value
		}
	}
	return env
}

// variables reads the DRIFTLINE_* layer. An empty variable sets nothing, so that
// a manifest can leave one open.
func (l *loader) variables(env map[string]string) {
	const prefix = "DRIFTLINE_"
	known := map[string]bool{}
	var names []string
	for _, o := range Options() {
		known[o.Env] = true
		names = append(names, strings.TrimPrefix(o.Env, prefix))
		if value := env[o.Env]; value != "" {
			l.text("environment "+o.Env, o.Key, value)
		}
	}
	for name := range env {
		rest, ours := strings.CutPrefix(name, prefix)
		if !ours || known[name] {
			continue
		}
		// Not an error: Kubernetes itself sets DRIFTLINE_SERVICE_HOST and the like
		// beside a Service of that name.
		if near := Nearest(rest, names); near != "" {
			l.out.Warnings = append(l.out.Warnings, fmt.Sprintf("environment %s sets no option; did you mean %s%s?", name, prefix, near))
		}
	}
	slices.Sort(l.out.Warnings)
}

// foreign reads the variables of MLflow and of platforms, which stand below the
// file: they are often set for something else.
func (l *loader) foreign(env map[string]string) {
	for _, f := range []struct{ key, name string }{
		{"store.database_url", "DATABASE_URL"},
		{"store.database_url", "MLFLOW_BACKEND_STORE_URI"}, // wins over DATABASE_URL
		{"artifacts.root", "MLFLOW_ARTIFACT_ROOT"},
		{"artifacts.s3_endpoint", "MLFLOW_S3_ENDPOINT_URL"},
	} {
		if value := env[f.name]; value != "" {
			l.text("environment "+f.name, f.key, value)
		}
	}
	if url := env["DATABASE_URL"]; url != "" {
		l.out.Sources = map[string]Secret{"default": Secret(url)}
		l.out.origin["sources"] = "environment DATABASE_URL"
	}
}
