package embedded_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/log"
)

func start(t *testing.T, cfg embedded.Config) (*embedded.Embedded, *kafka.Log) {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	e, err := embedded.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	l, err := kafka.Dial(kafka.Config{Brokers: []string{e.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return e, l
}

func create(t *testing.T, l log.Log, topic string, partitions int, config map[string]string) {
	t.Helper()
	if err := l.CreateTopics(t.Context(), []log.Topic{{Name: topic, Partitions: partitions, Config: config}}); err != nil {
		t.Fatal(err)
	}
}

func TestFault_EmbeddedFutureRecord(t *testing.T) {
	t.Parallel()
	_, l := start(t, embedded.Config{AfterMax: time.Minute, BeforeMax: 3 * time.Minute})
	create(t, l, "bounded", 1, nil)
	create(t, l, "historical", 1, embedded.Historical(1<<20))
	create(t, l, "own", 1, map[string]string{"message.timestamp.after.max.ms": "3600000", "message.timestamp.before.max.ms": "1000"})
	now := time.Now().UnixMilli()
	tests := []struct {
		name, topic string
		timeMS      int64
		want        error
	}{
		{"the present", "bounded", now, nil},
		{"half a minute ahead", "bounded", now + 30_000, nil},
		{"an hour ahead", "bounded", now + 3_600_000, log.ErrTimeBounds},
		{"two minutes old", "bounded", now - 120_000, nil},
		{"ten minutes old", "bounded", now - 600_000, log.ErrTimeBounds},
		{"no time, for the collector to judge", "bounded", log.NoTime, nil},
		{"years old on a historical topic", "historical", 1_000_000_000_000, nil},
		{"the epoch on a historical topic", "historical", 0, nil},
		{"an hour ahead on a historical topic", "historical", now + 3_600_000, log.ErrTimeBounds},
		{"half an hour ahead where the topic allows it", "own", now + 1_800_000, nil},
		{"a minute old where the topic forbids it", "own", now - 60_000, log.ErrTimeBounds},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := log.Partition{Topic: tt.topic}
			_, before, err := l.Bounds(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			// The record stands behind a good one, so that the batch's first time does not give it away.
			err = l.Append(t.Context(), []log.Record{{Partition: p, TimeMS: log.StampNow}, {Partition: p, TimeMS: tt.timeMS}})
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			want := before
			if tt.want == nil {
				want += 2
			}
			if _, end, err := l.Bounds(t.Context(), p); end != want || err != nil {
				t.Errorf("end %d, %v; want %d", end, err, want)
			}
		})
	}
}

// One request with several partitions, as other clients send it: only the one that
// breaks the bounds is refused. kgo also speaks the newest versions, topics by id.
func TestBounds_OtherPartitionsOfTheRequestAreStored(t *testing.T) {
	t.Parallel()
	e, l := start(t, embedded.Config{})
	create(t, l, "mixed", 3, nil)
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		cl, err := kgo.NewClient(kgo.SeedBrokers(e.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(50*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		var recs []*kgo.Record
		for p := range int32(3) {
			for i := range 20 {
				r := &kgo.Record{Topic: "mixed", Partition: p, Value: []byte(strings.Repeat("v", 100)), Timestamp: time.Now()}
				if p == 1 && i == 19 {
					r.Timestamp = time.Now().Add(time.Hour)
				}
				recs = append(recs, r)
			}
		}
		for _, res := range cl.ProduceSync(t.Context(), recs...) {
			if bad := res.Record.Partition == 1; bad != errors.Is(res.Err, kerr.InvalidTimestamp) || !bad && res.Err != nil {
				t.Errorf("partition %d: %v", res.Record.Partition, res.Err)
			}
		}
		cl.Close()
	}
	for p, want := range []int64{100, 0, 100} {
		if _, end, err := l.Bounds(t.Context(), log.Partition{Topic: "mixed", Index: int32(p)}); end != want || err != nil {
			t.Errorf("partition %d holds %d, %v; want %d", p, end, err, want)
		}
	}
}

func TestTopics_AllCarryRetentionAndHistoricalOnesKeepOldRecords(t *testing.T) {
	t.Parallel()
	e, l := start(t, embedded.Config{Retention: time.Hour, RetentionBytes: 1 << 20})
	create(t, l, "plain", 1, nil)
	create(t, l, "historical", 1, embedded.Historical(20_000))
	cfg, err := l.TopicConfig(t.Context(), "plain")
	if err != nil || cfg["retention.ms"] != "3600000" || cfg["retention.bytes"] != "1048576" || cfg["message.timestamp.after.max.ms"] != "60000" {
		t.Errorf("plain: %v %v", err, cfg)
	}
	old := time.Now().Add(-48 * time.Hour).UnixMilli()
	for range 30 {
		for _, topic := range []string{"plain", "historical"} {
			r := log.Record{Partition: log.Partition{Topic: topic}, TimeMS: old, Value: make([]byte, 1000)}
			if err := l.Append(t.Context(), []log.Record{r}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := e.ApplyRetention(); err != nil {
		t.Fatal(err)
	}
	start, end, err := l.Bounds(t.Context(), log.Partition{Topic: "plain"})
	if start != 30 || end != 30 || err != nil {
		t.Errorf("plain: %d to %d, %v; want all 30 two-day-old records gone after an hour's retention", start, end, err)
	}
	start, end, err = l.Bounds(t.Context(), log.Partition{Topic: "historical"})
	if start < 5 || start > 15 || end != 30 || err != nil {
		t.Errorf("historical: %d to %d, %v; want the oldest gone by size only", start, end, err)
	}
}

func TestStart_PortTaken(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := embedded.Start(embedded.Config{Listen: ln.Addr().String(), DataDir: dir}); !errors.Is(err, embedded.ErrPortTaken) {
		t.Fatalf("error %v, want ErrPortTaken", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the data directory was made all the same: %v", err)
	}
}

func TestStart_AdvertisesAnotherAddress(t *testing.T) {
	t.Parallel()
	e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0", Advertise: "localhost:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if !strings.HasPrefix(e.Addr(), "localhost:") || strings.HasSuffix(e.Addr(), ":0") {
		t.Errorf("address %s, want localhost and the port taken", e.Addr())
	}
	l, err := kafka.Dial(kafka.Config{Brokers: []string{e.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err := l.Ping(t.Context()); err != nil || !slices.Equal(c.Brokers, []string{e.Addr()}) {
		t.Errorf("brokers %v, %v; want %s", c.Brokers, err, e.Addr())
	}
}

func TestConfig_ReportsAllFaults(t *testing.T) {
	t.Parallel()
	err := embedded.Config{Listen: "nowhere", Advertise: "x:99999", AfterMax: -1, MaxMessageBytes: 3}.Validate()
	for _, want := range []string{`"nowhere"`, `"x:99999"`, "after max", "max message bytes: 3"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
}

// fill writes a data directory as a clean stop, or as a kill -9 (a copy taken
// while the broker runs), leaves it.
func fill(t *testing.T, clean bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	e, l := start(t, embedded.Config{DataDir: dir, SyncWrites: !clean})
	create(t, l, "a", 2, nil)
	p := log.Partition{Topic: "a", Index: 1}
	for i := range 10 {
		recs := []log.Record{{Partition: p, TimeMS: log.StampNow, Value: fmt.Append(nil, i)}}
		if err := errors.Join(l.Append(t.Context(), recs), l.Commit(t.Context(), "g", p, int64(i))); err != nil {
			t.Fatal(err)
		}
	}
	if clean {
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	copied := filepath.Join(t.TempDir(), "killed")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return copied
}

func segment(dir string) string { return filepath.Join(dir, "partitions", "a-1", "0.dat") }

func edit(t *testing.T, path string, f func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestStart_RefusesDamagedDataAndChangesNothing(t *testing.T) {
	t.Parallel()
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 0x40; return b }
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"a flipped bit in the middle of a segment", func(t *testing.T, dir string) { edit(t, segment(dir), flip(100)) }},
		{"a garbled length in a segment", func(t *testing.T, dir string) { edit(t, segment(dir), flip(8)) }},
		{"a hole of zeros in a segment", func(t *testing.T, dir string) {
			edit(t, segment(dir), func(b []byte) []byte { clear(b[70:200]); return b })
		}},
		{"a segment that begins with a cut batch", func(t *testing.T, dir string) {
			edit(t, segment(dir), func(b []byte) []byte { return b[30:] })
		}},
		{"topics.json is not JSON", func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "topics.json"), func(b []byte) []byte { return b[:len(b)-5] })
		}},
		{"topics.json is gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "topics.json")); err != nil {
				t.Fatal(err)
			}
		}},
		{"meta.json is gone", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "meta.json")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a flipped bit in the committed offsets", func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, "groups.log"), flip(20))
		}},
	}
	for _, clean := range []bool{true, false} {
		whole := fill(t, clean)
		for _, tt := range tests {
			if clean && strings.Contains(tt.name, "committed") {
				continue // a clean stop leaves one entry, and a torn last one is no damage
			}
			t.Run(fmt.Sprintf("%s, clean stop %v", tt.name, clean), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "d")
				if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
					t.Fatal(err)
				}
				tt.damage(t, dir)
				before := snapshot(t, dir)
				e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0", DataDir: dir})
				if err == nil {
					_ = e.Close()
				}
				if !errors.Is(err, embedded.ErrDataDamaged) || !strings.Contains(err.Error(), dir) {
					t.Fatalf("error %v, want ErrDataDamaged naming the place", err)
				}
				after := snapshot(t, dir)
				for path, content := range before {
					if after[path] != content {
						t.Errorf("%s was changed", path)
					}
				}
				if len(after) != len(before) {
					t.Errorf("%d files before, %d after", len(before), len(after))
				}
			})
		}
	}
}

func TestStart_AfterAKillNothingAcknowledgedIsMissing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		tear func(b []byte) []byte
		want int64
	}{
		{"whole", func(b []byte) []byte { return b }, 10},
		{"torn in the last batch", func(b []byte) []byte { return b[:len(b)-3] }, 9},
		{"an unfinished batch behind the last", func(b []byte) []byte { return append(b, b[:40]...) }, 10},
		{"made longer, not written", func(b []byte) []byte { return append(b, make([]byte, 300)...) }, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := fill(t, false)
			edit(t, segment(dir), tt.tear)
			_, l := start(t, embedded.Config{DataDir: dir})
			p := log.Partition{Topic: "a", Index: 1}
			if _, end, err := l.Bounds(t.Context(), p); end != tt.want || err != nil {
				t.Errorf("end %d, %v; want %d", end, err, tt.want)
			}
			if o, err := l.Committed(t.Context(), "g", p); o != 9 || err != nil {
				t.Errorf("committed %d, %v; want 9", o, err)
			}
		})
	}
}

// Offsets are given once: a partition that retention has emptied goes on where it was.
func TestStart_AnEmptiedPartitionKeepsItsEnd(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"clean stop", "killed", "killed twice", "topic made again"} {
		t.Run(how, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			e, l := start(t, embedded.Config{DataDir: dir})
			create(t, l, "a", 2, nil)
			p := log.Partition{Topic: "a", Index: 1}
			old := time.Now().Add(-30 * 24 * time.Hour).UnixMilli()
			for range 5 {
				if err := l.Append(t.Context(), []log.Record{{Partition: p, TimeMS: old}}); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.ApplyRetention(); err != nil {
				t.Fatal(err)
			}
			if s, end, err := l.Bounds(t.Context(), p); s != 5 || end != 5 || err != nil {
				t.Fatalf("%d to %d, %v; want 5 to 5", s, end, err)
			}
			want := int64(5)
			if how == "topic made again" {
				deleteTopic(t, e.Addr(), "a")
				create(t, l, "a", 2, nil)
				want = 0
			}
			kill := func() {
				killed := filepath.Join(t.TempDir(), "killed")
				if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				dir = killed
			}
			switch how {
			case "clean stop":
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
			case "killed twice":
				kill()
				start(t, embedded.Config{DataDir: dir})
				kill()
			default:
				kill()
			}
			_, l = start(t, embedded.Config{DataDir: dir})
			s, end, err := l.Bounds(t.Context(), p)
			if end != want || err != nil {
				t.Fatalf("%d to %d, %v; want the end at %d", s, end, err, want)
			}
			if b, err := l.Fetch(t.Context(), p, s, 0); err != nil || len(b.Records) != 0 || b.Next != want {
				t.Errorf("fetch from %d: %+v, %v; want nothing, next %d", s, b, err, want)
			}
			if err := l.Append(t.Context(), []log.Record{{Partition: p, TimeMS: log.StampNow, Value: []byte("v")}}); err != nil {
				t.Fatal(err)
			}
			if b, err := l.Fetch(t.Context(), p, want, time.Second); err != nil || len(b.Records) != 1 || b.Records[0].Offset != want {
				t.Errorf("the next record: %+v, %v; want offset %d", b, err, want)
			}
			if s, end, err := l.Bounds(t.Context(), log.Partition{Topic: "a"}); s != 0 || end != 0 || err != nil {
				t.Errorf("the partition never used: %d to %d, %v; want 0 to 0", s, end, err)
			}
		})
	}
}

func deleteTopic(t *testing.T, broker, topic string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrDeleteTopicsRequest()
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = &topic
	req.Topics, req.TopicNames = append(req.Topics, rt), []string{topic}
	if res, err := req.RequestWith(t.Context(), cl); err != nil || res.Topics[0].ErrorCode != 0 {
		t.Fatalf("delete topic: %v %+v", err, res)
	}
}

func TestTopics_CompactedOnesKeepTheLastOfEachKeyForEver(t *testing.T) {
	t.Parallel()
	e, l := start(t, embedded.Config{Retention: time.Hour, DataDir: t.TempDir()})
	create(t, l, "state", 1, map[string]string{"cleanup.policy": "compact", "retention.ms": "1"})
	p := log.Partition{Topic: "state"}
	old := time.Now().Add(-240 * time.Hour).UnixMilli()
	for i := range 6 {
		r := log.Record{Partition: p, TimeMS: old, Key: fmt.Append(nil, "k", i%2), Value: fmt.Append(nil, i)}
		if err := l.Append(t.Context(), []log.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.ApplyRetention(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	from, _, err := l.Bounds(t.Context(), p) // kfake's start moves on with compaction
	if err != nil {
		t.Fatal(err)
	}
	for from < 6 {
		b, err := l.Fetch(t.Context(), p, from, 0)
		if err != nil || b.Next == from {
			t.Fatalf("fetch from %d: %+v, %v", from, b, err)
		}
		for _, r := range b.Records {
			got[string(r.Key)] = string(r.Value)
		}
		from = b.Next
	}
	if got["k0"] != "4" || got["k1"] != "5" {
		t.Errorf("state %v, want the last of both keys", got)
	}
}
