package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/loop"
)

// Access is the least that a role must be allowed at the brokers.
type Access struct {
	Role   string
	Topics []TopicAccess // in order of TopicSpecs
	Groups []GroupAccess
}

// TopicAccess is what a role does with one topic.
type TopicAccess struct {
	Topic string
	Ops   kafka.Ops
}

// GroupAccess is what a role does with one consumer group.
type GroupAccess struct {
	Group string
	Ops   kafka.Ops
}

// RoleSetup is no role that runs: it is who calls topics create, topics check and doctor.
const RoleSetup = "setup"

// The sets that occur.
var (
	see     = kafka.OpsOf(kafka.OpDescribe)
	bounds  = kafka.OpsOf(kafka.OpDescribe, kafka.OpDescribeConfigs) // the brokers' bounds of record times
	reads   = kafka.OpsOf(kafka.OpRead, kafka.OpDescribe)
	writes  = kafka.OpsOf(kafka.OpWrite, kafka.OpDescribe)
	both    = reads | writes
	source  = reads | bounds
	prepare = kafka.OpsOf(kafka.OpCreate, kafka.OpDescribe, kafka.OpDescribeConfigs)
)

// Accesses lists the roles with what each needs. Every stream role publishes the
// configuration where control does not say it yet, so each reads and writes control
// and asks for the inputs' bounds.
func (p *Parts) Accesses() []Access {
	t := p.Topics()
	collect, evaluate := p.Group("collect"), p.Group("evaluate")
	all := []Access{
		p.access("collect", source, map[string]kafka.Ops{t.Control: both, t.Panes: writes, t.Dead: writes}),
		p.access("evaluate", bounds, map[string]kafka.Ops{t.Control: both, t.Panes: reads, t.State: both, t.Scores: writes, t.Drift: writes}),
		p.access("historian", source, map[string]kafka.Ops{t.Control: both, t.Panes: reads, t.Scores: reads, t.Drift: both, t.Lifecycle: writes}),
		p.access("trainer", bounds, map[string]kafka.Ops{t.Control: both, t.Drift: reads}),
	}
	all[0].Groups = []GroupAccess{{collect, reads &^ see}, {collect + loop.ControlGroup, reads &^ see}}
	all[1].Groups = []GroupAccess{{evaluate, reads &^ see}}
	if p.inGroup() {
		all[0].Groups = append(all[0].Groups, GroupAccess{collect + kafka.Members, reads &^ see})
		all[1].Groups = append(all[1].Groups, GroupAccess{evaluate + kafka.Members, reads &^ see})
	}
	if p.Cfg.Ingest.Enabled {
		all = append(all, p.access("serve", 0, map[string]kafka.Ops{p.Cfg.IngestTopic(): writes, p.Cfg.IngestLabelTopic(): writes}))
	}
	setup := Access{Role: RoleSetup}
	for _, s := range p.TopicSpecs() {
		setup.Topics = append(setup.Topics, TopicAccess{s.Name, prepare})
	}
	for _, g := range []string{collect, evaluate} {
		setup.Groups = append(setup.Groups, GroupAccess{g, see})
	}
	return append(all, setup)
}

// access makes the row of a role: input on every input topic, own on Driftline's.
func (p *Parts) access(role string, input kafka.Ops, own map[string]kafka.Ops) Access {
	a := Access{Role: role}
	inputs := p.Topics().Inputs
	for _, s := range p.TopicSpecs() {
		ops := own[s.Name]
		if slices.Contains(inputs, s.Name) {
			ops |= input
		}
		if ops != 0 {
			a.Topics = append(a.Topics, TopicAccess{s.Name, ops})
		}
	}
	return a
}

// AccessOf returns the row of a role; ok is false for one that needs no broker.
func (p *Parts) AccessOf(role string) (a Access, ok bool) {
	for _, a := range p.Accesses() {
		if a.Role == role {
			return a, true
		}
	}
	return Access{Role: role}, false
}

// Denied returns what of the access the rights do not grant, in words: "Write on
// driftline.scores". Topics that do not exist are passed over: nothing is refused there.
func (a Access) Denied(r kafka.Rights) []string {
	var out []string
	for _, t := range a.Topics {
		if have, exists := r.Topics[t.Topic]; exists && !have.Ops.Has(t.Ops) {
			out = append(out, fmt.Sprintf("%s on topic %s", t.Ops&^have.Ops, t.Topic))
		}
	}
	for _, g := range a.Groups {
		if have := r.Groups[g.Group]; !have.Has(g.Ops) {
			out = append(out, fmt.Sprintf("%s on group %s", g.Ops&^have, g.Group))
		}
	}
	return out
}

// Principal is the user of a role. pattern holds {role} where users differ by role:
// "User:driftline-{role}".
func Principal(pattern, role string) string { return strings.ReplaceAll(pattern, "{role}", role) }
