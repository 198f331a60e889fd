package kafkatest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

func TestCluster_StopsAndComesBackOnItsAddressAndData(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, 1, "log.retention.hours=2")
	l, err := kafka.Dial(kafka.Config{Brokers: c.Brokers(), RetryTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.CreateTopics(t.Context(), []log.Topic{{Name: "kept", Partitions: 2}}); err != nil {
		t.Fatal(err)
	}
	if cfg, err := l.TopicConfig(t.Context(), "kept"); err != nil || cfg["retention.ms"] != "7200000" {
		t.Errorf("retention.ms = %q, %v; want the extra line to hold", cfg["retention.ms"], err)
	}
	c.Stop(0)
	if _, err := l.Partitions(t.Context(), "kept"); !errors.Is(err, log.ErrUnreachable) {
		t.Errorf("stopped: %v, want ErrUnreachable", err)
	}
	c.Restart(0)
	if n, err := l.Partitions(t.Context(), "kept"); n != 2 || err != nil {
		t.Errorf("back: %d partitions, %v; want 2", n, err)
	}
}

func TestCluster_OldReleasePausedAndResumed(t *testing.T) {
	t.Parallel()
	c := kafkatest.StartOld(t, 1)
	l, err := kafka.Dial(kafka.Config{Brokers: c.Brokers(), RetryTimeout: -1, RequestTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.CreateTopics(t.Context(), []log.Topic{{Name: "kept", Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	c.Pause(0)
	if _, err := l.Partitions(t.Context(), "kept"); !errors.Is(err, log.ErrUnreachable) {
		t.Errorf("paused: %v, want ErrUnreachable", err)
	}
	c.Resume(0)
	patient, err := kafka.Dial(kafka.Config{Brokers: c.Brokers(), RetryTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer patient.Close()
	if n, err := patient.Partitions(t.Context(), "kept"); n != 1 || err != nil {
		t.Errorf("resumed: %d partitions, %v; want 1", n, err)
	}
}
