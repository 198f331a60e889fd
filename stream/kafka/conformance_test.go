package kafka_test

import (
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/log/logtest"
)

func dial(t *testing.T, cfg kafka.Config) *kafka.Log {
	t.Helper()
	l, err := kafka.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func startEmbedded(t *testing.T, cfg embedded.Config) *embedded.Embedded {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	e, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func TestConformance_Embedded(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			logtest.Run(t, func(t *testing.T) logtest.Env {
				dir := t.TempDir()
				e := startEmbedded(t, embedded.Config{DataDir: dir})
				open := func(t *testing.T) log.Log {
					return dial(t, kafka.Config{Brokers: []string{e.Addr()}, Compression: codec})
				}
				return logtest.Env{
					Log: open(t), Open: open,
					NowMS:        func() int64 { return time.Now().UnixMilli() },
					NoAppendTime: true,
					Abort:        func(t *testing.T, p log.Partition, n int) { abort(t, []string{e.Addr()}, p, n) },
					Truncate: func(t *testing.T, p log.Partition, newStart int64) {
						if err := e.DropRecords(p.Topic, p.Index, newStart); err != nil {
							t.Fatal(err)
						}
					},
					Reopen: func(t *testing.T) log.Log {
						if err := e.Close(); err != nil {
							t.Fatal(err)
						}
						e = startEmbedded(t, embedded.Config{DataDir: dir})
						return open(t)
					},
				}
			})
		})
	}
}
