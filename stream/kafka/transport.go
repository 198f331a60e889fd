package kafka

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/driftline/driftline/stream/log"
)

// metadataTTL bounds how long a request may go to a broker that no longer leads.
// A refused one renews the transport at once, so this is only the quiet refresh.
const metadataTTL = 10 * time.Second

// transports holds the one kafka-go transport in use. A transport knows a fixed
// list of topics and cannot be told to ask again, so a new topic, a lost leader or
// a broken connection replaces it; the old one closes after its last user.
type transports struct {
	make func(topics []string) *kafkago.Transport

	mu     sync.Mutex // guards all below
	topics map[string]bool
	cur    *lease
	closed bool
}

// lease counts the users of a transport. A retired transport must not be used
// again: kafka-go would open a pool in it that nothing closes.
type lease struct {
	*kafkago.Transport
	users   int
	retired bool
}

func newTransports(cfg Config) (*transports, error) {
	mech, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: cfg.DialTimeout, KeepAlive: 30 * time.Second}
	return &transports{
		topics: map[string]bool{},
		make: func(topics []string) *kafkago.Transport {
			return &kafkago.Transport{
				Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
					conn, err := dialer.DialContext(ctx, network, addr)
					if err != nil {
						return nil, err
					}
					if cfg.TLS != nil {
						return &bufferedConn{Conn: conn, r: bufio.NewReaderSize(conn, 256<<10)}, nil
					}
					return conn, nil // large answers are read straight into their buffer
				},
				DialTimeout:    cfg.DialTimeout,
				IdleTimeout:    cfg.IdleTimeout,
				MetadataTTL:    metadataTTL,
				MetadataTopics: topics,
				ClientID:       cfg.ClientID,
				TLS:            cfg.TLS,
				SASL:           mech,
			}
		},
	}, nil
}

// bufferedConn reads ahead 256 KiB under TLS, which reads record by record.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(b []byte) (int, error) { return c.r.Read(b) }

// acquire returns the transport in use, made to know topic ("" for none); release it after use.
func (t *transports) acquire(topic string) (*lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, fmt.Errorf("log is closed: %w", log.ErrUnreachable)
	}
	if topic != "" {
		t.add(topic)
	}
	if t.cur == nil {
		t.cur = &lease{Transport: t.make(t.names())}
	}
	t.cur.users++
	return t.cur, nil
}

// know makes the next acquire know topics that are about to be made.
func (t *transports) know(topics []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range topics {
		t.add(topic)
	}
}

func (t *transports) add(topic string) {
	if !t.topics[topic] {
		t.topics[topic] = true
		t.retire()
	}
}

// names is never nil: nil asks for every topic of the cluster.
func (t *transports) names() []string {
	return append([]string{}, slices.Sorted(maps.Keys(t.topics))...)
}

func (t *transports) release(l *lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.users--
	if l.retired && l.users == 0 {
		l.CloseIdleConnections()
	}
}

// renew makes the next acquire open new connections and ask for the layout again,
// unless someone has renewed l already.
func (t *transports) renew(l *lease) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cur == l {
		t.retire()
	}
}

func (t *transports) retire() {
	if l := t.cur; l != nil {
		t.cur = nil
		l.retired = true
		if l.users == 0 {
			l.CloseIdleConnections()
		}
	}
}

func (t *transports) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.retire()
}
