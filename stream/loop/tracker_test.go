package loop

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
)

// The plan values: pane 60 s, lateness 120 s, skew 60 s, disorder 240 s.
var planTimes = Times{PaneMS: 60_000, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000}

func TestTimes_PanesAreFlooredBelowZeroToo(t *testing.T) {
	t.Parallel()
	for ms, want := range map[int64]int64{
		0: 0, 1: 0, 59_999: 0, 60_000: 1, -1: -1, -60_000: -1, -60_001: -2, -59_999: -1, 1_767_225_600_000: 29_453_760,
	} {
		p := planTimes.Pane(ms)
		if p != want || planTimes.Start(p) > ms || planTimes.End(p) <= ms {
			t.Errorf("pane of %d ms = %d [%d, %d), want %d", ms, p, planTimes.Start(p), planTimes.End(p), want)
		}
	}
}

// u is the smallest pane with end ≥ clock − lateness.
func TestTracker_OldestUnfinishedPane(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ clock, want int64 }{
		{120_000, -1}, {120_001, 0}, {180_000, 0}, {180_001, 1}, {0, -3}, {1, -2},
		{1_767_225_600_000, 29_453_760 - 3}, {1_767_225_600_001, 29_453_760 - 2},
	} {
		tr := NewTracker(planTimes, Origin{HorizonMS: Unset}, Sound)
		if _, ok := tr.Unfinished(); ok {
			t.Fatal("there is an unfinished pane before the first record time")
		}
		tr.See(0, tt.clock)
		u, ok := tr.Unfinished()
		byRule := int64(-1000)
		for !(planTimes.End(byRule) >= tt.clock-planTimes.LatenessMS) && byRule < 0 {
			byRule++
		}
		if !ok || u != tt.want || tt.want < 0 && u != byRule {
			t.Errorf("clock %d: u = %d, want %d (by search %d)", tt.clock, u, tt.want, byRule)
		}
	}
}

// The committed offset is the last record-high whose clock + skew + disorder lies
// before the start of u; it equals a search over all record-highs.
func TestTracker_CommitIsTheSearchOverAllRecordHighs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := newRand(seed)
		tr := NewTracker(planTimes, Origin{HorizonMS: Unset}, Sound)
		type high struct{ offset, clock int64 }
		var highs []high
		clock := int64(0)
		at := rng.Int64N(100_000)
		for offset := range int64(300) {
			at += rng.Int64N(40_000)
			ms := max(0, at+rng.Int64N(180_000)-90_000)
			tr.See(offset, ms)
			if ms >= clock {
				clock = ms
				highs = append(highs, high{offset, ms})
			}
			u, _ := tr.Unfinished()
			want := int64(-1)
			for _, h := range highs {
				if h.clock+planTimes.SkewMS+planTimes.DisorderMS < planTimes.Start(u) {
					want = h.offset
				}
			}
			got, ok := tr.Commit(u)
			if !ok {
				got = -1
			}
			if got != want {
				t.Fatalf("seed %d, offset %d: commit %d, want %d", seed, offset, got, want)
			}
			if rng.IntN(3) == 0 {
				tr.Forget(u)
			}
			if most := int((planTimes.LatenessMS+planTimes.SkewMS+planTimes.DisorderMS)/planTimes.PaneMS) + 4 + 3*int(40_000/planTimes.PaneMS+1); len(tr.highs) > most+3 {
				t.Fatalf("seed %d: %d record-highs are kept, want at most about %d", seed, len(tr.highs), most)
			}
		}
	}
}

func TestTracker_HorizonComesFromTheFirstRecordTime(t *testing.T) {
	t.Parallel()
	tr := NewTracker(planTimes, Origin{Offset: 7, HorizonMS: Never}, Sound)
	tr.See(7, log.NoTime)
	if tr.Horizon() != Never || tr.Clock() != Unset || tr.Through() != 7 || tr.Builds(1<<40) {
		t.Fatalf("a record without a time moved horizon %d or clock %d", tr.Horizon(), tr.Clock())
	}
	tr.See(8, 600_000)
	tr.See(9, 1_000_000)
	if want := int64(600_000 + 60_000 + 240_000); tr.Horizon() != want {
		t.Errorf("horizon %d, want timestamp + skew + disorder = %d", tr.Horizon(), want)
	}
	if tr.Builds(15) || !tr.Builds(16) {
		t.Errorf("pane 15 starts at the horizon and pane 16 after it: builds %v and %v, want false and true", tr.Builds(15), tr.Builds(16))
	}
	tr.Skip(20)
	tr.Skip(12)
	if tr.Through() != 19 {
		t.Errorf("through %d after skipping to 20, want 19", tr.Through())
	}
}

func TestTracker_LateAndFutureAtTheirBounds(t *testing.T) {
	t.Parallel()
	tr := NewTracker(planTimes, Origin{HorizonMS: Unset}, Sound)
	if tr.Late(0) || !tr.Future(0) {
		t.Error("before the first record time nothing is late and everything lies ahead")
	}
	tr.See(0, 1_000_000)
	for _, tt := range []struct {
		ts           int64
		late, future bool
	}{{880_000, false, false}, {879_999, true, false}, {1_060_000, false, false}, {1_060_001, false, true}, {-5, true, false}} {
		if tr.Late(tt.ts) != tt.late || tr.Future(tt.ts) != tt.future {
			t.Errorf("ts %d: late %v, future %v, want %v, %v", tt.ts, tr.Late(tt.ts), tr.Future(tt.ts), tt.late, tt.future)
		}
	}
}

func TestStart_WhereARunBegins(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name              string
		committed, lo, hi int64
		first             First
		want              Origin
		fault             string
	}{
		{"the very beginning", -1, 0, 10, Oldest, Origin{Offset: 0, HorizonMS: Unset}, ""},
		{"an empty partition", -1, 0, 0, Oldest, Origin{Offset: 0, HorizonMS: Unset}, ""},
		{"an empty partition, newest", -1, 0, 0, Newest, Origin{Offset: 0, HorizonMS: Unset}, ""},
		{"the log start is not the beginning of time", -1, 5, 10, Oldest, Origin{Offset: 5, LogStart: 5, HorizonMS: Never}, ""},
		{"newest needs one record", -1, 0, 10, Newest, Origin{Offset: 9, HorizonMS: Never}, ""},
		{"newest of one record is the beginning", -1, 0, 1, Newest, Origin{Offset: 0, HorizonMS: Unset}, ""},
		{"a committed offset", 4, 0, 10, Newest, Origin{Offset: 4, HorizonMS: Never}, ""},
		{"committed 0 and present", 0, 0, 10, Oldest, Origin{Offset: 0, HorizonMS: Unset}, ""},
		{"committed 0 and gone", 0, 3, 10, Oldest, Origin{Offset: 3, LogStart: 3, HorizonMS: Never, GapBefore: 3}, ""},
		{"retention overtook the commit", 4, 6, 10, Oldest, Origin{Offset: 6, LogStart: 6, HorizonMS: Never, GapBefore: 2}, ""},
		{"committed at the end", 10, 0, 10, Oldest, Origin{Offset: 9, HorizonMS: Never}, ""},
		{"everything was removed", 4, 10, 10, Oldest, Origin{Offset: 10, LogStart: 10, HorizonMS: Never, GapBefore: 6}, ""},
		{"past the end", 11, 0, 10, Oldest, Origin{}, "committed offset 11, but the partition ends at 10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Start(tt.committed, tt.lo, tt.hi, tt.first, log.Partition{Topic: "in", Index: 2})
			if tt.fault != "" {
				if !errors.Is(err, ErrRemade) || !strings.Contains(err.Error(), tt.fault) || !strings.Contains(err.Error(), "incarnation") || Retryable(err) {
					t.Fatalf("error %v, want a final one with %q and what to do", err, tt.fault)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("origin %+v, error %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestStartAt_TheHorizonIsTheTimeLookedUp(t *testing.T) {
	t.Parallel()
	p := log.Partition{Topic: "in"}
	l := newLog(t, map[string]int{"in": 1})
	for _, ms := range []int64{1000, 5000, 3000, 9000} {
		must(t, l.Write(log.Record{Partition: p, TimeMS: ms, Value: []byte("x")}))
	}
	h := l.Handle(nil)
	for _, tt := range []struct {
		at   int64
		want Origin
	}{
		{500, Origin{Offset: 0, HorizonMS: Unset}},
		{4000, Origin{Offset: 1, HorizonMS: 64_000}},
		{5001, Origin{Offset: 3, HorizonMS: 65_001}},
		{99_000, Origin{Offset: 4, HorizonMS: 159_000}},
	} {
		got, err := StartAt(t.Context(), h, p, tt.at, planTimes)
		if err != nil || got != tt.want {
			t.Errorf("at %d: %+v, error %v, want %+v", tt.at, got, err, tt.want)
		}
	}
	must(t, l.Truncate(p, 1))
	// What was removed has times that nobody knows: the first record left bounds them.
	for _, tt := range []struct {
		at   int64
		want Origin
	}{
		{500, Origin{Offset: 1, LogStart: 1, HorizonMS: Never}},
		{5001, Origin{Offset: 3, LogStart: 1, HorizonMS: 5000 + planTimes.DisorderMS + planTimes.SkewMS}},
		{999_000, Origin{Offset: 4, LogStart: 1, HorizonMS: 999_000 + planTimes.SkewMS}},
	} {
		got, err := StartAt(t.Context(), h, p, tt.at, planTimes)
		if err != nil || got != tt.want {
			t.Errorf("truncated, at %d: %+v, error %v, want %+v", tt.at, got, err, tt.want)
		}
	}
	if _, err := StartAt(t.Context(), h, log.Partition{Topic: "none"}, 1, planTimes); !errors.Is(err, log.ErrNoTopic) {
		t.Errorf("no topic: error %v", err)
	}
}

func TestRetryable_OneTable(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{log.ErrUnreachable, true}, {errors.New("connection reset"), true}, {memlog.ErrKilled, true},
		{log.ErrLost, false}, {log.ErrTooLarge, false}, {log.ErrTimeBounds, false}, {log.ErrNoTopic, false},
		{log.ErrOutOfRange, false}, {log.ErrAgain, true},
		{&log.BadBatch{Records: 3, Err: log.ErrTooLarge}, false}, {ErrRemade, false}, {contextCanceled, false}, {contextDeadline, false},
	} {
		if got := Retryable(fmt.Errorf("while at it: %w", tt.err)); got != tt.want {
			t.Errorf("%v: retryable %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestTimes_ValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	err := Times{PaneMS: 0, LatenessMS: -1, SkewMS: -2, DisorderMS: -3}.Validate()
	for _, key := range []string{"stream.resolution: 0 ms", "stream.lateness: -1 ms", "stream.skew: -2 ms", "stream.disorder: -3 ms"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v, want it to name %q", err, key)
		}
	}
	if err := planTimes.Validate(); err != nil {
		t.Error(err)
	}
}
