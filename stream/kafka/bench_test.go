package kafka_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/log"
)

// BenchmarkFetch reads 840-byte records from the embedded broker in this process,
// so the figure holds both sides; ns/record is what to look at.
func BenchmarkFetch(b *testing.B) {
	for _, codec := range []string{"none", "lz4", "zstd"} {
		b.Run(codec, func(b *testing.B) {
			e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			l, err := kafka.Dial(kafka.Config{Brokers: []string{e.Addr()}, Compression: codec, MaxRequestBytes: 60_000})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			if err := l.CreateTopics(b.Context(), []log.Topic{{Name: "in", Partitions: 1}}); err != nil {
				b.Fatal(err)
			}
			p := log.Partition{Topic: "in"}
			recs := make([]log.Record, 20_000)
			for i := range recs {
				recs[i] = log.Record{Partition: p, TimeMS: log.StampNow, Value: bytes.Repeat([]byte{'{', byte(i), byte(i >> 8), '}'}, 210)}
			}
			if err := l.Append(b.Context(), recs); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for from := int64(0); from < int64(len(recs)); {
					batch, err := l.Fetch(b.Context(), p, from, time.Second)
					if err != nil {
						b.Fatal(err)
					}
					n += len(batch.Records)
					from = batch.Next
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}
