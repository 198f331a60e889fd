package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"syscall"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// A Judger that has seen other windows says of the next one what a new one says.
func TestJudger_KeepsNothingOfOtherWindows(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(12, 5))
	f, ref, _ := onGrid(t, normals(rng, 5000, 0, 1), normals(rng, 10, 0, 1))
	g := gridOf(t, f)
	blocks, err := FromReferenceBlocks(ar1Blocks(t, f, ref, 9, 0.7, 14, 300))
	if err != nil {
		t.Fatal(err)
	}
	live := FromLiveWindows(ar1Blocks(t, f, ref, 8, 0.7, 10, 300))
	for _, dep := range []Dependence{Independent(), blocks, live, live.Borrowed(), LearningDependence()} {
		s := DefaultSettings()
		s.Full = true
		j := NewJudger(f, ref, dep, s, new(Scratch))
		for i := range 40 {
			n := []int{0, 1, 7, 60, 500, 3000}[rng.IntN(6)]
			cur := countOn(g, normals(rng, n, 3*rng.Float64(), 0.2+2*rng.Float64()))
			got, want := j.Judge(cur), Judge(f, ref, cur, dep, s)
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) { // as text: NaN is NaN
				t.Fatalf("window %d of %d values, %s:\n%+v\nwant\n%+v", i, n, dep.Kind(), got, want)
			}
		}
	}
}

// BenchmarkJudger_Fleet judges 20 models with 200 features in 3 windows, and says what
// 500 such models take: cpu-s is CPU time of 300,000 comparisons.
func BenchmarkJudger_Fleet(b *testing.B) {
	const features, models, wins = 200, 20, 3
	rng := rand.New(rand.NewPCG(13, 5))
	f, ref, _ := onGrid(b, normals(rng, 20000, 0, 1), normals(rng, 10, 0, 1))
	dep, err := FromReferenceBlocks(ar1Blocks(b, f, ref, 9, 0.5, 30, 500))
	if err != nil {
		b.Fatal(err)
	}
	g := gridOf(b, f)
	s := DefaultSettings()
	s.Alpha = MinAlpha
	shared := new(Scratch)
	judges := make([]*Judger, features*models*wins)
	windows := make([]*sketches.FeatureCounts, len(judges))
	for i := range judges {
		judges[i], windows[i] = NewJudger(f, ref, dep, s, shared), countOn(g, normals(rng, 1000, 0, 1))
	}
	b.ReportAllocs()
	cpu := func() float64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	from := cpu()
	for b.Loop() {
		for i, j := range judges {
			j.Judge(windows[i])
		}
	}
	each := (cpu() - from) / float64(b.N) / float64(len(judges))
	b.ReportMetric(1e9*each, "cpu-ns/comparison")
	b.ReportMetric(each*500*features*wins, "cpu-s/500-models")
}

// The one pass over the cells says what the two definitions say.
func TestJudger_OnePassAgreesWithTheDefinitions(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(14, 5))
	for range 200 {
		values := normals(rng, 20+rng.IntN(3000), 0, 1)
		for i := range values {
			if rng.IntN(3) == 0 {
				values[i] = float64(rng.IntN(4)) // single values
			}
		}
		f, ref, cur := onGrid(t, values, normals(rng, 1+rng.IntN(900), 2*rng.Float64(), 0.1+3*rng.Float64()))
		r := Judge(f, ref, cur, Independent(), DefaultSettings())
		low, high := KSInterval(f, ref, cur)
		w, wl, wh, certified := WassersteinCells(f, ref, cur)
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*(1+math.Abs(b)) }
		if r.KSLow != low || r.KSHigh != high || !near(r.W1, w) || !near(r.W1Low, wl) || !near(r.W1High, wh) || r.W1Certified != certified {
			t.Fatalf("KS %v %v, W1 %v %v %v %v; want %v %v, %v %v %v %v", r.KSLow, r.KSHigh, r.W1, r.W1Low, r.W1High, r.W1Certified, low, high, w, wl, wh, certified)
		}
	}
}

// Parts names what contributes where Judge leaves it out, and leaves the judger as it was.
func TestJudger_PartsOfAWindowNobodyIsWarnedOf(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(61, 4))
	f, ref, cur := onGrid(t, normals(rng, 4000, 0, 1), normals(rng, 900, 0.05, 1))
	j := NewJudger(f, ref, Independent(), DefaultSettings(), new(Scratch))
	before := j.Judge(cur)
	parts := j.Parts(cur)
	full := DefaultSettings()
	full.Full = true
	if want := Judge(f, ref, cur, Independent(), full).Top; before.Warned || before.Top != nil || len(parts) == 0 || !reflect.DeepEqual(parts, want) {
		t.Errorf("parts %+v, want %+v; before %+v", parts, want, before.Top)
	}
	if after := j.Judge(cur); !reflect.DeepEqual(after, before) {
		t.Errorf("after asking for parts %+v, before %+v", after, before)
	}
}
