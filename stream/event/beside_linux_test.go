package event_test

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/driftline/driftline/stream/event"
)

// BenchmarkDecodeBesideLibraries reads the same events with Decoder and with the
// libraries in turn, a batch of 64 events each, and reports the CPU time of one event
// and how many times as long the quickest library takes.
func BenchmarkDecodeBesideLibraries(b *testing.B) {
	for _, p := range producers {
		b.Run(p.name, func(b *testing.B) {
			texts := p.events(seeded(), 2048)
			readers := append([]library{{"decoder", readOwn()}}, libraries()...)
			checkRows(b, readers, texts)
			spent := make([]time.Duration, len(readers))
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			const batch = 64
			events := 0
			var r row
			for at := 0; b.Loop(); at = (at + batch) % len(texts) {
				for i, reader := range readers {
					start := threadTime()
					for _, text := range texts[at : at+batch] {
						if err := reader.read(text, &r); err != nil {
							b.Fatal(err)
						}
					}
					spent[i] += threadTime() - start
				}
				events += batch
			}
			best := spent[1]
			for i, reader := range readers {
				b.ReportMetric(float64(spent[i].Nanoseconds())/float64(events), "ns/event_"+reader.name)
				if i > 0 {
					best = min(best, spent[i])
				}
			}
			b.ReportMetric(float64(best)/float64(spent[0]), "x_best_library")
			b.ReportMetric(float64(size(texts))/float64(len(texts)), "bytes/event")
			b.ReportMetric(0, "ns/op") // one operation is a batch with every reader: no figure of use
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
