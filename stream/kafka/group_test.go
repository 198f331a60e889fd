package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

// member joins a group in the background and shows its generations.
type member struct {
	gens  chan *kafka.Generation // one per generation, when it begins
	ended chan *kafka.Generation // when its context ends
	stay  chan struct{}          // closed: run returns at once when its context ends
	leave context.CancelFunc
	done  chan error
}

// joinGroup starts a member. A stubborn one goes on when it is told to stop, until stay is closed.
func joinGroup(t *testing.T, brokers []string, id, topic string, stubborn bool) *member {
	t.Helper()
	l := dial(t, kafka.Config{Brokers: brokers})
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{gens: make(chan *kafka.Generation, 100), ended: make(chan *kafka.Generation, 100), stay: make(chan struct{}), leave: cancel, done: make(chan error, 1)}
	if !stubborn {
		close(m.stay)
	}
	cfg := kafka.GroupConfig{ID: id, Topics: []string{topic}, Heartbeat: 300 * time.Millisecond, Session: 6 * time.Second, Rebalance: 6 * time.Second}
	go func() {
		m.done <- l.Join(ctx, cfg, func(ctx context.Context, g *kafka.Generation) error {
			m.gens <- g
			<-ctx.Done()
			m.ended <- g
			<-m.stay
			return ctx.Err()
		})
	}()
	t.Cleanup(cancel)
	return m
}

// owning waits for a generation with n partitions.
func (m *member) owning(t *testing.T, n int) *kafka.Generation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	for {
		select {
		case g := <-m.gens:
			if len(g.Partitions) == n {
				return g
			}
		case err := <-m.done:
			t.Fatalf("left while waiting for %d partitions: %v", n, err)
		case <-ctx.Done():
			t.Fatalf("no generation with %d partitions", n)
		}
	}
}

func (m *member) gone(t *testing.T) {
	t.Helper()
	m.leave()
	if err := <-m.done; !errors.Is(err, context.Canceled) {
		t.Errorf("left with %v, want context.Canceled", err)
	}
}

func testGenerationEnds(t *testing.T, brokers []string) {
	l := dial(t, kafka.Config{Brokers: brokers})
	topic := fmt.Sprintf("in.%d", time.Now().UnixNano())
	create(t, l, topic, 4, nil)
	group := "g." + topic + kafka.Members
	a := joinGroup(t, brokers, group, topic, false)
	alone := a.owning(t, 4)
	if err := alone.Alive(t.Context()); err != nil {
		t.Errorf("alone: %v, want alive", err)
	}
	b := joinGroup(t, brokers, group, topic, false)
	half, other := a.owning(t, 2), b.owning(t, 2)
	if g := <-a.ended; g.ID != alone.ID {
		t.Errorf("generation %d ended, want %d", g.ID, alone.ID)
	}
	all := append(slices.Clone(half.Partitions), other.Partitions...)
	slices.SortFunc(all, func(x, y log.Partition) int { return int(x.Index - y.Index) })
	if fmt.Sprint(all) != fmt.Sprint(alone.Partitions) {
		t.Errorf("two members own %v and %v, want each of %v once", half.Partitions, other.Partitions, alone.Partitions)
	}
	if err := alone.Alive(t.Context()); !errors.Is(err, log.ErrLost) {
		t.Errorf("the generation before: %v, want ErrLost", err)
	}
	for name, g := range map[string]*kafka.Generation{"first": half, "second": other} {
		if err := g.Alive(t.Context()); err != nil {
			t.Errorf("%s member: %v, want alive", name, err)
		}
	}
	// Offsets are committed to the group without members, by whoever thinks he owns the partition.
	if err := l.Commit(t.Context(), "g."+topic, log.Partition{Topic: topic}, 7); err != nil {
		t.Errorf("commit beside members: %v", err)
	}
	b.gone(t)
	back := a.owning(t, 4)
	if err := other.Alive(t.Context()); !errors.Is(err, log.ErrLost) {
		t.Errorf("who has left: %v, want ErrLost", err)
	}
	grow(t, brokers[0], topic, 6)
	if g := a.owning(t, 6); g.ID <= back.ID {
		t.Errorf("generation %d after %d", g.ID, back.ID)
	}
	a.gone(t)

	// One that does not let go is not waited for longer than agreed, and is told so.
	z := joinGroup(t, brokers, group, topic, true)
	zombie := z.owning(t, 6)
	n := joinGroup(t, brokers, group, topic, false)
	if g := n.owning(t, 6); g.Alive(t.Context()) != nil {
		t.Error("the successor of a member that hangs is not alive")
	}
	if err := zombie.Alive(t.Context()); !errors.Is(err, log.ErrLost) {
		t.Errorf("zombie: %v, want ErrLost", err)
	}
	close(z.stay)
	z.owning(t, 3) // it takes part again
	n.gone(t)
	z.gone(t)
}

func TestFault_GenerationEnds(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { testGenerationEnds(t, []string{startEmbedded(t, embedded.Config{}).Addr()}) })
	t.Run("Apache Kafka", func(t *testing.T) { testGenerationEnds(t, kafkatest.Start(t, 1).Brokers()) })
}

// An error of the work itself ends the membership; one that says the partitions are
// somebody else's leads to the next generation.
func TestJoin_EndsWithTheErrorOfTheWork(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, embedded.Config{})
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}})
	create(t, l, "in", 1, nil)
	broken := errors.New("broken")
	n := 0
	err := l.Join(t.Context(), kafka.GroupConfig{ID: "g", Topics: []string{"in"}}, func(context.Context, *kafka.Generation) error {
		if n++; n < 3 {
			return fmt.Errorf("heartbeat: %w", log.ErrLost)
		}
		return broken
	})
	if !errors.Is(err, broken) || n != 3 {
		t.Errorf("%v after %d generations, want the third's error", err, n)
	}
}
