package drift

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
)

func TestBHVectors(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/drift_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []json.RawMessage } // vectors of other kinds give p and q other forms
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, raw := range file.Vectors {
		var v struct {
			Kind   string
			P      json.RawMessage
			Q      float64
			Expect json.RawMessage
		}
		if err := json.Unmarshal(raw, &v); err != nil || v.Kind != "fdr" {
			continue
		}
		seen++
		var p []float64
		var want struct {
			Rejected []float64 `json:"bh_rejected"`
		}
		if err := errors.Join(json.Unmarshal(v.P, &p), json.Unmarshal(v.Expect, &want)); err != nil {
			t.Fatal(err)
		}
		marks, _ := BH(p, v.Q)
		var got []float64
		for i, m := range marks {
			if m {
				got = append(got, p[i])
			}
		}
		if !slices.Equal(got, want.Rejected) {
			t.Errorf("rejected %v, want %v", got, want.Rejected)
		}
	}
	if seen != 1 {
		t.Errorf("%d vectors of kind fdr, want 1", seen)
	}
}

func TestBH_HasAnAnswerForEveryInput(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, x := range []struct {
		name  string
		p     []float64
		q     float64
		want  []bool
		level float64
	}{
		{"none", nil, 0.1, []bool{}, 0},
		{"one at the level", []float64{0.1}, 0.1, []bool{true}, 0.1},
		{"one above", []float64{0.11}, 0.1, []bool{false}, 0.1},
		{"a later one carries an earlier one", []float64{0.09, 0.1}, 0.1, []bool{true, true}, 0.1},
		{"ties share their fate", []float64{0.05, 0.05, 1}, 0.08, []bool{true, true, false}, 0.08 / 3 * 2},
		{"not a number is no evidence", []float64{nan, 0.01}, 0.1, []bool{false, true}, 0.05},
		{"order does not matter", []float64{1, 0.01, 0.5}, 0.06, []bool{false, true, false}, 0.02},
	} {
		got, level := BH(x.p, x.q)
		if !slices.Equal(got, x.want) || math.Abs(level-x.level) > 1e-15 {
			t.Errorf("%s: %v at %g, want %v at %g", x.name, got, level, x.want, x.level)
		}
	}
}

// TestBH_KeepsTheShareOfFalseRejections: independent p-values, a third of them of true
// changes. The mean share of false ones among the rejections stays at q·(share without
// change), here 0.2·2/3; holding each against q alone does not.
func TestBH_KeepsTheShareOfFalseRejections(t *testing.T) {
	t.Parallel()
	const seed, runs, m, changed, q = 7, 4000, 30, 10, 0.2
	rng := rand.New(rand.NewPCG(seed, 1))
	var fdr, naive float64
	share := func(marks []bool) float64 {
		wrong, all := 0.0, 0.0
		for i, r := range marks {
			if r {
				all++
				if i >= changed {
					wrong++
				}
			}
		}
		return wrong / max(all, 1)
	}
	for range runs {
		p := make([]float64, m)
		each := make([]bool, m)
		for i := range p {
			p[i] = rng.Float64()
			if i < changed {
				p[i] = math.Pow(p[i], 8)
			}
			each[i] = p[i] <= q
		}
		marks, _ := BH(p, q)
		fdr += share(marks) / runs
		naive += share(each) / runs
	}
	if want := q * (m - changed) / m; fdr > want+0.01 || fdr < want-0.02 {
		t.Errorf("share of false rejections %.3f, want about %.3f (seed %d)", fdr, want, seed)
	}
	if naive < 0.25 {
		t.Errorf("without a correction %.3f: the test could not fail", naive)
	}
}

// TestThresholdP_AgreesWithTheLowerBound: p < α ⇔ L > τ.
func TestThresholdP_AgreesWithTheLowerBound(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 2))
	s := DefaultSettings()
	s.Full = true
	both := map[bool]int{}
	for i := range 60 {
		f, ref, cur := onGrid(t, normals(rng, 4000, 0, 1), normals(rng, 2000, 0.015*float64(i), 1))
		r := Judge(f, ref, cur, Independent(), s)
		p := r.ThresholdP(r.Tau)
		if (p < r.Alpha) != (r.PSILower > r.Tau) {
			t.Errorf("p = %g at α = %g, but L = %g at τ = %g", p, r.Alpha, r.PSILower, r.Tau)
		}
		if r.PSIDebiased <= r.Tau && p != 1 {
			t.Errorf("p = %g where the debiased PSI, %g, is not above τ", p, r.PSIDebiased)
		}
		both[p < r.Alpha]++
	}
	if both[true] < 5 || both[false] < 5 {
		t.Errorf("%v: too few on one side", both)
	}
}

// TestJudgeTogether_LiesBetweenTheTwoFixedLevels: [D] BH finds what every feature at q/M
// finds, and nothing that a feature at q does not; the bound still tells the verdict.
func TestJudgeTogether_LiesBetweenTheTwoFixedLevels(t *testing.T) {
	t.Parallel()
	const m, q = 12, 0.01
	rng := rand.New(rand.NewPCG(31, 4))
	more := 0
	for range 15 {
		var rs, strict, loose []FeatureResult
		for i := range m {
			f, ref, cur := onGrid(t, normals(rng, 3000, 0, 1), normals(rng, 600, 0.6+0.02*float64(i), 1))
			at := func(alpha float64) FeatureResult {
				s := DefaultSettings()
				s.Alpha = alpha
				return Judge(f, ref, cur, Independent(), s)
			}
			rs, strict, loose = append(rs, at(q/m)), append(strict, at(q/m)), append(loose, at(q))
		}
		rs[0].Verdict = Insufficient
		before := rs[0]
		together := make([]*FeatureResult, m)
		for i := range rs {
			together[i] = &rs[i]
		}
		JudgeTogether(together, 0.1, q)
		if !reflect.DeepEqual(rs[0], before) {
			t.Fatal("a feature without a judgement was touched")
		}
		for i := 1; i < m; i++ {
			r := &rs[i]
			if strict[i].Verdict == Drifted && r.Verdict != Drifted || r.Verdict == Drifted && loose[i].Verdict != Drifted {
				t.Errorf("feature %d: %s, at q/M %s, at q %s", i, r.Verdict, strict[i].Verdict, loose[i].Verdict)
			}
			if (r.Verdict == Drifted) != (r.PSILower > r.Tau) || r.Verdict == Drifted && !r.Warned || r.Alpha < q/m || r.Alpha > q {
				t.Errorf("feature %d: %s with L = %g at α = %g", i, r.Verdict, r.PSILower, r.Alpha)
			}
			if r.Verdict == Drifted && strict[i].Verdict != Drifted {
				more++
			}
		}
	}
	if more == 0 {
		t.Error("BH never finds more than q/M: nothing was compared")
	}
}

func TestShareByWeight(t *testing.T) {
	t.Parallel()
	rs := []FeatureResult{{Verdict: Drifted}, {Verdict: Stable}, {Verdict: Insufficient}, {Verdict: Drifted}}
	for _, x := range []struct {
		name          string
		weights       []float64
		share, judged float64
		ok            bool
	}{
		{"equal weights give the plain share", []float64{1, 1, 1, 1}, 2.0 / 3, 0.75, true},
		{"what is not judged is on neither side", []float64{1, 3, 4, 0}, 0.25, 0.5, true},
		{"scale does not matter", []float64{10, 30, 40, 0}, 0.25, 0.5, true},
		{"no weight was judged", []float64{0, 0, 1, 0}, 0, 0, false},
		{"no weights", []float64{0, 0, 0, 0}, 0, 0, false},
		{"negative and NaN count nothing", []float64{1, -1, math.NaN(), math.NaN()}, 1, 1, true},
	} {
		share, judged, ok := ShareByWeight(rs, x.weights)
		if math.Abs(share-x.share) > 1e-15 || math.Abs(judged-x.judged) > 1e-15 || ok != x.ok {
			t.Errorf("%s: %g of %g, %v; want %g of %g, %v", x.name, share, judged, ok, x.share, x.judged, x.ok)
		}
	}
}
