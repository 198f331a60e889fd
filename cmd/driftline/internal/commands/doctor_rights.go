package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
)

// calls checks that the brokers offer what is called.
func (d *doctor) calls(ctx context.Context, p *app.Parts) {
	const name = "broker calls"
	lacking, err := p.Kafka.Lacking(ctx)
	if d.fault(name, err, "check the brokers") {
		return
	}
	var needed, optional []string
	for _, x := range lacking {
		if x.Optional {
			optional = append(optional, x.String())
		} else {
			needed = append(needed, x.String())
		}
	}
	switch {
	case len(needed) > 0:
		d.add(name, stateFail, "missing: "+strings.Join(append(needed, optional...), "; "), "use brokers that offer these calls; docs/brokers.md lists which are known to")
	case len(optional) > 0:
		d.add(name, stateWarn, "missing: "+strings.Join(optional, "; "), "nothing but the part named; newer brokers offer it")
	default:
		d.add(name, stateOK, "every call that is made is offered", "")
	}
}

// rights checks what this user may do. Users may differ by role, so it is enough for
// one role unless the role is named.
func (d *doctor) rights(ctx context.Context, p *app.Parts) {
	const name = "rights"
	accesses := p.Accesses()
	asked := map[string]bool{}
	var topics, groups []string
	for _, s := range p.TopicSpecs() {
		topics = append(topics, s.Name)
	}
	for _, a := range accesses {
		for _, g := range a.Groups {
			if !asked[g.Group] {
				asked[g.Group] = true
				groups = append(groups, g.Group)
			}
		}
	}
	r, err := p.Kafka.Rights(ctx, topics, groups)
	if d.fault(name, err, "check the brokers: they do not tell what this user may do") {
		return
	}
	const mend = "driftline topics create --print kafka lists the rights of each role; grant what is missing"
	var enough, short []string
	for _, a := range accesses {
		if a.Role == app.RoleSetup || d.role != "" && a.Role != d.role {
			continue
		}
		if denied := a.Denied(r); len(denied) > 0 {
			short = append(short, fmt.Sprintf("not for %s, which lacks %s", a.Role, strings.Join(denied, ", ")))
		} else {
			enough = append(enough, a.Role)
		}
	}
	switch {
	case d.role != "" && len(enough)+len(short) == 0:
		d.add(name, stateOK, d.role+" needs no broker", "")
	case len(enough) == 0:
		d.add(name, stateFail, strings.Join(short, "; "), mend)
	case len(short) > 0:
		d.add(name, stateWarn, fmt.Sprintf("enough for %s; %s", strings.Join(enough, ", "), strings.Join(short, "; ")), mend+", or name the role that this user is for with --role")
	default:
		d.add(name, stateOK, "enough for "+strings.Join(enough, ", "), "")
	}
}
