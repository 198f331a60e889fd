package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

func fetchBody(version int16, records []byte) []byte {
	w := &writer{}
	w.i32(0)
	if version >= 7 {
		w.i16(0)
		w.i32(0)
	}
	w.i32(1)
	w.str("in")
	w.i32(1)
	w.i32(3)  // partition
	w.i16(0)  // error
	w.i64(90) // high watermark
	w.i64(80) // last stable offset
	w.i64(10) // start
	w.i32(1)
	w.i64(7)
	w.i64(20)
	if version >= 11 {
		w.i32(-1)
	}
	w.i32(int32(len(records)))
	w.b = append(w.b, records...)
	return w.b
}

func parseFetch(body []byte, version int16, index int32) (*fetchAnswer, error) {
	x := fetchExchange{version: version, parts: []fetchPart{{Partition: log.Partition{Topic: "in", Index: index}}}}
	err := x.parse(body)
	return &x.parts[0].fetchAnswer, err
}

func TestParseFetch_EveryVersion(t *testing.T) {
	t.Parallel()
	for v := int16(minFetchVersion); v <= maxFetchVersion; v++ {
		a, err := parseFetch(fetchBody(v, []byte("records")), v, 3)
		if err != nil || a.end != 90 || a.start != 10 || len(a.aborted) != 1 || a.aborted[0] != (abortedTxn{7, 20}) || string(a.records) != "records" {
			t.Errorf("version %d: %+v, %v", v, a, err)
		}
		if a, err := parseFetch(fetchBody(v, nil), v, 4); err != nil || a.answered {
			t.Errorf("version %d, another partition: answered %v, %v", v, a.answered, err)
		}
	}
}

func batches(t testing.TB, n, each int) (data []byte) {
	for i := range n {
		var recs []recordbatch.Record
		for j := range each {
			recs = append(recs, recordbatch.Record{TimeMS: int64(j), Value: fmt.Append(nil, i, j)})
		}
		b, err := recordbatch.Append(nil, recordbatch.None, recs)
		if err != nil {
			t.Fatal(err)
		}
		b[7] = byte(i * each) // base offset; the CRC does not cover it
		data = append(data, b...)
	}
	return data
}

func TestFault_RecordsBeforeAskedOffset(t *testing.T) {
	t.Parallel()
	l := &Log{cfg: Config{}.withDefaults()}
	p := log.Partition{Topic: "in"}
	for from := int64(0); from <= 20; from++ {
		b, err := l.walk(p, from, &fetchAnswer{end: 20, records: batches(t, 4, 5)})
		if err != nil || int64(len(b.Records)) != 20-from || b.Next != 20 {
			t.Fatalf("from %d: %d records, next %d, %v; want %d and 20", from, len(b.Records), b.Next, err, 20-from)
		}
		if from < 20 && b.Records[0].Offset != from {
			t.Errorf("from %d: first record %d", from, b.Records[0].Offset)
		}
	}
}

func TestFault_TruncatedBatch(t *testing.T) {
	t.Parallel()
	l := &Log{cfg: Config{}.withDefaults()}
	p := log.Partition{Topic: "in"}
	whole := batches(t, 3, 5)
	for cut := range len(whole) {
		b, err := l.walk(p, 0, &fetchAnswer{end: 15, records: whole[:cut]})
		full := int64(cut / (len(whole) / 3) * 5)
		switch {
		case cut == 0:
			if err != nil || b.Next != 0 {
				t.Fatalf("nothing: next %d, %v", b.Next, err)
			}
		case full == 0:
			if !errors.Is(err, recordbatch.ErrShort) {
				t.Fatalf("%d bytes: %v, want ErrShort, so that more is asked for", cut, err)
			}
		default:
			if err != nil || b.Next != full || int64(len(b.Records)) != full {
				t.Fatalf("%d bytes: %d records, next %d, %v; want the %d whole ones", cut, len(b.Records), b.Next, err, full)
			}
		}
	}
}

func TestWalk_GivesWhatIsGoodBeforeADamagedBatch(t *testing.T) {
	t.Parallel()
	l := &Log{cfg: Config{}.withDefaults()}
	data := batches(t, 3, 5)
	data[len(data)-2] ^= 1
	b, err := l.walk(log.Partition{}, 0, &fetchAnswer{end: 15, records: data})
	if err != nil || len(b.Records) != 10 || b.Next != 10 {
		t.Errorf("%d records, next %d, %v; want the 10 before it", len(b.Records), b.Next, err)
	}
	third := len(data) / 3 * 2
	_, err = l.walk(log.Partition{}, 10, &fetchAnswer{end: 15, records: data[third:]})
	if !errors.Is(err, log.ErrBatch) || classify(err) != damaged {
		t.Errorf("at it: %v, want ErrBatch, to be fetched again", err)
	}
}

func TestClassify_SaysWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want class
	}{
		{"broker closed the connection", io.EOF, stale},
		{"connection reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, stale},
		{"broken pipe", &net.OpError{Op: "write", Err: syscall.EPIPE}, stale},
		{"connection refused", &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, later},
		{"name not found", &net.DNSError{IsNotFound: true}, later},
		{"one attempt took too long", context.DeadlineExceeded, later},
		{"leader moved", fmt.Errorf("x: %w", kafkago.NotLeaderForPartition), later},
		{"coordinator loading", kafkago.GroupLoadInProgress, later},
		{"too few replicas", kafkago.NotEnoughReplicas, later},
		{"no layout yet", protocol.NewErrNoTopic("in"), unknown},
		{"broker not in the layout", kafkago.BrokerNotAvailable, unknown},
		{"batch damaged", recordbatch.ErrCorrupt, damaged},
		{"batch too large after all", fmt.Errorf("%w: %w", log.ErrTooLarge, recordbatch.ErrLimit), final},
		{"no such topic", kafkago.UnknownTopicOrPartition, final},
		{"out of range", kafkago.OffsetOutOfRange, final},
		{"not allowed", kafkago.TopicAuthorizationFailed, final},
		{"wrong password", kafkago.SASLAuthenticationFailed, final},
		{"what nobody thought of", errors.New("surprise"), final},
	}
	for _, tt := range tests {
		if got := classify(tt.err); got != tt.want {
			t.Errorf("%s: class %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestPause_GrowsWithinItsBounds(t *testing.T) {
	t.Parallel()
	for attempt := range 100 {
		d, ceiling := pause(attempt), min(maxPause, minPause<<min(attempt, 10))
		if d < ceiling/2 || d > ceiling {
			t.Errorf("attempt %d: %s, want %s to %s", attempt, d, ceiling/2, ceiling)
		}
	}
}

func TestConfig_ReportsAllFaults(t *testing.T) {
	t.Parallel()
	err := Config{
		Brokers: []string{"host", "a:1 b:2"}, Compression: "brotli", RequestTimeout: -time.Second, FetchBytes: 5,
		SASL: SASL{Mechanism: "GSSAPI", User: "u"},
	}.Validate()
	for _, want := range []string{`"host"`, `"a:1 b:2"`, `"brotli"`, "request timeout: -1s", "fetch bytes: 5", `"GSSAPI"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if err := (Config{SASL: SASL{User: "u"}}).Validate(); err == nil || !strings.Contains(err.Error(), "brokers: empty") || !strings.Contains(err.Error(), "sasl mechanism: empty") {
		t.Errorf("%v, want both faults", err)
	}
	for _, m := range []string{"PLAIN", "scram-sha-256", "SCRAM-SHA-512"} {
		if err := (Config{Brokers: []string{"a:1"}, SASL: SASL{Mechanism: m, User: "u", Password: "p"}}).Validate(); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(int16(11), fetchBody(11, batches(f, 2, 2)))
	f.Add(int16(5), fetchBody(5, nil))
	w := &writer{}
	w.i32(0)
	w.i32(1)
	w.i32(1)
	w.str("host")
	w.i32(9092)
	w.i16(-1)
	w.str("cluster")
	w.i32(1)
	w.i32(1)
	w.i16(0)
	w.str("in")
	w.i8(0)
	w.i32(1)
	w.i16(0)
	w.i32(0)
	w.i32(1)
	w.i32(1)
	w.i32(1)
	w.i32(0)
	if a, err := parseMetadata(w.b); err != nil || a.topics["in"].partitions != 1 || a.cluster.Brokers[0] != "host:9092" {
		f.Fatalf("%+v, %v", a, err)
	}
	f.Add(int16(4), w.b)
	l := &Log{cfg: Config{MaxExpandBytes: 1 << 16}.withDefaults()}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if a, err := parseMetadata(body); err == nil && len(a.topics) > len(body) {
			t.Errorf("%d topics in %d bytes", len(a.topics), len(body))
		}
		version = minFetchVersion + (version&0x7fff)%(maxFetchVersion-minFetchVersion+1)
		a, err := parseFetch(body, version, 3)
		if err != nil {
			return
		}
		b, err := l.walk(log.Partition{Topic: "in", Index: 3}, 1, a)
		last := int64(0)
		for _, r := range b.Records {
			if r.Offset <= last && err == nil {
				t.Errorf("offset %d after %d", r.Offset, last)
			}
			last = r.Offset
		}
		if err == nil && b.Next <= last && len(b.Records) > 0 {
			t.Errorf("next %d, last record %d", b.Next, last)
		}
	})
}
