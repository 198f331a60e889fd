package event_test

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// seeded gives each benchmark the same events in every run.
func seeded() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func BenchmarkDecode(b *testing.B) {
	for _, p := range producers {
		b.Run(p.name, func(b *testing.B) {
			texts := p.events(seeded(), 2048)
			d := event.NewDecoder(event.Limits{})
			var ev event.Event
			b.SetBytes(size(texts) / int64(len(texts)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := d.Decode(texts[i%len(texts)], &ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func size(texts [][]byte) (n int64) {
	for _, text := range texts {
		n += int64(len(text))
	}
	return n
}

func BenchmarkAppend(b *testing.B) {
	var ev event.Event
	for i, name := range names(50) {
		ev.Features = append(ev.Features, event.Feature{Name: name, Value: sketches.Number(float64(i) / 7)})
	}
	ev.Model, ev.Type, ev.Score, ev.HasScore = "m", event.TypePrediction, 0.5, true
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = event.Append(buf[:0], ev)
	}
	b.SetBytes(int64(len(buf)))
}
