package loop

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
)

var (
	contextCanceled = context.Canceled
	contextDeadline = context.DeadlineExceeded
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 9)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newLog(t testing.TB, topics map[string]int) *memlog.Log {
	t.Helper()
	l := memlog.New(memlog.Config{NowMS: 1 << 40})
	for name, n := range topics {
		must(t, l.Create(log.Topic{Name: name, Partitions: n}))
	}
	return l
}

func quickIO(l log.Log) IO {
	return IO{Log: l, NowMS: func() int64 { return 0 }, Pause: func(context.Context, int) error { return nil }}
}

// write puts n records with times 0, 1, 2 … into a partition.
func write(t testing.TB, l *memlog.Log, p log.Partition, n int) {
	t.Helper()
	for i := range n {
		must(t, l.Write(log.Record{Partition: p, TimeMS: int64(i), Key: []byte{byte(i % 3)}, Value: []byte{byte(i)}}))
	}
}

func TestReader_ReadsToTheEndOverHolesAndTruncation(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "control"}
	offsets := func(recs []log.Record) (os []int64) {
		for _, r := range recs {
			os = append(os, r.Offset)
		}
		return os
	}
	read := func(r *Reader, want []int64, next int64) {
		t.Helper()
		recs, err := r.ToEnd(t.Context())
		if err != nil || !slices.Equal(offsets(recs), want) || r.Next() != next {
			t.Errorf("offsets %v, next %d, error %v; want %v, %d", offsets(recs), r.Next(), err, want, next)
		}
	}
	l := newLog(t, map[string]int{"control": 1})
	r := NewReader(quickIO(l.Handle(nil)), p, -1)
	read(r, nil, 0)
	write(t, l, p, 7)
	read(r, []int64{0, 1, 2, 3, 4, 5, 6}, 7)
	read(r, nil, 7)
	write(t, l, p, 3)
	must(t, l.Compact("control"))
	read(r, []int64{7, 8, 9}, 10)
	read(NewReader(quickIO(l.Handle(nil)), p, -1), []int64{7, 8, 9}, 10)
	must(t, l.WriteAborted(p, 2))
	read(r, nil, 13)
	must(t, l.Truncate(p, 8))
	read(NewReader(quickIO(l.Handle(nil)), p, 2), []int64{8, 9}, 13)
	must(t, l.Truncate(p, 13))
	read(NewReader(quickIO(l.Handle(nil)), p, 0), nil, 13)
}

func TestBackoff_DoublesToFiveSecondsAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for jitter, share := range map[float64]float64{0: 0.5, 0.5: 0.75} {
			pause := Backoff(func() float64 { return jitter })
			for attempt, full := range map[int]time.Duration{1: 50 * time.Millisecond, 2: 100 * time.Millisecond, 5: 800 * time.Millisecond, 8: 5 * time.Second, 1000: 5 * time.Second} {
				from := time.Now()
				must(t, pause(t.Context(), attempt))
				if got, want := time.Since(from), time.Duration(share*float64(full)); got != want {
					t.Errorf("attempt %d with jitter %v waits %v, want %v", attempt, jitter, got, want)
				}
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := Backoff(func() float64 { return 0 })(ctx, 100); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the context's", err)
		}
	})
}

// A broker that is away for five minutes is asked again until it is back; the
// caller hears of every attempt, and nothing is lost or written out of order.
func TestFault_BrokerDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, map[string]int{"out": 1})
		back := time.Now().Add(5 * time.Minute)
		h := l.Handle(func(memlog.Op) memlog.Fault {
			if time.Now().Before(back) {
				return memlog.Fault{Outcome: memlog.NotDone}
			}
			return memlog.Fault{}
		})
		tries := 0
		io := IO{Log: h, Pause: Backoff(func() float64 { return 0.5 }), MaxAppend: 2, Retried: func(what string, attempt int, err error) {
			tries++
			if what == "" || attempt != tries || !errors.Is(err, log.ErrUnreachable) {
				t.Errorf("attempt %d of %q: %v", attempt, what, err)
			}
		}}
		var recs []log.Record
		for i := range 5 {
			recs = append(recs, log.Record{Partition: log.Partition{Topic: "out"}, TimeMS: 1, Value: []byte{byte(i)}})
		}
		must(t, io.append(t.Context(), "records", recs))
		if tries < 60 || tries > 200 {
			t.Errorf("%d attempts in five minutes", tries)
		}
		for i, r := range l.Records(log.Partition{Topic: "out"}) {
			if r.Value[0] != byte(i) {
				t.Errorf("record %d is %d", i, r.Value[0])
			}
		}
	})
}

func TestTry_StopsAtFinalErrorsAndNamesWhatWasDone(t *testing.T) {
	t.Parallel()
	io := quickIO(nil)
	n := 0
	err := io.try(t.Context(), "publish 3 partials", func() error { n++; return log.ErrTooLarge })
	if n != 1 || !errors.Is(err, log.ErrTooLarge) || err.Error() != "publish 3 partials: record too large" {
		t.Errorf("%d tries, error %v", n, err)
	}
	io.Pause = func(context.Context, int) error { return context.Canceled }
	if err := io.try(t.Context(), "fetch", func() error { return log.ErrUnreachable }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the pause's", err)
	}
}

// tape is a source fold that writes down what it is told.
type tape struct {
	applied  []int64
	skipped  [][2]int64 // next, aborted
	promises []int64
	bad      []log.BadBatch
	cycles   int
	due      bool
	from     int64
	every    int // full after so many records; 0: never
}

func (f *tape) Control([]log.Record, int64) (int64, error) {
	from := f.from
	f.from = Never
	return from, nil
}
func (f *tape) Apply(r log.Record)       { f.applied = append(f.applied, r.Offset) }
func (f *tape) Skip(next, aborted int64) { f.skipped = append(f.skipped, [2]int64{next, aborted}) }
func (f *tape) Bad(b *log.BadBatch)      { f.bad = append(f.bad, *b) }
func (f *tape) Due() bool                { return f.due }
func (f *tape) Full() bool               { return f.every > 0 && len(f.applied)-f.cycles*f.every >= f.every }
func (f *tape) Published()               { f.cycles++ }
func (f *tape) Publish(_ int, promise int64) (Cycle, error) {
	f.promises = append(f.promises, promise)
	return Cycle{Commit: -1}, nil
}

// Two aborted transactions in one batch: each hole gets its own share, and no hole
// more than it has offsets. (All went to the first hole once, and the ledger of its
// pane no longer added up, which stopped the source for good.)
func TestSource_SharesAbortedRecordsOutOverTheirHoles(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "in"}
	l := newLog(t, map[string]int{"in": 1, "control": 1})
	must(t, l.WriteAborted(p, 3)) // offsets 0–2, marker 3
	write(t, l, p, 1)             // 4
	must(t, l.WriteAborted(p, 2)) // 5–6, marker 7
	write(t, l, p, 2)             // 8, 9
	must(t, l.WriteAborted(p, 1)) // 10, marker 11
	f := &tape{from: Never}
	s := NewSource(quickIO(l.Handle(nil)), SourceConfig{
		Names:     func([]log.Record) int64 { return Never },
		Partition: p, Group: "g", Control: log.Partition{Topic: "control"}, Times: planTimes, TickMS: 1 << 40,
		New: func(Origin) SourceFold { return f },
	})
	for range 2 {
		if _, err := s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := [][2]int64{{4, 3}, {8, 2}, {12, 1}}; !slices.Equal(f.skipped, want) {
		t.Errorf("skipped (next, aborted) %v, want %v", f.skipped, want)
	}
	if want := []int64{4, 8, 9}; !slices.Equal(f.applied, want) {
		t.Errorf("applied %v, want %v", f.applied, want)
	}
}

// The promise needs two empty polls in a row and the clock read before the first.
func TestFault_IdlePartitionPromisesAfterTwoEmptyPolls(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "in"}
	l := newLog(t, map[string]int{"in": 1, "control": 1})
	write(t, l, p, 1)
	now := int64(1_000_000_000)
	io := quickIO(l.Handle(nil))
	io.NowMS = func() int64 { now += 5_000; return now }
	f := &tape{from: Never, due: true}
	s := NewSource(io, SourceConfig{
		Names:     func([]log.Record) int64 { return Never },
		Partition: p, Group: "g", Control: log.Partition{Topic: "control"}, Times: planTimes, TickMS: 1, PromiseMS: 220_000,
		New: func(Origin) SourceFold { return f },
	})
	var before []int64 // clock at the start of each step
	for i := range 5 {
		if i == 4 {
			write(t, l, p, 1) // a record ends the silence
		}
		if i == 0 {
			before = append(before, now+10_000) // the start reads the clock too
		} else {
			before = append(before, now+5_000)
		}
		if _, err := s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	promise := planTimes.Start(planTimes.Pane(before[1] - 220_000 - planTimes.LatenessMS))
	if want := []int64{Unset, Unset, promise, promise, Unset}; !slices.Equal(f.promises, want) {
		t.Errorf("promises %v, want %v", f.promises, want)
	}
}

// The marker that ends an aborted transaction may come after other records: what was
// taken back is counted all the same, each record once.
func TestSource_CountsAbortedRecordsWhoseMarkerComesLater(t *testing.T) {
	t.Parallel()
	f := &tape{from: Never}
	s := NewSource(quickIO(nil), SourceConfig{})
	s.fold = f
	s.apply(log.Batch{Records: []log.Record{{Offset: 3}, {Offset: 4}, {Offset: 6}}, Next: 7, Aborted: []int64{0, 1, 2}}) // 5 is the marker
	if want := [][2]int64{{3, 3}, {6, 0}}; !slices.Equal(f.skipped, want) {
		t.Errorf("skipped (next, aborted) %v, want %v", f.skipped, want)
	}
}

// A topic that is made again takes its commits with it; the run that was reading it
// does not begin anew as if nothing had been.
func TestFault_TopicMadeAgainUnderARun(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "in"}
	l := newLog(t, map[string]int{"in": 1, "control": 1})
	write(t, l, p, 10)
	s := NewSource(quickIO(l.Handle(nil)), SourceConfig{
		Names:     func([]log.Record) int64 { return Never },
		Partition: p, Group: "g", Control: log.Partition{Topic: "control"}, Times: planTimes, TickMS: 1 << 40,
		New: func(Origin) SourceFold { return &tape{from: Never} },
	})
	if _, err := s.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, l.Recreate("in"))
	l.DropCommits("g")
	write(t, l, p, 3)
	for range 3 {
		if _, err := s.Step(t.Context()); err != nil {
			if !errors.Is(err, ErrRemade) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Error("a topic that was made again is read on as if it were the old one")
}

// Before its first commit a source knows by itself how many records it never saw.
func TestFault_RetentionOvertakesBeforeTheFirstCommit(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "in"}
	l := newLog(t, map[string]int{"in": 1, "control": 1})
	write(t, l, p, 10)
	gap := int64(0)
	io := quickIO(l.Handle(func(memlog.Op) memlog.Fault { return memlog.Fault{Limit: 2} }))
	io.Counted = func(_ log.Partition, _ string, n int64) { gap += n }
	s := NewSource(io, SourceConfig{
		Names:     func([]log.Record) int64 { return Never },
		Partition: p, Group: "g", Control: log.Partition{Topic: "control"}, Times: planTimes, TickMS: 1 << 40,
		New: func(Origin) SourceFold { return &tape{from: Never} },
	})
	for i := range 6 {
		if i == 1 {
			must(t, l.Truncate(p, 7))
		}
		if _, err := s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if pos, _ := s.Position(); gap != 5 || pos != 10 {
		t.Errorf("%d records counted as removed, position %d; want 5 (two of seven were read) and 10", gap, pos)
	}
}

// Retention that overtakes a running source sends it to a new start.
func TestFault_RetentionOvertakes(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "in"}
	l := newLog(t, map[string]int{"in": 1, "control": 1})
	write(t, l, p, 10)
	var origins []Origin
	gap := int64(0)
	io := quickIO(l.Handle(func(op memlog.Op) memlog.Fault { return memlog.Fault{Limit: 2} }))
	io.Counted = func(_ log.Partition, _ string, n int64) { gap += n }
	l.SetCommit("g", p, 1)
	s := NewSource(io, SourceConfig{
		Names:     func([]log.Record) int64 { return Never },
		Partition: p, Group: "g", Control: log.Partition{Topic: "control"}, Times: planTimes, TickMS: 1 << 40,
		New: func(o Origin) SourceFold { origins = append(origins, o); return &tape{from: Never} },
	})
	step := func() {
		t.Helper()
		if _, err := s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	step()
	must(t, l.Truncate(p, 6))
	step()
	step()
	want := []Origin{{Offset: 1, HorizonMS: Never}, {Offset: 6, LogStart: 6, HorizonMS: Never, GapBefore: 5}}
	if !slices.Equal(origins, want) || gap != 5 {
		t.Errorf("starts %+v, %d records counted as removed; want %+v and 5", origins, gap, want)
	}
	must(t, l.Recreate("in"))
	for range 3 {
		if _, err := s.Step(t.Context()); err != nil {
			if !errors.Is(err, ErrRemade) {
				t.Fatal(err)
			}
			return // FaultTopicMadeAgain: the commit lies past the end
		}
	}
	t.Error("a topic that was made again is read on as if it were the old one")
}

// A fold that is full is given a cycle before the next record, in the middle of a batch
// too; the rest of the batch follows, each record once.
func TestSource_PublishesBeforeAFoldOverflows(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "in"}
	l := newLog(t, map[string]int{"in": 1, "control": 1})
	write(t, l, p, 10)
	f := &tape{from: Never, due: true, every: 3}
	s := NewSource(quickIO(l.Handle(nil)), SourceConfig{
		Names:     func([]log.Record) int64 { return Never },
		Partition: p, Group: "g", Control: log.Partition{Topic: "control"}, Times: planTimes, TickMS: 1 << 40,
		New: func(Origin) SourceFold { return f },
	})
	for step, want := range []int{3, 6, 9, 10} {
		if _, err := s.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(f.applied) != want || f.cycles != step+1 {
			t.Fatalf("step %d: %d records applied in %d cycles, want %d", step, len(f.applied), f.cycles, want)
		}
	}
	for i, offset := range f.applied {
		if offset != int64(i) {
			t.Fatalf("offsets %v, want 0 to 9, each once", f.applied)
		}
	}
}
