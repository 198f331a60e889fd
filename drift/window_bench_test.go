package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// benchWindows is how many windows stand behind a cell of the table;
// DRIFTLINE_BENCH_WINDOWS asks for another number.
const benchWindows = 2000

// windowLength is how many records a window and a block of the reference hold.
const windowLength = 500

// cell is one cell of the table.
type windowCell struct {
	phi    float64 // of the AR(1) process behind the records
	blocks int
	shape  string
}

// shapes turn a standard normal and the place in the window into a record.
var shapes = map[string]func(z float64, i int) float64{
	"normal":    func(z float64, _ int) float64 { return z },
	"lognormal": func(z float64, _ int) float64 { return math.Exp(z) },
	"five":      func(z float64, _ int) float64 { return math.Floor(5 * 0.5 * math.Erfc(-z/math.Sqrt2)) }, // five values
	"zeros":     func(z float64, _ int) float64 { return max(0, z-0.2533) },                               // 60 % are 0
	"daily":     func(z float64, i int) float64 { return z + math.Sqrt2*math.Sin(2*math.Pi*float64(i)/100) },
}

// BenchmarkWindowTest is the table of false alarms and power of the verdict's test: per
// cell the share of windows without drift in which it sees an effect at a nominal 1 % and
// 0.1 %, the share that is insufficient, and how often it sees a shift of half a standard
// deviation, a PSI of 0.25. For comparison: how often PSI > 0.1 and KS p < 0.05 fire
// without drift. Reference and window come from the same process, the reference in blocks of
// the window's length.
//
//	go test -run '^$' -bench WindowTest -benchtime 1x ./drift
func BenchmarkWindowTest(b *testing.B) {
	var cells []windowCell
	for _, phi := range []float64{0, 0.5, 0.9, 0.98} {
		for _, blocks := range []int{13, 20, 100} {
			cells = append(cells, windowCell{phi, blocks, "normal"})
		}
	}
	for _, shape := range []string{"lognormal", "five", "zeros", "daily"} {
		cells = append(cells, windowCell{0.5, 13, shape}, windowCell{0.9, 20, shape})
	}
	for _, c := range cells {
		b.Run(fmt.Sprintf("%s/phi=%g/blocks=%d", c.shape, c.phi, c.blocks), func(b *testing.B) {
			var r windowRates
			for b.Loop() {
				r = c.measure(b, 1, windows(b))
			}
			b.ReportMetric(100*r.one, "%false@1%")
			b.ReportMetric(100*r.tenth, "%false@0.1%")
			b.ReportMetric(100*r.insufficient, "%insufficient")
			b.ReportMetric(100*r.power, "%power@1%")
			b.ReportMetric(100*r.psi, "%PSI>0.1")
			b.ReportMetric(100*r.ks, "%KSp<0.05")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func windows(tb testing.TB) int {
	text := os.Getenv("DRIFTLINE_BENCH_WINDOWS")
	if text == "" {
		return benchWindows
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		tb.Fatalf("DRIFTLINE_BENCH_WINDOWS is %q, want a number", text)
	}
	return n
}

// windowRates are shares of windows; the first two and the last two without drift.
type windowRates struct{ one, tenth, insufficient, power, psi, ks float64 }

func (c windowCell) measure(tb testing.TB, seed uint64, windows int) (r windowRates) {
	tb.Helper()
	rng := rand.New(rand.NewPCG(seed, uint64(c.blocks)<<8|uint64(100*c.phi)))
	shape := shapes[c.shape]
	stream := func(n int, shift float64) []float64 {
		z, s := rng.NormFloat64(), math.Sqrt(1-c.phi*c.phi)
		x := make([]float64, n)
		for i := range x {
			z = c.phi*z + s*rng.NormFloat64()
			x[i] = shape(z+shift, i)
		}
		return x
	}
	s := DefaultSettings()
	for range windows {
		values := stream(c.blocks*windowLength, 0)
		f, ref, cur := onGrid(tb, values, stream(windowLength, 0))
		moved := countOn(gridOf(tb, f), stream(windowLength, 0.5))
		dep := c.learn(tb, f, ref, values)
		still, shifted := Judge(f, ref, cur, dep, s), Judge(f, ref, moved, dep, s)
		count := func(into *float64, yes bool) {
			if yes {
				*into += 1 / float64(windows)
			}
		}
		p := still.effectP()
		judged := still.Verdict != Insufficient
		count(&r.one, judged && p < 0.01)
		count(&r.tenth, judged && p < 0.001)
		count(&r.insufficient, !judged)
		count(&r.power, shifted.Verdict != Insufficient && shifted.effectP() < 0.01)
		count(&r.psi, still.PSI > 0.1)
		count(&r.ks, still.KSP() < 0.05)
	}
	return r
}

// effectP is the p-value of no effect at all.
func (r *FeatureResult) effectP() float64 { return law{r.Nu, r.Eta}.sf(r.PSI/r.Scale, 0) }

func gridOf(tb testing.TB, f *sketches.FeatureGrid) *sketches.Grid {
	tb.Helper()
	g, err := sketches.NewGrid([]sketches.FeatureGrid{*f})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// learn makes the design effect of the blocks of a reference.
func (c windowCell) learn(tb testing.TB, f *sketches.FeatureGrid, ref *sketches.FeatureCounts, values []float64) Dependence {
	tb.Helper()
	cellToBin, bins := f.VerdictBins(ref)
	sums, err := sketches.NewBlocks(1000, []int{bins})
	if err != nil {
		tb.Fatal(err)
	}
	for j := range c.blocks {
		k := make([]uint64, bins)
		for _, x := range values[j*windowLength : (j+1)*windowLength] {
			cell, _ := f.Locate(sketches.Number(x))
			k[cellToBin[cell]]++
		}
		if err := sums.AddBlock([][]uint64{k}); err != nil {
			tb.Fatal(err)
		}
	}
	dep, err := FromReferenceBlocks(&sums.Features[0])
	if err != nil {
		tb.Fatal(err)
	}
	return dep
}

// TestWindowTest_HoldsItsLevelWithAFewBlocks: a small part of the table. Too calm is as
// wrong as too eager: with independence half of the windows fire, with the other two laws
// hardly any shift is seen, or three times too many windows fire.
func TestWindowTest_HoldsItsLevelWithAFewBlocks(t *testing.T) {
	t.Parallel()
	const n = 400
	eager := windowCell{0.9, 13, "normal"}.measure(t, 7, n)
	if eager.one > 0.025 {
		t.Errorf("φ 0.9: %.2f %% of %d windows without drift fire at 1 %% (seed 7)", 100*eager.one, n)
	}
	seen := windowCell{0.5, 13, "normal"}.measure(t, 8, n)
	if seen.one > 0.015 || seen.power < 0.95 {
		t.Errorf("φ 0.5: %.2f %% fire without drift, %.0f %% see a PSI of 0.25 (seed 8)", 100*seen.one, 100*seen.power)
	}
}
