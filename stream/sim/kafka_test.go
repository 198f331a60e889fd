package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/kafka/kafkatest"
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
