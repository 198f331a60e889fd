package check_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/trainer/reference"
)

// stored builds the reference that the registry would keep of rows.
func stored(t *testing.T, s check.Side, ordered bool, windows ...int64) check.Stored {
	t.Helper()
	res, err := reference.Build(reference.Spec{Model: "m", Kind: "file", Names: s.Names, Ordered: ordered, WindowsMS: windows}, s.Rows)
	if err != nil {
		t.Fatal(err)
	}
	return check.Stored{Source: "stored", Reference: res.Reference}
}

func runStored(t *testing.T, c check.Config, ref check.Stored, cur check.Side) *check.Report {
	t.Helper()
	out, err := check.RunStored(c, ref, cur)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What counts tell is the same whether the rows are at hand or only their counts; what
// takes rows is within a cell of the exact value, or null.
func TestRunStored_IsRunWithoutTheRows(t *testing.T) {
	t.Parallel()
	c := check.DefaultConfig()
	rowsRef, cur := rows(1, 4000, 90, 0, 0, 0), rows(2, 1400, 7, 90, 4, 1)
	exact := run(t, c, rowsRef, cur)
	got := runStored(t, c, stored(t, rowsRef, false), cur)
	if got.Reference == nil || got.Reference.Kind != "file" || got.Reference.Rows != 4000 || got.Reference.From != nil || exact.Reference != nil {
		t.Errorf("reference %+v, of rows %+v", got.Reference, exact.Reference)
	}
	if got.Drifted != 4 || !got.RetrainingNeeded || got.Dependence != "assumed none" || got.NReference != 4000 {
		t.Errorf("%d drifted, %s, %d rows", got.Drifted, got.Dependence, got.NReference)
	}
	for i, f := range got.Features {
		e := exact.Features[i]
		for _, x := range []struct {
			name      string
			got, want any
		}{
			{"name", f.Name, e.Name}, {"verdict", f.Verdict, e.Verdict}, {"psi", f.PSI, e.PSI}, {"psi_lower", f.PSILower, e.PSILower},
			{"js", f.JS, e.JS}, {"chi2", f.Chi2, e.Chi2}, {"n_eff", f.NEff, e.NEff}, {"current", fmt.Sprint(f.Statistics.Current), fmt.Sprint(e.Statistics.Current)},
		} {
			if x.got != x.want {
				t.Errorf("%s: %s is %v, of rows %v", f.Name, x.name, x.got, x.want)
			}
		}
		if f.Kind != "numeric" {
			continue
		}
		if !math.IsNaN(float64(f.KS)) || !(f.KSLow <= e.KS && e.KS <= f.KSHigh) || f.KSP < e.KSP {
			t.Errorf("%s: ks %v in %v to %v, p %v; of rows %v, %v", f.Name, f.KS, f.KSLow, f.KSHigh, f.KSP, e.KS, e.KSP)
		}
		if !strings.Contains(f.Undefined["ks"], "rows") || !slices.Contains(f.Derived, "wasserstein") {
			t.Errorf("%s: undefined %v, derived %v", f.Name, f.Undefined, f.Derived)
		}
		r, s := f.Statistics.Reference, e.Statistics.Reference
		for name, x := range map[string][2]float64{
			"mean": {float64(r.Mean), float64(s.Mean)}, "std": {float64(r.Std), float64(s.Std)}, "skew": {float64(r.Skew), float64(s.Skew)},
			"min": {float64(r.Min), float64(s.Min)}, "q25": {float64(r.Q25), float64(s.Q25)}, "median": {float64(r.Median), float64(s.Median)}, "max": {float64(r.Max), float64(s.Max)},
			"wasserstein": {float64(f.Wasserstein), float64(e.Wasserstein)},
		} {
			if !(math.Abs(x[0]-x[1]) < 0.03) {
				t.Errorf("%s: %s from counts is %v, of rows %v", f.Name, name, x[0], x[1])
			}
		}
	}
}

// The blocks are those of the current span's length, else the next shorter ones, else the
// shortest.
func TestRunStored_TakesTheBlocksOfTheSpan(t *testing.T) {
	t.Parallel()
	const day = 86_400_000
	ref := stored(t, rows(1, 1800, 90, 0, 0, 0), true, 2*day, 7*day)
	for _, x := range []struct {
		days  int
		block int64
	}{{1, 2 * day}, {2, 2 * day}, {5, 2 * day}, {7, 7 * day}, {9, 7 * day}} {
		c := check.DefaultConfig()
		c.Timed, c.CurrentDays, c.AsOfMS = true, x.days, start.AddDate(0, 0, 100).UnixMilli()
		out := runStored(t, c, ref, rows(2, 400, 10, 90, 0, 0))
		if out.BlockMS != x.block || out.Blocks < 3 || out.Dependence != "reference blocks" {
			t.Errorf("%d days: %d blocks of %d ms (%s), want %d ms", x.days, out.Blocks, out.BlockMS, out.Dependence, x.block)
		}
		if out.NCurrent != 40*x.days || out.Windows.Reference.Last == nil || out.Reference.From.String() != "2026-01-01T00:00:00Z" {
			t.Errorf("%d days: %d rows, reference %+v", x.days, out.NCurrent, out.Windows.Reference)
		}
	}
	// Without times nothing says which blocks the rows are like.
	if out := runStored(t, check.DefaultConfig(), ref, rows(2, 400, 10, 90, 0, 0)); out.Blocks != 0 || out.BlockMS != 0 || out.Dependence != "assumed none" {
		t.Errorf("without times: %d blocks, %s", out.Blocks, out.Dependence)
	}
}

func TestRunStored_OtherFeatures(t *testing.T) {
	t.Parallel()
	ref := stored(t, rows(1, 4000, 90, 0, 0, 0), false)
	cur := rows(2, 1400, 7, 90, 0, 0)
	cur.Names = slices.Clone(cur.Names)
	cur.Names[3] = "new"
	out := runStored(t, check.DefaultConfig(), ref, cur)
	if !slices.Equal(out.Missing, []string{"x3"}) || !slices.Equal(out.Added, []string{"new"}) || out.Analyzed != 10 || out.Drifted != 0 {
		t.Errorf("missing %v, added %v, %d analyzed, %d drifted", out.Missing, out.Added, out.Analyzed, out.Drifted)
	}
	for i := range cur.Names {
		cur.Names[i] = fmt.Sprint("y", i)
	}
	if _, err := check.RunStored(check.DefaultConfig(), ref, cur); err == nil || !strings.Contains(err.Error(), "share no feature") {
		t.Errorf("no feature in common: %v", err)
	}
	// A source of events without a row does not even name features.
	if out := runStored(t, check.DefaultConfig(), ref, check.Side{Source: "topic"}); out.Enough || out.Analyzed != 11 || !strings.Contains(out.Why, "current 0 rows") {
		t.Errorf("no rows: enough %v, %d analyzed, %s", out.Enough, out.Analyzed, out.Why)
	}
}
