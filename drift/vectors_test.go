package drift

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// number reads a vector's number; "inf", "-inf", "nan" and null are NaN-able forms.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	switch strings.Trim(string(b), `"`) {
	case "null", "nan":
		*n = number(math.NaN())
	case "inf":
		*n = number(math.Inf(1))
	case "-inf":
		*n = number(math.Inf(-1))
	default:
		return json.Unmarshal(b, (*float64)(n))
	}
	return nil
}

type vector struct {
	ID     string          `json:"id"`
	Kind   string          `json:"kind"`
	Ref    json.RawMessage `json:"ref"`
	Cur    json.RawMessage `json:"cur"`
	N      float64         `json:"N"`
	D      float64         `json:"D"`
	Bins   int             `json:"bins"`
	NRef   float64         `json:"n"`
	M      float64         `json:"m"`
	Alpha  float64         `json:"alpha"`
	Want   string          `json:"expect_error"`
	Expect map[string]any  `json:"expect"`
}

func loadVectors(t *testing.T, kind string, want int) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/drift_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	vs := slices.DeleteFunc(file.Vectors, func(v vector) bool { return v.Kind != kind })
	if len(vs) != want {
		t.Fatalf("%d vectors of kind %s, want %d", len(vs), kind, want)
	}
	return vs
}

func numbers(t *testing.T, raw json.RawMessage) []float64 {
	t.Helper()
	var ns []number
	if err := json.Unmarshal(raw, &ns); err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(ns))
	for i, n := range ns {
		out[i] = float64(n)
	}
	return out
}

// checker compares results with a vector and sees to it that no key is left out.
type checker struct {
	t    *testing.T
	want map[string]any
	used map[string]bool
}

func newChecker(t *testing.T, want map[string]any) *checker {
	return &checker{t: t, want: want, used: map[string]bool{}}
}

func (c *checker) num(key string, got float64) {
	c.t.Helper()
	w, ok := c.want[key]
	c.used[key] = true
	if !ok {
		c.t.Errorf("no expected value for %s", key)
		return
	}
	var want float64
	switch w := w.(type) {
	case nil:
		want = math.NaN()
	case string:
		want = map[string]float64{"inf": math.Inf(1), "-inf": math.Inf(-1), "nan": math.NaN()}[w]
	case float64:
		want = w
	}
	rel := 1e-9
	if strings.HasSuffix(key, "_exact_p") || strings.HasSuffix(key, "_asymp_p") || key == "cvm_p" {
		rel = 1e-8
	}
	if math.IsNaN(want) && math.IsNaN(got) || want == got {
		return
	}
	if !(math.Abs(got-want) <= 1e-12 || math.Abs(got-want) <= rel*math.Abs(want)) {
		c.t.Errorf("%s = %.17g, want %.17g", key, got, want)
	}
}

func (c *checker) list(key string, got []float64) {
	c.t.Helper()
	c.used[key] = true
	want, _ := c.want[key].([]any)
	if len(want) != len(got) {
		c.t.Errorf("%s has %d values, want %d: %v, want %v", key, len(got), len(want), got, want)
		return
	}
	for i, w := range want {
		if d := math.Abs(got[i] - w.(float64)); d > 1e-12 && d > 1e-9*math.Abs(w.(float64)) {
			c.t.Errorf("%s[%d] = %.17g, want %.17g", key, i, got[i], w)
		}
	}
}

func (c *checker) done() {
	c.t.Helper()
	for key := range c.want {
		if !c.used[key] {
			c.t.Errorf("%s is not checked", key)
		}
	}
}

func TestNumericVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "numeric", 26) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			ref, _, err := NewSample(numbers(t, v.Ref))
			if err != nil {
				t.Fatal(err)
			}
			cur, _, err := NewSample(numbers(t, v.Cur))
			if err != nil {
				t.Fatal(err)
			}
			c := newChecker(t, v.Expect)
			n, m := float64(len(ref)), float64(len(cur))
			c.num("n", n)
			c.num("m", m)

			ks := KSSamples(ref, cur)
			c.num("ks_stat", ks.D)
			c.num("ks_loc", ks.At)
			c.num("ks_sign", float64(ks.Sign))
			exact, ok := KSExactP(len(ref), len(cur), ks.D)
			if !ok {
				t.Error("no exact p")
			}
			c.num("ks_exact_p", exact)
			if v.ID == "num_single_each" { // N = 0: the vectors' library has no answer
				if got := KSAsymptoticP(n, m, ks.D); got != 1 {
					t.Errorf("asymptotic p for N = 0 is %g, want 1", got)
				}
				c.used["ks_asymp_p"] = true
			} else {
				c.num("ks_asymp_p", KSAsymptoticP(n, m, ks.D))
			}
			c.num("ks_limit_p", KSLimitP(n, m, ks.D))

			checkDeciles(t, c, ref, cur)

			psi, err := EvidentlyPSI(ref, cur)
			if err != nil {
				t.Error(err)
			}
			c.num("psi_evidently", psi)
			c.num("js_evidently", EvidentlyJS(ref, cur))
			if psi, ok := FrourosPSI(ref, cur); ok {
				c.num("psi_frouros", psi)
			}
			c.list("doane_edges", DoaneEdges(ref))
			r, w := NannyShares(ref, cur)
			c.num("js_nannyml", JSDistance(r, w, 2))
			c.num("hellinger_nannyml", HellingerDiff(r, w))
			c.num("hellinger_evidently", EvidentlyHellinger(ref, cur))
			c.num("wasserstein", Wasserstein(ref, cur))
			c.num("wasserstein_norm", WassersteinNorm(ref, cur))
			c.num("wasserstein_deepchecks", WassersteinScaled(ref, cur))
			c.num("energy", Energy(ref, cur))
			if cvm, ok := CramerVonMises(ref, cur); ok {
				c.num("cvm_stat", cvm.Stat)
				c.num("cvm_p", cvm.P)
			}
			for key, s := range map[string]Sample{"moments_ref": ref, "moments_cur": cur} {
				c.used[key] = true
				checkMoments(t, v.Expect[key].(map[string]any), BatchMoments(s))
			}
			c.done()
		})
	}
}

// checkDeciles takes the bins from a grid, so that the vectors also check its
// quantiles and its nesting.
func checkDeciles(t *testing.T, c *checker, ref, cur Sample) {
	t.Helper()
	f, err := sketches.NewNumeric("x", ref)
	if err != nil {
		t.Fatal(err)
	}
	var edges []float64
	for j := 1; j < 10; j++ {
		edges = append(edges, sketches.QuantileSorted(ref, j, 10))
	}
	c.list("psi_q10_edges", slices.Compact(edges))
	cellToBin, bins := f.Coarse(10)
	count := func(s Sample) []float64 {
		counts := make([]float64, bins)
		for _, x := range s {
			cell, _ := f.Locate(sketches.Number(x))
			counts[cellToBin[cell]]++
		}
		return counts
	}
	a, b := count(ref), count(cur)
	c.list("psi_q10_ref_counts", a)
	c.list("psi_q10_cur_counts", b)
	for key, rule := range map[string]ZeroRule{"psi_q10_floor": Floor, "psi_q10_jeffreys": Jeffreys, "psi_scouter": Scouter} {
		psi, err := PSIWith(rule, a, b)
		if err != nil {
			t.Error(err)
		}
		c.num(key, psi)
	}
	threshold := math.NaN()
	if bins > 1 {
		threshold = NewPSINull(bins, float64(len(ref)), float64(len(cur))).Threshold(0.01)
	}
	c.num("psi_threshold_99", threshold)
}

func checkMoments(t *testing.T, want map[string]any, m RawMoments) {
	t.Helper()
	c := newChecker(t, want)
	c.num("n", float64(m.N))
	c.num("mean", m.Mean)
	c.num("var_pop", m.Variance)
	c.num("var_samp", m.VarianceSample)
	c.num("skew", m.Skewness)
	c.num("kurt", m.Kurtosis)
	c.num("skew_adj", m.SkewAdjusted)
	c.num("kurt_adj", m.KurtAdjusted)
	c.num("min", m.Min)
	c.num("max", m.Max)
	c.done()
}

func TestCategoricalVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "categorical", 10) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var ref, cur struct{ Counts map[string]float64 }
			if err := errors.Join(json.Unmarshal(v.Ref, &ref), json.Unmarshal(v.Cur, &cur)); err != nil {
				t.Fatal(err)
			}
			keys := map[string]bool{}
			for k := range ref.Counts {
				keys[k] = true
			}
			for k := range cur.Counts {
				keys[k] = true
			}
			delete(keys, "__null__")
			var names []string
			for k := range keys {
				names = append(names, k)
			}
			slices.Sort(names)
			a, b := make([]float64, len(names)), make([]float64, len(names))
			n, m, unseen, gone := 0.0, 0.0, 0.0, 0.0
			for i, k := range names {
				a[i], b[i] = ref.Counts[k], cur.Counts[k]
				n, m = n+a[i], m+b[i]
			}
			for i := range names {
				if a[i] == 0 {
					unseen += b[i] / m
				}
				if b[i] == 0 {
					gone += a[i] / n
				}
			}
			c := newChecker(t, v.Expect)
			if got := fmt.Sprint(names); got != fmt.Sprint(v.Expect["categories"]) {
				t.Errorf("categories %s, want %v", got, v.Expect["categories"])
			}
			c.used["categories"] = true
			c.num("n", n)
			c.num("m", m)
			c.num("null_ref", ref.Counts["__null__"])
			c.num("null_cur", cur.Counts["__null__"])
			c.num("unseen_share", unseen)
			c.num("gone_share", gone)
			for key, rule := range map[string]ZeroRule{"psi_evidently": Evidently, "psi_floor01": Floor01, "psi_cat_jeffreys": Jeffreys} {
				psi, err := PSIWith(rule, a, b)
				if err != nil {
					t.Error(err)
				}
				c.num(key, psi)
			}
			r, w := plainShares(a), plainShares(b)
			c.num("js_cat_base2", JSDistance(r, w, 2))
			c.num("js_cat_nat", JSDistance(r, w, math.E))
			c.num("hellinger_cat", Hellinger(r, w))
			c.num("tvd", TVD(r, w))
			c.num("linf", Linf(r, w))
			fit, err1 := ChiSquareFit(a, b)
			table, err2 := ChiSquareTable(a, b)
			cv, err3 := CramersV(a, b)
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Error(err)
			}
			c.num("chi2_gof_stat", fit.Stat)
			c.num("chi2_gof_p", fit.P)
			c.num("chi2_tab_stat", table.Stat)
			c.num("chi2_tab_p", table.P)
			c.num("chi2_tab_df", float64(table.DF))
			c.num("cramers_v", cv)
			c.done()
		})
	}
}

func TestRejectVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "reject", 4) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			_, _, err1 := NewSample(numbers(t, v.Ref))
			_, _, err2 := NewSample(numbers(t, v.Cur))
			want := map[string]error{"non_finite": ErrNonFinite, "empty": ErrEmpty}[v.Want]
			if err := errors.Join(err1, err2); want == nil || !errors.Is(err, want) {
				t.Errorf("error = %v, want %v", err, v.Want)
			}
		})
	}
}

func TestKolmogorovVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "kstwo_sf", 10) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			newChecker(t, v.Expect).num("sf", KolmogorovSF(v.N, v.D))
		})
	}
}

func TestPSINullVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t, "psi_null", 3) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			law := NewPSINull(v.Bins, v.NRef, v.M)
			c := newChecker(t, v.Expect)
			c.num("threshold", law.Threshold(v.Alpha))
			c.num("mean", law.Mean())
			c.num("sd", law.SD())
			c.num("p_of_0.1", law.P(0.1))
			c.done()
		})
	}
}
