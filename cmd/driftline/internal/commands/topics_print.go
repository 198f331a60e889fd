package commands

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
)

// printOptions are the flags of topics create --print.
type printOptions struct {
	form           string
	principals     []string
	cluster        string
	authentication string
	load           app.Load
}

// defaultPrincipal names one user a role.
const defaultPrincipal = "User:driftline-{role}"

// check returns the first fault of the flags.
func (o printOptions) check() error {
	switch {
	case o.form != "kafka" && o.form != "strimzi":
		return cli.Usagef("--print: %q; want kafka or strimzi", o.form)
	case !slices.Contains([]string{"scram-sha-512", "tls", "none"}, o.authentication):
		return cli.Usagef("--authentication: %q; want scram-sha-512, tls or none", o.authentication)
	case o.load.EventsPerSecond < 0 || o.load.EventBytes < 0 || o.load.Features < 0 || o.load.Models < 0 || o.load.ModelPartitions < 0:
		return cli.Usagef("--rate, --event-bytes, --features, --models and --model-partitions must not be negative")
	case o.cluster == "" || resourceName(o.cluster) != o.cluster:
		return cli.Usagef("--cluster: %q; want the name of a Kafka resource: a-z, 0-9, dot and dash", o.cluster)
	}
	return nil
}

// users returns the principal of each role.
func (o printOptions) users(accesses []app.Access) (map[string]string, error) {
	pattern, own := defaultPrincipal, map[string]string{}
	for _, text := range o.principals {
		role, user, named := strings.Cut(text, "=")
		if named && slices.ContainsFunc(accesses, func(a app.Access) bool { return a.Role == role }) {
			own[role] = user
			continue
		}
		pattern = text // the = of a certificate's name stays in it
	}
	out := map[string]string{}
	for _, a := range accesses {
		user, named := own[a.Role]
		if !named {
			user = app.Principal(pattern, a.Role)
		}
		if kind, name, ok := strings.Cut(user, ":"); !ok || kind == "" || name == "" || strings.ContainsAny(user, "\n\r") {
			return nil, cli.Usagef("--principal: %q; want TYPE:NAME, such as User:driftline-{role}, or ROLE=TYPE:NAME", user)
		}
		out[a.Role] = user
	}
	return out, nil
}

// printTopics writes topics and rights for other tools.
func printTopics(p *app.Parts, o printOptions) (string, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	accesses := p.Accesses()
	users, err := o.users(accesses)
	if err != nil {
		return "", err
	}
	if o.form == "kafka" {
		return kafkaCommands(p, o, accesses, users), nil
	}
	return strimziResources(p, o, accesses, users), nil
}

// preamble tells what the text is for; every line is a comment.
func preamble(p *app.Parts, o printOptions, accesses []app.Access, users map[string]string) string {
	var b strings.Builder
	c := p.Cfg
	fmt.Fprintf(&b, "# Topics of the deployment with the prefix %s. Existing ones stay as they are.\n", c.Topics.Prefix)
	fmt.Fprintf(&b, "# Client id: %s. Consumer groups:", c.Broker.ClientID)
	for _, a := range accesses {
		for _, g := range a.Groups {
			if a.Role != app.RoleSetup {
				fmt.Fprintf(&b, " %s (%s)", g.Group, a.Role)
			}
		}
	}
	b.WriteString(".\n#\n")
	fmt.Fprintf(&b, "# Expected for %g events/s of %s, %d models of %d features, one copy, before the brokers compress:\n",
		o.load.EventsPerSecond, bytesText(float64(o.load.EventBytes)), o.load.Models, o.load.Features)
	for _, s := range p.Sizes(o.load) {
		how := ""
		if s.KeptIsCompacted {
			how = ", compacted"
		}
		fmt.Fprintf(&b, "#   %-40s %10.2f records/s %12s/s  kept %10s%s\n", s, s.RecordsPerSec, bytesText(s.BytesPerSec), bytesText(s.KeptBytes), how)
	}
	b.WriteString("#   Other topics are small. --rate, --event-bytes, --features, --models and --model-partitions change the assumptions.\n#\n")
	b.WriteString("# Users:")
	for _, a := range accesses {
		fmt.Fprintf(&b, " %s %s;", a.Role, users[a.Role])
	}
	b.WriteString("\n# setup is who calls driftline topics create, topics check and doctor. --principal changes the names.\n")
	return b.String()
}

// bytesText gives "1.5 MB" in powers of 1000, as networks and disks are sold.
func bytesText(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	i := 0
	for n >= 999.5 && i < len(units)-1 {
		n, i = n/1000, i+1
	}
	return fmt.Sprintf("%.3g %s", n, units[i])
}

func kafkaCommands(p *app.Parts, o printOptions, accesses []app.Access, users map[string]string) string {
	var b strings.Builder
	servers := or(strings.Join(p.Cfg.Broker.Brokers, ","), "BROKER:9092")
	b.WriteString(preamble(p, o, accesses, users))
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
	for _, a := range accesses {
		fmt.Fprintf(&b, "# Rights of %s.\n", a.Role)
		acl := func(kind, name string, ops kafka.Ops) {
			fmt.Fprintf(&b, "kafka-acls.sh --bootstrap-server %s --add --allow-principal %s", quoted(servers), quoted(users[a.Role]))
			for _, op := range ops.List() {
				fmt.Fprintf(&b, " --operation %s", op)
			}
			fmt.Fprintf(&b, " --%s %s\n", kind, quoted(name))
		}
		for _, t := range a.Topics {
			acl("topic", t.Topic, t.Ops)
		}
		for _, g := range a.Groups {
			acl("group", g.Group, g.Ops)
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

func strimziResources(p *app.Parts, o printOptions, accesses []app.Access, users map[string]string) string {
	var b strings.Builder
	b.WriteString(preamble(p, o, accesses, users))
	head := func(kind, name string) {
		fmt.Fprintf(&b, "---\napiVersion: kafka.strimzi.io/v1beta2\nkind: %s\nmetadata:\n  name: %s\n  labels:\n    strimzi.io/cluster: %s\nspec:\n", kind, name, o.cluster)
	}
	for _, s := range p.TopicSpecs() {
		head("KafkaTopic", resourceName(s.Name))
		fmt.Fprintf(&b, "  topicName: %s\n  partitions: %d\n  replicas: %d\n  config:\n", yamlText(s.Name), s.Partitions, max(1, replicas(p, s)))
		for _, k := range slices.Sorted(maps.Keys(s.Config)) {
			fmt.Fprintf(&b, "    %s: %s\n", k, yamlText(s.Config[k]))
		}
	}
	// One user may stand for several roles; a KafkaUser then holds what all of them need.
	byUser := map[string][]app.Access{}
	var order []string
	for _, a := range accesses {
		if byUser[users[a.Role]] == nil {
			order = append(order, users[a.Role])
		}
		byUser[users[a.Role]] = append(byUser[users[a.Role]], a)
	}
	for _, user := range order {
		_, name, _ := strings.Cut(user, ":")
		head("KafkaUser", resourceName(strings.TrimPrefix(name, "CN=")))
		if o.authentication != "none" {
			fmt.Fprintf(&b, "  authentication:\n    type: %s\n", o.authentication)
		}
		b.WriteString("  authorization:\n    type: simple\n    acls:\n")
		topics, groups := map[string]kafka.Ops{}, map[string]kafka.Ops{}
		for _, a := range byUser[user] {
			for _, t := range a.Topics {
				topics[t.Topic] |= t.Ops
			}
			for _, g := range a.Groups {
				groups[g.Group] |= g.Ops
			}
		}
		for _, x := range []struct {
			kind string
			ops  map[string]kafka.Ops
		}{{"topic", topics}, {"group", groups}} {
			for _, n := range slices.Sorted(maps.Keys(x.ops)) {
				fmt.Fprintf(&b, "      - resource: {type: %s, name: %s, patternType: literal}\n        operations: [%s]\n", x.kind, yamlText(n), x.ops[n])
			}
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
