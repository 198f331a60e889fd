package sequential

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

// quick is a calibration for tests: its figures are good to 5 %.
func quick(target float64, seed uint64) Settings {
	s := DefaultSettings()
	s.Target, s.Seed, s.Alarms, s.Replicates = target, seed, 400, 20
	return s
}

func mustCalibrate(tb testing.TB, ref *sketches.Counts, ev Evidence, s Settings) *Plan {
	tb.Helper()
	p, err := Calibrate(ref, ev, s)
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		tb.Fatal(err)
	}
	return p
}

// watchRows steps records one by one and returns the alarms.
func watchRows(tb testing.TB, p *Plan, ref *sketches.Counts, src *generate.Source, rows int) (alarms int) {
	tb.Helper()
	tables, err := NewTables(p.Paths, ref)
	if err != nil {
		tb.Fatal(err)
	}
	st, inc, cells := p.NewState(), make([]int64, len(p.Paths)), []int{0}
	for range rows {
		x, _ := src.Next()
		cells[0], _ = ref.Grid.Features[0].Locate(sketches.Number(x))
		tables.Row(inc, cells)
		if _, ok := p.Step(&st, inc); ok {
			alarms++
		}
	}
	return alarms
}

func rowHistory(tb testing.TB, ref *sketches.Counts, xs []float64) *History {
	tb.Helper()
	h := NewHistory(ref.Grid)
	for _, x := range xs {
		one := sketches.NewCounts(ref.Grid)
		one.Add(0, sketches.Number(x))
		if err := h.Append(one); err != nil {
			tb.Fatal(err)
		}
	}
	return h
}

// over measures rows per alarm over several references, each calibrated by itself, on
// streams that none of them has seen.
func over(tb testing.TB, references, rows int, phi float64, plan func(ref *sketches.Counts, xs []float64, seed uint64) *Plan, n int) float64 {
	tb.Helper()
	alarms := 0
	for r := range uint64(references) {
		xs := values(100+r, n, phi)
		ref := gridOf(tb, xs)
		src := generate.NewSource(500+r, 2, phi)
		alarms += watchRows(tb, plan(ref, xs, r), ref, &src, rows)
	}
	return float64(references*rows) / float64(max(alarms, 1))
}

// 16 references × 40 000 records: 2 100 alarms, 2 %; references differ by 20 to 25 %,
// so their mean by 6 %.
func TestAchievedRateIsTheTarget(t *testing.T) {
	t.Parallel()
	const target = 300
	got := over(t, 16, 40_000, 0, func(ref *sketches.Counts, _ []float64, seed uint64) *Plan {
		p := mustCalibrate(t, ref, Evidence{}, quick(target, seed))
		if a, lo, hi := p.Report.Achieved(); p.Report.Extrapolated || lo > 1.05*target || hi < 0.95*target {
			t.Errorf("the report says %.0f panes (%.0f to %.0f), target %d", a, lo, hi, target)
		}
		return p
	}, 3000)
	if got < 0.85*target || got > 1.15*target {
		t.Errorf("one alarm in %.0f records, target %d ± 15 %%", got, target)
	}
}

// The mutant takes the reference for exact. Its thresholds are too low for every one.
func TestReferencesAreSamplesThemselves(t *testing.T) {
	t.Parallel()
	const target = 1000
	naive := func(ref *sketches.Counts, _ []float64, seed uint64) *Plan {
		c := calibration{ref: ref, s: quick(target, seed)}
		if err := c.prepare(Evidence{}); err != nil {
			t.Fatal(err)
		}
		tables, err := NewTables(c.plan.Paths, ref)
		if err != nil {
			t.Fatal(err)
		}
		columns := []sampler{newSampler(columnsOf(&ref.Features[0]))}
		c.make = func(replicate uint64) (nullStream, error) {
			return newIndependent(mixSeed(seed, replicate), tables, columns, 1, nil), nil
		}
		if err := c.fit(); err != nil {
			t.Fatal(err)
		}
		return c.plan
	}
	right := func(ref *sketches.Counts, xs []float64, seed uint64) *Plan {
		return mustCalibrate(t, ref, Evidence{}, quick(target, seed))
	}
	if got := over(t, 12, 50_000, 0, right, 500); got < 0.8*target {
		t.Errorf("one alarm in %.0f records, target %d", got, target)
	}
	if got := over(t, 12, 50_000, 0, naive, 500); got > 0.75*target {
		t.Errorf("the mutant: one alarm in %.0f records, target %d: this test does not bite", got, target)
	}
}

// Dependent records: within 30 %, where the rule for independent ones is off by far.
func TestDependentRecordsAreCalibratedInBlocks(t *testing.T) {
	t.Parallel()
	const target, phi = 500, 0.9
	blocks := func(ref *sketches.Counts, xs []float64, seed uint64) *Plan {
		p := mustCalibrate(t, ref, Evidence{History: rowHistory(t, ref, xs)}, quick(target, seed))
		if p.Report.Basis != Resampled || p.Report.BlockPanes < 60 {
			t.Errorf("%s with blocks of %.0f panes", p.Report.Basis, p.Report.BlockPanes)
		}
		return p
	}
	if got := over(t, 8, 60_000, phi, blocks, 20_000); got < 0.7*target || got > 1.3*target {
		t.Errorf("one alarm in %.0f records, target %d ± 30 %%", got, target)
	}
	naive := func(ref *sketches.Counts, _ []float64, seed uint64) *Plan {
		return mustCalibrate(t, ref, Evidence{}, quick(target, seed))
	}
	if got := over(t, 3, 30_000, phi, naive, 20_000); got > 0.3*target {
		t.Errorf("independence assumed: one alarm in %.0f records, target %d: this test does not bite", got, target)
	}
}

// ar1Blocks makes block sums of a run of values on the reference's verdict bins.
func ar1Blocks(tb testing.TB, ref *sketches.Counts, xs []float64, length int) *sketches.Blocks {
	tb.Helper()
	f := &ref.Grid.Features[0]
	of, bins := f.VerdictBins(&ref.Features[0])
	b, err := sketches.NewBlocks(1, []int{bins})
	if err != nil {
		tb.Fatal(err)
	}
	for at := 0; at+length <= len(xs); at += length {
		k := make([]uint64, bins)
		for _, x := range xs[at : at+length] {
			cell, _ := f.Locate(sketches.Number(x))
			k[of[cell]]++
		}
		if err := b.AddBlock([][]uint64{k}); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}

// Long-run variance of a Gaussian AR(1) over its variance: (1 + φ)/(1 − φ) for what is
// odd in z as a mean is, (1 + φ²)/(1 − φ²) for z². Scores of coarse bins lie between.
func TestDesignEffectsOfPaths(t *testing.T) {
	t.Parallel()
	const n = 200_000
	for _, phi := range []float64{0, 0.5, 0.9} {
		xs := values(77, n, phi)
		ref := gridOf(t, xs)
		paths := allPaths(ref)
		tables, err := NewTables(paths, ref)
		if err != nil {
			t.Fatal(err)
		}
		c := calibration{ref: ref, s: quick(500, 1)}
		c.scaleByHistory(paths, tables, rowHistory(t, ref, xs))
		sums := slices.Clone(paths)
		if err := scaleByBlocks(sums, tables, ref, ar1Blocks(t, ref, xs, 500)); err != nil {
			t.Fatal(err)
		}
		for i, p := range paths {
			want := (1 + phi) / (1 - phi)
			switch p.Kind {
			case MeanUp, MeanDown:
			case Wider, Narrower:
				want = (1 + phi*phi) / (1 - phi*phi)
			default:
				continue
			}
			if got := float64(p.Scale) / unscaled; math.Abs(got-want) > 0.15*want {
				t.Errorf("φ = %g, %s %.2g: design effect %.2f from panes, want %.2f", phi, p.Kind, p.Effect, got, want)
			}
			if got := float64(sums[i].Scale) / unscaled; math.Abs(got-want) > 0.3*want {
				t.Errorf("φ = %g, %s %.2g: design effect %.2f from block sums, want %.2f", phi, p.Kind, p.Effect, got, want)
			}
		}
	}
}

// Block sums alone: on the safe side of the target.
func TestBlockSumsAreOnTheSafeSide(t *testing.T) {
	t.Parallel()
	const target, phi = 500, 0.9
	got := over(t, 6, 60_000, phi, func(ref *sketches.Counts, xs []float64, seed uint64) *Plan {
		p := mustCalibrate(t, ref, Evidence{Blocks: ar1Blocks(t, ref, xs, 400)}, quick(target, seed))
		if p.Report.Basis != BlockSums {
			t.Errorf("basis %s", p.Report.Basis)
		}
		return p
	}, 20_000)
	if got < 0.8*target {
		t.Errorf("one alarm in %.0f records, target %d", got, target)
	}
}

// The target is that of the model: all features, resets and cooldown together.
func TestTargetIsOfTheWholeModel(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 20_000)
	s := quick(400, 3)
	s.Cooldown, s.PaneRows = 25, 4
	p := mustCalibrate(t, ref, Evidence{}, s)
	tables, err := NewTables(p.Paths, ref)
	if err != nil {
		t.Fatal(err)
	}
	alone := mustCalibrate(t, gridOf(t, values(1, 20_000, 0)), Evidence{}, s)
	if p.Threshold <= alone.Threshold {
		t.Errorf("threshold %d for four features, %d for one", p.Threshold, alone.Threshold)
	}
	columns := make([]sampler, len(ref.Features))
	for f := range columns {
		columns[f] = newSampler(columnsOf(&ref.Features[f]))
	}
	stream := newIndependent(99, tables, columns, s.PaneRows, nil)
	stream.begin(0)
	const panes = 200_000
	got := panes / float64(rate(p, stream, panes))
	if got < 0.85*s.Target || got > 1.3*s.Target { // against a reference that is exact here
		t.Errorf("one alarm in %.0f panes, target %g", got, s.Target)
	}
}

func TestOutOfReachIsExtrapolatedAndSaysSo(t *testing.T) {
	t.Parallel()
	ref := gridOf(t, values(1, 100_000, 0))
	h := map[float64]float64{}
	for _, target := range []float64{1e3, 1e6, 1e9} {
		s := quick(target, 1)
		s.Work = 3e7
		p := mustCalibrate(t, ref, Evidence{}, s)
		if want := target > 1e4; p.Report.Extrapolated != want {
			t.Errorf("target %g: extrapolated %t, want %t", target, p.Report.Extrapolated, want)
		}
		h[target] = float64(p.Threshold) / nano
	}
	// One nat of h is about a factor e of ARL0 where records are independent.
	for _, pair := range [][2]float64{{1e3, 1e6}, {1e6, 1e9}} {
		if got := h[pair[1]] - h[pair[0]]; math.Abs(got-math.Log(1000)) > 2 {
			t.Errorf("from %g to %g the threshold rises by %.2f nats, want about %.2f", pair[0], pair[1], got, math.Log(1000))
		}
	}
}

func TestPanesOfManyRecordsNeedNoHighThreshold(t *testing.T) {
	t.Parallel()
	s := quick(1000, 1)
	s.PaneRows = 5000
	p := mustCalibrate(t, gridOf(t, values(1, 50_000, 0)), Evidence{}, s)
	if p.Threshold != minThreshold || p.Report.Alarms != 0 {
		t.Errorf("threshold %d with %d alarms, want the least, %d, and none", p.Threshold, p.Report.Alarms, int64(minThreshold))
	}
	if got, lo, hi := p.Report.Achieved(); !math.IsInf(got, 1) || !math.IsInf(hi, 1) || lo < s.Target {
		t.Errorf("achieved %g (%g to %g)", got, lo, hi)
	}
}

func TestPathsBelowTheReferencesErrorAreLeftOut(t *testing.T) {
	t.Parallel()
	least := func(n int) float64 {
		p := mustCalibrate(t, gridOf(t, values(1, n, 0)), Evidence{}, quick(200, 1))
		if p.Report.Dropped == 0 != (n >= 2000) {
			t.Errorf("%d records: %d paths left out", n, p.Report.Dropped)
		}
		return p.Paths[0].Effect
	}
	for n, want := range map[int]float64{5000: 0.25, 200: 0.5, 40: 1} {
		if got := least(n); got != want {
			t.Errorf("%d records: smallest shift asked about %g, want %g", n, got, want)
		}
	}
	if _, err := Calibrate(gridOf(t, []float64{1, 2, 3}), Evidence{}, quick(200, 1)); !errors.Is(err, sketches.ErrEmpty) {
		t.Errorf("three records: %v", err)
	}
}

func TestCalibrationIsDeterministic(t *testing.T) {
	t.Parallel()
	xs := values(1, 2000, 0.5)
	ref := gridOf(t, xs)
	h := rowHistory(t, ref, xs)
	bytes := func(seed uint64) string {
		return string(mustCalibrate(t, ref, Evidence{History: h}, quick(200, seed)).Encode())
	}
	first := bytes(1)
	if bytes(1) != first {
		t.Error("two calibrations of one seed differ")
	}
	if bytes(2) == first {
		t.Error("the seed does not matter")
	}
}

func TestCalibrateRefuses(t *testing.T) {
	t.Parallel()
	xs := values(1, 500, 0)
	ref := gridOf(t, xs)
	other := gridOf(t, values(2, 500, 0))
	if _, err := Calibrate(ref, Evidence{History: rowHistory(t, other, xs)}, quick(200, 1)); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("a history of another grid: %v", err)
	}
	if _, err := Calibrate(ref, Evidence{History: rowHistory(t, ref, xs[:50])}, quick(200, 1)); !errors.Is(err, ErrNoHistory) {
		t.Errorf("fifty panes: %v", err)
	}
	seasonal := quick(200, 1)
	seasonal.Cycle = 60
	if _, err := Calibrate(ref, Evidence{History: rowHistory(t, ref, xs)}, seasonal); !errors.Is(err, ErrNoHistory) {
		t.Errorf("fewer than ten cycles: %v", err)
	}
	bad := Settings{Target: 1, PaneRows: 0, Alarms: 1, Cycle: -1, Block: 0.5}
	err := bad.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 7 {
		t.Errorf("seven faults: %v", err)
	}
}

// What is drawn from few cycles must spread as far as what they came from.
func TestResampledCyclesSpreadAsTheirLaw(t *testing.T) {
	const cycles, cycle, paths, runs = 12, 5, 2, 4000
	d := generate.NewSequence(7, 0)
	plain, widened := 0.0, 0.0
	variance := func(inc []int64) (v float64) {
		x := make([]float64, 0, cycles*cycle)
		for i := 0; i < len(inc); i += paths {
			x = append(x, float64(inc[i]))
		}
		centre(x, cycle)
		return covariance(x, 0)
	}
	for range runs {
		inc := make([]int64, cycles*cycle*paths)
		for i := range inc {
			inc[i] = int64(1e6*float64(i%(cycle*paths)) + math.RoundToEven(1e4*d.Normal())) // seasons far above the noise
		}
		plain += variance(inc) / 1e8 / runs
		spread(inc, paths, cycle)
		widened += variance(inc) / 1e8 / runs
	}
	if math.Abs(plain-11.0/12) > 0.01 || math.Abs(widened-1) > 0.01 {
		t.Errorf("variance %.3f as drawn, %.3f widened; want 0.917 and 1", plain, widened)
	}
	one := []int64{5, -3}
	if spread(one, 2, 1); one[0] != 5 || one[1] != -3 {
		t.Errorf("one cycle alone became %v", one)
	}
}
