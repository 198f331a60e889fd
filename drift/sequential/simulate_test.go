package sequential

import (
	"math"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

func TestSamplerDrawsItsWeights(t *testing.T) {
	t.Parallel()
	weights := []uint64{0, 5, 1, 0, 30, 64}
	s := newSampler(weights)
	d := generate.NewSequence(1, 1)
	const n = 200_000
	got := make([]int, len(weights))
	for range n {
		got[s.draw(&d)]++
	}
	for i, w := range weights {
		want := float64(w) / 100
		if se := math.Sqrt(want*(1-want)/n) + 1e-9; math.Abs(float64(got[i])/n-want) > 4*se {
			t.Errorf("weight %d drawn with share %.4f, want %.4f", i, float64(got[i])/n, want)
		}
	}
}

func TestPoissonHasItsMoments(t *testing.T) {
	t.Parallel()
	for _, mean := range []float64{0, 0.3, 5, 39, 41, 1000} {
		d := generate.NewSequence(2, uint64(mean*10))
		const n = 20_000
		s, ss := 0.0, 0.0
		for range n {
			k := poisson(&d, mean)
			s, ss = s+k/n, ss+k*k/n
		}
		if v := ss - s*s; math.Abs(s-mean) > 4*math.Sqrt(mean/n) || math.Abs(v-mean) > 0.06*mean {
			t.Errorf("mean %g: drawn mean %.3f, variance %.3f", mean, s, v)
		}
	}
}

func TestBootstrapKeepsBlocksAndSeasons(t *testing.T) {
	t.Parallel()
	for _, cycle := range []int{0, 24} {
		j := jumper{panes: 240, cycle: cycle, chance: 1.0 / 30, at: -1}
		d := generate.NewSequence(3, uint64(cycle))
		const n = 100_000
		jumps, at := 0, make([]int, 240)
		last := j.next(&d)
		phase := last
		for range n {
			i := j.next(&d)
			at[i]++
			if i != (last+1)%240 {
				jumps++
			}
			phase++
			if cycle > 0 && i%cycle != phase%cycle {
				t.Fatalf("pane %d where the season is at %d", i, phase%cycle)
			}
			last = i
		}
		if got := n / float64(jumps); got < 27 || got > 35 { // some jumps land on the next pane
			t.Errorf("cycle %d: mean block %.1f, want 30", cycle, got)
		}
		for i, k := range at {
			if k < n/240/3 {
				t.Errorf("cycle %d: pane %d drawn %d times, others %d", cycle, i, k, n/240)
			}
		}
	}
}

// A value below all of the reference's is drawn as often as one new record in n + 1
// would bring it, though the history has none.
func TestResampledStreamsBringOuterValues(t *testing.T) {
	t.Parallel()
	xs := values(3, 400, 0)
	ref := gridOf(t, xs)
	c := calibration{ref: ref, s: quick(200, 1)}
	if err := c.prepare(Evidence{History: rowHistory(t, ref, xs)}); err != nil {
		t.Fatal(err)
	}
	s, err := c.make(0)
	if err != nil {
		t.Fatal(err)
	}
	b := s.(*blocks)
	b.begin(0)
	outer := 0
	const n = 200_000
	for range n {
		if inc := b.next(); &inc[0] == &b.one[0] {
			outer++
		}
	}
	if want := n * 2 / 401.0; math.Abs(float64(outer)-want) > 5*math.Sqrt(want) {
		t.Errorf("%d outer values in %d panes, want about %.0f", outer, n, want)
	}
}

func TestRunLengthsAreThoseOfTheDefinition(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 500)
	p, tables := testPlan(t, ref, 6, 0)
	columns := make([]sampler, len(ref.Features))
	for f := range columns {
		columns[f] = newSampler(columnsOf(&ref.Features[f]))
	}
	s := newIndependent(5, tables, columns, 1, nil)
	var runs [][]rung
	sums := make([]int64, len(p.Paths))
	const reach = 400
	for i := range uint64(50) {
		s.begin(i)
		runs = append(runs, runLengths(p, s, sums, reach))
	}
	total, alarms := 0.0, 0
	for i := range uint64(50) {
		s.begin(i)
		st := p.NewState()
		length := reach
		for t := range reach {
			if _, ok := p.Step(&st, s.next()); ok {
				length = t + 1
				alarms++
				break
			}
		}
		total += float64(length)
	}
	got, n := lengthAt(runs, reach, p.Threshold)
	if n != alarms || math.Abs(got-total/float64(alarms)) > 1e-9 {
		t.Errorf("mean run %.3f with %d alarms, stepped one by one %.3f with %d", got, n, total/float64(alarms), alarms)
	}
	h := thresholdFor(runs, reach, got)
	if at, _ := lengthAt(runs, reach, h); at < got || h > p.Threshold {
		t.Errorf("threshold %d gives %.3f, want the smallest with %.3f, at most %d", h, at, got, p.Threshold)
	}
	if below, _ := lengthAt(runs, reach, h-1); below >= got {
		t.Errorf("a lower threshold gives %.3f as well", below)
	}
}

func TestPoissonInterval(t *testing.T) {
	t.Parallel()
	for k, want := range map[uint64][2]float64{0: {0, 3.688879}, 1: {0.025318, 5.571643}, 10: {4.795389, 18.390356}} {
		lo, hi := PoissonInterval(k)
		if math.Abs(lo-want[0]) > 1e-5 || math.Abs(hi-want[1]) > 1e-5 {
			t.Errorf("%d: %.6f to %.6f, want %v", k, lo, hi, want)
		}
	}
	if got := TargetPanes(1, 60_000); got != 43_200 {
		t.Errorf("one alarm a month by the minute: %g panes, want 43 200", got)
	}
	if got := PerMonth(TargetPanes(2.5, 1000), 1000); math.Abs(got-2.5) > 1e-12 {
		t.Errorf("%g a month, want 2.5", got)
	}
}

func TestHistoryIsTheSumOfItsPanes(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 500)
	_, tables := testPlan(t, ref, 8, 0)
	h, sum := NewHistory(ref.Grid), sketches.NewCounts(ref.Grid)
	d := generate.NewSequence(5, 1)
	inc := make([]int64, tables.paths)
	var want []int64
	for range 40 {
		c := randomPane(ref.Grid, &d, d.Below(30), 0.5)
		if err := h.Append(c); err != nil {
			t.Fatal(err)
		}
		if err := sum.Merge(c); err != nil {
			t.Fatal(err)
		}
		if err := tables.Pane(inc, c); err != nil {
			t.Fatal(err)
		}
		want = append(want, inc...)
	}
	all := h.Counts()
	for f := range all.Features {
		if got := &all.Features[f]; got.Null != sum.Features[f].Null || got.Total() != sum.Features[f].Total() {
			t.Errorf("feature %d: %d values and %d missing, want %d and %d", f, got.Total(), got.Null, sum.Features[f].Total(), sum.Features[f].Null)
		}
	}
	got := h.increments(tables)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("increment %d: %d, want %d", i, got[i], want[i])
		}
	}
	big := sketches.NewCounts(ref.Grid)
	big.Features[2].Cells[0] = 1 << 32
	if err := h.Append(big); err == nil || h.Panes() != 40 || len(h.end) != 40*4 {
		t.Errorf("a count of 2³²: %v, %d panes", err, h.Panes())
	}
}
