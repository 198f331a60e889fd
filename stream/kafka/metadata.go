package kafka

import (
	"context"
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/driftline/driftline/stream/log"
)

// Cluster is what a broker tells about its cluster.
type Cluster struct {
	ID      string
	Brokers []string // host:port as advertised
}

// topicLayout is one topic of a metadata answer.
type topicLayout struct {
	code       int16
	partitions int
	leaderless int
}

// metadataExchange asks a broker directly. kafka-go serves metadata from a cache
// up to its TTL old; the frontier of a source needs the count as of now.
type metadataExchange struct {
	clientID string
	topics   []string // none: only the cluster
}

type metadataAnswer struct {
	cluster Cluster
	topics  map[string]topicLayout
}

// metadataVersion is the first that can forbid topic creation (Kafka 0.11), and
// every broker since answers it.
const metadataVersion = 4

// maxMetadataBytes bounds an answer about the topics asked for.
const maxMetadataBytes = 32 << 20

// ApiKey implements protocol.Message.
func (*metadataExchange) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required implements protocol.RawExchanger.
func (*metadataExchange) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (m *metadataExchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var w writer
	w.request(int16(protocol.Metadata), metadataVersion, m.clientID)
	w.i32(int32(len(m.topics)))
	for _, t := range m.topics {
		w.str(t)
	}
	w.i8(0) // never create a topic by asking for it
	body, err := exchange(rw, w.finish(), maxMetadataBytes, nil)
	if err != nil {
		return nil, err
	}
	return parseMetadata(body)
}

// ApiKey implements protocol.Message.
func (*metadataAnswer) ApiKey() protocol.ApiKey { return protocol.Metadata }

func parseMetadata(body []byte) (*metadataAnswer, error) {
	r := &reader{b: body}
	a := &metadataAnswer{topics: map[string]topicLayout{}}
	r.i32() // throttle time
	for range r.count(12) {
		r.i32() // node id
		host, port := r.str(), r.i32()
		r.str() // rack
		a.cluster.Brokers = append(a.cluster.Brokers, fmt.Sprintf("%s:%d", host, port))
	}
	a.cluster.ID = r.str()
	r.i32() // controller
	for range r.count(9) {
		var t topicLayout
		t.code = r.i16()
		name := r.str()
		r.bool() // internal
		n := r.count(18)
		for range n {
			code := r.i16()
			r.i32() // index
			leader := r.i32()
			r.skip(4) // replicas
			r.skip(4) // in sync
			if leader < 0 || kafkago.Error(code) == kafkago.LeaderNotAvailable {
				t.leaderless++
			}
			t.partitions++
		}
		a.topics[name] = t
	}
	if r.err != nil {
		return nil, fmt.Errorf("metadata: %w", r.err)
	}
	return a, nil
}

// metadata asks once, through the lease given.
func (l *Log) metadata(ctx context.Context, t *lease, topics ...string) (*metadataAnswer, error) {
	res, err := t.RoundTrip(ctx, l.addr, &metadataExchange{clientID: l.cfg.ClientID, topics: topics})
	if err != nil {
		return nil, err
	}
	return res.(*metadataAnswer), nil
}

// Ping asks a broker for its cluster: a check that the addresses, TLS and SASL are right.
func (l *Log) Ping(ctx context.Context) (Cluster, error) {
	var c Cluster
	err := l.do(ctx, "reach "+l.addr.String(), log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		a, err := l.metadata(ctx, t)
		if err == nil {
			c = a.cluster
		}
		return err
	})
	return c, err
}

// Partitions implements log.Log.
func (l *Log) Partitions(ctx context.Context, topic string) (int, error) {
	n := 0
	err := l.do(ctx, "partitions of "+topic, log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		a, err := l.metadata(ctx, t, topic)
		if err != nil {
			return err
		}
		layout, ok := a.topics[topic]
		if !ok {
			return log.ErrNoTopic
		}
		if layout.code != 0 && kafkago.Error(layout.code) != kafkago.LeaderNotAvailable {
			return kafkago.Error(layout.code)
		}
		n = layout.partitions
		return nil
	})
	return n, err
}
