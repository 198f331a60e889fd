package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/driftline/driftline/stream/log"
)

// Op is an operation that brokers grant or refuse on a topic or group. The values
// are those of the protocol.
type Op uint8

// The operations that Driftline's roles use.
const (
	OpRead            Op = 3
	OpWrite           Op = 4
	OpCreate          Op = 5
	OpDescribe        Op = 8
	OpDescribeConfigs Op = 10
)

var opNames = map[Op]string{OpRead: "Read", OpWrite: "Write", OpCreate: "Create", OpDescribe: "Describe", OpDescribeConfigs: "DescribeConfigs"}

// String gives the name as Kafka's own tools write it.
func (o Op) String() string {
	if name, ok := opNames[o]; ok {
		return name
	}
	return fmt.Sprintf("operation %d", uint8(o))
}

// Ops is a set of operations, one bit each at the operation's value, as brokers send it.
type Ops uint32

// OpsOf makes a set.
func OpsOf(ops ...Op) Ops {
	var s Ops
	for _, o := range ops {
		s |= 1 << o
	}
	return s
}

// Has tells whether all of want are in the set.
func (s Ops) Has(want Ops) bool { return s&want == want }

// List returns the operations of the set that Driftline knows, in order of value.
func (s Ops) List() []Op {
	var out []Op
	for o := Op(0); o < 32; o++ {
		if _, known := opNames[o]; known && s.Has(1<<o) {
			out = append(out, o)
		}
	}
	return out
}

// String gives "Read, Describe", or "nothing".
func (s Ops) String() string {
	var names []string
	for _, o := range s.List() {
		names = append(names, o.String())
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// TopicState is a topic as the brokers show it to this client. Where Ops is empty the
// client may not see the topic, and nothing else is known.
type TopicState struct {
	Ops        Ops
	Partitions int
	Replicas   int // copies of the partition that has fewest
	Behind     int // partitions with fewer copies in sync than copies, or without a leader
}

// Rights is what the brokers let this client do. A topic that does not exist is not
// in Topics.
type Rights struct {
	Topics map[string]TopicState
	Groups map[string]Ops
}

// Rights asks the brokers what this client may do (KIP-430: Metadata v8 and
// DescribeGroups v3). It needs no right of its own. A cluster without an authorizer
// grants everything.
func (l *Log) Rights(ctx context.Context, topics, groups []string) (Rights, error) {
	out := Rights{Topics: map[string]TopicState{}, Groups: map[string]Ops{}}
	err := l.do(ctx, "rights on topics", log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		res, err := t.RoundTrip(ctx, l.addr, &topicRights{clientID: l.cfg.ClientID, topics: topics})
		if err != nil {
			return err
		}
		for name, a := range res.(*topicRightsAnswer).topics {
			switch code := kafkago.Error(a.code); code {
			case kafkago.UnknownTopicOrPartition:
			case kafkago.TopicAuthorizationFailed:
				out.Topics[name] = TopicState{}
			case 0, kafkago.LeaderNotAvailable:
				out.Topics[name] = a.TopicState
			default:
				return fmt.Errorf("topic %s: %w", name, code)
			}
		}
		return nil
	})
	if err != nil {
		return Rights{}, err
	}
	for _, g := range groups {
		err := l.do(ctx, "rights on group "+g, log.Partition{}, 0, func(ctx context.Context, t *lease) error {
			res, err := t.RoundTrip(ctx, l.addr, &groupRights{clientID: l.cfg.ClientID, group: g})
			if errors.Is(err, kafkago.GroupAuthorizationFailed) { // of the search for the coordinator
				out.Groups[g] = 0
				return nil
			}
			if err != nil {
				return err
			}
			a := res.(*groupRightsAnswer)
			switch code := kafkago.Error(a.code); code {
			case kafkago.GroupAuthorizationFailed:
				out.Groups[g] = 0
			case 0, kafkago.GroupIdNotFound:
				out.Groups[g] = a.ops
			default:
				return code
			}
			return nil
		})
		if err != nil {
			return Rights{}, err
		}
	}
	return out, nil
}

// granted reads a set of operations; brokers send the smallest int32 for "not told".
func (r *reader) granted() Ops {
	v := r.i32()
	if v < 0 {
		return 0
	}
	return Ops(v)
}

// numbers passes over an array of int32 and returns its length.
func (r *reader) numbers() int {
	n := r.count(4)
	r.take(4 * n)
	return n
}

// topicRights is a Metadata request that asks for operations.
type topicRights struct {
	clientID string
	topics   []string
}

// rightsMetadataVersion is the first Metadata version that tells operations, and the
// last that is not flexible.
const rightsMetadataVersion = 8

type topicRightsAnswer struct{ topics map[string]topicAnswer }

type topicAnswer struct {
	code int16
	TopicState
}

// ApiKey implements protocol.Message.
func (*topicRights) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required implements protocol.RawExchanger.
func (*topicRights) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (m *topicRights) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var w writer
	w.request(int16(protocol.Metadata), rightsMetadataVersion, m.clientID)
	w.i32(int32(len(m.topics)))
	for _, t := range m.topics {
		w.str(t)
	}
	w.i8(0) // never create a topic by asking for it
	w.i8(0) // no operations on the cluster
	w.i8(1) // operations on topics
	body, err := exchange(rw, w.finish(), maxMetadataBytes, nil)
	if err != nil {
		return nil, err
	}
	return parseTopicRights(body)
}

// ApiKey implements protocol.Message.
func (*topicRightsAnswer) ApiKey() protocol.ApiKey { return protocol.Metadata }

func parseTopicRights(body []byte) (*topicRightsAnswer, error) {
	r := &reader{b: body}
	a := &topicRightsAnswer{topics: map[string]topicAnswer{}}
	r.i32() // throttle time
	for range r.count(12) {
		r.i32() // node id
		r.str() // host
		r.i32() // port
		r.str() // rack
	}
	r.str() // cluster id
	r.i32() // controller
	for range r.count(13) {
		t := topicAnswer{code: r.i16()}
		name := r.str()
		r.bool() // internal
		for range r.count(26) {
			r.i16() // code
			r.i32() // index
			leader := r.i32()
			r.i32() // leader epoch
			copies := r.numbers()
			inSync := r.numbers()
			r.numbers() // offline
			if t.Partitions == 0 || copies < t.Replicas {
				t.Replicas = copies
			}
			if leader < 0 || inSync < copies {
				t.Behind++
			}
			t.Partitions++
		}
		t.Ops = r.granted()
		a.topics[name] = t
	}
	if r.err != nil {
		return nil, fmt.Errorf("metadata with operations: %w", r.err)
	}
	return a, nil
}

// groupRights is a DescribeGroups request that asks for operations; it goes to the
// group's coordinator.
type groupRights struct{ clientID, group string }

// rightsGroupsVersion is the first DescribeGroups version that tells operations.
const rightsGroupsVersion = 3

// maxGroupBytes bounds the description of one group with its members.
const maxGroupBytes = 8 << 20

type groupRightsAnswer struct {
	code int16
	ops  Ops
}

// ApiKey implements protocol.Message.
func (*groupRights) ApiKey() protocol.ApiKey { return protocol.DescribeGroups }

// Group implements protocol.GroupMessage.
func (m *groupRights) Group() string { return m.group }

// Required implements protocol.RawExchanger.
func (*groupRights) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (m *groupRights) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var w writer
	w.request(int16(protocol.DescribeGroups), rightsGroupsVersion, m.clientID)
	w.i32(1)
	w.str(m.group)
	w.i8(1) // operations on the group
	body, err := exchange(rw, w.finish(), maxGroupBytes, nil)
	if err != nil {
		return nil, err
	}
	return parseGroupRights(body)
}

// ApiKey implements protocol.Message.
func (*groupRightsAnswer) ApiKey() protocol.ApiKey { return protocol.DescribeGroups }

func parseGroupRights(body []byte) (*groupRightsAnswer, error) {
	r := &reader{b: body}
	a := &groupRightsAnswer{}
	r.i32() // throttle time
	n := r.count(18)
	for range n {
		a.code = r.i16()
		for range 4 { // id, state, protocol type, protocol
			r.str()
		}
		for range r.count(14) {
			for range 3 { // member id, client id, host
				r.str()
			}
			r.take(max(0, int(r.i32()))) // metadata
			r.take(max(0, int(r.i32()))) // assignment
		}
		a.ops = r.granted()
	}
	if r.err == nil && n != 1 {
		r.err = fmt.Errorf("%d groups, want 1: %w", n, errWire)
	}
	if r.err != nil {
		return nil, fmt.Errorf("group with operations: %w", r.err)
	}
	return a, nil
}
