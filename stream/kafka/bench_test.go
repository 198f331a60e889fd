package kafka_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/log"
)

// brokerEnv makes the test binary a broker and nothing else: the processor time of a
// benchmark is then the client's alone.
const brokerEnv = "DRIFTLINE_TEST_BROKER"

func TestMain(m *testing.M) {
	if os.Getenv(brokerEnv) != "" {
		os.Exit(serveBroker())
	}
	os.Exit(m.Run())
}

// serveBroker says its address and serves until its input ends.
func serveBroker() int {
	e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(e.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := e.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// otherProcess starts a broker in another process.
func otherProcess(b *testing.B) string {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), brokerEnv+"=1"), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(addr)
}

// benchRecords in each benchmark's topic, in batches of 64.
const benchRecords = 20_032

// benchEvents are predictions of 50 numeric features, 837 bytes on average.
func benchEvents(p log.Partition) []log.Record {
	rng := rand.New(rand.NewPCG(50, 837))
	recs := make([]log.Record, benchRecords)
	for i := range recs {
		v := fmt.Appendf(nil, `{"type":"prediction","model":"churn","version":"3","id":"%016x","ts":"2026-01-02T03:%02d:%02d.%03dZ","features":{`,
			rng.Uint64(), rng.IntN(60), rng.IntN(60), rng.IntN(1000))
		for f := range 50 {
			v = fmt.Appendf(v, `"f%02d":%.4f,`, f, rng.NormFloat64()*float64(f+1))
		}
		v = fmt.Appendf(v[:len(v)-1], `},"score":%.4f}`, rng.Float64())
		recs[i] = log.Record{Partition: p, TimeMS: log.StampNow, Value: v}
	}
	return recs
}

// cpu is the processor time of this process so far, user and system.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFetch reads one topic from a broker in another process in all ways that
// kafka-go offers, in turn, and by a session. Figures are processor time of the client:
// ns/record of a session, and how many times that the other ways cost.
func BenchmarkFetch(b *testing.B) {
	addr := otherProcess(b)
	for _, codec := range []string{"none", "snappy", "lz4", "zstd", "gzip"} {
		b.Run(codec, func(b *testing.B) {
			l, err := kafka.Dial(kafka.Config{Brokers: []string{addr}, Compression: codec, MaxRequestBytes: 64 * 880})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			p := log.Partition{Topic: "in." + codec}
			if _, err := l.Partitions(b.Context(), p.Topic); err != nil {
				if err := l.CreateTopics(b.Context(), []log.Topic{{Name: p.Topic, Partitions: 1}}); err != nil {
					b.Fatal(err)
				}
				if err := l.Append(b.Context(), benchEvents(p)); err != nil {
					b.Fatal(err)
				}
			}
			s := l.Session()
			defer s.Close()
			ways := []struct {
				name string
				read func(b *testing.B) (records int)
			}{
				{"session", func(b *testing.B) int { return bySession(b, s, p) }},
				{"fetch", func(b *testing.B) int { return byFetch(b, l, p) }},
				{"read_batch", func(b *testing.B) int { return byReadBatch(b, addr, p) }},
				{"client", func(b *testing.B) int { return byClient(b, addr, p) }},
				{"reader", func(b *testing.B) int { return byReader(b, addr, p) }},
			}
			spent := make([]time.Duration, len(ways))
			for _, w := range ways { // connections and buffers
				w.read(b)
			}
			rounds := 0
			for b.Loop() {
				rounds++
				for i, w := range ways {
					before := cpu(b)
					if n := w.read(b); n != benchRecords {
						b.Fatalf("%s: %d records, want %d", w.name, n, benchRecords)
					}
					spent[i] += cpu(b) - before
				}
			}
			b.ReportMetric(0, "ns/op") // of all ways together: says nothing
			b.ReportMetric(float64(spent[0].Nanoseconds())/float64(rounds*benchRecords), "ns/record")
			for i, w := range ways[1:] {
				b.ReportMetric(float64(spent[i+1])/float64(spent[0]), "x_"+w.name)
			}
		})
	}
}

var sum byte // what is read is touched, as a reader would

func bySession(b *testing.B, s log.Session, p log.Partition) (n int) {
	asks := []log.Ask{{Partition: p}}
	for asks[0].From < benchRecords {
		if err := s.Fetch(b.Context(), asks, time.Second); err != nil {
			b.Fatal(err)
		}
		for a, ok := s.Next(); ok; a, ok = s.Next() {
			if a.Err != nil {
				b.Fatal(a.Err)
			}
			for i := range a.Records {
				sum += a.Records[i].Value[0]
			}
			n += len(a.Records)
			asks[0].From = a.Next
		}
	}
	return n
}

func byFetch(b *testing.B, l *kafka.Log, p log.Partition) (n int) {
	for from := int64(0); from < benchRecords; {
		batch, err := l.Fetch(b.Context(), p, from, time.Second)
		if err != nil {
			b.Fatal(err)
		}
		for i := range batch.Records {
			sum += batch.Records[i].Value[0]
		}
		n += len(batch.Records)
		from = batch.Next
	}
	return n
}

func byReader(b *testing.B, addr string, p log.Partition) (n int) {
	r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: []string{addr}, Topic: p.Topic, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
	defer r.Close()
	for n < benchRecords {
		m, err := r.FetchMessage(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		sum += m.Value[0]
		n++
	}
	return n
}

func byReadBatch(b *testing.B, addr string, p log.Partition) (n int) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	c, err := kafkago.DialLeader(ctx, "tcp", addr, p.Topic, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for n < benchRecords {
		batch := c.ReadBatchWith(kafkago.ReadBatchConfig{MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		for {
			m, err := batch.ReadMessage()
			if err != nil {
				break // the batch is at its end
			}
			sum += m.Value[0]
			n++
		}
		if err := batch.Close(); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

func byClient(b *testing.B, addr string, p log.Partition) (n int) {
	transport := &kafkago.Transport{MetadataTopics: []string{p.Topic}}
	defer transport.CloseIdleConnections()
	c := &kafkago.Client{Addr: kafkago.TCP(addr), Transport: transport}
	var buf []byte
	for from := int64(0); from < benchRecords; {
		res, err := c.Fetch(b.Context(), &kafkago.FetchRequest{Topic: p.Topic, Offset: from, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Second})
		if err != nil {
			b.Fatal(err)
		}
		if res.Error != nil {
			b.Fatal(res.Error)
		}
		for {
			r, err := res.Records.ReadRecord()
			if err != nil {
				break // io.EOF
			}
			if size := r.Value.Len(); size > cap(buf) {
				buf = make([]byte, size)
			}
			buf = buf[:r.Value.Len()]
			if _, err := io.ReadFull(r.Value, buf); err != nil {
				b.Fatal(err)
			}
			if r.Offset >= from { // batches are served whole
				sum += buf[0]
				n++
				from = r.Offset + 1
			}
			_ = r.Value.Close()
		}
	}
	return n
}
