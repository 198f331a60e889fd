package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/log"
)

// Topics are the names of all topics of the deployment.
type Topics struct {
	Inputs                                                []string
	Control, Panes, State, Scores, Drift, Lifecycle, Dead string
}

// Topics returns the names.
func (p *Parts) Topics() Topics {
	c := p.Cfg
	t := Topics{
		Control: c.Topic("control"), Panes: c.Topic("panes"), State: c.Topic("state"), Scores: c.Topic("scores"),
		Drift: c.Topic("drift"), Lifecycle: c.Topic("lifecycle"), Dead: c.Topic("dead"),
	}
	for _, in := range c.Topics.Inputs {
		t.Inputs = append(t.Inputs, in.Topic)
	}
	return t
}

// Keep times of Driftline's own topics.
const (
	keepPanes  = 24 * time.Hour
	keepScores = 7 * 24 * time.Hour
	keepEvents = 90 * 24 * time.Hour
	keepDead   = 14 * 24 * time.Hour
)

// TopicSpecs returns every topic with its partitions and settings. Brokers count
// retention.ms from record times: topics whose record times are historical are kept
// by size alone, or they would be emptied at once.
func (p *Parts) TopicSpecs() []log.Topic {
	c, t := p.Cfg, p.Topics()
	q := c.Stream.Partitions
	keep := func(d time.Duration) map[string]string {
		return map[string]string{"cleanup.policy": "delete", "retention.ms": strconv.FormatInt(d.Milliseconds(), 10)}
	}
	forever := func() map[string]string {
		return map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
	}
	compact := func() map[string]string { return map[string]string{"cleanup.policy": "compact"} }
	specs := []log.Topic{
		{Name: t.Control, Partitions: 1, Config: forever()},
		{Name: t.Panes, Partitions: q, Config: keep(keepPanes)},
		{Name: t.State, Partitions: q, Config: compact()},
		{Name: t.Scores, Partitions: q, Config: keep(keepScores)},
		{Name: t.Drift, Partitions: q, Config: keep(keepEvents)},
		{Name: t.Lifecycle, Partitions: 1, Config: keep(keepEvents)},
		{Name: t.Dead, Partitions: 1, Config: keep(keepDead)},
	}
	for _, in := range c.Topics.Inputs {
		spec := log.Topic{Name: in.Topic, Partitions: c.Topics.InputPartitions, Config: keep(c.Topics.InputRetention.Std())}
		switch {
		case in.Historical && c.Embedded():
			spec.Config = embedded.Historical(int64(c.Broker.RetentionBytes))
		case in.Historical:
			spec.Config = map[string]string{"retention.ms": "-1", "retention.bytes": strconv.FormatInt(int64(c.Broker.RetentionBytes), 10)}
		default:
			if d := c.Broker.TimestampBeforeMax.Std(); d > 0 {
				spec.Config["message.timestamp.before.max.ms"] = strconv.FormatInt(d.Milliseconds(), 10)
			}
			if d := c.Broker.TimestampAfterMax.Std(); d > 0 {
				spec.Config["message.timestamp.after.max.ms"] = strconv.FormatInt(d.Milliseconds(), 10)
			}
		}
		specs = append(specs, spec)
	}
	if !c.Embedded() {
		for i := range specs {
			specs[i].Replicas = c.Broker.Replicas
			// With acks=all this is how many copies an acknowledged record has at least.
			specs[i].Config["min.insync.replicas"] = strconv.Itoa(max(1, c.Broker.Replicas-1))
		}
	}
	return specs
}

// CreateTopics makes the topics that do not exist.
func (p *Parts) CreateTopics(ctx context.Context) error {
	if err := p.Kafka.CreateTopics(ctx, p.TopicSpecs()); err != nil {
		return fmt.Errorf("create topics: %w", err)
	}
	return nil
}

// CheckTopics reports topics that are missing, of those that the roles use.
func (p *Parts) CheckTopics(ctx context.Context, roles Roles) error {
	var errs []error
	for _, topic := range p.topicsOf(roles) {
		if _, err := p.Kafka.Partitions(ctx, topic); err != nil {
			errs = append(errs, fmt.Errorf("topic %s: %w; run driftline topics create", topic, err))
		}
	}
	return errors.Join(errs...)
}

// topicsOf are the topics that any of the roles reads, writes or asks about.
func (p *Parts) topicsOf(roles Roles) []string {
	used := map[string]bool{}
	for _, role := range roles.names() {
		a, _ := p.AccessOf(role)
		for _, t := range a.Topics {
			used[t.Topic] = true
		}
	}
	var out []string
	for _, spec := range p.TopicSpecs() {
		if used[spec.Name] {
			out = append(out, spec.Name)
		}
	}
	return out
}

// ErrCompacted says that a topic with events is compacted: records that still count
// would vanish behind later ones with the same key.
var ErrCompacted = errors.New("the topic is compacted")

// CheckInputs refuses input topics that cannot be counted exactly, whatever else is right.
func (p *Parts) CheckInputs(ctx context.Context) error {
	var errs []error
	for _, in := range p.Cfg.Topics.Inputs {
		cfg, err := p.Kafka.TopicConfig(ctx, in.Topic)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("settings of topic %s: %w", in.Topic, err))
		case Compacted(cfg):
			errs = append(errs, fmt.Errorf("input topic %s, cleanup.policy=%s: %w, so events vanish before they are counted; set cleanup.policy=delete, or give another topic under topics.inputs",
				in.Topic, cfg["cleanup.policy"], ErrCompacted))
		}
	}
	return errors.Join(errs...)
}

// Compacted tells whether settings of a topic make brokers compact it, alone or
// together with deletion.
func Compacted(cfg map[string]string) bool { return strings.Contains(cfg["cleanup.policy"], "compact") }

// bounds returns how far record times of an input topic may lie behind and ahead of
// the broker's clock; ok is false where the broker leaves one open.
func (p *Parts) bounds(ctx context.Context, topic string) (before, after time.Duration, ok bool, err error) {
	cfg, err := p.Kafka.TopicConfig(ctx, topic)
	if err != nil {
		return 0, 0, false, fmt.Errorf("settings of topic %s: %w", topic, err)
	}
	read := func(key string) (time.Duration, bool) {
		ms, err := strconv.ParseInt(cfg[key], 10, 64)
		if err != nil || ms >= unboundedMS/int64(time.Millisecond) {
			return 0, false
		}
		return time.Duration(ms) * time.Millisecond, true
	}
	before, okBefore := read("message.timestamp.before.max.ms")
	after, okAfter := read("message.timestamp.after.max.ms")
	return before, after, okBefore && okAfter, nil
}
