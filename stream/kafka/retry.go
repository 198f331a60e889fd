package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// class is what to do after an error.
type class uint8

const (
	final   class = iota // tell the caller
	later                // try again after a pause, on new connections
	stale                // the same, but the first time at once: the broker closed an idle connection
	damaged              // like later, but only a few times: what is on disk stays as it is
	unknown              // the layout in use does not know the partition: ask, then decide
)

// classify is the one place that decides what is tried again. What is not named is final.
func classify(err error) class {
	var code kafkago.Error
	switch {
	case errors.Is(err, log.ErrNoTopic), errors.Is(err, log.ErrOutOfRange), errors.Is(err, log.ErrTimeBounds),
		errors.Is(err, log.ErrTooLarge), errors.Is(err, log.ErrLost):
		return final // already said in the seam's words
	case errors.Is(err, recordbatch.ErrCorrupt):
		return damaged // on the way, or on disk: another connection tells which
	case errors.Is(err, errWire):
		return final // a broker we do not understand does not get better
	case isTLS(err):
		return final // certificates do not change within seconds
	case errors.As(err, &code):
		return classifyCode(code)
	case errors.Is(err, protocol.ErrNoTopic), errors.Is(err, protocol.ErrNoPartition), errors.Is(err, protocol.ErrNoLeader):
		return unknown // also what kafka-go answers while it has no layout at all
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed):
		return stale // broker restarted, or closed what was idle for its connections.max.idle.ms
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return later // one attempt's own deadline; the caller's is checked before
	}
	var netErr net.Error
	if errors.As(err, &netErr) {
		return later // refused, no route, name not found: what a restart looks like
	}
	return final
}

func classifyCode(code kafkago.Error) class {
	switch code {
	case kafkago.NotLeaderForPartition, kafkago.LeaderNotAvailable, kafkago.FencedLeaderEpoch, kafkago.UnknownLeaderEpoch,
		kafkago.ReplicaNotAvailable, kafkago.NotController:
		return later // leadership moved
	case kafkago.BrokerNotAvailable:
		return unknown // kafka-go's own answer for a broker missing from its layout
	case kafkago.GroupLoadInProgress, kafkago.GroupCoordinatorNotAvailable, kafkago.NotCoordinatorForGroup:
		return later // the coordinator is starting or moving
	case kafkago.RequestTimedOut, kafkago.NetworkException, kafkago.NotEnoughReplicas, kafkago.NotEnoughReplicasAfterAppend,
		kafkago.KafkaStorageError, kafkago.OffsetNotAvailable, kafkago.UnstableOffsetCommit, kafkago.RebalanceInProgress:
		return later // the broker says itself that it may pass
	case kafkago.InvalidMessage:
		return later // CRC failed at the broker: damaged on the way
	}
	return final
}

func isTLS(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &unknown)
}

// said maps a broker's code to the seam's words.
func said(err error) error {
	var code kafkago.Error
	if !errors.As(err, &code) {
		return err
	}
	var sentinel error
	switch code {
	case kafkago.UnknownTopicOrPartition, 100: // 100: UNKNOWN_TOPIC_ID
		sentinel = log.ErrNoTopic
	case kafkago.OffsetOutOfRange:
		sentinel = log.ErrOutOfRange
	case kafkago.InvalidTimestamp:
		sentinel = log.ErrTimeBounds
	case kafkago.MessageSizeTooLarge, kafkago.RecordListTooLarge:
		sentinel = log.ErrTooLarge
	case kafkago.UnknownMemberId, kafkago.IllegalGeneration, kafkago.FencedInstanceID:
		sentinel = log.ErrLost
	default:
		return err
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}

// Back-off: 100 ms doubling to 3 s, each shortened by a random part up to half,
// so that collectors do not return to a restarted broker all at once.
const (
	minPause = 100 * time.Millisecond
	maxPause = 3 * time.Second

	maxDamaged = 2 // further tries of a fetch whose batch is damaged
)

func pause(attempt int) time.Duration {
	d := min(maxPause, minPause<<min(attempt, 10))
	return d - time.Duration(rand.Int64N(int64(d/2)+1))
}

// do runs one operation, again where classify says so, until Config.RetryTimeout
// or the caller's context ends it. what says for errors what was being done;
// p.Topic, unless empty, is made known to the transport; wait is what the operation itself may wait.
func (l *Log) do(ctx context.Context, what string, p log.Partition, wait time.Duration, op func(context.Context, *lease) error) error {
	began, atOnce := time.Now(), true
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		t, err := l.conns.acquire(p.Topic)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		c := final
		one, cancel := context.WithTimeout(ctx, l.cfg.RequestTimeout+wait)
		if err = op(one, t); err != nil {
			if c = classify(err); c == unknown {
				c, err = l.resolve(one, t, p, err)
			}
		}
		cancel()
		if c != final {
			l.conns.renew(t)
		}
		l.conns.release(t)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w (last: %w)", what, ctx.Err(), err)
		case c == final, c == damaged && attempt >= maxDamaged:
			return fmt.Errorf("%s: %w", what, said(err))
		case c == stale && atOnce:
			atOnce = false
			continue
		case time.Since(began) >= l.cfg.RetryTimeout:
			if c == stale && l.cfg.SASL.Mechanism != "" {
				// Some brokers refuse a password by closing the connection, as a restart does.
				what += " (closed by the broker: is the SASL user or password wrong?)"
			}
			return fmt.Errorf("%s: tried %d times in %s: %w: %w", what, attempt+1, time.Since(began).Round(time.Millisecond), log.ErrUnreachable, err)
		}
		timer := time.NewTimer(pause(attempt))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// resolve finds out what stands behind "no such partition": kafka-go says so also
// when it could not reach any broker, or asked before a topic was made.
func (l *Log) resolve(ctx context.Context, t *lease, p log.Partition, cause error) (class, error) {
	if p.Topic == "" {
		return later, cause
	}
	a, err := l.metadata(ctx, t, p.Topic)
	if err != nil {
		return classify(err), err
	}
	layout := a.topics[p.Topic]
	if code := kafkago.Error(layout.code); code == kafkago.UnknownTopicOrPartition || code == kafkago.InvalidTopic {
		return final, code
	}
	if layout.partitions > 0 && int(p.Index) >= layout.partitions {
		return final, fmt.Errorf("the topic has %d partitions: %w", layout.partitions, log.ErrNoTopic)
	}
	return later, cause // it is there: the layout in use was old, or has no leader now
}
