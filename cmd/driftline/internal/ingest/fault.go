package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/driftline/driftline/stream/event"
)

// Fault is what is answered instead of a result: a problem of RFC 9457.
type Fault struct {
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Next   string       `json:"next,omitempty"`
	Events []EventFault `json:"events,omitempty"` // the first faultyEvents of them
	More   int          `json:"more,omitempty"`   // further bad events

	retry time.Duration // for the header Retry-After; 0: none
}

// EventFault says what is wrong with one event of a request.
type EventFault struct {
	Index  int    `json:"index"`  // of the event in the request, from 0
	Reason string `json:"reason"` // as in dead letters
	Detail string `json:"detail"`
	At     int    `json:"at"` // byte of the event
}

// faultyEvents bounds how many bad events an answer lists.
const faultyEvents = 16

func (f *Fault) Error() string { return fmt.Sprintf("%d %s: %s", f.Status, f.Title, f.Detail) }

func fault(status int, title, next, format string, args ...any) *Fault {
	return &Fault{Title: title, Status: status, Next: next, Detail: fmt.Sprintf(format, args...)}
}

// write answers with the fault.
func (f *Fault) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	if f.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="driftline ingest"`)
	}
	if f.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(f.retry.Seconds())))))
	}
	w.WriteHeader(f.Status)
	_ = json.NewEncoder(w).Encode(f) // the client may be gone
}

// badEvents gathers the bad events of a request.
type badEvents struct {
	list []EventFault
	n    int
	size bool // one is too large: another status
}

func (b *badEvents) add(index int, err error) {
	var r *event.Reason
	if !errors.As(err, &r) {
		r = &event.Reason{Code: event.CodeNotJSON, Detail: err.Error()}
	}
	b.n++
	b.size = b.size || r.Code == event.CodeTooLarge
	if len(b.list) < faultyEvents {
		b.list = append(b.list, EventFault{index, string(r.Code), r.Detail, r.At})
	}
}

// fault is nil where no event is bad.
func (b *badEvents) fault(total int) *Fault {
	if b.n == 0 {
		return nil
	}
	status := http.StatusBadRequest
	if b.size && b.n == 1 {
		status = http.StatusRequestEntityTooLarge
	}
	f := fault(status, "Events cannot be read", "correct the events and send all of them again", "%d of %d events are bad; nothing of the request was written", b.n, total)
	f.Events, f.More = b.list, b.n-len(b.list)
	return f
}
