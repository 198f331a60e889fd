package loop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
)

// band is a worker over the partitions of "in", each with a tape for a fold.
type band struct {
	*Worker
	tapes  []*tape
	starts []int
}

func newBand(io IO, partitions int) *band {
	b := &band{Worker: NewWorker(io, log.Partition{Topic: "control"}), starts: make([]int, partitions)}
	for i := range partitions {
		b.tapes = append(b.tapes, nil)
		b.Add(b.config(i))
	}
	return b
}

func (b *band) config(i int) SourceConfig {
	return SourceConfig{
		Names:     func([]log.Record) int64 { return Never },
		Partition: log.Partition{Topic: "in", Index: int32(i)}, Group: "g", Control: log.Partition{Topic: "control"}, Times: planTimes, TickMS: 1 << 40,
		New: func(Origin) SourceFold {
			b.tapes[i] = &tape{from: Never}
			b.starts[i]++
			return b.tapes[i]
		},
	}
}

func (b *band) applied() (n []int) {
	for _, f := range b.tapes {
		if f == nil {
			n = append(n, -1)
			continue
		}
		n = append(n, len(f.applied))
	}
	return n
}

func TestWorker_FoldsEverySourceAndReadsControlOncePerPoll(t *testing.T) {
	t.Parallel()
	l := newLog(t, map[string]int{"in": 8, "control": 1})
	for i := range int32(8) {
		write(t, l, log.Partition{Topic: "in", Index: i}, 200+int(i))
	}
	control := 0
	h := l.Handle(func(op memlog.Op) memlog.Fault {
		if op.Partition.Topic == "control" {
			control++
		}
		return memlog.Fault{Limit: 100}
	})
	b := newBand(quickIO(h), 8)
	s := h.Session()
	step := func() {
		t.Helper()
		if _, err := b.Step(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if got, want := b.applied(), slices.Repeat([]int{100}, 8); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
	before := control
	step()
	if control != before {
		t.Errorf("asked %d times about control within a backlog that was there when it was read", control-before)
	}
	for !b.CaughtUp() {
		step()
	}
	if got, want := b.applied(), []int{200, 201, 202, 203, 204, 205, 206, 207}; !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
	alone := newBand(quickIO(h), 1)
	for !alone.CaughtUp() {
		if _, err := alone.Step(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int32(8) {
		write(t, l, log.Partition{Topic: "in", Index: i}, 1)
	}
	before = control
	step()
	eight := control - before
	if _, err := alone.Step(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if one := control - before - eight; eight != one || one == 0 {
		t.Errorf("eight sources ask %d times about control in a poll, one asks %d times", eight, one)
	}
}

// Control that comes while a backlog is read is known before the first record that may
// be younger, whichever way the source is driven.
func TestWorker_ControlBehindABacklog(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"worker", "source alone"} {
		l := newLog(t, map[string]int{"in": 1, "control": 1})
		write(t, l, log.Partition{Topic: "in"}, 25)
		io := quickIO(l.Handle(func(memlog.Op) memlog.Fault { return memlog.Fault{Limit: 10} }))
		known, at := 0, []int{} // records of control known, when each record was folded
		b := newBand(io, 1)
		cfg := b.config(0)
		cfg.New = func(Origin) SourceFold {
			return &listener{tape: tape{from: Never}, control: func(log.Record) { known++ }, record: func(log.Record) { at = append(at, known) }}
		}
		b.Worker = NewWorker(io, cfg.Control)
		b.Add(cfg)
		session, alone := io.Log.Session(), NewSource(io, cfg)
		step := func() {
			t.Helper()
			var err error
			if name == "worker" {
				_, err = b.Step(t.Context(), session)
			} else {
				_, err = alone.Step(t.Context())
			}
			must(t, err)
		}
		step()
		write(t, l, cfg.Control, 1)
		write(t, l, log.Partition{Topic: "in"}, 1) // the only one that is younger
		for len(at) < 26 {
			step()
		}
		if at[25] != 1 {
			t.Errorf("%s: a record was folded without the control that was there before it: %v", name, at)
		}
	}
}

// A control record that came before records is known to every source's fold before
// them, also to one that started later than the last reading.
func TestWorker_EverySourceKnowsControlBeforeRecords(t *testing.T) {
	t.Parallel()
	l := newLog(t, map[string]int{"in": 3, "control": 1})
	c := log.Partition{Topic: "control"}
	write(t, l, c, 2)
	io := quickIO(l.Handle(nil))
	b := newBand(io, 2)
	type told struct {
		offset int64 // of control, or of a record where record is set
		record bool
	}
	seen := map[int32][]told{}
	add := func(i int) {
		cfg := b.config(i)
		cfg.New = func(Origin) SourceFold {
			return &listener{tape: tape{from: Never}, control: func(r log.Record) { seen[int32(i)] = append(seen[int32(i)], told{offset: r.Offset}) },
				record: func(r log.Record) { seen[int32(i)] = append(seen[int32(i)], told{r.Offset, true}) }}
		}
		b.Add(cfg)
	}
	b.Worker = NewWorker(io, c)
	add(0)
	add(1)
	s := io.Log.Session()
	poll := func() {
		t.Helper()
		if _, err := b.Step(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	poll()
	write(t, l, c, 1)                                    // 2
	write(t, l, log.Partition{Topic: "in", Index: 0}, 1) // only source 0 has something to fold
	poll()
	write(t, l, c, 1) // 3, read first by source 2, which starts
	add(2)
	poll()
	for i := range int32(3) {
		write(t, l, log.Partition{Topic: "in", Index: i}, 1)
	}
	poll()
	want := map[int32][]told{
		0: {{0, false}, {1, false}, {2, false}, {0, true}, {3, false}, {1, true}},
		1: {{0, false}, {1, false}, {2, false}, {3, false}, {0, true}},
		2: {{0, false}, {1, false}, {2, false}, {3, false}, {0, true}},
	}
	for i, w := range want {
		if !slices.Equal(seen[i], w) {
			t.Errorf("source %d was told %v, want %v", i, seen[i], w)
		}
	}
}

type listener struct {
	tape
	control, record func(log.Record)
}

func (f *listener) Control(recs []log.Record, _ int64) (int64, error) {
	for _, r := range recs {
		f.control(r)
	}
	return Never, nil
}
func (f *listener) Apply(r log.Record) { f.record(r) }

func TestFault_DecompressionBomb_IsCountedAndPassed(t *testing.T) {
	t.Parallel()
	l := newLog(t, map[string]int{"in": 2, "control": 1})
	p := log.Partition{Topic: "in"}
	write(t, l, p, 3)
	must(t, l.WriteBad(p, 5, log.ErrTooLarge)) // 3 to 7
	write(t, l, p, 2)                          // 8, 9
	write(t, l, log.Partition{Topic: "in", Index: 1}, 4)
	for _, name := range []string{"worker", "source alone"} {
		h := l.Handle(nil)
		b := newBand(quickIO(h), 2)
		if name == "worker" {
			for s := h.Session(); !b.CaughtUp(); {
				if _, err := b.Step(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
		} else {
			s := NewSource(quickIO(h), b.config(0))
			for pos := int64(0); pos < 10; pos, _ = s.Position() {
				if _, err := s.Step(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		f := b.tapes[0]
		if want := []int64{0, 1, 2, 8, 9}; !slices.Equal(f.applied, want) || b.starts[0] != 1 {
			t.Errorf("%s: applied %v in %d starts, want %v in one", name, f.applied, b.starts[0], want)
		}
		if len(f.bad) != 1 || f.bad[0].First != 3 || f.bad[0].Last != 7 || f.bad[0].Records != 5 {
			t.Errorf("%s: told of bad batches %+v, want one of offsets 3 to 7", name, f.bad)
		}
	}
}

// A batch whose header cannot be trusted says not how much is lost, so nothing passes it.
func TestFault_BatchCRC_StopsTheSource(t *testing.T) {
	t.Parallel()
	l := newLog(t, map[string]int{"in": 2, "control": 1})
	p := log.Partition{Topic: "in", Index: 1}
	write(t, l, p, 3)
	cause := &log.BadBatch{Partition: p, First: 3, Last: 2, Err: errors.New("CRC 01, computed 02")}
	h := l.Handle(func(op memlog.Op) memlog.Fault {
		if op.Kind == memlog.Fetch && op.Partition == p && op.Offset == 3 {
			return memlog.Fault{Outcome: memlog.NotDone, Err: cause}
		}
		return memlog.Fault{}
	})
	b := newBand(quickIO(h), 2)
	err := b.Run(t.Context())
	if !errors.Is(err, log.ErrBatch) || !strings.Contains(err.Error(), "collect in/1") || !strings.Contains(err.Error(), "CRC 01") {
		t.Errorf("error %v; want ErrBatch that names in/1 and the CRC", err)
	}
	if got := b.applied(); got[1] != 3 {
		t.Errorf("applied %v, want the three before it", got)
	}
	if err := NewSource(quickIO(h), b.config(1)).Run(t.Context()); !errors.Is(err, log.ErrBatch) {
		t.Errorf("alone: %v, want ErrBatch", err)
	}
}

// Faults of one partition leave the others alone: one that cannot be reached for a while
// is asked again, one that retention overtook starts again.
func TestWorker_FaultsOfOneSourceLeaveTheOthersAlone(t *testing.T) {
	t.Parallel()
	l := newLog(t, map[string]int{"in": 3, "control": 1})
	for i := range int32(3) {
		write(t, l, log.Partition{Topic: "in", Index: i}, 10)
	}
	away := 5 // fetches of partition 0 that fail
	h := l.Handle(func(op memlog.Op) memlog.Fault {
		if op.Kind == memlog.Fetch && op.Partition == (log.Partition{Topic: "in"}) && away > 0 {
			away--
			return memlog.Fault{Outcome: memlog.NotDone}
		}
		return memlog.Fault{Limit: 2}
	})
	var retried []int
	io := quickIO(h)
	io.Retried = func(what string, attempt int, err error) {
		if !strings.Contains(what, "in/0") || !errors.Is(err, log.ErrAgain) {
			t.Errorf("told of %q, %v", what, err)
		}
		retried = append(retried, attempt)
	}
	b := newBand(io, 3)
	s := h.Session()
	for i := 0; !b.CaughtUp(); i++ {
		if i == 2 {
			must(t, l.Truncate(log.Partition{Topic: "in", Index: 2}, 7))
		}
		if i == 50 {
			t.Fatal("never at the end")
		}
		if _, err := b.Step(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int{10, 10, 3}; !slices.Equal(b.applied(), want) || !slices.Equal(b.starts, []int{1, 1, 2}) {
		t.Errorf("applied %v in %v starts, want %v in 1, 1 and 2", b.applied(), b.starts, want)
	}
	if want := []int{1, 2, 3, 4, 5}; !slices.Equal(retried, want) {
		t.Errorf("attempts %v, want %v", retried, want)
	}
}

// A source whose ask was not answered has not seen the end of its partition: it must
// not promise anything.
func TestWorker_AnUnansweredAskIsNoEmptyPoll(t *testing.T) {
	t.Parallel()
	l := newLog(t, map[string]int{"in": 2, "control": 1})
	failing := true
	h := l.Handle(func(op memlog.Op) memlog.Fault {
		if failing && op.Kind == memlog.Fetch && op.Partition == (log.Partition{Topic: "in"}) {
			return memlog.Fault{Outcome: memlog.NotDone}
		}
		return memlog.Fault{}
	})
	now := int64(1_000_000_000)
	io := quickIO(h)
	io.NowMS = func() int64 { now += 5_000; return now }
	w := NewWorker(io, log.Partition{Topic: "control"})
	tapes := []*tape{{from: Never, due: true}, {from: Never, due: true}}
	for i, f := range tapes {
		cfg := (&band{}).config(i)
		cfg.PromiseMS, cfg.New = 1000, func(Origin) SourceFold { return f }
		w.Add(cfg)
	}
	s := h.Session()
	for i := range 8 {
		failing = i < 5
		if _, err := w.Step(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if want := slices.Repeat([]int64{Unset}, 6); len(tapes[0].promises) != 8 || !slices.Equal(tapes[0].promises[:6], want) || tapes[0].promises[6] == Unset {
		t.Errorf("promises %v; want none before two answered polls", tapes[0].promises)
	}
	if tapes[1].promises[1] == Unset {
		t.Errorf("promises of the other source %v; want one from the second poll on", tapes[1].promises)
	}
}

func TestWorkers_SpreadAndTakeInSourcesWhileTheyRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memlog.New(memlog.Config{NowMS: 1 << 40, Block: true})
		for name, n := range map[string]int{"in": 7, "control": 1} {
			must(t, l.Create(log.Topic{Name: name, Partitions: n}))
		}
		io := quickIO(l.Handle(nil))
		io.Wait = time.Second
		ws := NewWorkers(io, log.Partition{Topic: "control"}, 3)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- ws.Run(ctx) }()
		b := newBand(io, 7)
		for i := range 5 {
			ws.Add(b.config(i))
		}
		write(t, l, log.Partition{Topic: "in", Index: 1}, 3)
		synctest.Wait()
		ws.Add(b.config(5))
		ws.Add(b.config(6))
		write(t, l, log.Partition{Topic: "in", Index: 6}, 4)
		time.Sleep(3 * time.Second) // of the bubble's clock
		synctest.Wait()
		if want := []int{0, 3, 0, 0, 0, 0, 4}; !slices.Equal(b.applied(), want) {
			t.Errorf("applied %v, want %v", b.applied(), want)
		}
		var held []int
		for _, w := range ws.all {
			held = append(held, len(w.sources))
		}
		if fmt.Sprint(held) != "[3 2 2]" {
			t.Errorf("sources per worker %v, want [3 2 2]", held)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

// A fold that is full in the middle of an answer gets nothing of the pieces that follow:
// what it did not take is asked for again after its cycle, no record is left out, and
// none is taken for a hole.
func TestWorker_AFullFoldGetsTheRestAfterItsCycle(t *testing.T) {
	t.Parallel()
	l := newLog(t, map[string]int{"in": 2, "control": 1})
	const records = 500
	for i := range int32(2) {
		write(t, l, log.Partition{Topic: "in", Index: i}, records)
	}
	h := l.Handle(nil)
	b := newBand(quickIO(h), 2)
	full := &tape{from: Never, every: 70}
	cfg := b.config(0)
	cfg.New = func(Origin) SourceFold { return full }
	b.mu.Lock()
	b.added[0] = cfg
	b.mu.Unlock()
	s := h.Session()
	for range 2 * records / 70 {
		if _, err := b.Step(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if len(full.skipped) > 0 {
		t.Errorf("skipped %v in a log without holes", full.skipped)
	}
	for i, offset := range full.applied {
		if offset != int64(i) {
			t.Fatalf("record %d has offset %d", i, offset)
		}
	}
	if len(full.applied) != records || len(b.tapes[1].applied) != records {
		t.Errorf("%d and %d records applied, want %d of each", len(full.applied), len(b.tapes[1].applied), records)
	}
}
