package kafka

import (
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// heartbeatExchange asks a group's coordinator whether a member's generation holds.
// kafka-go's own Client.Heartbeat (v0.4.51) cannot be used for this: it reads error and
// throttle time in the wrong order, so it never sees an error, and it asks any broker.
type heartbeatExchange struct {
	clientID   string
	group      string
	generation int32
	member     string
}

// heartbeatVersion is the one that every broker answers: an error code and nothing else.
const heartbeatVersion = 0

// ApiKey implements protocol.Message, for the request and its answer.
func (*heartbeatExchange) ApiKey() protocol.ApiKey { return protocol.Heartbeat }

// Group implements protocol.GroupMessage: kafka-go finds the coordinator by it.
func (h *heartbeatExchange) Group() string { return h.group }

// Required implements protocol.RawExchanger.
func (*heartbeatExchange) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger. An error code is an error.
func (h *heartbeatExchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	var w writer
	w.request(int16(protocol.Heartbeat), heartbeatVersion, h.clientID)
	w.str(h.group)
	w.i32(h.generation)
	w.str(h.member)
	body, err := exchange(rw, w.finish(), 1<<10, nil)
	if err != nil {
		return nil, err
	}
	r := reader{b: body}
	code := r.i16()
	if r.err != nil {
		return nil, fmt.Errorf("heartbeat: %w", r.err)
	}
	if code != 0 {
		return &heartbeatAnswer{kafkago.Error(code)}, nil
	}
	return &heartbeatAnswer{}, nil
}

// heartbeatAnswer carries what the coordinator said; as an error of the exchange it
// would cost the connection.
type heartbeatAnswer struct{ err error }

// ApiKey implements protocol.Message.
func (*heartbeatAnswer) ApiKey() protocol.ApiKey { return protocol.Heartbeat }
