package sim

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

// The folds on Apache Kafka, killed at I/O steps and told of failures that did and
// did not happen: the results are those of a run in memory that was left alone.
func TestFault_CollectorKilledAnywhere_Kafka(t *testing.T) {
	t.Parallel()
	w, sim := onKafka(t, kafkatest.Shared(t), filled(t, 1))
	want := sim.undisturbed(t).results(t)
	died := w.killedOn(t, rand.New(rand.NewPCG(1, 40)), 12, 0.02)
	same(t, 1, want, w.results(t))
	t.Logf("%d lives died, %d lines equal", died, len(want))
}

// One append is one batch, and a broker serves batches whole: what lies before the
// offset asked for is dropped, whatever the offset.
func TestFault_RecordsBeforeAskedOffset_Kafka(t *testing.T) {
	t.Parallel()
	w, _ := onKafka(t, kafkatest.Shared(t), func(w *world) {
		w.plan.partitions = 1
		w.createTopics(t, 1)
	})
	p := w.part(inputTopic, 0)
	var recs []log.Record
	for i := range int64(30) {
		recs = append(recs, log.Record{Partition: p, TimeMS: epochMS + i, Value: []byte{byte(i)}})
	}
	w.write(t, recs...)
	for from := int64(0); from < 30; from++ {
		b, err := w.real.Fetch(t.Context(), p, from, time.Second)
		must(t, err)
		if len(b.Records) == 0 || b.Records[0].Offset != from || b.Records[0].Value[0] != byte(from) || b.Next != 30 {
			t.Fatalf("from %d: %d records, next %d; want the first to be %d and next 30", from, len(b.Records), b.Next, from)
		}
	}
}
