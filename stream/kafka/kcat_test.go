package kafka_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/log"
)

func grow(t *testing.T, broker, topic string, total int32) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrCreatePartitionsRequest()
	rt := kmsg.NewCreatePartitionsRequestTopic()
	rt.Topic, rt.Count = topic, total
	req.Topics = append(req.Topics, rt)
	if res, err := req.RequestWith(t.Context(), cl); err != nil || res.Topics[0].ErrorCode != 0 {
		t.Fatalf("create partitions: %v %+v", err, res)
	}
}

// kcat runs a client of another family (librdkafka).
func kcat(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("kcat")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("kcat is not installed")
		}
		t.Skip("kcat is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("kcat %v: %v\n%s", args, err, errs.String())
	}
	return out.String()
}

func TestKcat_ReadsAndWritesTheEmbeddedBrokerInEveryCodec(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, embedded.Config{DataDir: t.TempDir()})
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			l := dial(t, kafka.Config{Brokers: []string{e.Addr()}, Compression: codec})
			create(t, l, codec, 2, nil)
			var lines, want strings.Builder
			for i := range 200 {
				fmt.Fprintf(&lines, "key%d=value %d %s\n", i, i, strings.Repeat("x", 300))
			}
			before := time.Now().UnixMilli()
			kcat(t, lines.String(), "-b", e.Addr(), "-P", "-t", codec, "-p", "1", "-K", "=", "-z", codec, "-X", "enable.idempotence=true")
			p := log.Partition{Topic: codec, Index: 1}
			for from := int64(0); from < 200; {
				b, err := l.Fetch(t.Context(), p, from, 5*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range b.Records {
					fmt.Fprintf(&want, "%s=%s\n", r.Key, r.Value)
					if r.TimeMS < before-1000 || r.TimeMS > time.Now().UnixMilli() {
						t.Fatalf("record time %d, want about %d", r.TimeMS, before)
					}
				}
				from = b.Next
			}
			if want.String() != lines.String() {
				t.Errorf("kcat wrote %d bytes of records, we read %d", lines.Len(), want.Len())
			}
			var recs []log.Record
			want.Reset()
			for i := range 200 {
				recs = append(recs, log.Record{Partition: log.Partition{Topic: codec}, TimeMS: before - int64(i), Key: fmt.Append(nil, i), Value: []byte("back")})
				fmt.Fprintf(&want, "%d %d back\n", i, before-int64(i))
			}
			if err := l.Append(t.Context(), recs); err != nil {
				t.Fatal(err)
			}
			got := kcat(t, "", "-b", e.Addr(), "-C", "-t", codec, "-p", "0", "-o", "beginning", "-e", "-q", "-f", "%k %T %s\n")
			if got != want.String() {
				t.Errorf("kcat read %q..., want %q...", got[:min(80, len(got))], want.String()[:80])
			}
		})
	}
}
