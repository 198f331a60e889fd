package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// session implements log.Session: one request per leader with all its partitions, side
// by side where there are several leaders.
//
// Who is served first changes: a partition that gave records goes behind the others, so
// that one with a backlog, which may fill an answer alone, does not starve them.
type session struct {
	l      *Log
	closed atomic.Bool

	parts map[log.Partition]*part
	order []*part // as they are asked
	asks  []log.Ask
	asked []*part // by index in asks
	lanes map[int32]*lane
	busy  bool // the last fetch found something

	lease   *lease    // the one leaders are of; nil: to be asked
	located time.Time // when

	w       walker
	ready   bool // there is something to hand out
	at      int  // ask that is handed out
	walking bool // w is on it
	said    bool // and has told something of it
}

// part is a partition across fetches.
type part struct {
	fetchPart
	ask     int   // in this fetch, −1: none
	leader  int32 // −1: not known
	err     error // of this fetch
	grown   int   // bytes to ask for, where a batch is larger than usual; 0: usual
	damaged int   // fetches in a row whose first batch was damaged
	known   int64 // end as last told
}

// lane is one leader.
type lane struct {
	x         *fetchExchange // nil: the last one failed and must not be used again
	asked     []*part
	fails     int       // in a row
	notBefore time.Time // leave the broker alone until then, while others answer
	err       error     // of the last exchange
}

// Session implements log.Log.
func (l *Log) Session() log.Session {
	return &session{l: l, parts: map[log.Partition]*part{}, lanes: map[int32]*lane{}, w: walker{limit: l.cfg.MaxExpandBytes}}
}

// Close implements log.Session. A fetch under way ends by itself.
func (s *session) Close() error {
	s.closed.Store(true)
	return nil
}

// Fetch implements log.Session.
func (s *session) Fetch(ctx context.Context, asks []log.Ask, wait time.Duration) error {
	what := func() string { return fmt.Sprintf("fetch %d partitions", len(asks)) }
	s.ready, s.at, s.walking = false, 0, false // nothing is left of the last one
	if s.closed.Load() {
		return fmt.Errorf("%s: session is closed: %w", what(), log.ErrUnreachable)
	}
	if err := s.bind(asks); err != nil {
		return fmt.Errorf("%s: %w", what(), err)
	}
	began, atOnce := time.Now(), true
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", what(), err)
		}
		c, err := s.attempt(ctx, wait)
		switch {
		case err == nil:
			s.ready = true
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w (last: %w)", what(), ctx.Err(), err)
		case c == final:
			return fmt.Errorf("%s: %w", what(), said(err))
		case c == stale && atOnce:
			atOnce = false
			continue
		case time.Since(began) >= s.l.cfg.RetryTimeout:
			return fmt.Errorf("%s: tried %d times in %s: %w: %w", what(), attempt+1, time.Since(began).Round(time.Millisecond), log.ErrUnreachable, err)
		}
		if err := sleep(ctx, pause(attempt)); err != nil {
			return fmt.Errorf("%s: %w", what(), err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// bind finds the parts of the asks and forgets those no longer asked for.
func (s *session) bind(asks []log.Ask) error {
	for _, p := range s.order {
		p.ask = -1
	}
	s.asks, s.asked = asks, s.asked[:0]
	var topics []string
	for i, a := range asks {
		if err := checkIndex(a.Partition); err != nil {
			return err
		}
		p := s.parts[a.Partition]
		if p == nil {
			p = &part{fetchPart: fetchPart{Partition: a.Partition}, ask: -1, leader: -1}
			s.parts[a.Partition] = p
			s.order = append(s.order, p)
			topics = append(topics, a.Partition.Topic)
			s.lease = nil
		}
		if p.ask >= 0 {
			return fmt.Errorf("%s is named twice", a.Partition)
		}
		if p.from != a.From {
			p.damaged, p.grown = 0, 0
		}
		p.ask, p.from = i, a.From
		s.asked = append(s.asked, p)
	}
	if len(topics) > 0 {
		s.l.conns.know(topics)
	}
	if len(s.order) > len(asks) {
		kept := s.order[:0]
		for _, p := range s.order {
			if p.ask < 0 {
				delete(s.parts, p.Partition)
			} else {
				kept = append(kept, p)
			}
		}
		clear(s.order[len(kept):])
		s.order = kept
	}
	return nil
}

// attempt asks all leaders once. It fails if no partition was answered in a way that the
// reader can do something with.
func (s *session) attempt(ctx context.Context, wait time.Duration) (class, error) {
	if len(s.asks) == 0 {
		return final, sleep(ctx, wait)
	}
	t, err := s.l.conns.acquire("")
	if err != nil {
		return final, err
	}
	defer s.l.conns.release(t)
	one, cancel := context.WithTimeout(ctx, s.l.cfg.RequestTimeout+wait)
	defer cancel()
	s.again()
	if err := s.locate(one, t); err != nil {
		s.renew(t)
		c := classify(err)
		if c == unknown {
			c = later
		}
		return c, err
	}
	lanes := s.sort()
	// A broker with nothing new holds its answer back for as long as it is told to. While
	// others have something nobody waits.
	hurry := s.busy && lanes > 1
	if hurry {
		s.exchange(one, t, 0)
		if hurry = s.news(); !hurry {
			s.again()
		}
	}
	if !hurry {
		s.exchange(one, t, wait)
	}
	return s.judge(one, t)
}

// renew makes the next attempt open new connections and ask for leaders again.
func (s *session) renew(t *lease) {
	s.l.conns.renew(t)
	s.lease = nil
}

// locate finds the leaders of all parts that are to be asked, as kafka-go's transport
// knows them: it routes by the same layout, and answers from memory.
func (s *session) locate(ctx context.Context, t *lease) error {
	if s.lease == t && time.Since(s.located) < metadataTTL {
		return nil
	}
	topics := map[string]metadata.ResponseTopic{}
	var names []string
	for _, p := range s.order {
		if _, ok := topics[p.Topic]; !ok {
			topics[p.Topic] = metadata.ResponseTopic{}
			names = append(names, p.Topic)
		}
	}
	res, err := t.RoundTrip(ctx, s.l.addr, &metadata.Request{TopicNames: names})
	if err != nil {
		return err
	}
	for _, topic := range res.(*metadata.Response).Topics {
		topics[topic.Name] = topic
	}
	for _, p := range s.order {
		p.leader = -1
		for _, x := range topics[p.Topic].Partitions {
			if x.PartitionIndex == p.Index {
				p.leader = x.LeaderID
			}
		}
	}
	s.lease, s.located = t, time.Now()
	return nil
}

// sort puts each part into its leader's lane and returns how many lanes there are.
func (s *session) sort() int {
	for id, ln := range s.lanes {
		if len(ln.asked) == 0 {
			delete(s.lanes, id) // leads nothing of ours since the last time
		}
		ln.asked = ln.asked[:0]
	}
	n := 0
	for _, p := range s.order {
		if p.leader < 0 {
			continue // judge finds out why
		}
		ln := s.lanes[p.leader]
		if ln == nil {
			ln = &lane{}
			s.lanes[p.leader] = ln
		}
		if len(ln.asked) == 0 {
			n++
		}
		ln.asked = append(ln.asked, p)
	}
	return n
}

// exchange asks each leader that is not left alone, side by side.
func (s *session) exchange(ctx context.Context, t *lease, wait time.Duration) {
	now := time.Now()
	alone := true // nobody else would answer: then a broker is not left alone either
	for _, ln := range s.lanes {
		alone = alone && (len(ln.asked) == 0 || ln.notBefore.After(now))
	}
	var wg sync.WaitGroup
	var here *lane // one is done on this goroutine
	for _, ln := range s.lanes {
		switch {
		case len(ln.asked) == 0, ln.notBefore.After(now) && !alone:
		case here == nil:
			here = ln
		default:
			wg.Go(func() { s.ask(ctx, t, ln, wait) })
		}
	}
	if here != nil {
		s.ask(ctx, t, here, wait)
	}
	wg.Wait()
}

// ask does one exchange with one leader.
func (s *session) ask(ctx context.Context, t *lease, ln *lane, wait time.Duration) {
	cfg := &s.l.cfg
	if ln.x == nil {
		ln.x = &fetchExchange{clientID: cfg.ClientID}
	}
	x := ln.x
	x.wait, x.maxBytes = wait, cfg.FetchBytes
	if len(x.parts) != len(ln.asked) {
		x.parts = make([]fetchPart, len(ln.asked))
	}
	for i, p := range ln.asked {
		p.size = max(cfg.FetchBytes, p.grown)
		x.maxBytes = max(x.maxBytes, p.size)
		x.parts[i] = fetchPart{Partition: p.Partition, from: p.from, size: p.size, fetchAnswer: fetchAnswer{aborted: x.parts[i].aborted[:0]}}
	}
	x.maxAnswer = x.maxBytes + cfg.MaxBatchBytes + maxSlack
	began := time.Now()
	if _, ln.err = t.RoundTrip(ctx, s.l.addr, x); ln.err == nil {
		ln.fails, ln.notBefore = 0, time.Time{}
		for i, p := range ln.asked {
			p.fetchAnswer = x.parts[i].fetchAnswer
		}
		return
	}
	ln.x = nil
	// A broker that takes long to fail costs the others at most a third of their time.
	ln.notBefore = time.Now().Add(max(pause(ln.fails), 2*time.Since(began)))
	ln.fails++
}

// news tells whether some leader had records, or anything but an empty answer.
func (s *session) news() bool {
	for _, p := range s.asked {
		if p.answered && (len(p.records) > 0 || p.code != 0) {
			return true
		}
	}
	return false
}

// again forgets what the parts were answered.
func (s *session) again() {
	for _, p := range s.asked {
		p.fetchAnswer, p.err = fetchAnswer{}, nil
	}
}

// judge gives every part its error and decides whether the attempt is worth handing out.
func (s *session) judge(ctx context.Context, t *lease) (class, error) {
	worth, old := false, false // old: the layout in use is
	worst, last := later, error(nil)
	for _, p := range s.asked {
		var (
			c   class
			err error
		)
		switch {
		case p.answered && p.code == 0:
			worth, p.known = true, p.end
			continue
		case p.answered:
			err = kafkago.Error(p.code)
			if c = classify(err); kafkago.Error(p.code) == kafkago.UnknownTopicOrPartition {
				c = unknown // perhaps only to that broker
			}
		case p.leader < 0:
			c, err = unknown, kafkago.LeaderNotAvailable
		default:
			ln := s.lanes[p.leader]
			if err = ln.err; err == nil {
				// Others filled the answer, and some brokers leave the rest out of it. That must not
				// look like a partition without anything new.
				if p.end = p.known; p.end <= p.from {
					p.err = fmt.Errorf("fetch %s from %d: %w: no room in the answer", p.Partition, p.from, log.ErrAgain)
				}
				continue
			}
			if c = classify(err); c == final {
				return c, err // passwords, certificates: the same for all
			}
		}
		if c == unknown {
			c, err = s.l.resolve(ctx, t, p.Partition, err)
			if errors.Is(err, context.Canceled) {
				return c, err // says nothing about the partition
			}
		}
		if c == final {
			p.err, worth = fmt.Errorf("fetch %s from %d: %w", p.Partition, p.from, said(err)), true
			continue
		}
		old = true
		if c == stale {
			worst = stale
		}
		p.err, last = fmt.Errorf("fetch %s from %d: %w: %w", p.Partition, p.from, log.ErrAgain, err), err
	}
	if old {
		s.renew(t)
	}
	if !worth {
		return worst, last
	}
	s.busy = s.news()
	s.turn()
	return final, nil
}

// turn lets those that had nothing be served first the next time.
func (s *session) turn() {
	n := 0
	for i, p := range s.order {
		if len(p.records) == 0 {
			copy(s.order[n+1:i+1], s.order[n:i])
			s.order[n] = p
			n++
		}
	}
}

// Next implements log.Session.
func (s *session) Next() (a log.Answer, ok bool) {
	for s.ready && s.at < len(s.asked) {
		p := s.asked[s.at]
		a = log.Answer{Ask: s.at, Batch: log.Batch{Next: p.from, Start: p.start, End: p.end}, Err: p.err}
		if a.Err != nil {
			s.at++
			return a, true
		}
		if !s.walking {
			s.w.begin(p.Partition, p.from, &p.fetchAnswer)
			s.walking, s.said = true, false
		}
		s.w.recs, s.w.gone = s.w.recs[:0], s.w.gone[:0]
		ok, err := s.w.step()
		a.Next = s.w.next
		if ok {
			p.damaged, p.grown, s.said = 0, 0, true
			a.Records, a.Aborted = s.w.recs, s.w.gone
			return a, true
		}
		s.at++
		s.walking = false
		if err != nil {
			a.Err = s.fault(p, err)
			return a, true
		}
		if !s.said {
			return a, true
		}
	}
	s.w.data = nil
	return log.Answer{}, false
}

// fault decides what is said of a batch that cannot be read.
func (s *session) fault(p *part, err error) error {
	what := fmt.Sprintf("fetch %s from %d", p.Partition, p.from)
	switch {
	case errors.Is(err, recordbatch.ErrShort):
		if p.size >= s.l.cfg.MaxBatchBytes {
			return fmt.Errorf("%s: batch larger than %d bytes: %w", what, p.size, log.ErrTooLarge)
		}
		p.grown = min(2*p.size, s.l.cfg.MaxBatchBytes)
		return fmt.Errorf("%s: %w: batch larger than %d bytes", what, log.ErrAgain, p.size)
	case classify(err) == damaged && p.damaged < maxDamaged:
		p.damaged++
		if s.lease != nil {
			s.renew(s.lease) // on the way, or on disk: another connection tells which
		}
		// The bad one itself stays inside: it is not for the reader yet.
		return fmt.Errorf("%s: %w: %v", what, log.ErrAgain, err) //nolint:errorlint // on purpose
	}
	return fmt.Errorf("%s: %w", what, err)
}
