package event_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// fifty returns an event of 50 numeric features, about 840 bytes of JSON.
func fifty(r *rand.Rand) event.Event {
	ev := event.Event{
		Type: event.TypePrediction, Model: "acis_growth_classifier", Version: "3", ID: fmt.Sprintf("%08x", r.Uint32()),
		TimeMS: jan2, HasTime: true, Score: float64(r.IntN(1000)) / 1000, HasScore: true,
	}
	for i := range 50 {
		ev.Features = append(ev.Features, event.Feature{
			Name: fmt.Sprintf("f%02d", i), Value: sketches.Number(float64(r.IntN(2_000_000)-1_000_000) / 10_000),
		})
	}
	return ev
}

func BenchmarkDecode(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	texts := make([][]byte, 512)
	size := 0
	for i := range texts {
		texts[i] = event.Encode(fifty(r))
		size += len(texts[i])
	}
	d := event.NewDecoder(event.Limits{})
	var ev event.Event
	b.SetBytes(int64(size / len(texts)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := d.Decode(texts[i%len(texts)], &ev); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	ev := fifty(rand.New(rand.NewPCG(1, 2)))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = event.Append(buf[:0], ev)
	}
	b.SetBytes(int64(len(buf)))
}
