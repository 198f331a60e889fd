package commands

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/stream/log"
)

// outage is how long a stop the retention of an input should cover at least.
const outage = 24 * time.Hour

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
	d.checks = append(d.checks, checkTopics(ctx, p)...)
	d.layout(ctx, p)
	d.registry(ctx, p)
	seen := carried{}
	for _, in := range d.cfg.Topics.Inputs {
		if _, err := p.Kafka.Partitions(ctx, in.Topic); err != nil {
			continue // told above
		}
		d.retention(ctx, p, in)
		d.bounds(ctx, p, in)
		d.silent(ctx, p, in)
		d.records(ctx, p, in, seen)
	}
	d.features(seen)
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

// retention checks that an input outlasts a stop (AX1).
func (d *doctor) retention(ctx context.Context, p *app.Parts, in config.Input) {
	name := "retention of " + in.Topic
	cfg, err := p.Kafka.TopicConfig(ctx, in.Topic)
	if d.fault(name, err, "give this user the right to describe topics") || in.Historical {
		return
	}
	s := d.cfg.Stream
	least := s.Lateness.Std() + s.Skew.Std() + s.Disorder.Std() + 2*s.Resolution.Std()
	ms, err := strconv.ParseInt(cfg["retention.ms"], 10, 64)
	switch {
	case err != nil:
		d.add(name, stateWarn, "the broker does not tell retention.ms", fmt.Sprintf("make sure that it is at least %s plus the longest outage", least))
	case ms < 0:
		d.add(name, stateOK, "no limit in time", "")
	default:
		keep := time.Duration(ms) * time.Millisecond
		found := fmt.Sprintf("%s; a restart reads back %s", keep, least)
		switch {
		case keep < least:
			d.add(name, stateFail, found, fmt.Sprintf("raise retention.ms to %d or more: windows would come out incomplete after each restart", (least+outage).Milliseconds()))
		case keep < least+outage:
			d.add(name, stateWarn, found, fmt.Sprintf("raise retention.ms to %d or more, so that a day's outage loses nothing", (least+outage).Milliseconds()))
		default:
			d.add(name, stateOK, found, "")
		}
	}
}

// bounds checks that brokers refuse record times far from their clock (AX5).
func (d *doctor) bounds(ctx context.Context, p *app.Parts, in config.Input) {
	name := "record times of " + in.Topic
	if in.Historical {
		d.add(name, stateOK, "historical: old times are meant", "")
		return
	}
	text, ok, err := p.TimeBounds(ctx, in.Topic)
	if d.fault(name, err, "give this user the right to describe topics") {
		return
	}
	if !ok {
		cfg, err := p.Kafka.TopicConfig(ctx, in.Topic)
		if err == nil && cfg["message.timestamp.type"] == "LogAppendTime" {
			d.add(name, stateOK, "set by the broker", "")
			return
		}
		d.add(name, stateWarn, fmt.Sprintf("%s: stream.disorder = %s is assumed, and a silent partition holds windows back", text, d.cfg.Stream.Disorder.Std()),
			"set message.timestamp.before.max.ms=180000 and message.timestamp.after.max.ms=60000 on the topic")
		return
	}
	d.add(name, stateOK, text, "")
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
