package multivariate

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

var changes = []struct {
	name string
	draw func(rng *rand.Rand, x []float64)
	most float64 // mean delay
	stat Statistic
}{
	{"mean of all", func(rng *rand.Rand, x []float64) {
		normals(rng, x)
		for k := range x {
			x[k] += 0.5
		}
	}, 16, StatLocation},
	{"variance of half", func(rng *rand.Rand, x []float64) {
		normals(rng, x)
		for k := range x[:5] {
			x[k] *= math.Sqrt(3)
		}
	}, 14, StatSpread},
	{"correlation, marginals unchanged", func(rng *rand.Rand, x []float64) {
		normals(rng, x)
		common := rng.NormFloat64()
		for k := range x {
			x[k] = math.Sqrt(0.3)*x[k] + math.Sqrt(0.7)*common
		}
	}, 24, StatCorrelation},
}

// TestMonitor_FindsChangesAtItsRate calibrates on a reference and measures, on fresh
// rows, the mean time to a false alarm and the delay of three kinds of change.
func TestMonitor_FindsChangesAtItsRate(t *testing.T) {
	t.Parallel()
	const target, d = 100, 10
	lengths, nulls := 0.0, 0.0
	delays := make([]float64, len(changes))
	const worlds, runs = 3, 25
	for seed := range uint64(worlds) {
		w := newWorld(t, d, 600, 128, 10+seed, normals)
		law, err := Calibrate(Calibration{Panes: w.panes, Scales: []int{8, 24}, Targets: []float64{target}, Runs: 800, References: 40, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := NewReference(w.all)
		if err != nil {
			t.Fatal(err)
		}
		m := NewMonitor(ref, law)
		run := func(draw func(rng *rand.Rand, x []float64)) (tests float64) {
			m.Reset()
			x := make([]float64, d)
			for i := 0; ; i++ {
				if i < 24 {
					normals(w.rng, x)
				} else {
					draw(w.rng, x)
				}
				s := m.Push(w.sums(x))
				if !s.Ready && i >= 23 || s.Ready && i < 23 {
					t.Fatalf("pane %d: ready %v", i, s.Ready)
				}
				if m.Alarm(s, 0) || i > 5000 {
					return float64(i - 23)
				}
			}
		}
		for range 40 {
			lengths += run(normals) + 1
			nulls++
		}
		for i, c := range changes {
			for range runs {
				delays[i] += run(c.draw) / (worlds * runs)
			}
		}
	}
	// 120 run lengths that are about exponential: 9 % of standard error, and as much from
	// the calibrations.
	if got := lengths / nulls; got < 0.6*target || got > 1.7*target {
		t.Errorf("%.0f tests up to a false alarm, want about %d", got, target)
	} else {
		t.Logf("%.0f tests up to a false alarm, want about %d", got, target)
	}
	for i, c := range changes {
		if delays[i] > c.most {
			t.Errorf("%s: found after %.1f rows, want at most %.0f", c.name, delays[i], c.most)
		} else {
			t.Logf("%s: found after %.1f rows", c.name, delays[i])
		}
	}
}

// TestCalibrate_TheReferenceIsAnEstimate holds the second half of M2: where the window is
// a fifth of the reference, limits that take the reference for the truth give alarms far
// too often.
func TestCalibrate_TheReferenceIsAnEstimate(t *testing.T) {
	t.Parallel()
	const target, n, window, worlds, tests = 50, 200, 40, 20, 1500
	var alarms, judged [2]float64
	for seed := range uint64(worlds) {
		w := newWorld(t, 10, n, 4, 50+seed, normals)
		ref, err := NewReference(w.all)
		if err != nil {
			t.Fatal(err)
		}
		rows := w.draw(window+tests, normals)
		for i := range alarms {
			law, err := Calibrate(Calibration{
				Panes: w.panes, Scales: []int{window}, Statistics: []Statistic{StatLocation}, Targets: []float64{target},
				Runs: 300, References: 100, Seed: seed, fixedReference: i == 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			m := NewMonitor(ref, law)
			for _, x := range rows {
				s := m.Push(w.sums(x))
				if s.Ready {
					judged[i]++
				}
				if m.Alarm(s, 0) {
					alarms[i]++
					m.Reset()
				}
			}
		}
	}
	got, mutant := judged[0]/alarms[0], judged[1]/alarms[1]
	t.Logf("%.0f tests up to a false alarm, %.0f with the mutant", got, mutant)
	if got < 0.6*target || got > 1.6*target {
		t.Errorf("%.0f tests up to a false alarm, want about %d", got, target)
	}
	if mutant > 0.75*got {
		t.Errorf("the mutant that takes the reference for the truth passes: %.0f tests up to a false alarm, %.0f without it", mutant, got)
	}
}

// TestMonitor_SeesSumsAlone holds M1: rows in any order and partition inside panes give
// the same steps, bit for bit.
func TestMonitor_SeesSumsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4, 200, 32, 5, normals)
	law, err := Calibrate(Calibration{Panes: w.panes, Scales: []int{2, 4}, Targets: []float64{50}, Runs: 100, References: 5})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := NewReference(w.all)
	if err != nil {
		t.Fatal(err)
	}
	a, b := NewMonitor(ref, law), NewMonitor(ref, law)
	for range 20 {
		rows := w.draw(1+w.rng.IntN(30), normals)
		whole := w.sums(rows...)
		w.rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		cut := w.rng.IntN(len(rows))
		parts := w.sums(rows[:cut]...)
		if err := parts.Merge(w.sums(rows[cut:]...)); err != nil {
			t.Fatal(err)
		}
		if x, y := a.Push(whole), b.Push(parts); x != y {
			t.Fatalf("steps %+v and %+v", x, y)
		}
	}
	again, err := Calibrate(Calibration{Panes: w.panes, Scales: []int{2, 4}, Targets: []float64{50}, Runs: 100, References: 5})
	if err != nil {
		t.Fatal(err)
	}
	for i := range law.Paths {
		if law.Paths[i] != again.Paths[i] {
			t.Errorf("path %d calibrated as %+v and %+v", i, law.Paths[i], again.Paths[i])
		}
	}
	if law.Limits[0].Rest != again.Limits[0].Rest {
		t.Error("two calibrations differ")
	}
}

// TestMonitor_EmptyPanes: panes without rows pass, and a window without rows, or with few,
// is not judged (M3).
func TestMonitor_EmptyPanes(t *testing.T) {
	w := newWorld(t, 3, 200, 16, 5, normals)
	law, err := Calibrate(Calibration{Panes: w.panes, Scales: []int{3}, Targets: []float64{20}, Runs: 100, References: 5})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := NewReference(w.all)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMonitor(ref, law)
	empty := joint.NewSums(w.space)
	for i := range 10 {
		s := m.Push(empty)
		if s.Ready || !math.IsInf(s.Score, -1) || m.Alarm(s, 0) || s.Rows != 0 {
			t.Errorf("pane %d without rows: %+v", i, s)
		}
	}
	for i, ready := range []bool{false, true, true} { // one, two, three rows in three panes
		if s := m.Push(w.panes[i]); s.Ready != ready || s.Rows != uint64(i+1) {
			t.Errorf("pane %d with a row: %+v, want ready %v", i, s, ready)
		}
	}
	if n := testing.AllocsPerRun(20, func() { m.Push(w.panes[0]) }); n != 0 {
		t.Errorf("%g allocations per pane", n)
	}
}

// TestMonitor_ManyRows: windows whose sums leave 64 bits are read like small ones.
func TestMonitor_ManyRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, 200, 16, 5, normals)
	ref, err := NewReference(w.all)
	if err != nil {
		t.Fatal(err)
	}
	pane := w.all.Clone()
	for range 50 { // about 2⁵⁷ rows
		if err := pane.Merge(pane.Clone()); err != nil {
			t.Fatal(err)
		}
	}
	m := newMonitor(ref, []PathLaw{{Path: Path{StatLocation, 2}}, {Path: Path{StatCorrelation, 2}}})
	for range 5 {
		m.add(pane)
	}
	m.measure(ref)
	for i, x := range m.values { // the same means and correlations, whatever the number of rows
		if x > 1e-3 {
			t.Errorf("path %d is %g over panes that are the reference many times, want 0", i, x)
		}
	}
}

func TestCalibrate_Refuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3, 200, 16, 5, normals)
	o := newWorld(t, 3, 100, 16, 6, normals)
	good := Calibration{Panes: w.panes, Scales: []int{3}, Targets: []float64{20}, Runs: 100, References: 5}
	for name, tc := range map[string]struct {
		edit func(c *Calibration)
		want error // nil: any
	}{
		"no panes":            {func(c *Calibration) { c.Panes = nil }, nil},
		"scales that descend": {func(c *Calibration) { c.Scales = []int{4, 3} }, nil},
		"a target of one":     {func(c *Calibration) { c.Targets = []float64{1} }, nil},
		"a target of NaN":     {func(c *Calibration) { c.Targets = []float64{math.NaN()} }, nil},
		"few runs":            {func(c *Calibration) { c.Runs = 9 }, nil},
		"short blocks":        {func(c *Calibration) { c.Block = 0.5 }, nil},
		"a foreign statistic": {func(c *Calibration) { c.Statistics = []Statistic{statistics} }, nil},
		"long windows":        {func(c *Calibration) { c.Scales = []int{60} }, ErrTooFew},
		"two embeddings":      {func(c *Calibration) { c.Panes = append(c.Panes[:50:50], o.panes...) }, sketches.ErrGridMismatch},
	} {
		c := good
		tc.edit(&c)
		if _, err := Calibrate(c); err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}
