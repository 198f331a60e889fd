package ingest

import (
	"context"
	"hash/fnv"
	"strconv"
	"sync"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
)

// countFor is how long a number of partitions is believed, in milliseconds.
const countFor = 10_000

// places knows how many partitions the topics have.
type places struct {
	log   Log
	nowMS func() int64

	mu    sync.Mutex // guards known; held while the brokers are asked, so that they are asked once
	known map[string]count
}

type count struct {
	n    int
	atMS int64
}

func (p *places) partitions(ctx context.Context, topic string) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.nowMS()
	if c, ok := p.known[topic]; ok && now-c.atMS < countFor && now >= c.atMS {
		return c.n, nil
	}
	n, err := p.log.Partitions(ctx, topic)
	if err != nil {
		return 0, err
	}
	p.known[topic] = count{n, now}
	return n, nil
}

func hash(b string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(b)) // never fails
	return h.Sum64()
}

// place says where an event goes: one of spread partitions of its model (0: of all n),
// chosen by its id, so that the same event goes to the same place while n stands. The key
// names model and place.
func place(model, id string, n, spread int) (partition int32, key []byte) {
	if spread < 1 || spread > n {
		spread = n
	}
	salt := hash(id) % uint64(spread)
	return int32((hash(model)%uint64(n) + salt) % uint64(n)), []byte(model + "/" + strconv.FormatUint(salt, 10))
}

// records makes the records of read events. A tick, which belongs to no model, goes to
// every partition of both topics.
func (s *Server) records(ctx context.Context, read []readEvent) ([]log.Record, error) {
	out := make([]log.Record, 0, len(read))
	for _, e := range read {
		if e.typ == event.TypeTick {
			for _, topic := range s.topics() {
				n, err := s.places.partitions(ctx, topic)
				if err != nil {
					return nil, err
				}
				for i := range n {
					out = append(out, log.Record{Partition: log.Partition{Topic: topic, Index: int32(i)}, TimeMS: log.StampNow, Value: e.value})
				}
			}
			continue
		}
		topic := s.cfg.Topic
		if e.typ == event.TypeLabel {
			topic = s.cfg.LabelTopic
		}
		n, err := s.places.partitions(ctx, topic)
		if err != nil {
			return nil, err
		}
		id := e.id
		if id == "" {
			id = string(e.value) // what is the same goes to the same place
		}
		partition, key := place(e.model, id, n, s.cfg.ModelPartitions)
		out = append(out, log.Record{Partition: log.Partition{Topic: topic, Index: partition}, TimeMS: log.StampNow, Key: key, Value: e.value})
	}
	return out, nil
}

func (s *Server) topics() []string {
	if s.cfg.Topic == s.cfg.LabelTopic {
		return []string{s.cfg.Topic}
	}
	return []string{s.cfg.Topic, s.cfg.LabelTopic}
}
