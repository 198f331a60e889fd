package commands

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// printed is a deployment on a cluster with a prefix that Kubernetes would not take.
func printed(t *testing.T, change func(*printOptions)) (*app.Parts, string) {
	t.Helper()
	cfg := config.Default()
	cfg.Topics.Prefix = "team_a"
	cfg.Broker.Brokers = []string{"k1:9092"}
	p := &app.Parts{Cfg: &cfg}
	o := printOptions{form: "kafka", cluster: "my-cluster", authentication: "scram-sha-512", load: app.DefaultLoad()}
	if change != nil {
		change(&o)
	}
	text, err := printTopics(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return p, text
}

func TestPrintTopics_NamesEveryTopicSettingAndRole(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"kafka", "strimzi"} {
		p, text := printed(t, func(o *printOptions) { o.form = form })
		for _, s := range p.TopicSpecs() {
			if !strings.Contains(text, s.Name) {
				t.Errorf("%s: topic %s is missing", form, s.Name)
			}
			for k, v := range s.Config {
				if !strings.Contains(text, k) || !strings.Contains(text, v) {
					t.Errorf("%s: setting %s=%s of %s is missing", form, k, v, s.Name)
				}
			}
		}
		for _, role := range []string{"collect", "evaluate", "historian", "trainer", "setup"} {
			if !strings.Contains(text, "driftline-"+role) {
				t.Errorf("%s: no rights for %s", form, role)
			}
		}
		for _, want := range []string{"Client id: driftline.", "driftline-collect (collect)", "driftline-evaluate (evaluate)", "records/s", "compacted"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing", form, want)
			}
		}
	}
}

func TestPrintTopics_RightsAreTheLeast(t *testing.T) {
	t.Parallel()
	_, text := printed(t, nil)
	for _, line := range []string{
		"--allow-principal User:driftline-collect --operation Read --operation Describe --operation DescribeConfigs --topic ml.features\n",
		"--allow-principal User:driftline-collect --operation Write --operation Describe --topic team_a.panes\n",
		"--allow-principal User:driftline-collect --operation Read --group driftline-collect\n",
		"--allow-principal User:driftline-collect --operation Read --group driftline-collect-control\n",
		"--allow-principal User:driftline-evaluate --operation Describe --operation DescribeConfigs --topic ml.features\n",
		"--allow-principal User:driftline-trainer --operation Read --operation Describe --topic team_a.drift\n",
		"--allow-principal User:driftline-setup --operation Create --operation Describe --operation DescribeConfigs --topic ml.labels\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("missing: %s", line)
		}
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "kafka-acls.sh") {
			continue
		}
		input := strings.Contains(line, "--topic ml.")
		switch {
		case strings.Contains(line, "--operation All"), strings.Contains(line, "--topic '*'"), strings.Contains(line, "prefixed"):
			t.Errorf("more than the least: %s", line)
		case input && strings.Contains(line, "--operation Write"):
			t.Errorf("nobody writes events without the HTTP way in: %s", line)
		case input && strings.Contains(line, "--operation Read") && !strings.Contains(line, "-collect ") && !strings.Contains(line, "-historian "):
			t.Errorf("only collect and historian read events: %s", line)
		}
	}
}

func TestPrintTopics_StrimziIsYAMLThatKubernetesTakes(t *testing.T) {
	t.Parallel()
	p, text := printed(t, func(o *printOptions) {
		o.form, o.cluster, o.authentication = "strimzi", "events", "tls"
		o.principals = []string{"User:CN=drift-{role}", "trainer=User:CN=drift-evaluate"}
	})
	dec := yaml.NewDecoder(strings.NewReader(text))
	type resource struct {
		Kind     string
		Metadata struct {
			Name   string
			Labels map[string]string
		}
		Spec struct {
			TopicName      string `yaml:"topicName"`
			Partitions     int
			Config         map[string]string
			Authentication struct{ Type string }
			Authorization  struct {
				ACLs []struct {
					Resource   struct{ Type, Name string }
					Operations []string
				} `yaml:"acls"`
			}
		}
	}
	topics, users := map[string]resource{}, map[string]resource{}
	for {
		var r resource
		if err := dec.Decode(&r); err != nil {
			break
		}
		if r.Metadata.Labels["strimzi.io/cluster"] != "events" {
			t.Errorf("%s %s is not of the cluster: %v", r.Kind, r.Metadata.Name, r.Metadata.Labels)
		}
		if r.Kind == "KafkaTopic" {
			topics[r.Spec.TopicName] = r
		} else {
			users[r.Metadata.Name] = r
		}
	}
	for _, s := range p.TopicSpecs() {
		if topics[s.Name].Spec.Partitions != s.Partitions {
			t.Errorf("topic %s: %+v, want %d partitions", s.Name, topics[s.Name], s.Partitions)
		}
	}
	if topics["team_a.control"].Metadata.Name != "team-a.control" {
		t.Errorf("an underscore may stand in a topic, not in a resource: %q", topics["team_a.control"].Metadata.Name)
	}
	if len(users) != 4 || users["drift-evaluate"].Spec.Authentication.Type != "tls" {
		t.Fatalf("users %v; want four, evaluate and trainer being one", users)
	}
	for _, a := range users["drift-evaluate"].Spec.Authorization.ACLs {
		if a.Resource.Name == "team_a.drift" && strings.Join(a.Operations, ",") != "Read,Write,Describe" {
			t.Errorf("rights on the drift topic %v; want those of both roles together", a.Operations)
		}
	}
}

func TestPrintTopics_RefusesWhatItCannotPrint(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	p := &app.Parts{Cfg: &cfg}
	good := printOptions{form: "kafka", cluster: "c", authentication: "tls"}
	for name, change := range map[string]func(*printOptions){
		"form":           func(o *printOptions) { o.form = "helm" },
		"authentication": func(o *printOptions) { o.authentication = "oauth" },
		"cluster":        func(o *printOptions) { o.cluster = "A b" },
		"rate":           func(o *printOptions) { o.load.EventsPerSecond = -1 },
		"principal":      func(o *printOptions) { o.principals = []string{"drift"} },
		"injection":      func(o *printOptions) { o.principals = []string{"User:a\nrm -rf x"} },
	} {
		o := good
		change(&o)
		if text, err := printTopics(p, o); cli.Code(err) != cli.Usage || text != "" {
			t.Errorf("%s: %v, %d bytes; want a usage error and nothing printed", name, err, len(text))
		}
	}
	if text, err := printTopics(p, good); err != nil || text == "" {
		t.Errorf("a right one: %v", err)
	}
}
