package memlog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
)

var in = log.Partition{Topic: "in", Index: 0}

func newLog(t *testing.T, cfg memlog.Config, config map[string]string) *memlog.Log {
	t.Helper()
	l := memlog.New(cfg)
	if err := l.Create(log.Topic{Name: "in", Partitions: 2, Config: config}); err != nil {
		t.Fatal(err)
	}
	return l
}

func rec(key string, timeMS int64) log.Record {
	return log.Record{Partition: in, TimeMS: timeMS, Key: []byte(key), Value: []byte("v-" + key)}
}

func keys(recs []log.Record) (ks []string) {
	for _, r := range recs {
		ks = append(ks, string(r.Key))
	}
	return ks
}

func TestFault_EveryBoundaryInEveryOutcome(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	ops := map[memlog.Kind]struct {
		run  func(h *memlog.Handle) error
		done func(l *memlog.Log) bool // nil: the operation only reads
	}{
		memlog.Append: {
			func(h *memlog.Handle) error { return h.Append(t.Context(), []log.Record{rec("new", 1)}) },
			func(l *memlog.Log) bool { return len(l.Records(in)) == 2 },
		},
		memlog.Commit: {
			func(h *memlog.Handle) error { return h.Commit(t.Context(), "g", in, 1) },
			func(l *memlog.Log) bool { return l.CommitOf("g", in) == 1 },
		},
		memlog.CreateTopics: {
			func(h *memlog.Handle) error {
				return h.CreateTopics(t.Context(), []log.Topic{{Name: "more", Partitions: 1}})
			},
			func(l *memlog.Log) bool { return l.Write(log.Record{Partition: log.Partition{Topic: "more"}}) == nil },
		},
		memlog.Fetch: {func(h *memlog.Handle) error {
			b, err := h.Fetch(t.Context(), in, 0, 0)
			return nothingOn(err, len(b.Records) == 0)
		}, nil},
		memlog.Committed: {func(h *memlog.Handle) error {
			o, err := h.Committed(t.Context(), "h", in)
			return nothingOn(err, o == 0)
		}, nil},
		memlog.Bounds: {func(h *memlog.Handle) error {
			_, end, err := h.Bounds(t.Context(), in)
			return nothingOn(err, end == 0)
		}, nil},
		memlog.OffsetAt: {func(h *memlog.Handle) error {
			o, err := h.OffsetAt(t.Context(), in, 99)
			return nothingOn(err, o == 0)
		}, nil},
		memlog.Partitions: {func(h *memlog.Handle) error {
			n, err := h.Partitions(t.Context(), "in")
			return nothingOn(err, n == 0)
		}, nil},
		memlog.TopicConfig: {func(h *memlog.Handle) error {
			c, err := h.TopicConfig(t.Context(), "in")
			return nothingOn(err, c == nil)
		}, nil},
	}
	outcomes := []struct {
		outcome memlog.Outcome
		effect  bool
		want    error
	}{
		{memlog.Pass, true, nil},
		{memlog.NotDone, false, boom},
		{memlog.DoneSaidNo, true, boom},
		{memlog.KillBefore, false, memlog.ErrKilled},
		{memlog.KillAfter, true, memlog.ErrKilled},
	}
	for kind, op := range ops {
		if kind.Writes() != (op.done != nil) {
			t.Errorf("%s: Writes() = %v", kind, kind.Writes())
		}
		for _, o := range outcomes {
			t.Run(fmt.Sprintf("%s %s", kind, o.outcome), func(t *testing.T) {
				l := newLog(t, memlog.Config{}, nil)
				if err := l.Write(rec("old", 1)); err != nil {
					t.Fatal(err)
				}
				var seen []memlog.Op
				h := l.Handle(func(op memlog.Op) memlog.Fault {
					seen = append(seen, op)
					return memlog.Fault{Outcome: o.outcome, Err: boom}
				})
				if err := op.run(h); !errors.Is(err, o.want) {
					t.Errorf("error %v, want %v", err, o.want)
				}
				if op.done != nil && op.done(l) != o.effect {
					t.Errorf("effect %v, want %v", !o.effect, o.effect)
				}
				if len(seen) != 1 || seen[0].Kind != kind || seen[0].N != 1 || l.Ops(kind) != 1 {
					t.Errorf("plan saw %v, the log counted %d; want one %s", seen, l.Ops(kind), kind)
				}
				dead := errors.Is(o.want, memlog.ErrKilled)
				_, err := h.Partitions(t.Context(), "in")
				if errors.Is(err, memlog.ErrKilled) != dead || h.Killed() != dead {
					t.Errorf("afterwards: error %v, killed %v; want killed %v", err, h.Killed(), dead)
				}
				if _, err := l.Handle(nil).Partitions(t.Context(), "in"); err != nil {
					t.Errorf("next life: %v", err)
				}
			})
		}
	}
}

// nothingOn reports a result that leaked out beside an error, or was missing without one.
func nothingOn(err error, zero bool) error {
	if err != nil && !zero {
		return errors.New("a failed read returned a result")
	}
	return err
}

func TestFault_AppendIsCut(t *testing.T) {
	t.Parallel()
	for _, outcome := range []memlog.Outcome{memlog.NotDone, memlog.KillBefore} {
		l := newLog(t, memlog.Config{}, nil)
		h := l.Handle(func(memlog.Op) memlog.Fault { return memlog.Fault{Outcome: outcome, Stored: 2} })
		err := h.Append(t.Context(), []log.Record{rec("a", 1), rec("b", 2), rec("c", 3)})
		want := log.ErrUnreachable
		if outcome == memlog.KillBefore {
			want = memlog.ErrKilled
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", outcome, err, want)
		}
		if got := keys(l.Records(in)); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%s: stored %v, want the first two", outcome, got)
		}
	}
}

func TestSeeded_SameSeedSameRun(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (trace string) {
		l := newLog(t, memlog.Config{MaxFetch: 7}, nil)
		rng := rand.New(rand.NewPCG(seed, 1))
		for life := 0; life < 20; life++ {
			h := l.Handle(memlog.Seeded(rng, memlog.Rates{NotDone: .1, DoneSaidNo: .1, KillBefore: .05, KillAfter: .05, Cut: .5, MaxFetch: 5}))
			for i := 0; i < 20; i++ {
				err := h.Append(context.Background(), []log.Record{rec("a", 1), rec("b", 1), rec("c", 1)})
				b, ferr := h.Fetch(context.Background(), in, l.CommitOf("g", in)+1, 0)
				cerr := h.Commit(context.Background(), "g", in, b.Next)
				trace += fmt.Sprintln(err, len(b.Records), b.Next, ferr, cerr)
			}
		}
		return trace
	}
	first := run(1)
	if again := run(1); again != first {
		t.Error("two runs of seed 1 differ")
	}
	if run(2) == first {
		t.Error("seeds 1 and 2 give the same run")
	}
}

func TestSeeded_ReachesEveryFate(t *testing.T) {
	t.Parallel()
	plan := memlog.Seeded(rand.New(rand.NewPCG(3, 4)), memlog.Rates{NotDone: .1, DoneSaidNo: .1, KillBefore: .1, KillAfter: .1, Cut: .5, MaxFetch: 3})
	seen, cuts, limits := map[memlog.Outcome]int{}, map[int]int{}, map[int]int{}
	for range 4000 {
		f := plan(memlog.Op{Kind: memlog.Append, Records: make([]log.Record, 3)})
		seen[f.Outcome]++
		cuts[f.Stored]++
		limits[plan(memlog.Op{Kind: memlog.Fetch}).Limit]++
	}
	for o, share := range map[memlog.Outcome]float64{memlog.Pass: .6, memlog.NotDone: .1, memlog.DoneSaidNo: .1, memlog.KillBefore: .1, memlog.KillAfter: .1} {
		if got := float64(seen[o]) / 4000; got < share-.03 || got > share+.03 {
			t.Errorf("%s in %.3f of the operations, want %.1f ± 0.03", o, got, share)
		}
	}
	if cuts[1] == 0 || cuts[2] == 0 || len(cuts) != 3 {
		t.Errorf("cuts %v, want 0, 1 and 2 of 3 records", cuts)
	}
	if len(limits) != 3 || limits[1] == 0 || limits[3] == 0 {
		t.Errorf("fetch limits %v, want 1 to 3", limits)
	}
}

func TestBounds_OfRecordTimesAgainstVirtualNow(t *testing.T) {
	t.Parallel()
	bounded := map[string]string{"message.timestamp.before.max.ms": "180000", "message.timestamp.after.max.ms": "60000"}
	const now = 10_000_000
	tests := []struct {
		name   string
		timeMS int64
		config map[string]string
		want   error
	}{
		{"now", now, bounded, nil},
		{"just inside the future", now + 60_000, bounded, nil},
		{"just beyond the future", now + 60_001, bounded, log.ErrTimeBounds},
		{"just inside the past", now - 180_000, bounded, nil},
		{"just beyond the past", now - 180_001, bounded, log.ErrTimeBounds},
		{"no time passes any bounds", log.NoTime, bounded, nil},
		{"stamped by the log", log.StampNow, bounded, nil},
		{"the far past is fine without bounds", 0, nil, nil},
		{"the far future is fine without bounds", 1 << 60, nil, nil},
		{"negative", -2, nil, log.ErrTimeBounds},
		{"append time ignores what the producer says", 5, map[string]string{"message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLog(t, memlog.Config{NowMS: now}, tt.config)
			err := l.Write(rec("fine", log.StampNow), rec("k", tt.timeMS))
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			recs := l.Records(in)
			if err != nil {
				if len(recs) != 0 {
					t.Errorf("%d records stored by a refused append", len(recs))
				}
				return
			}
			want := tt.timeMS
			if want == log.StampNow || tt.config["message.timestamp.type"] == "LogAppendTime" {
				want = now
			}
			if recs[1].TimeMS != want {
				t.Errorf("record time %d, want %d", recs[1].TimeMS, want)
			}
		})
	}
}

func TestClock_MovesOnlyWhenTold(t *testing.T) {
	t.Parallel()
	l := newLog(t, memlog.Config{NowMS: 100}, nil)
	l.Advance(50)
	if _, err := l.Handle(nil).Fetch(t.Context(), in, 0, time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := l.NowMS(); got != 150 {
		t.Errorf("now %d, want 150: a fetch must not move the clock", got)
	}
	l.SetNow(7)
	if got := l.NowMS(); got != 7 {
		t.Errorf("now %d, want 7", got)
	}
}

func TestOperator_CompactKeepsTheLastOfEachKey(t *testing.T) {
	t.Parallel()
	l := newLog(t, memlog.Config{}, map[string]string{"cleanup.policy": "compact"})
	gone := rec("b", 9)
	gone.Value = nil
	if err := l.Write(rec("a", 1), rec("b", 5), rec("a", 3), gone, rec("c", 4)); err != nil {
		t.Fatal(err)
	}
	before := l.Records(in)
	if err := l.Compact("in"); err != nil {
		t.Fatal(err)
	}
	h := l.Handle(nil)
	b, err := h.Fetch(t.Context(), in, 0, 0)
	if err != nil || !slices.Equal(keys(b.Records), []string{"a", "b", "c"}) || b.Records[0].Offset != 2 || b.Next != 5 || b.Start != 0 {
		t.Errorf("after compaction: %v %+v, want a@2 b@3 c@4, next 5, start 0", err, b)
	}
	if len(before) != 5 || string(before[0].Key) != "a" || before[0].Offset != 0 {
		t.Error("compaction changed records handed out before")
	}
	if o, _ := h.OffsetAt(t.Context(), in, 4); o != 3 {
		t.Errorf("offset at 4 ms = %d, want 3: the tombstone at 9 ms comes first", o)
	}
	if err := l.CompactTombstones("in"); err != nil {
		t.Fatal(err)
	}
	if got := keys(l.Records(in)); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("after tombstone removal: %v, want a c", got)
	}
	if err := l.Write(log.Record{Partition: in, Value: []byte("x")}); err == nil {
		t.Error("a record without a key entered a compacted topic")
	}
}

func TestOperator_TruncateRecreateGrow(t *testing.T) {
	t.Parallel()
	l := newLog(t, memlog.Config{}, nil)
	if err := l.Write(rec("a", 9), rec("b", 5), rec("c", 6)); err != nil {
		t.Fatal(err)
	}
	if err := l.Truncate(in, 1); err != nil {
		t.Fatal(err)
	}
	h := l.Handle(nil)
	if _, err := h.Fetch(t.Context(), in, 0, 0); !errors.Is(err, log.ErrOutOfRange) {
		t.Errorf("fetch before the start: %v, want ErrOutOfRange", err)
	}
	if o, _ := h.OffsetAt(t.Context(), in, 6); o != 2 {
		t.Errorf("offset at 6 ms = %d, want 2: the record at 9 ms is gone", o)
	}
	if err := l.Truncate(in, 4); !errors.Is(err, log.ErrOutOfRange) {
		t.Errorf("truncate beyond the end: %v, want ErrOutOfRange", err)
	}
	if err := h.Commit(t.Context(), "g", in, 3); err != nil {
		t.Fatal(err)
	}
	if err := l.Recreate("in"); err != nil {
		t.Fatal(err)
	}
	if start, end := l.Ends(in); start != 0 || end != 0 || l.CommitOf("g", in) != 3 {
		t.Errorf("made again: bounds %d to %d, commit %d; want 0 to 0, commit 3", start, end, l.CommitOf("g", in))
	}
	l.DropCommits("g")
	if l.CommitOf("g", in) != -1 {
		t.Error("a dropped commit is still there")
	}
	if err := l.AddPartitions("in", 3); err != nil {
		t.Fatal(err)
	}
	if n, err := h.Partitions(t.Context(), "in"); n != 3 || err != nil {
		t.Errorf("partitions = %d, %v; want 3", n, err)
	}
	if err := l.AddPartitions("in", 2); err == nil {
		t.Error("partitions were taken away")
	}
}

func TestFetch_CountsEachAbortedRecordOnceWhateverTheBatchEnds(t *testing.T) {
	t.Parallel()
	for limit := 1; limit <= 5; limit++ {
		l := newLog(t, memlog.Config{MaxFetch: limit}, nil)
		var want []string
		for i := range 6 {
			k := fmt.Sprint(i)
			want = append(want, k)
			if err := errors.Join(l.Write(rec(k, int64(i))), l.WriteAborted(in, i%3)); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		var aborted int64
		h, from := l.Handle(nil), int64(0)
		for range 20 {
			b, err := h.Fetch(t.Context(), in, from, 0)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, keys(b.Records)...)
			aborted += int64(len(b.Aborted))
			from = b.Next
		}
		if _, end := l.Ends(in); !slices.Equal(got, want) || aborted != 6 || from != end {
			t.Errorf("limit %d: read %v, %d aborted, stopped at %d of %d; want %v and 6", limit, got, aborted, from, end, want)
		}
	}
}

func TestFetch_BlockingWaitsForARecordOrTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLog(t, memlog.Config{Block: true, Clock: func() int64 { return time.Now().UnixMilli() }}, nil)
		h := l.Handle(nil)
		began := time.Now()
		if b, err := h.Fetch(t.Context(), in, 0, time.Minute); err != nil || len(b.Records) != 0 || time.Since(began) != time.Minute {
			t.Errorf("empty: %v, %d records after %s; want none after 1m", err, len(b.Records), time.Since(began))
		}
		began = time.Now()
		time.AfterFunc(3*time.Second, func() { _ = l.Write(rec("a", log.StampNow)) })
		b, err := h.Fetch(t.Context(), in, 0, time.Minute)
		if err != nil || len(b.Records) != 1 || time.Since(began) != 3*time.Second || b.Records[0].TimeMS != time.Now().UnixMilli() {
			t.Errorf("written meanwhile: %v, %+v after %s; want one record, stamped now, after 3s", err, b, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.Fetch(ctx, in, 1, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v, want DeadlineExceeded", err)
		}
		time.AfterFunc(time.Second, h.Kill)
		if _, err := h.Fetch(t.Context(), in, 1, time.Minute); !errors.Is(err, memlog.ErrKilled) {
			t.Errorf("killed while waiting: %v, want ErrKilled", err)
		}
	})
}

func TestAppend_CallerMayUseItsBuffersAgain(t *testing.T) {
	t.Parallel()
	l := newLog(t, memlog.Config{}, nil)
	r := rec("a", 1)
	if err := l.Write(r); err != nil {
		t.Fatal(err)
	}
	r.Key[0] = 'z'
	if got := keys(l.Records(in)); got[0] != "a" {
		t.Errorf("stored key became %q", got[0])
	}
}

func BenchmarkRun(b *testing.B) {
	b.ReportAllocs()
	recs := make([]log.Record, 20)
	for i := range recs {
		recs[i] = rec("k", int64(i))
	}
	ctx := context.Background()
	for b.Loop() {
		l := memlog.New(memlog.Config{})
		if err := l.Create(log.Topic{Name: "in", Partitions: 1}); err != nil {
			b.Fatal(err)
		}
		h := l.Handle(memlog.Seeded(rand.New(rand.NewPCG(1, 2)), memlog.Rates{MaxFetch: 7}))
		for range 20 {
			if err := h.Append(ctx, recs); err != nil {
				b.Fatal(err)
			}
		}
		for from := int64(0); from < 400; {
			batch, err := h.Fetch(ctx, in, from, 0)
			if err != nil {
				b.Fatal(err)
			}
			from = batch.Next
			if err := h.Commit(ctx, "g", in, from); err != nil {
				b.Fatal(err)
			}
		}
	}
}
