package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

// take fetches until the session says something of every ask that is not ErrAgain, and
// returns values and errors by partition index. It moves the asks on.
func take(t *testing.T, s log.Session, asks []log.Ask) (values map[int32][]string, errs map[int32]error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	values, errs = map[int32][]string{}, map[int32]error{}
	told := map[int]bool{}
	for len(told) < len(asks) {
		if err := s.Fetch(ctx, asks, 100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for a, ok := s.Next(); ok; a, ok = s.Next() {
			p := asks[a.Ask].Partition.Index
			if a.Err != nil {
				if !errors.Is(a.Err, log.ErrAgain) {
					told[a.Ask], errs[p] = true, a.Err
				}
				continue
			}
			asks[a.Ask].From = a.Next
			for _, r := range a.Records {
				values[p] = append(values[p], string(r.Value))
			}
			if a.Next == a.End {
				told[a.Ask] = true
			}
		}
	}
	return values, errs
}

// behindProxy starts a broker whose answers pass through change.
func behindProxy(t *testing.T, change func(answer []byte)) (addr string) {
	t.Helper()
	// The broker must advertise the proxy and the proxy know the broker, so one
	// address is chosen beforehand.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := ln.Addr().String()
	_ = ln.Close()
	addr = proxy(t, free, change)
	startEmbedded(t, embedded.Config{Listen: free, Advertise: addr})
	return addr
}

func TestFault_BatchCRC_InASession(t *testing.T) {
	t.Parallel()
	var left atomic.Int64 // answers still to be damaged
	addr := behindProxy(t, func(answer []byte) {
		if i := bytes.Index(answer, []byte("precious")); i >= 0 && left.Load() > 0 {
			left.Add(-1)
			answer[i] ^= 1
		}
	})
	l := dial(t, kafka.Config{Brokers: []string{addr}})
	create(t, l, "in", 2, nil)
	for i, v := range []string{"before", "precious", "behind"} {
		recs := []log.Record{{Partition: log.Partition{Topic: "in"}, TimeMS: log.StampNow, Value: []byte(v)}}
		if i == 0 {
			recs = append(recs, log.Record{Partition: log.Partition{Topic: "in", Index: 1}, TimeMS: log.StampNow, Value: []byte("other")})
		}
		if err := l.Append(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
	}
	s := l.Session()
	defer s.Close()
	asks := func() []log.Ask {
		return []log.Ask{{Partition: log.Partition{Topic: "in"}}, {Partition: log.Partition{Topic: "in", Index: 1}}}
	}
	left.Store(1)
	got, errs := take(t, s, asks())
	if fmt.Sprint(got) != "map[0:[before precious behind] 1:[other]]" || len(errs) != 0 {
		t.Errorf("damaged once: %v, %v; want all from another connection", got, errs)
	}
	left.Store(1 << 40)
	got, errs = take(t, s, asks())
	var bad *log.BadBatch
	if !errors.As(errs[0], &bad) || bad.Records != 0 || bad.First != 1 || !errors.Is(errs[0], log.ErrBatch) || errs[1] != nil {
		t.Errorf("damaged for good: %v; want ErrBatch at offset 1 of one partition", errs)
	}
	if fmt.Sprint(got) != "map[0:[before] 1:[other]]" {
		t.Errorf("damaged for good: read %v; want what lies before it, and the other partition", got)
	}
}

func TestFault_DecompressionBomb_InASession(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, embedded.Config{})
	p := log.Partition{Topic: "in"}
	for i, codec := range []string{"gzip", "snappy", "lz4", "zstd"} {
		w := dial(t, kafka.Config{Brokers: []string{e.Addr()}, Compression: codec, MaxRequestBytes: 16 << 20})
		create(t, w, "in", 1, nil)
		for _, size := range []int{1 + 5*i, 8 << 20, 2 + 5*i} {
			err := w.Append(t.Context(), []log.Record{
				{Partition: p, TimeMS: log.StampNow, Value: bytes.Repeat([]byte{'x'}, size)},
				{Partition: p, TimeMS: log.StampNow, Value: []byte("second")},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}, MaxExpandBytes: 1 << 20})
	s := l.Session()
	defer s.Close()
	asks := []log.Ask{{Partition: p}}
	for i := range int64(4) {
		got, errs := take(t, s, asks)
		var bad *log.BadBatch
		if !errors.As(errs[0], &bad) || !errors.Is(errs[0], log.ErrTooLarge) || bad.First != 6*i+2 || bad.Last != 6*i+3 || bad.Records != 2 {
			t.Fatalf("bomb %d: %v; want ErrTooLarge of offsets %d to %d", i, errs[0], 6*i+2, 6*i+3)
		}
		if n := len(got[0]); n == 0 || asks[0].From != bad.First {
			t.Errorf("bomb %d: %d records before it, on from %d", i, n, asks[0].From)
		}
		asks[0].From = bad.Last + 1
	}
	if got, errs := take(t, s, asks); len(got[0]) != 2 || errs[0] != nil {
		t.Errorf("behind the last: %q, %v", got, errs)
	}
}

// A batch larger than what is asked for: the session asks for more until it fits.
func TestFault_TruncatedBatch_InASession(t *testing.T) {
	t.Parallel()
	l := dial(t, kafka.Config{Brokers: []string{startEmbedded(t, embedded.Config{}).Addr()}, FetchBytes: 2048})
	create(t, l, "in", 2, nil)
	want := strings.Repeat("long", 50_000)
	for i := range int32(2) {
		for _, v := range []string{"a", want, "z"} {
			if err := l.Append(t.Context(), []log.Record{{Partition: log.Partition{Topic: "in", Index: i}, TimeMS: log.StampNow, Value: []byte(v)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := l.Session()
	defer s.Close()
	got, errs := take(t, s, []log.Ask{{Partition: log.Partition{Topic: "in"}}, {Partition: log.Partition{Topic: "in", Index: 1}}})
	for i := range int32(2) {
		if g := got[i]; len(g) != 3 || g[1] != want || len(errs) != 0 {
			t.Errorf("partition %d: %d records, %v", i, len(g), errs)
		}
	}
}

func TestFault_StaleConnection_InASession(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := startEmbedded(t, embedded.Config{DataDir: dir})
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}, RetryTimeout: -1}) // so only the retry at once is left
	create(t, l, "in", 2, nil)
	s := l.Session()
	defer s.Close()
	asks := []log.Ask{{Partition: log.Partition{Topic: "in"}}, {Partition: log.Partition{Topic: "in", Index: 1}}}
	for i := range 3 {
		if err := l.Append(t.Context(), []log.Record{{Partition: asks[0].Partition, TimeMS: log.StampNow, Value: fmt.Append(nil, i)}}); err != nil {
			t.Fatal(err)
		}
		if got, errs := take(t, s, asks); fmt.Sprint(got[0]) != fmt.Sprintf("[%d]", i) || len(errs) != 0 {
			t.Fatalf("restart %d: %v, %v", i, got, errs)
		}
		addr := e.Addr()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e = startEmbedded(t, embedded.Config{DataDir: dir, Listen: addr})
	}
}

// Three brokers, one is killed: the partitions the others lead are read on meanwhile,
// and the rest from their new leaders, each record once and in order.
func TestFault_LeaderKilled_SessionGoesOn(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, 3)
	l := dial(t, kafka.Config{Brokers: c.Brokers(), RetryTimeout: time.Minute})
	const partitions, records = 6, 60
	create(t, l, "in", partitions, map[string]string{"min.insync.replicas": "1"})
	w, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s := l.Session()
	defer s.Close()
	var asks []log.Ask
	for i := range int32(partitions) {
		asks = append(asks, log.Ask{Partition: log.Partition{Topic: "in", Index: i}})
	}
	got := map[int32][]string{}
	for n := range records {
		if n == records/3 {
			c.Kill(1)
		}
		if n == 2*records/3 {
			c.Restart(1)
			c.Kill(2)
		}
		for i := range int32(partitions) {
			w.Produce(t.Context(), &kgo.Record{Topic: "in", Partition: i, Value: fmt.Append(nil, n)}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Errorf("produce: %v", err)
				}
			})
		}
		if err := s.Fetch(t.Context(), asks, 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		for a, ok := s.Next(); ok; a, ok = s.Next() {
			if a.Err != nil {
				if !errors.Is(a.Err, log.ErrAgain) {
					t.Fatal(a.Err)
				}
				continue
			}
			asks[a.Ask].From = a.Next
			for _, r := range a.Records {
				got[r.Partition.Index] = append(got[r.Partition.Index], string(r.Value))
			}
		}
	}
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for len(got[0]) < records || len(got[1]) < records || len(got[2]) < records || len(got[3]) < records || len(got[4]) < records || len(got[5]) < records {
		values, errs := take(t, s, asks)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for i, v := range values {
			got[i] = append(got[i], v...)
		}
	}
	for i := range int32(partitions) {
		for n, v := range got[i] {
			if v != fmt.Sprint(n) || n >= records {
				t.Fatalf("partition %d: record %d is %s", i, n, v)
			}
		}
	}
}

func TestSession_AllocatesNothingPerRecord(t *testing.T) {
	e := startEmbedded(t, embedded.Config{})
	const records = 8000
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		topic := "in." + codec
		l := dial(t, kafka.Config{Brokers: []string{e.Addr()}, Compression: codec, MaxRequestBytes: 60_000})
		create(t, l, topic, 2, nil)
		var recs []log.Record
		for i := range records {
			recs = append(recs, log.Record{Partition: log.Partition{Topic: topic, Index: int32(i % 2)}, TimeMS: log.StampNow, Value: fmt.Appendf(nil, "%0840d", i)})
		}
		if err := l.Append(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
		s := l.Session()
		asks := make([]log.Ask, 2)
		fetches := 0
		all := func() {
			fetches = 0
			for i := range asks {
				asks[i] = log.Ask{Partition: log.Partition{Topic: topic, Index: int32(i)}}
			}
			for asks[0].From+asks[1].From < records {
				fetches++
				if err := s.Fetch(t.Context(), asks, time.Second); err != nil {
					t.Fatal(err)
				}
				for a, ok := s.Next(); ok; a, ok = s.Next() {
					asks[a.Ask].From = a.Next
				}
			}
		}
		all()
		// The broker answers in this process too: what a fetch costs there and in kafka-go is
		// told apart from what a record costs by its size, hundreds to one.
		if allocs := testing.AllocsPerRun(3, all); allocs > records/10 {
			t.Errorf("%s: %v allocations for %d records in %d fetches; want at most one in ten records, the broker's included", codec, allocs, records, fetches)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
