// Package logtest is the conformance suite of the log seam: what every
// implementation of log.Log must do, whatever stands behind it. It runs on memlog,
// on the embedded broker and on Apache Kafka; a rule that does not hold on all
// three is no rule of the seam.
package logtest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/log"
)

// Env is one implementation under test.
type Env struct {
	// Log is used by all cases, side by side.
	Log log.Log
	// Open gives a further handle to the same broker, as another process has.
	Open func(t *testing.T) log.Log
	// NowMS is the clock record times are judged by.
	NowMS func() int64
	// Wait is what a fetch that must find a record waits for it at most.
	Wait time.Duration

	// Reopen, where data outlives the broker, stops it, starts it again and returns
	// a handle. It runs last.
	Reopen func(t *testing.T) log.Log
	// Truncate, where there is a way, drops the records before an offset.
	Truncate func(t *testing.T, p log.Partition, newStart int64)
	// Abort, where there is a way, writes n records and aborts their transaction.
	Abort func(t *testing.T, p log.Partition, n int)
	// NoBounds says that timestamp bounds of a topic are not enforced.
	NoBounds bool
	// NoAppendTime says that message.timestamp.type=LogAppendTime is not supported.
	NoAppendTime bool
}

var serial atomic.Int64

// Run runs the suite. open is called once per case group; it registers its own cleanup.
func Run(t *testing.T, open func(t *testing.T) Env) {
	env := open(t)
	if env.Wait == 0 {
		env.Wait = 10 * time.Second
	}
	cases := []testCase{
		{"topics are made once and keep their partitions", topicsMadeOnce},
		{"an unknown topic or partition says so", unknownTopic},
		{"topic configuration is read back", topicConfig},
		{"records come back in order with times keys and values", roundTrip},
		{"nil and empty keys and values stay apart", nils},
		{"headers come back as they were", headers},
		{"broken headers are refused", brokenHeaders},
		{"a record without a time keeps having none", noTime},
		{"stamp now takes the present", stampNow},
		{"times need not be in order", unorderedTimes},
		{"a fetch from inside a batch drops what lies before", midBatch},
		{"fetching walks from start to end without gap or repeat", walk},
		{"an empty fetch is no error", emptyFetch},
		{"a fetch sees what was appended meanwhile", fetchWaits},
		{"an offset beyond the end is out of range", beyondEnd},
		{"an offset before the start is out of range", beforeStart},
		{"offset at a time", offsetAt},
		{"commits belong to group and partition", commits},
		{"a large append keeps its order", largeAppend},
		{"a large record passes and a larger one is refused", largeRecord},
		{"partitions of one append are written each in order", manyPartitions},
		{"appenders side by side lose nothing", concurrentAppenders},
		{"record times outside the bounds are refused", timeBounds},
		{"an ended context ends the call", endedContext},
		{"a closed log is unreachable", closed},
	}
	cases = append(cases, sessionCases...)
	if !env.NoAppendTime {
		cases = append(cases, testCase{"log append time is the record time", appendTime},
			testCase{"a session gives the append time", sessionAppendTime})
	}
	t.Run("side by side", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				c.run(t, &suite{Env: env})
			})
		}
	})
	t.Run("everything is there after reopening", func(t *testing.T) { reopen(t, &suite{Env: env}) })
}

// testCase is one promise of the contract.
type testCase struct {
	name string
	run  func(t *testing.T, e *suite)
}

// suite is an Env with shorthands that end the test on an error.
type suite struct{ Env }

// topic makes a topic with a name of its own.
func (e *suite) topic(t *testing.T, partitions int, config map[string]string) string {
	t.Helper()
	name := fmt.Sprintf("conf.%d.%d", time.Now().UnixNano(), serial.Add(1))
	if err := e.Log.CreateTopics(ctx(t), []log.Topic{{Name: name, Partitions: partitions, Config: config}}); err != nil {
		t.Fatalf("create topic %s: %v", name, err)
	}
	return name
}

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return c
}

func (e *suite) append(t *testing.T, recs ...log.Record) {
	t.Helper()
	if err := e.Log.Append(ctx(t), recs); err != nil {
		t.Fatalf("append %d records: %v", len(recs), err)
	}
}

// read fetches from an offset to the end of the partition, checking each batch.
func read(t *testing.T, l log.Log, p log.Partition, from int64, wait time.Duration) (recs []log.Record, batches int) {
	t.Helper()
	_, end, err := l.Bounds(ctx(t), p)
	if err != nil {
		t.Fatalf("bounds of %s: %v", p, err)
	}
	for from < end {
		b, err := l.Fetch(ctx(t), p, from, wait)
		if err != nil {
			t.Fatalf("fetch %s from %d: %v", p, from, err)
		}
		checkBatch(t, b, p, from)
		recs = append(recs, b.Records...)
		from = b.Next
		batches++
	}
	return recs, batches
}

func checkBatch(t *testing.T, b log.Batch, p log.Partition, from int64) {
	t.Helper()
	last := from - 1
	for _, r := range b.Records {
		if r.Partition != p {
			t.Fatalf("record of %s in a batch of %s", r.Partition, p)
		}
		if r.Offset <= last {
			t.Fatalf("%s: offset %d after %d, asked from %d", p, r.Offset, last, from)
		}
		last = r.Offset
	}
	if b.Next < from || b.Next <= last && len(b.Records) > 0 {
		t.Fatalf("%s: asked from %d, last record %d, next %d", p, from, last, b.Next)
	}
	if b.Start > from || b.End < b.Next {
		t.Fatalf("%s: asked from %d, next %d, but bounds %d to %d", p, from, b.Next, b.Start, b.End)
	}
}

func at(topic string, index int32) log.Partition { return log.Partition{Topic: topic, Index: index} }

// numbered makes n records with times 1 ms apart from first on.
func numbered(p log.Partition, n int, firstMS int64) []log.Record {
	recs := make([]log.Record, n)
	for i := range recs {
		recs[i] = log.Record{Partition: p, TimeMS: firstMS + int64(i), Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "v%d %s", i, strings.Repeat("x", i%50))}
	}
	return recs
}

// wantSame compares all but offsets.
func wantSame(t *testing.T, got, want []log.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Partition != w.Partition || g.TimeMS != w.TimeMS || !sameBytes(g.Key, w.Key) || !sameBytes(g.Value, w.Value) || !sameBytes(g.Headers, w.Headers) {
			t.Fatalf("record %d: %s at %d ms key %q value %.40q headers %q; want %s at %d ms key %q value %.40q headers %q",
				i, g.Partition, g.TimeMS, g.Key, g.Value, g.Headers, w.Partition, w.TimeMS, w.Key, w.Value, w.Headers)
		}
	}
}

func sameBytes(a, b []byte) bool { return string(a) == string(b) && (a == nil) == (b == nil) }
