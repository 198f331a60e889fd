package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/stream/log"
)

// stream checks brokers and topics.
func (d *doctor) stream(ctx context.Context, state datadir.State, fresh bool) {
	const name = "brokers"
	if d.cfg.Embedded() && (fresh || state == datadir.Starting) {
		d.add(name, stateOK, "the embedded broker is not running; a start brings it up", "")
		return
	}
	p, _, err := app.Beside(ctx, &d.cfg.Config, d.log, d.app.Build.Version, app.Want{Broker: true})
	if d.fault(name, err, "check broker.* and the data directory") {
		return
	}
	defer func() { _ = p.Close() }() // opened to look only
	cluster, err := p.Kafka.Ping(ctx)
	if d.fault(name, err, "check addresses, network, TLS and login under broker:") {
		return
	}
	d.add(name, stateOK, fmt.Sprintf("cluster %s, %d brokers", cluster.ID, len(cluster.Brokers)), "")
	if _, err := p.Kafka.Partitions(ctx, p.Topics().Control); errors.Is(err, log.ErrNoTopic) && d.cfg.Embedded() {
		d.add("topics", stateOK, "none yet; driftline all makes them", "")
		return
	}
	d.calls(ctx, p)
	d.rights(ctx, p)
	d.checks = append(d.checks, checkTopics(ctx, p)...)
	d.layout(ctx, p)
	d.memory(ctx, p)
	d.counted(ctx, p)
	d.registry(ctx, p)
	seen := carried{}
	for _, in := range d.cfg.Topics.Inputs {
		if _, err := p.Kafka.Partitions(ctx, in.Topic); err != nil {
			continue // told above
		}
		d.silent(ctx, p, in)
		d.records(ctx, p, in, seen)
		d.offsets(ctx, p, "collect", in.Topic)
	}
	d.features(seen)
	d.offsets(ctx, p, "evaluate", p.Topics().Panes)
	d.clocks(ctx, p, !d.cfg.Embedded() || state == datadir.Running)
}

// layout compares configuration and deployment.
func (d *doctor) layout(ctx context.Context, p *app.Parts) {
	const name = "deployment"
	dec, err := p.ReadControl(ctx)
	if errors.Is(err, log.ErrNoTopic) {
		return // told above
	}
	if d.fault(name, err, "check the rights of this user on "+p.Topics().Control) {
		return
	}
	if _, ok := dec.View.Layout(); !ok {
		d.add(name, stateOK, "nothing has run with this topic prefix yet", "")
		return
	}
	want, err := p.WantedLayout(ctx)
	if err == nil {
		err = p.SameLayout(dec.Layout, want)
	}
	if d.fault(name, err, "start with the configuration that the deployment was made with") {
		return
	}
	if n := dec.View.Refused; n > 0 {
		d.add(name, stateWarn, fmt.Sprintf("%d records of %s cannot be used, the newest: %v", n, p.Topics().Control, dec.View.Problems[len(dec.View.Problems)-1]),
			"find out who writes to the topic; only Driftline may")
		return
	}
	d.add(name, stateOK, fmt.Sprintf("%d models in force, settings equal those configured", len(dec.View.Models())), "")
}

// memory holds what counting and judging may need against what they may have (P5): in
// one process where the broker is embedded, else in one each.
func (d *doctor) memory(ctx context.Context, p *app.Parts) {
	dec, err := p.ReadControl(ctx)
	if err != nil {
		return // told above
	}
	l, ok := dec.View.Layout()
	if !ok {
		return
	}
	processes := map[string]app.Roles{"memory of collect": {Collect: true}, "memory of evaluate": {Evaluate: true}}
	if d.cfg.Embedded() {
		processes = map[string]app.Roles{"memory": app.Everything}
	}
	for _, name := range slices.Sorted(maps.Keys(processes)) {
		m, err := p.Memory(ctx, l, dec.View, processes[name], 0)
		if d.fault(name, err, "check the input topics") {
			continue
		}
		found := fmt.Sprintf("%d models over %d input partitions may need up to %s (counting %s, judging %s); stream.memory_limit is %s",
			m.Models, m.Owned, app.Size(m.Bound()), app.Size(m.Collect), app.Size(m.Evaluate), app.Size(m.Limit))
		switch {
		case m.Check() != nil:
			d.add(name, stateFail, found, "raise stream.memory_limit where the machine has the memory, share the partitions among more workers, or watch fewer models or features: the next start is refused")
		case m.Bound() > m.Limit/10*9:
			d.add(name, stateWarn, found, "a model or a wider reference more may be refused: raise stream.memory_limit or add workers")
		default:
			d.add(name, stateOK, found, "")
		}
	}
}

// silent finds empty partitions that hold windows back.
func (d *doctor) silent(ctx context.Context, p *app.Parts, in config.Input) {
	if in.Role == "labels" {
		return // nothing waits for labels
	}
	name := "partitions of " + in.Topic
	idle, err := p.Promise(ctx, in.Topic)
	if d.fault(name, err, "give this user the right to describe topics") || idle {
		return
	}
	n, err := p.Kafka.Partitions(ctx, in.Topic)
	var empty []string
	for i := range n {
		lo, hi, berr := p.Kafka.Bounds(ctx, log.Partition{Topic: in.Topic, Index: int32(i)})
		if err = errors.Join(err, berr); berr == nil && lo == hi {
			empty = append(empty, strconv.Itoa(i))
		}
	}
	switch {
	case d.fault(name, err, "give this user the right to read the topic"):
	case len(empty) > 0 && len(empty) < n:
		d.add(name, stateFail, fmt.Sprintf("%s of %d are empty, and silence does not let windows go on (stream.idle or unbounded record times)", strings.Join(empty, ", "), n),
			`send a record {"type":"tick"} to each partition, or bound record times and set stream.idle: auto`)
	default:
		d.add(name, stateOK, fmt.Sprintf("%d of %d hold records", n-len(empty), n), "")
	}
}

// declared reads what control says; without a deployment it tells how to get one.
func declared(ctx context.Context, p *app.Parts) (*app.Declared, error) {
	d, err := p.ReadControl(ctx)
	if errors.Is(err, log.ErrNoTopic) {
		return nil, cli.Usagef("no deployment: topic %s does not exist on %s; start driftline all, or driftline topics create and the roles", p.Topics().Control, strings.Join(p.Brokers, ", "))
	}
	if err != nil {
		return nil, err
	}
	if _, ok := d.View.Layout(); !ok {
		return nil, cli.Usagef("no deployment: nothing has run yet with the topic prefix %q on %s; start driftline all, or the roles", p.Cfg.Topics.Prefix, strings.Join(p.Brokers, ", "))
	}
	return d, nil
}
