package commands

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
)

// outage is how long a stop the retention of an input should cover at least.
const outage = 24 * time.Hour

// topicCheck compares one topic; findings are kept in order.
type topicCheck struct {
	p        *app.Parts
	spec     log.Topic
	input    *config.Input // nil for Driftline's own
	state    kafka.TopicState
	cfg      map[string]string
	findings []check // under the topic's own name
	times    []check // "retention of" and "record times of" an input
}

// checkTopics compares all topics with what is needed.
func checkTopics(ctx context.Context, p *app.Parts) []check {
	specs := p.TopicSpecs()
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	rights, err := p.Kafka.Rights(ctx, names, nil)
	if err != nil {
		return []check{{"topics", stateFail, err.Error(), "check the brokers and the rights of this user"}}
	}
	inputs := map[string]*config.Input{}
	for i := range p.Cfg.Topics.Inputs {
		inputs[p.Cfg.Topics.Inputs[i].Topic] = &p.Cfg.Topics.Inputs[i]
	}
	var out []check
	for _, spec := range specs {
		t := &topicCheck{p: p, spec: spec, input: inputs[spec.Name]}
		state, exists := rights.Topics[spec.Name]
		t.state = state
		out = append(out, t.run(ctx, exists)...)
	}
	return out
}

// find adds a finding about one thing of the topic.
func (t *topicCheck) find(thing, state, found, mend string) {
	t.findings = append(t.findings, check{"topic " + t.spec.Name + ": " + thing, state, found, mend})
}

// run returns one check that says ok, or the findings.
func (t *topicCheck) run(ctx context.Context, exists bool) []check {
	name := "topic " + t.spec.Name
	switch {
	case !exists:
		return []check{{name, stateFail, "does not exist", "driftline topics create"}}
	case t.state.Ops == 0:
		return []check{{name, stateFail, "this user may not see it", "give the user the rights that driftline topics create --print kafka lists"}}
	}
	cfg, err := t.p.Kafka.TopicConfig(ctx, t.spec.Name)
	if err != nil {
		return []check{{name, stateFail, err.Error(), "give this user the right DescribeConfigs on the topic"}}
	}
	t.cfg = cfg
	t.partitions()
	t.copies()
	t.cleanup()
	t.retention()
	t.largest()
	if t.input != nil {
		t.recordTimes()
		if err := t.historical(ctx); err != nil {
			t.about("age of records", stateWarn, err.Error(), "give this user the right to read the topic, or look at its newest records yourself")
		}
	}
	if len(t.findings) == 0 {
		t.findings = []check{{Name: name, State: stateOK, Found: fmt.Sprintf("%d partitions, %d copies, cleanup.policy %s, retention.ms %s",
			t.state.Partitions, t.state.Replicas, or(cfg["cleanup.policy"], "unknown"), or(cfg["retention.ms"], "unknown"))}}
	}
	return append(t.findings, t.times...)
}

// about adds a check of an input topic, which is shown also where it is ok.
func (t *topicCheck) about(what, state, found, mend string) {
	t.times = append(t.times, check{what + " of " + t.spec.Name, state, found, mend})
}

func (t *topicCheck) partitions() {
	if t.input == nil && t.state.Partitions != t.spec.Partitions {
		t.find("partitions", stateFail, fmt.Sprintf("%d, must be exactly %d", t.state.Partitions, t.spec.Partitions),
			"set stream.partitions to what the deployment was made with, or make the topic anew under another topics.prefix")
	}
}

func (t *topicCheck) copies() {
	if t.p.Cfg.Embedded() {
		return // one node: there are no copies
	}
	if t.state.Replicas < t.spec.Replicas {
		t.find("copies", stateWarn, fmt.Sprintf("%d of each record, broker.replicas says %d", t.state.Replicas, t.spec.Replicas),
			"raise them with kafka-reassign-partitions.sh, or set broker.replicas to what the cluster can hold: a lost broker may lose records that were acknowledged")
	}
	if t.state.Behind > 0 {
		t.find("copies in sync", stateWarn, fmt.Sprintf("%d of %d partitions have fewer copies in sync than copies", t.state.Behind, t.state.Partitions), "find out which broker is down or slow")
	}
	want, _ := strconv.Atoi(t.spec.Config["min.insync.replicas"])
	if have, err := strconv.Atoi(t.cfg["min.insync.replicas"]); err == nil && have < want && t.state.Replicas >= t.spec.Replicas {
		t.find("copies before a record counts", stateWarn, fmt.Sprintf("min.insync.replicas %d", have),
			fmt.Sprintf("set min.insync.replicas=%d: with fewer a record is acknowledged that one lost broker takes away", want))
	}
}

func (t *topicCheck) cleanup() {
	have := t.cfg["cleanup.policy"]
	switch want := t.spec.Config["cleanup.policy"]; {
	case want == "compact" && have != "compact":
		t.find("cleanup.policy", stateFail, or(have, "unknown"), "set cleanup.policy=compact: without it the state that a restart needs is deleted")
	case want != "compact" && app.Compacted(t.cfg) && t.input != nil:
		t.find("cleanup.policy", stateFail, have, "set cleanup.policy=delete, or give another topic under topics.inputs: compaction removes events before they are counted, and the start is refused")
	case want != "compact" && app.Compacted(t.cfg):
		t.find("cleanup.policy", stateFail, have, "set cleanup.policy=delete: compaction removes records that are still needed")
	}
}

func (t *topicCheck) retention() {
	have, want := t.cfg["retention.ms"], t.spec.Config["retention.ms"]
	ms, err := strconv.ParseInt(have, 10, 64)
	switch {
	case t.input != nil && err != nil:
		t.about("retention", stateWarn, "the broker does not tell retention.ms", fmt.Sprintf("make sure that it is at least %d", (readsBack(t.p.Cfg)+outage).Milliseconds()))
	case t.input != nil:
		t.inputRetention(ms)
		return
	case app.Compacted(t.cfg): // by keys, not by time
	case err != nil:
		t.find("retention", stateWarn, "the broker does not tell retention.ms", "make sure that it is "+want)
	case want == "-1" && ms >= 0:
		t.find("retention", stateFail, "retention.ms "+have, "set retention.ms=-1 and retention.bytes=-1: this topic is read from its beginning")
	case shorter(have, want):
		t.find("retention", stateWarn, "retention.ms "+have, "set retention.ms="+want)
	}
	bytes, err := strconv.ParseInt(t.cfg["retention.bytes"], 10, 64)
	if err != nil || bytes < 0 || t.spec.Config["retention.bytes"] != "-1" {
		return
	}
	t.find("retention", stateFail, fmt.Sprintf("retention.bytes %d", bytes), "set retention.bytes=-1: this topic is read from its beginning")
}

// readsBack is how much input a restart reads again (AX1 without the outage).
func readsBack(c *config.Config) time.Duration {
	s := c.Stream
	return s.Lateness.Std() + s.Skew.Std() + s.Disorder.Std() + 2*s.Resolution.Std()
}

// inputRetention checks that an input outlasts a stop (AX1), and that historical
// record times are not deleted at once.
func (t *topicCheck) inputRetention(ms int64) {
	const what = "retention"
	keep, limited := bound(t.cfg, "retention.ms")
	least := readsBack(t.p.Cfg)
	found := fmt.Sprintf("%s; a restart reads back %s", keep, least)
	switch {
	case !limited:
		t.about(what, stateOK, "no limit in time", "")
	case t.input.Historical:
		t.about(what, stateFail, fmt.Sprintf("retention.ms %d on a historical topic", ms),
			"set retention.ms=-1 and limit retention.bytes: brokers count retention from record times, so old records would be deleted at once")
	case keep < least:
		t.about(what, stateFail, found, fmt.Sprintf("raise retention.ms to %d or more: windows would come out incomplete after each restart", (least+outage).Milliseconds()))
	case keep < least+outage:
		t.about(what, stateWarn, found, fmt.Sprintf("raise retention.ms to %d or more, so that a day's outage loses nothing", (least+outage).Milliseconds()))
	default:
		t.about(what, stateOK, found, "")
	}
}

// largest checks that what is written fits into the topic.
func (t *topicCheck) largest() {
	if t.input != nil {
		return
	}
	if n, err := strconv.ParseInt(t.cfg["max.message.bytes"], 10, 64); err == nil && n < largestBatch {
		t.find("max.message.bytes", stateFail, strconv.FormatInt(n, 10), fmt.Sprintf("set max.message.bytes to %d or more, or the brokers refuse large batches for ever", largestBatch))
	}
}

// largestBatch is the most that one batch of ours takes, uncompressed, with its header.
const largestBatch = 1_000_100

// shorter tells whether have is a limit below want; both in milliseconds, below 0
// without limit.
func shorter(have, want string) bool {
	h, err1 := strconv.ParseInt(have, 10, 64)
	w, err2 := strconv.ParseInt(want, 10, 64)
	return err1 == nil && err2 == nil && h >= 0 && (w < 0 || h < w)
}
