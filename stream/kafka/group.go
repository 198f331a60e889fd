package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/driftline/driftline/stream/log"
)

// Members is what a group of members is called after the group whose offsets they
// commit. They are two: brokers take commits from outside a generation, which are what
// makes a commit of a member that has lost its partitions valid, only for a group
// without members.
const Members = "-members"

// GroupConfig describes a membership. ID and Topics are required.
type GroupConfig struct {
	ID     string
	Topics []string // their partitions are shared among the members

	Heartbeat time.Duration // default 3 s
	Session   time.Duration // a member not heard of for so long has left; default 15 s
	Rebalance time.Duration // how long members may take to let go of their partitions; default 30 s

	// Retried is told of every failed attempt to join; nil is allowed.
	Retried func(attempt int, err error)
}

// Generation is what one member owns until the group changes.
type Generation struct {
	ID         int32
	Member     string
	Partitions []log.Partition // by topic and index; none where there are more members than partitions

	l     *Log
	group string
}

// Alive asks the coordinator whether this generation is still the group's.
//
// Errors: log.ErrLost if it is not, so that nothing may be written any more that only
// the owner of a partition may write.
func (g *Generation) Alive(ctx context.Context) error {
	what := fmt.Sprintf("heartbeat of %s, generation %d", g.group, g.ID)
	return g.l.do(ctx, what, log.Partition{}, 0, func(ctx context.Context, t *lease) error {
		x := &heartbeatExchange{clientID: g.l.cfg.ClientID, group: g.group, generation: g.ID, member: g.Member}
		res, err := t.RoundTrip(ctx, g.l.addr, x)
		if err != nil {
			return err
		}
		if err := res.(*heartbeatAnswer).err; !errors.Is(err, kafkago.RebalanceInProgress) {
			return err
		}
		return nil // it goes on until this member lets go, or was not heard of for too long
	})
}

// Join makes this process a member of a group and calls run once per generation, one
// after the other, until ctx ends or run fails. run's context ends with the generation:
// run must return then, having dropped or finished what it was about to write, within
// GroupConfig.Rebalance. Whatever run returns after its context has ended, or that is
// log.ErrLost, only leads to the next generation.
//
// Joining is tried again until it succeeds, unless it is refused for good: rights,
// passwords, certificates, members that balance otherwise.
func (l *Log) Join(ctx context.Context, cfg GroupConfig, run func(ctx context.Context, g *Generation) error) error {
	what := "join group " + cfg.ID
	mech, err := l.cfg.SASL.mechanism()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	group, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: cfg.ID, Brokers: l.cfg.Brokers, Topics: cfg.Topics,
		Dialer: &kafkago.Dialer{ClientID: l.cfg.ClientID, Timeout: l.cfg.DialTimeout, TLS: l.cfg.TLS, SASLMechanism: mech, DualStack: true},
		// One way for all: members that offer different ones could not form a group.
		GroupBalancers:        []kafkago.GroupBalancer{kafkago.RoundRobinGroupBalancer{}},
		HeartbeatInterval:     cmp.Or(cfg.Heartbeat, 3*time.Second),
		SessionTimeout:        cmp.Or(cfg.Session, 15*time.Second),
		RebalanceTimeout:      cmp.Or(cfg.Rebalance, 30*time.Second),
		JoinGroupBackoff:      500 * time.Millisecond,
		WatchPartitionChanges: true, // an added partition is a new generation
		Timeout:               l.cfg.RequestTimeout,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer func() { _ = group.Close() }() // leaves the group; where that fails the session ends by itself
	for attempt := 1; ; attempt++ {
		gen, err := group.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case err != nil && refused(err):
			return fmt.Errorf("%s: %w", what, said(err))
		case err != nil:
			if cfg.Retried != nil {
				cfg.Retried(attempt, fmt.Errorf("%s: %w", what, err))
			}
			continue // kafka-go pauses before it joins again
		}
		attempt = 0
		if err := l.generation(ctx, cfg, gen, run); err != nil {
			return err
		}
	}
}

// generation lets run work for one generation.
func (l *Log) generation(ctx context.Context, cfg GroupConfig, gen *kafkago.Generation, run func(context.Context, *Generation) error) error {
	g := &Generation{ID: gen.ID, Member: gen.MemberID, l: l, group: cfg.ID}
	for topic, parts := range gen.Assignments {
		for _, p := range parts {
			g.Partitions = append(g.Partitions, log.Partition{Topic: topic, Index: int32(p.ID)})
		}
	}
	slices.SortFunc(g.Partitions, func(a, b log.Partition) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
	})
	done := make(chan error, 1)
	gen.Start(func(ended context.Context) {
		own, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(ended, cancel)()
		err := run(own, g)
		if own.Err() != nil {
			err = nil // it was told to stop
		}
		done <- err
	})
	err := <-done
	if errors.Is(err, log.ErrLost) {
		return nil // somebody else owns it: what we have now is the next generation
	}
	return err
}

// refused tells whether joining again would be refused again.
func refused(err error) bool {
	var code kafkago.Error
	if errors.As(err, &code) {
		switch code {
		case kafkago.GroupAuthorizationFailed, kafkago.TopicAuthorizationFailed, kafkago.ClusterAuthorizationFailed,
			kafkago.SASLAuthenticationFailed, kafkago.UnsupportedSASLMechanism, kafkago.InconsistentGroupProtocol,
			kafkago.InvalidSessionTimeout, kafkago.InvalidGroupId:
			return true
		}
		return false
	}
	return isTLS(err)
}
