package kafka

import (
	"fmt"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/driftline/driftline/stream/log"
)

// fetchExchange asks one leader for several partitions and reads the answer itself.
// kafka-go connects, authenticates, negotiates and routes. It may be sent again: request
// and answer then use the same buffers.
//
// An exchange whose RoundTrip failed must not be used again, nor looked at: kafka-go gives
// up waiting before its connection has given up working on it.
type fetchExchange struct {
	clientID  string
	parts     []fetchPart // of one leader; those first are served first
	wait      time.Duration
	maxBytes  int // of all parts together; a broker may exceed it by one batch
	maxAnswer int // longer answers are refused

	version int16
	req     writer
	body    []byte
}

// fetchPart is one partition in an exchange.
type fetchPart struct {
	log.Partition
	from int64
	size int // bytes asked for
	fetchAnswer
}

// fetchAnswer is the answer for one partition; records lie in the exchange's body.
type fetchAnswer struct {
	answered bool
	code     int16
	end      int64 // high watermark
	start    int64
	aborted  []abortedTxn
	records  []byte
}

type abortedTxn struct{ producer, first int64 }

// Oldest and newest version written here; 5 brought the log start (Kafka 1.0), 12
// and later are of the flexible kind that kafka-go does not negotiate.
const (
	minFetchVersion = 5
	maxFetchVersion = 11
)

// ApiKey implements protocol.Message, for the request and its answer.
func (*fetchExchange) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker implements protocol.BrokerMessage: the leader, as kafka-go knows the layout.
func (f *fetchExchange) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	none := protocol.Broker{ID: -1}
	p := f.parts[0].Partition
	topic, ok := cluster.Topics[p.Topic]
	if !ok {
		return none, protocol.NewErrNoTopic(p.Topic)
	}
	part, ok := topic.Partitions[p.Index]
	if !ok {
		return none, protocol.NewErrNoPartition(p.Topic, p.Index)
	}
	broker, ok := cluster.Brokers[part.Leader]
	if !ok {
		return none, protocol.NewErrNoLeader(p.Topic, p.Index)
	}
	return broker, nil
}

// Required implements protocol.RawExchanger; it is called just before RawExchange.
func (f *fetchExchange) Required(versions map[protocol.ApiKey]int16) bool {
	f.version = versions[protocol.Fetch]
	return true
}

// RawExchange implements protocol.RawExchanger.
func (f *fetchExchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if f.version < minFetchVersion || f.version > maxFetchVersion {
		return nil, fmt.Errorf("broker speaks Fetch version %d, want %d to %d: %w", f.version, minFetchVersion, maxFetchVersion, errWire)
	}
	f.encode()
	body, err := exchange(rw, f.req.finish(), f.maxAnswer, f.body)
	if err != nil {
		return nil, err
	}
	f.body = body
	return f, f.parse(body)
}

func (f *fetchExchange) encode() {
	v, w := f.version, &f.req
	w.request(int16(protocol.Fetch), v, f.clientID)
	w.i32(-1) // a consumer, no replica
	w.i32(int32(min(max(f.wait, 0), 5*time.Minute) / time.Millisecond))
	w.i32(1) // byte at least
	w.i32(int32(f.maxBytes))
	w.i8(1) // read committed: the answer then lists aborted transactions
	if v >= 7 {
		w.i32(0)  // no fetch session
		w.i32(-1) // nor a new one
	}
	runs := 0
	for i, p := range f.parts {
		if i == 0 || p.Topic != f.parts[i-1].Topic {
			runs++
		}
	}
	w.i32(int32(runs))
	for i := 0; i < len(f.parts); {
		j := i + 1
		for j < len(f.parts) && f.parts[j].Topic == f.parts[i].Topic {
			j++
		}
		w.str(f.parts[i].Topic)
		w.i32(int32(j - i))
		for k := i; k < j; k++ {
			p := &f.parts[k]
			w.i32(p.Index)
			if v >= 9 {
				w.i32(-1) // leader epoch: not checked
			}
			w.i64(p.from)
			w.i64(-1) // log start: a replica's
			w.i32(int32(p.size))
		}
		i = j
	}
	if v >= 7 {
		w.i32(0) // forgotten topics
	}
	if v >= 11 {
		w.str("") // rack
	}
}

// parse hands the answer out to the parts, but for those that a full answer has left
// out. What nobody asked for is passed over.
func (f *fetchExchange) parse(body []byte) error {
	for i := range f.parts {
		p := &f.parts[i]
		p.fetchAnswer = fetchAnswer{aborted: p.aborted[:0]}
	}
	r := reader{b: body}
	r.i32() // throttle time
	if f.version >= 7 {
		if code := r.i16(); code != 0 && r.err == nil {
			return kafkago.Error(code)
		}
		r.i32() // session
	}
	var other fetchAnswer
	at := 0 // brokers answer in the order asked
	for range r.count(6) {
		topic := r.bytes()
		for range r.count(42) {
			index := r.i32()
			a := &other
			if p := f.find(topic, index, &at); p != nil {
				a = &p.fetchAnswer
			}
			a.aborted = a.aborted[:0]
			a.answered, a.code, a.end = true, r.i16(), r.i64()
			r.i64() // last stable offset
			a.start = r.i64()
			for range r.count(16) {
				a.aborted = append(a.aborted, abortedTxn{producer: r.i64(), first: r.i64()})
			}
			if f.version >= 11 {
				r.i32() // preferred replica: we name no rack, so there is none
			}
			a.records = nil
			if n := r.i32(); n > 0 {
				a.records = r.take(int(n))
			}
		}
	}
	if r.err != nil {
		return fmt.Errorf("fetch: %w", r.err)
	}
	return nil
}

// find returns the part of that name, looking first at the one behind the last found.
func (f *fetchExchange) find(topic []byte, index int32, at *int) *fetchPart {
	for i := range f.parts {
		k := (*at + i) % len(f.parts)
		if p := &f.parts[k]; p.Index == index && p.Topic == string(topic) {
			*at = k + 1
			return p
		}
	}
	return nil
}
