package check_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// rows are n rows of ten normal features and a colour, spread over days; the first
// shifted features have another mean.
func rows(seed uint64, n, days, fromDay, shifted int, by float64) check.Side {
	rng := rand.New(rand.NewPCG(seed, 1))
	s := check.Side{Source: fmt.Sprint("seed ", seed)}
	for i := range 10 {
		s.Names = append(s.Names, fmt.Sprintf("x%d", i))
	}
	s.Names = append(s.Names, "colour")
	for k := range n {
		r := reference.Row{TimeMS: start.UnixMilli() + int64(fromDay)*86_400_000 + int64(k)*int64(days)*86_400_000/int64(n)}
		for i := range 10 {
			x := rng.NormFloat64()
			if i < shifted {
				x += by
			}
			r.Values = append(r.Values, sketches.Number(x))
		}
		r.Values = append(r.Values, sketches.String([]string{"red", "green", "blue"}[rng.IntN(3)]))
		s.Rows = append(s.Rows, r)
	}
	return s
}

func run(t *testing.T, c check.Config, ref, cur check.Side) *check.Report {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	out, err := check.Run(c, ref, cur)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRun_CallsAShiftInFourFeaturesAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, timed := range []bool{false, true} {
		c := check.DefaultConfig()
		c.Timed = timed
		ref := rows(1, 18_000, 90, 0, 0, 0)
		same := run(t, c, ref, rows(2, 1400, 7, 90, 0, 0))
		if !same.Enough || same.RetrainingNeeded || same.Drifted != 0 || same.Judged != 11 {
			t.Errorf("timed %v, no shift: %d of %d judged drifted, enough %v (%s)", timed, same.Drifted, same.Judged, same.Enough, same.Why)
		}
		by := 1.0
		if timed {
			by = 1.5 // a dozen blocks leave the design effect so open that less is not certain
		}
		moved := run(t, c, ref, rows(3, 1400, 7, 90, 4, by))
		if !moved.RetrainingNeeded || moved.Drifted != 4 || float64(moved.DriftRatio) != 4.0/11 {
			t.Errorf("timed %v, shift: %d drifted, ratio %v", timed, moved.Drifted, moved.DriftRatio)
		}
		for i, f := range moved.Features {
			if f.Drifted != (i < 4) {
				t.Errorf("timed %v: %s is %s", timed, f.Name, f.Verdict)
			}
		}
		want := "assumed none"
		if timed {
			want = "reference blocks"
		}
		if moved.Dependence != want || (moved.Blocks == 12) != timed {
			t.Errorf("dependence %q with %d blocks, want %q", moved.Dependence, moved.Blocks, want)
		}
	}
}

// What raw values tell is held against the definitions in package drift, which are held
// against the vectors.
func TestRun_NumbersAreExact(t *testing.T) {
	t.Parallel()
	ref, cur := rows(4, 3000, 90, 0, 0, 0), rows(5, 500, 7, 90, 10, 0.3)
	out := run(t, check.DefaultConfig(), ref, cur)
	values := func(s check.Side, i int) drift.Sample {
		var xs []float64
		for _, r := range s.Rows {
			x, _ := r.Values[i].Float()
			xs = append(xs, x)
		}
		sample, _, err := drift.NewSample(xs)
		if err != nil {
			t.Fatal(err)
		}
		return sample
	}
	for i, f := range out.Features[:10] {
		r, c := values(ref, i), values(cur, i)
		m := drift.BatchMoments(c)
		for _, x := range []struct {
			name      string
			got, want float64
		}{
			{"ks", float64(f.KS), drift.KSSamples(r, c).D},
			{"wasserstein", float64(f.Wasserstein), drift.Wasserstein(r, c)},
			{"mean", float64(f.Statistics.Current.Mean), m.Mean},
			{"std", float64(f.Statistics.Current.Std), math.Sqrt(m.VarianceSample)},
			{"skew", float64(f.Statistics.Current.Skew), m.SkewAdjusted},
			{"median", float64(f.Statistics.Current.Median), (c[249] + c[250]) / 2},
		} {
			if math.Abs(x.got-x.want) > 1e-12 {
				t.Errorf("%s of %s is %v, want %v", x.name, f.Name, x.got, x.want)
			}
		}
		if !(f.KSLow <= f.KS && f.KS <= f.KSHigh) {
			t.Errorf("%s: KS %v outside its interval %v to %v", f.Name, f.KS, f.KSLow, f.KSHigh)
		}
	}
	colour := out.Features[10]
	if colour.Kind != "categorical" || !math.IsNaN(float64(colour.KS)) || !(colour.CramersV >= 0) || !math.IsNaN(float64(colour.Statistics.Reference.Mean)) {
		t.Errorf("colour: %+v", colour)
	}
}

func TestRun_CutsDays(t *testing.T) {
	t.Parallel()
	all := rows(6, 20_000, 200, 0, 0, 0)
	c := check.DefaultConfig()
	c.Timed = true
	out := run(t, c, all, all)
	if got := out.AsOf.String(); got != "2026-07-20T00:00:00Z" {
		t.Errorf("as of %s", got)
	}
	if out.NReference != 9000 || out.NCurrent != 700 || out.Windows.Reference.Beside != 11_000 {
		t.Errorf("%d and %d rows, %d beside; want 9000, 700, 11000", out.NReference, out.NCurrent, out.Windows.Reference.Beside)
	}
	c.ReferenceDays, c.CurrentDays = 0, 0
	if out = run(t, c, all, all); out.NReference != 20_000 || out.NCurrent != 20_000 {
		t.Errorf("all days: %d and %d rows", out.NReference, out.NCurrent)
	}
	c = check.DefaultConfig()
	c.Timed, c.AsOfMS = true, start.AddDate(0, 0, 300).UnixMilli()
	out = run(t, c, all, all)
	if out.Enough || out.RetrainingNeeded || !strings.Contains(out.Why, "current 0 rows") ||
		!strings.Contains(out.Why, "2026-01-01T00:00:00Z to 2026-07-19T23:45:36Z") {
		t.Errorf("a table that nobody fills any more: enough %v, %s", out.Enough, out.Why)
	}
}

func TestRun_OddSides(t *testing.T) {
	t.Parallel()
	ref := rows(7, 2000, 90, 0, 0, 0)
	cur := rows(8, 400, 7, 90, 0, 0)
	for i := range ref.Rows {
		ref.Rows[i].Values[0] = sketches.Null() // no value in the reference
		cur.Rows[i%400].Values[1] = sketches.Null()
		cur.Rows[i%400].Values[2] = sketches.Number(math.Inf(1))
		ref.Rows[i].Values[3] = sketches.Number(5)
		cur.Rows[i%400].Values[3] = sketches.Number(7)
	}
	cur.Names[9] = "x9b"
	out := run(t, check.DefaultConfig(), ref, cur)
	verdicts := map[string]string{}
	for _, f := range out.Features {
		verdicts[f.Name] = f.Verdict
		if f.Verdict == "insufficient" && f.Reason == "" {
			t.Errorf("%s: no reason", f.Name)
		}
	}
	for name, want := range map[string]string{"x0": "insufficient", "x1": "insufficient", "x2": "insufficient", "x3": "drifted", "x4": "stable"} {
		if verdicts[name] != want {
			t.Errorf("%s is %s, want %s", name, verdicts[name], want)
		}
	}
	if fmt.Sprint(out.Missing, out.Added) != "[x9] [x9b]" {
		t.Errorf("missing %v, added %v", out.Missing, out.Added)
	}
	b, err := json.Marshal(out)
	if err != nil || bytes.Contains(b, []byte("NaN")) {
		t.Errorf("JSON: %v", err)
	}
	cur.Names = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}
	if _, err := check.Run(check.DefaultConfig(), ref, cur); err == nil || !strings.Contains(err.Error(), "share no feature") {
		t.Errorf("no common feature: %v", err)
	}
}

// Scripts read these keys.
func TestReport_Keys(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(run(t, check.DefaultConfig(), rows(9, 2000, 90, 0, 0, 0), rows(10, 400, 7, 90, 1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]any
	if err := json.Unmarshal(b, &top); err != nil {
		t.Fatal(err)
	}
	has := func(m map[string]any, keys string) {
		t.Helper()
		for _, k := range strings.Fields(keys) {
			if _, ok := m[k]; !ok {
				t.Errorf("no key %s", k)
			}
		}
	}
	has(top, "features n_samples_reference n_samples_current windows dependence features_analyzed drifted_ks drifted_psi drift_ratio retraining_threshold retraining_needed")
	f := top["features"].([]any)[0].(map[string]any)
	has(f, `name kind n_reference n_current n_eff design_effect psi psi_lower ks ks_low ks_high ks_p js hellinger wasserstein tvd linf chi2
		chi2_p null_rate statistics mean_diff_pct verdict drifted rule`)
	for _, side := range []string{"reference", "current"} {
		has(f["statistics"].(map[string]any)[side].(map[string]any), "mean std min q25 median q75 max skew kurtosis")
	}
}

func TestSummary_HasTheLinesOfACIS(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := run(t, check.DefaultConfig(), rows(11, 4000, 90, 0, 0, 0), rows(12, 800, 7, 90, 4, 1.5)).Summary(&b); err != nil {
		t.Fatal(err)
	}
	ref, cur := rows(11, 4000, 90, 0, 0, 0), rows(12, 800, 7, 90, 0, 0)
	for i := range cur.Rows {
		if i%4 == 0 {
			cur.Rows[i].Values[2], cur.Rows[i].Values[10] = sketches.Null(), sketches.String("violet")
			cur.Rows[i].Values[3] = sketches.Number(99)
		}
	}
	var q strings.Builder
	if err := run(t, check.DefaultConfig(), ref, cur).Summary(&q); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Data quality of x2: missing 0.00% → 25.00%\n", "Data quality of x3: 25.00% lie outside the reference's range\n",
		"Data quality of colour: 25.00% have a value that the reference has not\n",
	} {
		if !strings.Contains(q.String(), line) {
			t.Errorf("no line %q in\n%s", line, q.String())
		}
	}
	for _, line := range []string{
		"Drift Detection Summary:\n", "  Features analyzed: 11\n", "  Features with drift (KS): ", "  Features with drift (PSI): 4\n",
		"  Drift ratio: 36.36%\n", "  Retraining threshold: 30.00%\n", "  Retraining needed: YES\n",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("no line %q in\n%s", line, b.String())
		}
	}
}

func TestHTML_StandsAloneAndEscapes(t *testing.T) {
	t.Parallel()
	ref, cur := rows(13, 2000, 90, 0, 0, 0), rows(14, 400, 7, 90, 2, 1)
	ref.Names[0], cur.Names[0] = "<script>alert(1)</script>", "<script>alert(1)</script>"
	for i := range ref.Rows {
		ref.Rows[i].Values[10] = sketches.String(`"><img src=x>`)
	}
	var b bytes.Buffer
	if err := run(t, check.DefaultConfig(), ref, cur).HTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "http://", "https://", "url("} {
		if bytes.Contains(b.Bytes(), []byte(bad)) {
			t.Errorf("%q in the page", bad)
		}
	}
	if n := strings.Count(b.String(), "<svg"); n < 10 {
		t.Errorf("%d pictures", n)
	}
}

func TestWriteFile_IsNeverHalfThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "r.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := check.WriteFile(path, math.NaN(), nil); err == nil {
		t.Error("what JSON cannot say was written")
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the old report is %q", b)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
	if err := check.WriteFile(filepath.Join(dir, "none", "r.json"), 1, nil); err == nil {
		t.Error("no error for a folder that is not there")
	}
	for path, ok := range map[string]bool{"a.json": true, "b.html": true, "c.txt": false, "d": false} {
		if (check.CheckPath(path) == nil) != ok {
			t.Errorf("%s: accepted is %v", path, !ok)
		}
	}
}
