//go:build linux && (amd64 || arm64)

package event_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/driftline/driftline/stream/event"
)

// BenchmarkDecodeBesideLibraries reads the same events with Decoder and with the
// libraries, and reports the CPU time of one event and how many times as long the
// quickest library takes. Readers take turns of eight batches of 64 events, and another
// one begins each round, so that none always meets events that are not in the caches.
func BenchmarkDecodeBesideLibraries(b *testing.B) {
	for _, p := range producers {
		b.Run(p.name, func(b *testing.B) {
			const turn = 8 * 64
			texts := p.events(seeded(), 4*turn)
			readers := append([]library{{"decoder", readOwn()}}, libraries()...)
			checkRows(b, readers, texts)
			spent := make([]time.Duration, len(readers))
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			rounds := 0
			var r row
			for ; b.Loop(); rounds++ {
				events := texts[rounds%4*turn:][:turn]
				for i := range readers {
					who := (i + rounds) % len(readers)
					start := threadTime()
					for _, text := range events {
						if err := readers[who].read(text, &r); err != nil {
							b.Fatal(err)
						}
					}
					spent[who] += threadTime() - start
				}
			}
			best := spent[1]
			for i, reader := range readers {
				b.ReportMetric(float64(spent[i].Nanoseconds())/float64(rounds*turn), "ns/event_"+reader.name)
				if i > 0 {
					best = min(best, spent[i])
				}
			}
			b.ReportMetric(float64(best)/float64(spent[0]), "x_best_library")
			b.ReportMetric(float64(size(texts))/float64(len(texts)), "bytes/event")
			b.ReportMetric(0, "ns/op") // one operation is a turn of every reader: no figure of use
		})
	}
}

// readOwn reads a row with Decoder.
func readOwn() func([]byte, *row) error {
	d := event.NewDecoder(event.Limits{})
	var ev event.Event
	return func(text []byte, r *row) error {
		if err := d.Decode(text, &ev); err != nil {
			return err
		}
		if len(ev.Features) != len(r.features) {
			return errShape
		}
		r.ts = ev.TimeMS
		for i := range ev.Features {
			r.features[i], _ = ev.Features[i].Value.Float()
		}
		return nil
	}
}

// checkRows fails unless all readers read the same.
func checkRows(tb testing.TB, readers []library, texts [][]byte) {
	tb.Helper()
	for _, text := range texts {
		var want row
		for i, reader := range readers {
			var got row
			if err := reader.read(text, &got); err != nil {
				tb.Fatalf("%s of %s: %v", reader.name, text, err)
			}
			if i == 0 {
				want = got
			}
			if got != want {
				tb.Fatalf("%s reads %s as %v, want %v", reader.name, text, got, want)
			}
		}
	}
}

// threadTime is the CPU time of this thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}
