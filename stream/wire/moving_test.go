package wire

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// The runs of a state against a plain set: what may enter, in order and apart, and the
// same after it was written down.
func TestMovingState_IsASet(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(41, 1))
	for run := range 500 {
		s, out, since := MovingState{Since: -20}, map[int64]bool{}, int64(-20)
		for range 1 + rng.IntN(20) {
			if rng.IntN(5) == 0 {
				since += rng.Int64N(4)
				s.Trim(since)
				continue
			}
			first := rng.Int64N(60) - 30
			last := first + rng.Int64N(6) - 1
			s.Mark(first, last)
			for n := first; n <= last; n++ {
				out[n] = true
			}
		}
		s.Trim(since)
		back, err := DecodeMovingState(s.Encode())
		must(t, err)
		if back.Since != s.Since || !slices.Equal(back.Out, s.Out) {
			t.Fatalf("run %d: %+v is read as %+v", run, s, back)
		}
		for n := int64(-40); n < 60; n++ {
			if got, want := s.Has(n), n >= since && !out[n]; got != want {
				t.Fatalf("run %d: slot %d may enter: %v, want %v; %+v", run, n, got, want, s)
			}
		}
		for i, r := range s.Out {
			if r.First < since || i > 0 && r.First <= s.Out[i-1].Last+1 {
				t.Fatalf("run %d: runs %v, since %d", run, s.Out, since)
			}
		}
	}
}

func TestExclusions_CoverWhatTheyTouch(t *testing.T) {
	t.Parallel()
	x := Exclusions{Model: "m", Ranges: []Span{{10, 20}, {40, 41}}}
	for _, tt := range []struct {
		from, to int64
		want     bool
	}{{0, 10, false}, {0, 11, true}, {19, 30, true}, {20, 40, false}, {15, 16, true}, {0, 100, true}, {41, 50, false}} {
		if got := x.Covers(tt.from, tt.to); got != tt.want {
			t.Errorf("Covers(%d, %d) = %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
	for name, bad := range map[string]Exclusions{
		"a span without length": {Model: "m", Ranges: []Span{{5, 5}}},
		"out of order":          {Model: "m", Ranges: []Span{{5, 6}, {4, 9}}},
		"no model":              {Ranges: []Span{{5, 6}}},
		"too many":              {Model: "m", Ranges: make([]Span, MaxExclusions+1)},
	} {
		for i := range bad.Ranges {
			if len(bad.Ranges) > 2 {
				bad.Ranges[i] = Span{int64(i), int64(i) + 1}
			}
		}
		if _, err := DecodeExclusions(bad.Encode()); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestPolicy_MovingReferencesFitTheLayout(t *testing.T) {
	t.Parallel()
	const day = int64(86_400_000)
	hourly := sampleLayout()
	daily := hourly
	daily.PaneMS, daily.SlotPanes, daily.WindowsMS = hourMS, 24, []int64{7 * day}
	odd := hourly
	odd.SlotPanes, odd.WindowsMS = 50, []int64{50 * 60_000}
	fine := hourly
	fine.SlotPanes = 10
	fortnight := hourly
	fortnight.WindowsMS = []int64{14 * day}
	trailing := func(length, gap int64) Policy {
		p := DefaultPolicy()
		p.Trailing = &Trailing{LengthMS: length, GapMS: gap, Warn: 0.1, Drifted: 0.2}
		return p
	}
	seasonal := func(weeks int) Policy {
		p := DefaultPolicy()
		p.Seasonal = &Seasonal{Weeks: weeks, Warn: 0.1, Drifted: 0.2}
		return p
	}
	short := trailing(7*day, day)
	short.WindowsMS = []int64{day}
	tests := []struct {
		name   string
		policy Policy
		layout Layout
		want   string // "": it fits
	}{
		{"none", DefaultPolicy(), odd, ""},
		{"four weeks behind a week", trailing(28*day, 7*day), hourly, ""},
		{"by the day", trailing(28*day, 7*day), daily, ""},
		{"no multiple of the slide", trailing(28*day+1, 7*day), hourly, "multiples of stream.slide"},
		{"a gap shorter than the longest window", trailing(28*day, day), hourly, "gap"},
		{"or than the longest that is judged", short, hourly, ""},
		{"beyond what is kept", trailing(64*day, 7*day), hourly, "kept"},
		{"a slide so short that too many steps are kept", trailing(28*day, 7*day), fine, "must be"},
		{"a season", seasonal(4), hourly, ""},
		{"a season of days", seasonal(3), daily, ""},
		{"a season on a slide of 50 minutes", seasonal(3), odd, "divides"},
		{"the most weeks", seasonal(8), hourly, ""},
		{"too many weeks for what is kept", seasonal(8), fortnight, "kept"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			must(t, tt.policy.Validate())
			err := tt.policy.CheckLayout(tt.layout)
			if tt.want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("CheckLayout: %v, want %q", err, tt.want)
			}
			if back := tt.policy.BackMS(tt.layout); err == nil && back > (tt.layout.Kept()-keptSpare)*tt.layout.SlotMS() {
				t.Errorf("looks back %d ms, %d places are kept", back, tt.layout.Kept())
			}
		})
	}
	for _, p := range []Policy{trailing(0, day), trailing(day, -1), trailing(MaxKeptMS+1, day), seasonal(2), seasonal(9)} {
		if p.Validate() == nil {
			t.Errorf("%+v, %+v is accepted", p.Trailing, p.Seasonal)
		}
	}
	p := seasonal(4)
	p.Trailing = &Trailing{LengthMS: day, GapMS: 7 * day, Warn: 0.05, Drifted: 0.3}
	if a := p.Against(KindTrailing); a.Drifted != 0.3 || p.Against("training").Drifted != 0.2 {
		t.Errorf("limits against a trailing reference %v", a.Drifted)
	}
	ids := map[sketches.ID]bool{sampleID(1): true, p.MovingID(KindTrailing, sampleID(1)): true, p.MovingID(KindSeasonal, sampleID(1)): true, p.MovingID(KindTrailing, sampleID(2)): true}
	p.Trailing.LengthMS++
	ids[p.MovingID(KindTrailing, sampleID(1))] = true
	if len(ids) != 5 {
		t.Errorf("%d identities of 5 references", len(ids))
	}
}
