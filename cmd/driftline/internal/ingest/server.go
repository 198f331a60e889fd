package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
)

// Server is the handler of the way in. It is safe for concurrent use.
type Server struct {
	cfg     Config
	senders []*sender
	readers map[string]*sync.Pool // of event.Reader, by format
	places  *places
	slots   chan struct{} // requests that are read and written
}

// New returns the handler; it asks the brokers nothing yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	s := &Server{
		cfg: cfg, senders: newSenders(&cfg), readers: map[string]*sync.Pool{}, slots: make(chan struct{}, cfg.InFlight),
		places: &places{log: cfg.Log, nowMS: cfg.NowMS, known: map[string]count{}},
	}
	makers := map[string]func() event.Reader{CloudEvents: func() event.Reader { return newCloudReader(cfg.Limits) }}
	maps.Copy(makers, cfg.Formats)
	makers[Native] = func() event.Reader { return event.NewDecoder(cfg.Limits) }
	for name, make := range makers {
		s.readers[name] = &sync.Pool{New: func() any { return make() }}
	}
	return s, nil
}

// Formats lists the formats that are read, in order of name.
func (s *Server) Formats() []string { return slices.Sorted(maps.Keys(s.readers)) }

// Answer is what a request of native events gets; one of CloudEvents gets an empty
// answer, for brokers take a body for a new event.
type Answer struct {
	Events int `json:"events"` // read, written and acknowledged
}

// readEvent is an event that was read, and how it is written.
type readEvent struct {
	typ       event.Type
	model, id string
	value     []byte
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sender := authenticate(s.senders, r)
	if sender == nil {
		s.refuse(w, r, "", fault(http.StatusUnauthorized, "Token needed", "send the header Authorization: Bearer TOKEN with a token of ingest.token_file or ingest.tokens",
			"no token, or one that is not known"))
		return
	}
	n, size, cloud, f := s.take(w, r, sender)
	if f != nil {
		s.refuse(w, r, sender.name, f)
		return
	}
	if s.cfg.Count != nil {
		s.cfg.Count(ResultOK, n, size)
	}
	w.Header().Set("Driftline-Events", strconv.Itoa(n))
	if cloud {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Answer{n}) // the client may be gone; the events are written
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, sender string, f *Fault) {
	if s.cfg.Count != nil {
		s.cfg.Count(resultOf(f.Status), 0, 0)
	}
	s.cfg.Logger.Debug().Str("sender", sender).Str("remote", r.RemoteAddr).Int("status", f.Status).Str("why", f.Title).Msg("events refused")
	f.write(w)
}

// take reads a request and writes its events. cloud tells that the answer is to be empty.
func (s *Server) take(w http.ResponseWriter, r *http.Request, from *sender) (n, size int, cloud bool, f *Fault) {
	asked := strings.ToLower(r.URL.Query().Get("format"))
	format, _, f := formatOf(r.Header, asked)
	if f != nil {
		return 0, 0, false, f
	}
	if s.readers[format] == nil {
		return 0, 0, false, fault(http.StatusUnsupportedMediaType, "Format is not read", "send one of: "+strings.Join(s.Formats(), ", "), "%q", format)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		f := fault(http.StatusTooManyRequests, "Too many requests at one time", "wait and send again; ingest.in_flight bounds them", "%d are being written", s.cfg.InFlight)
		f.retry = time.Second
		return 0, 0, false, f
	}
	// A slow sender must not keep the place of others. Where the deadline cannot be set (a
	// recorder in a test) the context still bounds what follows.
	ctl := http.NewResponseController(w)
	_ = ctl.SetReadDeadline(time.Now().Add(s.cfg.Timeout))
	body, f := readBody(r, s.cfg.MaxBody)
	_ = ctl.SetReadDeadline(time.Time{})
	if f != nil {
		return 0, 0, false, f
	}
	p, f := split(r.Header, asked, body, s.cfg.MaxEvents)
	if f != nil {
		return 0, 0, false, f
	}
	events, f := s.read(p)
	if f != nil {
		return 0, 0, false, f
	}
	if wait := from.allow(time.UnixMilli(s.cfg.NowMS()), len(events)); wait > 0 {
		f := fault(http.StatusTooManyRequests, "Too many events", "wait as long as Retry-After says and send all of them again; ingest.events_per_second is the limit",
			"%s may send %d events a second; nothing of the request was written", from.name, s.cfg.EventsPerSecond)
		f.retry = wait
		return 0, 0, false, f
	}
	if f := s.write(r.Context(), events); f != nil {
		return 0, 0, false, f
	}
	for _, e := range events {
		size += len(e.value)
	}
	return len(events), size, p.cloud, nil
}

// read decodes every record with the format's reader. Nothing is kept of a request with
// a bad event.
func (s *Server) read(p parsed) ([]readEvent, *Fault) {
	pool := s.readers[p.format]
	reader := pool.Get().(event.Reader)
	defer pool.Put(reader)
	now := s.cfg.NowMS()
	out := make([]readEvent, 0, len(p.items))
	var bad badEvents
	ticks := 0
	for i, it := range p.items {
		events, err := reader.Read(&event.Raw{Value: it.value, Headers: it.headers, TimeMS: now})
		if err != nil {
			bad.add(i, err)
			continue
		}
		for _, ev := range events {
			e := readEvent{typ: ev.Type, model: strings.Clone(ev.Model), id: strings.Clone(ev.ID), value: it.value}
			if p.format != Native {
				e.value = event.Encode(ev)
			}
			if e.typ == event.TypeTick {
				if ticks++; ticks > 1 {
					bad.add(i, &event.Reason{Code: event.CodeUnknownType, Detail: "a second tick; one a request goes to every partition"})
				}
			}
			out = append(out, e)
		}
		if len(out) > s.cfg.MaxEvents {
			return nil, fault(http.StatusRequestEntityTooLarge, "Too many events", "send fewer rows in one request", "more than %d events", s.cfg.MaxEvents)
		}
	}
	return out, bad.fault(len(p.items))
}

// write appends and waits for the acknowledgement.
func (s *Server) write(ctx context.Context, events []readEvent) *Fault {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	recs, err := s.records(ctx, events)
	if err != nil {
		s.cfg.Logger.Warn().Err(err).Int("events", len(events)).Msg("events cannot be placed")
		f := fault(http.StatusServiceUnavailable, "Brokers do not answer", "send the request again; nothing of it was written", "the topics' partitions are not known")
		f.retry = time.Second
		return f
	}
	err = s.cfg.Log.Append(ctx, recs)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, log.ErrTooLarge):
		s.cfg.Logger.Warn().Err(err).Msg("events are too large for the topic")
		return fault(http.StatusRequestEntityTooLarge, "Event too large", "send smaller events, or raise max.message.bytes of the topic", "the brokers take no record of that size; others of the request may have been written")
	}
	s.cfg.Logger.Warn().Err(err).Int("events", len(events)).Msg("events were not acknowledged")
	f := fault(http.StatusServiceUnavailable, "Brokers did not acknowledge in time",
		"send the request again with the same ids; what arrives twice can be told by them", "%d events may have been written, in part, or not", len(events))
	f.retry = time.Second
	return f
}
