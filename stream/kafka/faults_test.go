package kafka_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

func create(t *testing.T, l log.Log, topic string, partitions int, config map[string]string) {
	t.Helper()
	if err := l.CreateTopics(t.Context(), []log.Topic{{Name: topic, Partitions: partitions, Config: config}}); err != nil {
		t.Fatal(err)
	}
}

// transact writes n records and ends their transaction.
func transact(t *testing.T, cl *kgo.Client, topic string, n int, label string, end kgo.TransactionEndTry) {
	t.Helper()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		r := &kgo.Record{Topic: topic, Partition: 0, Value: fmt.Appendf(nil, "%s%d", label, i)}
		if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

// abort writes n records and aborts their transaction.
func abort(t *testing.T, brokers []string, p log.Partition, n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID("abort "+p.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: p.Topic, Partition: p.Index, Value: []byte("void")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func testAborted(t *testing.T, brokers []string) {
	l := dial(t, kafka.Config{Brokers: brokers})
	create(t, l, "txn", 1, nil)
	txn := func(id string) *kgo.Client {
		cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cl.Close)
		return cl
	}
	a, b := txn("a"), txn("b")
	p := log.Partition{Topic: "txn"}
	plain := func(v string) {
		if err := l.Append(t.Context(), []log.Record{{Partition: p, TimeMS: log.StampNow, Value: []byte(v)}}); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	add := func(label string, n int) {
		for i := range n {
			want = append(want, fmt.Sprint(label, i))
		}
	}
	transact(t, a, "txn", 3, "kept", kgo.TryCommit)
	add("kept", 3)
	transact(t, a, "txn", 4, "void", kgo.TryAbort)
	plain("plain0")
	add("plain", 1)
	transact(t, a, "txn", 2, "again", kgo.TryCommit)
	add("again", 2)
	// Two at once: b's is aborted while a's, begun inside it, is committed.
	if err := b.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := b.ProduceSync(t.Context(), &kgo.Record{Topic: "txn", Value: []byte("void")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	transact(t, a, "txn", 2, "inside", kgo.TryCommit)
	add("inside", 2)
	if err := b.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	// Both aborted, the one that began later first: brokers list them by their markers.
	// What a commits in between waits for its marker before.
	if err := b.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := b.ProduceSync(t.Context(), &kgo.Record{Topic: "txn", Value: []byte("void")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	transact(t, a, "txn", 2, "void", kgo.TryAbort)
	transact(t, a, "txn", 1, "between", kgo.TryCommit)
	add("between", 1)
	if err := b.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	transact(t, b, "txn", 1, "last", kgo.TryCommit)
	add("last", 1)

	_, end, err := l.Bounds(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var aborted int64
	for from := int64(0); from < end; {
		batch, err := l.Fetch(t.Context(), p, from, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			got = append(got, string(r.Value))
		}
		aborted += int64(len(batch.Aborted))
		from = batch.Next
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || aborted != 8 {
		t.Errorf("read %v and %d aborted; want %v and 8", got, aborted, want)
	}
}

func TestFault_AbortedTransaction(t *testing.T) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) { testAborted(t, []string{startEmbedded(t, embedded.Config{}).Addr()}) })
	t.Run("Apache Kafka", func(t *testing.T) { testAborted(t, kafkatest.Start(t, 1).Brokers()) })
}

func TestFault_StaleConnection(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := startEmbedded(t, embedded.Config{DataDir: dir})
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}, RetryTimeout: -1}) // so only the retry at once is left
	create(t, l, "in", 1, nil)
	p := log.Partition{Topic: "in"}
	rec := []log.Record{{Partition: p, TimeMS: log.StampNow, Value: []byte("v")}}
	for range 3 {
		if err := l.Append(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		addr := e.Addr()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		e = startEmbedded(t, embedded.Config{DataDir: dir, Listen: addr})
	}
	if err := l.Append(t.Context(), rec); err != nil {
		t.Fatalf("first append after a restart: %v", err)
	}
	if _, end, err := l.Bounds(t.Context(), p); end != 4 || err != nil {
		t.Errorf("end %d, %v; want 4", end, err)
	}
}

func TestFault_BrokerDownIsUnreachableAndComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := startEmbedded(t, embedded.Config{DataDir: dir})
	addr := e.Addr()
	l := dial(t, kafka.Config{Brokers: []string{addr}, RetryTimeout: 300 * time.Millisecond})
	create(t, l, "in", 1, nil)
	p := log.Partition{Topic: "in"}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	_, partErr := l.Partitions(t.Context(), "in")
	_, fetchErr := l.Fetch(t.Context(), p, 0, 0)
	_, newErr := l.Fetch(t.Context(), log.Partition{Topic: "never.seen"}, 0, 0)
	_, commitErr := l.Committed(t.Context(), "g", p)
	for call, err := range map[string]error{
		"partitions": partErr, "fetch": fetchErr, "fetch of a new topic": newErr, "committed": commitErr,
		"append": l.Append(t.Context(), []log.Record{{Partition: p}}), "commit": l.Commit(t.Context(), "g", p, 1),
	} {
		if !errors.Is(err, log.ErrUnreachable) {
			t.Errorf("%s: %v, want ErrUnreachable", call, err)
		}
	}
	done := make(chan error, 1)
	patient := dial(t, kafka.Config{Brokers: []string{addr}, RetryTimeout: 30 * time.Second})
	go func() { done <- patient.Append(t.Context(), []log.Record{{Partition: p, TimeMS: log.StampNow}}) }()
	startEmbedded(t, embedded.Config{DataDir: dir, Listen: addr})
	if err := <-done; err != nil {
		t.Errorf("append begun while the broker was down: %v", err)
	}
	if _, err := l.Fetch(t.Context(), p, 0, 0); err != nil {
		t.Errorf("fetch after it came back: %v", err)
	}
}

// proxy passes bytes between client and broker and lets change alter what the broker says.
func proxy(t *testing.T, broker string, change func(answer []byte)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	t.Cleanup(func() { _ = ln.Close() })
	wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", broker)
			if err != nil {
				_ = in.Close()
				continue
			}
			wg.Go(func() {
				_, _ = io.Copy(out, in)
				_ = out.Close()
			})
			wg.Go(func() {
				defer in.Close()
				for {
					var head [4]byte
					if _, err := io.ReadFull(out, head[:]); err != nil {
						return
					}
					body := make([]byte, binary.BigEndian.Uint32(head[:]))
					if _, err := io.ReadFull(out, body); err != nil {
						return
					}
					change(body)
					if _, err := in.Write(append(head[:], body...)); err != nil {
						return
					}
				}
			})
		}
	})
	return ln.Addr().String()
}

func TestFault_BatchCRC(t *testing.T) {
	t.Parallel()
	var left atomic.Int64 // answers still to be damaged
	// The broker must advertise the proxy and the proxy know the broker, so one
	// address is chosen beforehand.
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := ln.Addr().String()
	_ = ln.Close()
	addr := proxy(t, free, func(answer []byte) {
		if i := bytes.Index(answer, []byte("precious")); i >= 0 && left.Load() > 0 {
			left.Add(-1)
			answer[i] ^= 1
		}
	})
	startEmbedded(t, embedded.Config{Listen: free, Advertise: addr})
	l := dial(t, kafka.Config{Brokers: []string{addr}})
	create(t, l, "in", 1, nil)
	p := log.Partition{Topic: "in"}
	if err := l.Append(t.Context(), []log.Record{{Partition: p, TimeMS: log.StampNow, Value: []byte("precious")}}); err != nil {
		t.Fatal(err)
	}
	left.Store(1)
	b, err := l.Fetch(t.Context(), p, 0, time.Second)
	if err != nil || len(b.Records) != 1 || string(b.Records[0].Value) != "precious" {
		t.Errorf("damaged once: %+v, %v; want the record from another connection", b, err)
	}
	left.Store(1000)
	b, err = l.Fetch(t.Context(), p, 0, time.Second)
	var bad *log.BadBatch
	if !errors.Is(err, log.ErrBatch) || !errors.As(err, &bad) || len(b.Records) != 0 {
		t.Fatalf("damaged for good: %+v, %v; want ErrBatch", b, err)
	}
	if bad.First != 0 || errors.Is(err, log.ErrUnreachable) {
		t.Errorf("%v: first %d; want the batch at 0, and no word of an unreachable broker", err, bad.First)
	}
}

func TestFault_DecompressionBomb(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, embedded.Config{})
	w := dial(t, kafka.Config{Brokers: []string{e.Addr()}, Compression: "zstd", MaxRequestBytes: 16 << 20})
	create(t, w, "in", 1, nil)
	p := log.Partition{Topic: "in"}
	for _, size := range []int{10, 8 << 20, 10} {
		if err := w.Append(t.Context(), []log.Record{{Partition: p, TimeMS: log.StampNow, Value: make([]byte, size)}}); err != nil {
			t.Fatal(err)
		}
	}
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}, MaxExpandBytes: 1 << 20})
	b, err := l.Fetch(t.Context(), p, 0, time.Second)
	if err != nil || len(b.Records) != 1 || b.Next != 1 {
		t.Fatalf("before the bomb: %d records, next %d, %v; want 1, 1", len(b.Records), b.Next, err)
	}
	_, err = l.Fetch(t.Context(), p, b.Next, time.Second)
	var bad *log.BadBatch
	if !errors.Is(err, log.ErrTooLarge) || !errors.As(err, &bad) || bad.First != 1 || bad.Last != 1 || bad.Records != 1 {
		t.Fatalf("at the bomb: %v; want ErrTooLarge naming offset 1", err)
	}
	b, err = l.Fetch(t.Context(), p, bad.Last+1, time.Second)
	if err != nil || len(b.Records) != 1 || b.Records[0].Offset != 2 {
		t.Errorf("behind the bomb: %+v, %v; want record 2", b, err)
	}
}

func TestPartitions_SeesGrowthAtOnce(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, embedded.Config{})
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}})
	create(t, l, "in", 1, nil)
	p := log.Partition{Topic: "in", Index: 2}
	if _, err := l.Fetch(t.Context(), p, 0, 0); !errors.Is(err, log.ErrNoTopic) {
		t.Errorf("before: %v, want ErrNoTopic", err)
	}
	grow(t, e.Addr(), "in", 3)
	if n, err := l.Partitions(t.Context(), "in"); n != 3 || err != nil {
		t.Errorf("%d partitions, %v; want 3", n, err)
	}
	if err := l.Append(t.Context(), []log.Record{{Partition: p, TimeMS: log.StampNow}}); err != nil {
		t.Errorf("append to the new partition: %v", err)
	}
}
