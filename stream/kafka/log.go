package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// Log is a cluster, or the embedded broker, as a log.Log.
type Log struct {
	cfg   Config
	codec recordbatch.Codec
	addr  net.Addr
	conns *transports
}

var _ log.Log = (*Log)(nil)

// Dial checks the configuration and returns a Log. It opens no connection yet: the
// first operation does, and Ping is one that changes nothing.
func Dial(cfg Config) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("kafka configuration: %w", err)
	}
	cfg = cfg.withDefaults()
	codec, err := recordbatch.ParseCodec(cfg.Compression)
	if err != nil {
		return nil, err
	}
	conns, err := newTransports(cfg)
	if err != nil {
		return nil, err
	}
	return &Log{cfg: cfg, codec: codec, addr: kafkago.TCP(cfg.Brokers...), conns: conns}, nil
}

// Close implements log.Log. Requests under way end by themselves.
func (l *Log) Close() error {
	l.conns.close()
	return nil
}

// client serves the calls that kafka-go's Client does well; each is tried again by do.
func (l *Log) client(t *lease) *kafkago.Client {
	return &kafkago.Client{Addr: l.addr, Transport: t.Transport, Timeout: l.cfg.RequestTimeout}
}

// Time stamps with a meaning of their own in a ListOffsets request.
const (
	firstOffset = -2
	lastOffset  = -1
)

// listOffset asks the leader for one offset; −1 where no record is that young.
func (l *Log) listOffset(ctx context.Context, t *lease, p log.Partition, timeMS int64) (int64, error) {
	res, err := t.RoundTrip(ctx, l.addr, &listoffsets.Request{
		ReplicaID: -1,
		Topics: []listoffsets.RequestTopic{{
			Topic:      p.Topic,
			Partitions: []listoffsets.RequestPartition{{Partition: p.Index, CurrentLeaderEpoch: -1, Timestamp: timeMS}},
		}},
	})
	if err != nil {
		return 0, err
	}
	for _, topic := range res.(*listoffsets.Response).Topics {
		for _, part := range topic.Partitions {
			if topic.Topic != p.Topic || part.Partition != p.Index {
				continue
			}
			if part.ErrorCode != 0 {
				return 0, kafkago.Error(part.ErrorCode)
			}
			return part.Offset, nil
		}
	}
	return 0, fmt.Errorf("list offsets: no answer for %s: %w", p, errWire)
}

// checkIndex refuses an index that no request could carry to a leader.
func checkIndex(p log.Partition) error {
	if p.Index < 0 || p.Topic == "" {
		return fmt.Errorf("partition %q/%d: %w", p.Topic, p.Index, log.ErrNoTopic)
	}
	return nil
}

// Bounds implements log.Log.
func (l *Log) Bounds(ctx context.Context, p log.Partition) (start, end int64, err error) {
	if err := checkIndex(p); err != nil {
		return 0, 0, err
	}
	err = l.do(ctx, "bounds of "+p.String(), p, 0, func(ctx context.Context, t *lease) (err error) {
		// End first: retention may move the start past an end asked later, never past one asked before.
		if end, err = l.listOffset(ctx, t, p, lastOffset); err != nil {
			return err
		}
		start, err = l.listOffset(ctx, t, p, firstOffset)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	return start, max(start, end), nil
}

// OffsetAt implements log.Log.
func (l *Log) OffsetAt(ctx context.Context, p log.Partition, timeMS int64) (int64, error) {
	if err := checkIndex(p); err != nil {
		return 0, err
	}
	var offset int64
	err := l.do(ctx, fmt.Sprintf("offset at %d ms of %s", timeMS, p), p, 0, func(ctx context.Context, t *lease) (err error) {
		// Negative times are questions of another kind to a broker, and every record with a time is ≥ 0.
		if offset, err = l.listOffset(ctx, t, p, max(0, timeMS)); err != nil {
			return err
		}
		if offset < 0 {
			offset, err = l.listOffset(ctx, t, p, lastOffset)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return offset, nil
}

// Committed implements log.Log.
func (l *Log) Committed(ctx context.Context, group string, p log.Partition) (int64, error) {
	offset := int64(-1)
	err := l.do(ctx, fmt.Sprintf("committed offset of %s on %s", group, p), log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		res, err := l.client(t).OffsetFetch(ctx, &kafkago.OffsetFetchRequest{
			GroupID: group, Topics: map[string][]int{p.Topic: {int(p.Index)}},
		})
		if err != nil {
			return err
		}
		if errors.Is(res.Error, kafkago.GroupIdNotFound) {
			return nil // no group, so no commit
		}
		if res.Error != nil {
			return res.Error
		}
		for _, part := range res.Topics[p.Topic] {
			if part.Partition != int(p.Index) {
				continue
			}
			if errors.Is(part.Error, kafkago.UnknownTopicOrPartition) {
				return nil // no topic, so no commit
			}
			if part.Error != nil {
				return part.Error
			}
			offset = part.CommittedOffset
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return max(-1, offset), nil
}

// Commit implements log.Log. The commit belongs to no generation.
func (l *Log) Commit(ctx context.Context, group string, p log.Partition, offset int64) error {
	if err := checkIndex(p); err != nil {
		return err
	}
	if offset < 0 {
		return fmt.Errorf("commit for %s on %s: offset %d; want ≥ 0", group, p, offset)
	}
	return l.do(ctx, fmt.Sprintf("commit %d for %s on %s", offset, group, p), log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		res, err := l.client(t).OffsetCommit(ctx, &kafkago.OffsetCommitRequest{
			GroupID: group, GenerationID: -1,
			Topics: map[string][]kafkago.OffsetCommit{p.Topic: {{Partition: int(p.Index), Offset: offset}}},
		})
		if err != nil {
			return err
		}
		for _, part := range res.Topics[p.Topic] {
			if part.Partition == int(p.Index) {
				return part.Error
			}
		}
		return fmt.Errorf("offset commit: no answer for %s: %w", p, errWire)
	})
}

// CreateTopics implements log.Log. It returns when every partition has a leader.
func (l *Log) CreateTopics(ctx context.Context, topics []log.Topic) error {
	if len(topics) == 0 {
		return nil
	}
	req := &kafkago.CreateTopicsRequest{}
	names := make([]string, len(topics))
	for i, def := range topics {
		names[i] = def.Name
		if def.Name == "" || def.Partitions < 1 {
			return fmt.Errorf("create topic %q: %d partitions; want a name and at least 1", def.Name, def.Partitions)
		}
		tc := kafkago.TopicConfig{Topic: def.Name, NumPartitions: def.Partitions, ReplicationFactor: def.Replicas}
		if def.Replicas == 0 {
			tc.ReplicationFactor = -1
		}
		for k, v := range def.Config {
			tc.ConfigEntries = append(tc.ConfigEntries, kafkago.ConfigEntry{ConfigName: k, ConfigValue: v})
		}
		req.Topics = append(req.Topics, tc)
	}
	// kafka-go waits after a creation for the topics to appear in its layout.
	l.conns.know(names)
	what := "create topics " + strings.Join(names, ", ")
	err := l.do(ctx, what, log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		res, err := l.client(t).CreateTopics(ctx, req)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := res.Errors[name]; err != nil && !errors.Is(err, kafkago.TopicAlreadyExists) {
				return fmt.Errorf("topic %s: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return l.do(ctx, what+": wait for leaders", log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		a, err := l.metadata(ctx, t, names...)
		if err != nil {
			return err
		}
		for _, name := range names {
			if layout := a.topics[name]; layout.code != 0 || layout.partitions == 0 || layout.leaderless > 0 {
				return fmt.Errorf("topic %s: %w", name, kafkago.LeaderNotAvailable)
			}
		}
		return nil
	})
}

// TopicConfig implements log.Log. Values the broker hides as sensitive are left out.
func (l *Log) TopicConfig(ctx context.Context, topic string) (map[string]string, error) {
	// Brokers disagree on the answer for a topic that is not there; metadata does not.
	if _, err := l.Partitions(ctx, topic); err != nil {
		return nil, fmt.Errorf("configuration of %s: %w", topic, err)
	}
	cfg := map[string]string{}
	err := l.do(ctx, "configuration of "+topic, log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		res, err := l.client(t).DescribeConfigs(ctx, &kafkago.DescribeConfigsRequest{
			Resources: []kafkago.DescribeConfigRequestResource{{ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic}},
		})
		if err != nil {
			return err
		}
		for _, r := range res.Resources {
			if r.Error != nil {
				return r.Error
			}
			for _, e := range r.ConfigEntries {
				if !e.IsSensitive {
					cfg[e.ConfigName] = e.ConfigValue
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return cfg, nil
}

// nowMS is the clock of log.StampNow.
func nowMS() int64 { return time.Now().UnixMilli() }
