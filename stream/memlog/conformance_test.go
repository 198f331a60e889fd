package memlog_test

import (
	"testing"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/log/logtest"
	"github.com/driftline/driftline/stream/memlog"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	logtest.Run(t, func(t *testing.T) logtest.Env {
		l := memlog.New(memlog.Config{NowMS: 1_700_000_000_000})
		return logtest.Env{
			Log:    l.Handle(nil),
			Open:   func(*testing.T) log.Log { return l.Handle(nil) },
			NowMS:  l.NowMS,
			Reopen: func(*testing.T) log.Log { return l.Handle(nil) },
			Abort: func(t *testing.T, p log.Partition, n int) {
				if err := l.WriteAborted(p, n); err != nil {
					t.Fatal(err)
				}
			},
			Truncate: func(t *testing.T, p log.Partition, newStart int64) {
				if err := l.Truncate(p, newStart); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}
