package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
)

// access is what a role does with topics and its consumer group.
type access struct {
	role        string
	read, write []string
	groups      []string // none for a role without committed offsets
}

// roleAccess lists what each role reads and writes.
func roleAccess(p *app.Parts) []access {
	t := p.Topics()
	events := slices.Clone(t.Inputs)
	return []access{
		{"collect", append(slices.Clone(events), t.Control), []string{t.Panes, t.Dead, t.Control}, []string{p.Group("collect"), p.Group("collect") + loop.ControlGroup}},
		{"evaluate", []string{t.Panes, t.State, t.Control}, []string{t.Scores, t.Drift, t.State, t.Control}, []string{p.Group("evaluate")}},
		{"historian", append(slices.Clone(events), t.Panes, t.Scores, t.Drift, t.Control), []string{t.Drift, t.Lifecycle, t.Control}, nil},
		{"trainer", []string{t.Drift, t.Control}, []string{t.Control}, nil},
	}
}

// printTopics writes topics and rights for other tools.
func printTopics(p *app.Parts, form string) (string, error) {
	switch form {
	case "kafka":
		return kafkaCommands(p), nil
	case "strimzi":
		return strimziResources(p), nil
	}
	return "", cli.Usagef("--print: %q; want kafka or strimzi", form)
}

func kafkaCommands(p *app.Parts) string {
	var b strings.Builder
	servers := or(strings.Join(p.Cfg.Broker.Brokers, ","), "BROKER:9092")
	fmt.Fprintf(&b, "# Topics of the deployment with prefix %s. Existing ones stay as they are.\n", p.Cfg.Topics.Prefix)
	for _, s := range p.TopicSpecs() {
		fmt.Fprintf(&b, "kafka-topics.sh --bootstrap-server %s --create --if-not-exists --topic %s --partitions %d", quoted(servers), quoted(s.Name), s.Partitions)
		if n := replicas(p, s); n > 0 {
			fmt.Fprintf(&b, " --replication-factor %d", n)
		}
		for _, k := range slices.Sorted(maps.Keys(s.Config)) {
			fmt.Fprintf(&b, " --config %s", quoted(k+"="+s.Config[k]))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "# Rights per role; replace the users by yours.\n")
	acl := "kafka-acls.sh --bootstrap-server " + quoted(servers) + " --add --allow-principal "
	for _, r := range roleAccess(p) {
		user := quoted("User:driftline-" + r.role)
		for _, t := range r.read {
			fmt.Fprintf(&b, "%s%s --operation Read --operation Describe --operation DescribeConfigs --topic %s\n", acl, user, quoted(t))
		}
		for _, t := range r.write {
			fmt.Fprintf(&b, "%s%s --operation Write --operation Describe --topic %s\n", acl, user, quoted(t))
		}
		for _, g := range r.groups {
			fmt.Fprintf(&b, "%s%s --operation Read --group %s\n", acl, user, quoted(g))
		}
	}
	return b.String()
}

// replicas is the replication factor for a cluster; the printed text is never for the
// embedded broker.
func replicas(p *app.Parts, s log.Topic) int {
	if s.Replicas > 0 {
		return s.Replicas
	}
	return p.Cfg.Broker.Replicas
}

// quoted protects a word from the shell where it needs it.
func quoted(word string) string {
	plain := word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-=:,/", r)
	})
	if plain {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func strimziResources(p *app.Parts) string {
	var b strings.Builder
	for _, s := range p.TopicSpecs() {
		fmt.Fprintf(&b, "---\napiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaTopic\nmetadata:\n  name: %s\n  labels:\n    strimzi.io/cluster: CLUSTER\nspec:\n  topicName: %s\n  partitions: %d\n  replicas: %d\n  config:\n",
			resourceName(s.Name), yamlText(s.Name), s.Partitions, max(1, replicas(p, s)))
		for _, k := range slices.Sorted(maps.Keys(s.Config)) {
			fmt.Fprintf(&b, "    %s: %s\n", k, yamlText(s.Config[k]))
		}
	}
	for _, r := range roleAccess(p) {
		fmt.Fprintf(&b, "---\napiVersion: kafka.strimzi.io/v1beta2\nkind: KafkaUser\nmetadata:\n  name: driftline-%s\n  labels:\n    strimzi.io/cluster: CLUSTER\nspec:\n  authentication:\n    type: scram-sha-512\n  authorization:\n    type: simple\n    acls:\n", r.role)
		acl := func(kind, name, operations string) {
			fmt.Fprintf(&b, "      - resource: {type: %s, name: %s, patternType: literal}\n        operations: [%s]\n", kind, yamlText(name), operations)
		}
		for _, t := range r.read {
			acl("topic", t, "Read, Describe, DescribeConfigs")
		}
		for _, t := range r.write {
			acl("topic", t, "Write, Describe")
		}
		for _, g := range r.groups {
			acl("group", g, "Read")
		}
	}
	return b.String()
}

// resourceName makes a name that Kubernetes takes from that of a topic.
func resourceName(topic string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, topic), "-.")
}

// yamlText is a text that YAML reads as one, also where it looks like a number.
func yamlText(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
