package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/stream/wire"
)

// write puts text into a file named driftline.yaml and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "driftline.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads text as the file, with layers above it.
func load(t *testing.T, text string, in Layers) (*Loaded, error) {
	t.Helper()
	in.File = write(t, text)
	return Load(in)
}

// faultLines are the messages of all faults, folders cut off.
func faultLines(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var fault *Fault
	if !errors.As(err, &fault) {
		t.Errorf("error %v holds no *Fault", err)
	}
	var out []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if i := strings.Index(line, "driftline.yaml"); i > 0 {
			line = line[i:]
		}
		out = append(out, line)
	}
	return out
}

func TestLoad_NamesEveryFaultWithItsPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"an unknown key with a near one", "stream:\n  latness: 5m\n", []string{
			"driftline.yaml:2: stream.latness: unknown key; did you mean stream.lateness?",
		}},
		{"a known key in the wrong section", "lateness: 5m\n", []string{
			"driftline.yaml:1: lateness: unknown key; did you mean stream.lateness?",
		}},
		{"an unknown key like no other", "admission:\n  banana: 1\n", []string{
			"driftline.yaml:2: admission.banana: unknown key; known here: mode, max_models",
		}},
		{"several faults at once, in order", "namespase: x\nstream:\n  resolution: soon\n  slide: many\nlog:\n  level: loud\n", []string{
			"driftline.yaml:1: namespase: unknown key; did you mean namespace?",
			`driftline.yaml:3: stream.resolution: "soon" is no duration; want a number with a unit, such as 90s, 15m, 24h, 7d or 2w`,
			`driftline.yaml:4: stream.slide: "many"; want a whole number`,
			`driftline.yaml:6: log.level: "loud"; want debug, info, warn or error`,
		}},
		{"a key twice", "namespace: a\nnamespace: b\n", []string{"driftline.yaml:2: namespace: stands twice, first in line 1"}},
		{"a value that is no section", "stream: 5\n", []string{`driftline.yaml:1: stream: "5"; want a section with keys`}},
		{"a section where a value belongs", "namespace: {a: b}\n", []string{"driftline.yaml:1: namespace: a section; want a single value"}},
		{"a value where a list belongs", "stream:\n  windows: 1h\n", []string{`driftline.yaml:2: stream.windows: "1h"; want a list`}},
		{"an empty value", "namespace:\n", []string{"driftline.yaml:1: namespace: empty; leave the key out for the default"}},
		{"yes is no boolean", "broker:\n  sync_writes: yes\n", []string{`driftline.yaml:2: broker.sync_writes: "yes"; want true or false`}},
		{"NaN is no limit", "policy:\n  drifted: .nan\n", []string{`driftline.yaml:2: policy.drifted: ".nan"; want a number`}},
		{"merge keys", "stream: &s {slide: 2}\nbroker:\n  <<: *s\n", []string{"driftline.yaml:3: broker: merge keys (<<) are not read; write the keys out"}},
		{"not YAML", "stream: [\n", []string{"driftline.yaml: not YAML: line 1: did not find expected node content"}},
		{"two documents", "namespace: a\n---\nnamespace: b\n", []string{"driftline.yaml: not YAML: line 2: a second document; want one"}},
		{"faults inside a model", "models:\n  - name: a\n    polcy: {}\n    label: {maturity: 3x}\n    training: {trigger: luck}\n", []string{
			"driftline.yaml:3: models[0].polcy: unknown key; did you mean models[0].policy?",
			`driftline.yaml:4: models[0].label.maturity: "3x" is no duration; want a number with a unit, such as 90s, 15m, 24h, 7d or 2w`,
			`driftline.yaml:5: models[0].training.trigger: "luck"; want drift, drift+harm or harm`,
		}},
		{"what is wrong between options", "stream:\n  windows: [1h, 90m, 3h]\n  worker_index: 2\npolicy:\n  warn: 0.5\nadmission:\n  max_models: 0\n", []string{
			"driftline.yaml:3: stream.worker_index: 2; want 0 to 0",
			"driftline.yaml:7: admission.max_models: 0; want 1 to 100000",
			"driftline.yaml:5: policy.warn: 0.5; want above 0 and at most drifted, 0.2",
		}},
		{"weights of features", "policy:\n  multiplicity: by\n  importance: {a: -1, b: 2}\n  share_by: weight\n", []string{
			`driftline.yaml:2: policy.multiplicity: "by"; want budget or bh`,
			`driftline.yaml:4: policy.share_by: "weight"; want count or importance`,
		}},
		{"a negative weight", "policy:\n  importance: {a: -1, b: 2}\n", []string{
			"driftline.yaml:2: policy.importance.a: -1; want 0 to 1e+12",
		}},
		{"a share by importance without weights", "policy:\n  share_by: importance\n", []string{
			`driftline.yaml:2: policy.share_by: "importance" without policy.importance; want weights there, or count`,
		}},
		{"windows by the slide", "stream:\n  windows: [30s, 150m]\n", []string{
			"driftline.yaml:2: stream.windows[0]: 30s is shorter than stream.resolution, 1m",
			"driftline.yaml:2: stream.windows[1]: 2h30m is no multiple of 1h, stream.slide × stream.resolution, by which windows of this length slide",
		}},
		{"parameters of the learner", "models:\n  - name: a\n    training: {params: {max_dept: 3, eta: 7}}\n", []string{
			`driftline.yaml:3: models[0].training.params: unknown parameter "max_dept": did you mean "max_depth"?`,
		}},
		{"the gate", "models:\n  - name: a\n    training:\n      gate: {primary: {metric: luck}, draws: 3}\n", []string{
			`driftline.yaml:4: models[0].training.gate: primary.metric is "luck": must be one of accuracy, average_precision, brier, f1, log_loss, precision, recall, roc_auc`,
			"driftline.yaml:4: models[0].training.gate: draws is 3: must be from 100 to 100000",
		}},
		{"acting without training", "models:\n  - name: a\n    automation: promote\n", []string{
			`driftline.yaml:3: models[0].automation: "promote" without a training section`,
		}},
		{"one model twice", "models:\n  - name: a\n  - name: a\n", []string{`driftline.yaml:3: models[1].name: "a" stands twice, first as models[0]`}},
		{"a topic like our own", "topics:\n  inputs:\n    - topic: driftline.scores\n", []string{
			`driftline.yaml:3: topics.inputs[0].topic: "driftline.scores" begins like Driftline's own topics, driftline.*`,
		}},
		{"labels alone", "topics:\n  inputs:\n    - {topic: l, role: labels}\n", []string{
			"driftline.yaml:3: topics.inputs: no topic with role events; want at least one",
		}},
		{"half a login", "broker:\n  brokers: ['k:9092']\n  sasl: {mechanism: PLAIN}\n", []string{
			"driftline.yaml:3: broker.sasl.username: empty; PLAIN needs one",
			"driftline.yaml:3: broker.sasl.password_file: empty; PLAIN needs one",
		}},
		{"encryption towards the embedded broker", "broker:\n  tls: {enabled: true}\n", []string{
			"driftline.yaml:2: broker.tls.enabled: true without broker.brokers; the embedded broker speaks plain text on this machine",
		}},
		{"addresses", "http:\n  listen: nowhere\nops:\n  listen: '127.0.0.1:99999'\nbroker:\n  brokers: ['k:0', ':9092']\n", []string{
			`driftline.yaml:2: http.listen: "nowhere" is not host:port`,
			`driftline.yaml:4: ops.listen: "127.0.0.1:99999": port "99999"; want 1 to 65535`,
			`driftline.yaml:6: broker.brokers[0]: "k:0": port "0"; want 1 to 65535`,
			`driftline.yaml:6: broker.brokers[1]: ":9092" names no host`,
		}},
		{"a schedule that cron cannot read", "trainer:\n  schedule: daily at three\n", []string{
			`driftline.yaml:2: trainer.schedule: "daily at three" is no cron expression of five fields such as "0 3 * * *": expected exactly 5 fields, found 3: [daily at three]`,
		}},
		{"a database of another kind", "store:\n  database_url: mysql://ann:word@db/x\n", []string{
			`driftline.yaml:2: store.database_url: scheme "mysql"; want postgres:// or sqlite:`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.text, Layers{})
			if diff := cmp.Diff(tt.want, faultLines(t, err)); diff != "" {
				t.Errorf("faults of\n%s(-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestLoad_LaterLayersWinAndTellTheirOrigin(t *testing.T) {
	t.Parallel()
	const file = "namespace: file\nhttp:\n  listen: 127.0.0.1:1\nops:\n  listen: 127.0.0.1:2\nstore:\n  database_url: postgres://file/db\n"
	got, err := load(t, file, Layers{
		Preset: func(c *Config) { AllInOne(c); c.Namespace = "preset"; c.DataDir = "preset" },
		Env: []string{
			"DRIFTLINE_HTTP_LISTEN=127.0.0.1:3", "DRIFTLINE_OPS_LISTEN=127.0.0.1:4", "DRIFTLINE_NAMESPACE=", "DATABASE_URL=postgres://platform/db",
			"MLFLOW_ARTIFACT_ROOT=s3://bucket/x", "DRIFTLINE_STREAM_WINDOWS=1h, 2h", "DRIFTLINE_TOPICS_INPUTS=[{topic: all}]",
			"DRIFTLINE_SOURCES={acis: 'postgres://acis/db'}", "PATH=/bin",
		},
		Flags: []Flag{{Name: "--ops-listen", Key: "ops.listen", Value: "127.0.0.1:5"}, {Name: "--brokers", Key: "broker.brokers", Value: "a:1,b:2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ key, got, want, origin string }{
		{"namespace", got.Namespace, "file", "driftline.yaml:1"},
		{"data_dir", got.DataDir, "preset", "default"},
		{"http.listen", got.HTTP.Listen, "127.0.0.1:3", "environment DRIFTLINE_HTTP_LISTEN"},
		{"ops.listen", got.Ops.Listen, "127.0.0.1:5", "flag --ops-listen"},
		{"store.database_url", got.Store.DatabaseURL.Reveal(), "postgres://file/db", "driftline.yaml:7"},
		{"artifacts.root", got.Artifacts.Root, "s3://bucket/x", "environment MLFLOW_ARTIFACT_ROOT"},
		{"broker.brokers", strings.Join(got.Broker.Brokers, " "), "a:1 b:2", "flag --brokers"},
		{"stream.windows", got.Stream.Windows[1].String(), "2h", "environment DRIFTLINE_STREAM_WINDOWS"},
		{"topics.inputs", got.Topics.Inputs[0].Topic + " " + got.Topics.Inputs[0].Role, "all events", "environment DRIFTLINE_TOPICS_INPUTS"},
		{"sources", got.Sources["acis"].Reveal(), "postgres://acis/db", "environment DRIFTLINE_SOURCES"},
		{"admission.mode", got.Admission.Mode, "auto", "default"},
	} {
		origin := got.Origin(tt.key)
		if i := strings.Index(origin, "driftline.yaml"); i > 0 {
			origin = origin[i:]
		}
		if tt.got != tt.want || origin != tt.origin {
			t.Errorf("%s = %q from %s, want %q from %s", tt.key, tt.got, origin, tt.want, tt.origin)
		}
	}
}

func TestLoad_StoreFallsBackToMLflowAndThenThePlatform(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  []string
		want string
	}{
		{"nothing set", nil, "sqlite:driftline-data/store.db"},
		{"the platform's", []string{"DATABASE_URL=postgres://p/d"}, "postgres://p/d"},
		{"MLflow's first", []string{"MLFLOW_BACKEND_STORE_URI=postgres://m/d", "DATABASE_URL=postgres://p/d"}, "postgres://m/d"},
		{"ours before all", []string{"DRIFTLINE_STORE_DATABASE_URL=sqlite:x", "MLFLOW_BACKEND_STORE_URI=postgres://m/d"}, "sqlite:x"},
	}
	for _, tt := range tests {
		got, err := Load(Layers{Env: tt.env})
		if err != nil {
			t.Fatal(err)
		}
		if got.StoreURL() != tt.want {
			t.Errorf("%s: store %s, want %s", tt.name, got.StoreURL(), tt.want)
		}
	}
	got, err := Load(Layers{Env: []string{"DATABASE_URL=postgres://p/d"}})
	if err != nil {
		t.Fatal(err)
	}
	if u := got.Sources["default"].Reveal(); u != "postgres://p/d" || got.Origin("sources") != "environment DATABASE_URL" {
		t.Errorf("source default = %q from %s, want DATABASE_URL's", u, got.Origin("sources"))
	}
}

func TestLoad_ModelsInheritThePolicyOfAnyLayer(t *testing.T) {
	t.Parallel()
	const file = `
models:
  - name: a
    policy: {share_fire: 0.4, ignore: [month]}
    training: {params: {max_depth: 3}}
  - name: b
policy:
  warn: 0.15
  ignore: [year]
`
	got, err := load(t, file, Layers{Env: []string{"DRIFTLINE_POLICY_DRIFTED=0.25"}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := got.Models[0], got.Models[1]
	if a.Policy.Warn != 0.15 || a.Policy.Drifted != 0.25 || a.Policy.ShareFire != 0.4 || cmp.Diff(a.Policy.Ignore, []string{"month"}) != "" {
		t.Errorf("policy of a: %+v", a.Policy)
	}
	if cmp.Diff(b.Policy, got.Policy) != "" {
		t.Errorf("policy of b: %+v, want the general one %+v", b.Policy, got.Policy)
	}
	if a.Automation != "approve" || b.Automation != "observe" {
		t.Errorf("automation %q and %q, want approve with training, observe without", a.Automation, b.Automation)
	}
	for key, want := range map[string]string{
		"models[0].policy.share_fire": "driftline.yaml:4",
		"models[0].policy.warn":       "driftline.yaml:8",
		"models[1].policy.drifted":    "environment DRIFTLINE_POLICY_DRIFTED",
		"models[1].policy.min_rows":   "default",
	} {
		if origin := got.Origin(key); !strings.HasSuffix(origin, want) {
			t.Errorf("Origin(%s) = %s, want %s", key, origin, want)
		}
	}
	auto, configured := got.Model("c")
	if configured || auto.Automation != "observe" || auto.Policy.Warn != 0.15 {
		t.Errorf("Model(c) = %+v, %v; want the defaults of an admitted model", auto, configured)
	}
	auto.Policy.Steps[0] = 0.99
	if got.Policy.Steps[0] == 0.99 {
		t.Error("models share the list of steps with the general policy")
	}
}

func TestLoad_FileThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, []byte("# "+strings.Repeat("x", maxFileBytes)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "none.yaml: no such file or directory; give --config a file that can be read",
		dir:                             "is a directory",
		big:                             "big.yaml: larger than 8388608 bytes",
	} {
		_, err := Load(Layers{File: path})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s): %v, want %q", path, err, want)
		}
	}
	for name, text := range map[string]string{"an empty file": "", "comments alone": "# nothing\n", "empty sections": "stream:\nmodels:\nsources:\n"} {
		got, err := load(t, text, Layers{})
		if err != nil || got.Stream.Resolution != Duration(time.Minute) {
			t.Errorf("%s: %v, want the defaults", name, err)
		}
	}
}

func TestLoad_FaultsDoNotShowPasswords(t *testing.T) {
	t.Parallel()
	const password = "s3cr3t"
	for name, in := range map[string]Layers{
		"a scheme that is not known": {Env: []string{"DRIFTLINE_STORE_DATABASE_URL=mysql://ann:" + password + "@db/x"}},
		"a map that is not YAML":     {Env: []string{"DRIFTLINE_SOURCES={a: 'postgres://ann:" + password + "@db"}},
		"a map that is text":         {Env: []string{"DRIFTLINE_SOURCES=postgres://ann:" + password + "@db"}},
	} {
		_, err := Load(in)
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v; want an error without the password", name, err)
		}
	}
	_, err := load(t, "store:\n  database_url: [postgres://ann:"+password+"@db]\nsources: postgres://ann:"+password+"@db\n", Layers{})
	if err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("in the file: %v; want an error without the password", err)
	}
}

func TestLoad_WarnsOfVariablesThatSetNothing(t *testing.T) {
	t.Parallel()
	got, err := Load(Layers{Env: []string{
		"DRIFTLINE_STREAM_LATENES=5m", "DRIFTLINE_SERVICE_HOST=10.0.0.1", "DRIFTLINE_PORT_5000_TCP=tcp://10.0.0.1:5000", "DRIFTLINE_KAFKA_LIB=/x",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"environment DRIFTLINE_STREAM_LATENES sets no option; did you mean DRIFTLINE_STREAM_LATENESS?"}
	if diff := cmp.Diff(want, got.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	got, err = Load(Layers{Env: []string{"DRIFTLINE_STREAM_LATENESS=3m", "DRIFTLINE_TOPICS_INPUT_RETENTION=2h"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Warnings) != 1 || !strings.HasPrefix(got.Warnings[0], "topics.input_retention is 2h") {
		t.Errorf("warnings %q, want one about retention", got.Warnings)
	}
}

func TestShow_MasksAndReadsBack(t *testing.T) {
	t.Parallel()
	got, err := load(t, "models:\n  - name: a\n    training: {}\nsources: {x: 'postgres://ann:word-1@db/x'}\n", Layers{
		Env: []string{"DATABASE_URL=postgres://ann:word-2@db/y"},
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := got.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got.Settings() {
		if strings.Contains(s.Text, "word-") {
			t.Errorf("setting %s shows a password: %s", s.Key, s.Text)
		}
	}
	if strings.Contains(string(text), "word-") {
		t.Errorf("a password shows in\n%s", text)
	}
	again, err := load(t, string(text), Layers{})
	if err != nil {
		t.Fatalf("what is shown does not read back: %v", err)
	}
	if diff := cmp.Diff(string(text), mustYAML(t, &again.Config)); diff != "" {
		t.Errorf("shown, read and shown again (-first +second):\n%s", diff)
	}
}

func TestLayout_OfEveryValidConfigurationIsValid(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"the defaults": "",
		"the demo's":   "stream: {resolution: 1h, slide: 24, windows: [24h, 7d]}\n",
		"no slide":     "stream: {slide: 1, windows: [1m, 2m, 10m]}\n",
		"one topic":    "topics: {inputs: [{topic: all, incarnation: 3}]}\n",
	} {
		got, err := load(t, text, Layers{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		l := got.Layout(0)
		if err := l.Validate(); err != nil {
			t.Errorf("%s: layout is not valid: %v", name, err)
		}
		if _, err := wire.DecodeLayout(l.Encode()); err != nil {
			t.Errorf("%s: layout does not survive its encoding: %v", name, err)
		}
		if l.DisorderMS != 900_000 || got.Layout(4*time.Minute).DisorderMS != 240_000 {
			t.Errorf("%s: disorder %d ms by default, want the configured 15 min; the brokers' bound wins", name, l.DisorderMS)
		}
	}
}

func TestPolicy_DefaultsAreThoseOfTheStream(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(wire.DefaultPolicy(), Default().Policy.Wire()); diff != "" {
		t.Errorf("default policy (-stream +configuration):\n%s", diff)
	}
	got, err := load(t, "policy: {windows: [24h], ignore: [month], trigger_from: 7d, fire_after: 0.5, quality: {null_rate: 0}}\nmodels: [{name: a, features_from: feature}]\n", Layers{})
	if err != nil {
		t.Fatal(err)
	}
	p := got.Models[0].Policy.Wire()
	if p.WindowsMS[0] != 86_400_000 || p.Ignore[0] != "month" || p.RetrainFromMS != 604_800_000 || p.FireAfter != 0.5 || p.Quality.NullRate != 0 {
		t.Errorf("policy on the wire: %+v", p)
	}
	m := got.Models[0].Wire(17)
	if diff := cmp.Diff(wire.Model{Name: "a", FromPane: 17, FeaturesFrom: "feature", Classes: wire.DefaultClasses}, m); diff != "" {
		t.Errorf("model on the wire (-want +got):\n%s", diff)
	}
}

func FuzzLoad(f *testing.F) {
	text, err := os.ReadFile(referencePath)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	for _, seed := range []string{
		"", "a: &a [*a]\n", "models: [{name: x, training: {gate: {bias: {}}}}]\n", "models: &m\n  - *m\n", "? {a: b}\n: c\n",
		"stream: {windows: [1h, 1h]}\n", "sources: {a: 1}\n", "models: [{name: a, training: {params: {max_depth: [1]}}}]\n", "<<: {namespace: a}\n",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "driftline.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Load(Layers{File: path})
		if err != nil {
			var fault *Fault
			if !errors.As(err, &fault) {
				t.Fatalf("error without a fault: %v", err)
			}
			return
		}
		if err := got.Layout(0).Validate(); err != nil {
			t.Fatalf("accepted, but its layout is not valid: %v", err)
		}
		for i := range got.Models {
			if err := got.Models[i].Policy.Wire().Validate(); err != nil {
				t.Fatalf("accepted, but the policy of model %d is not valid: %v", i, err)
			}
			if _, err := wire.DecodeModel(got.Models[i].Wire(0).Encode()); err != nil {
				t.Fatalf("accepted, but model %d does not survive its encoding: %v", i, err)
			}
			if tr := got.Models[i].Training; tr != nil && tr.Gate.Judge().Validate() != nil {
				t.Fatalf("accepted, but the gate of model %d is not valid", i)
			}
		}
	})
}
