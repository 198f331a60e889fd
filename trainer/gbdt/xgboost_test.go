package gbdt

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// xgbPython names the interpreter with XGBoost; without it the cross-checks are
// skipped on a desk and fail in CI.
func xgbPython(t *testing.T) string {
	t.Helper()
	python := os.Getenv("DRIFTLINE_XGB_PYTHON")
	if python == "" {
		const why = "DRIFTLINE_XGB_PYTHON is not set: name a Python that has xgboost and numpy"
		if os.Getenv("CI") == "true" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	return python
}

func runXGB(t *testing.T, python string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, append([]string{"testdata/xgb_check.py"}, args...)...)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", python, args, err, out)
	}
	return string(out)
}

func writeCSV(t *testing.T, path string, m Matrix, y []float32) {
	t.Helper()
	var b strings.Builder
	b.WriteString(strings.Join(m.Names, ","))
	if y != nil {
		b.WriteString(",label")
	}
	b.WriteByte('\n')
	for i := range m.Rows {
		for f, v := range m.Row(i) {
			if f > 0 {
				b.WriteByte(',')
			}
			if v == v {
				b.WriteString(strconv.FormatFloat(float64(v), 'g', -1, 32))
			}
		}
		if y != nil {
			fmt.Fprintf(&b, ",%v", y[i])
		}
		b.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readPredictions(t *testing.T, path string) []float64 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []float64
	for _, field := range strings.FieldsFunc(string(b), func(r rune) bool { return r == ',' || r == '\n' }) {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// compare fails past 1e-6 relative to the larger of 1 and the value: XGBoost itself
// computes in float32.
func compare(t *testing.T, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d predictions, XGBoost has %d", len(got), len(want))
	}
	var worst float64
	for i := range got {
		worst = max(worst, math.Abs(got[i]-want[i])/max(1, math.Abs(want[i])))
	}
	t.Logf("largest difference of %d predictions: %.2g", len(got), worst)
	if !(worst <= 1e-6) {
		t.Errorf("largest difference from XGBoost = %g, want ≤ 1e-6", worst)
	}
}

func TestXGBoostScoresOurModelsAlike(t *testing.T) {
	python := xgbPython(t)
	for _, objective := range []string{Logistic, SquaredError, Softprob} {
		t.Run(objective, func(t *testing.T) {
			dir := t.TempDir()
			m, signal := table(3, 3000, 6, 0.05)
			m.Names[5] = `odd "name" \ & é`
			p := params(objective, 40)
			p.Subsample, p.ColsampleByTree = 0.8, 0.8
			model := fit(t, m, labels(objective, signal), p)
			file, data, out := filepath.Join(dir, "m.json"), filepath.Join(dir, "x.csv"), filepath.Join(dir, "out.csv")
			if err := os.WriteFile(file, saved(t, model), 0o600); err != nil {
				t.Fatal(err)
			}
			fresh, _ := table(4, 5000, 6, 0.2)
			fresh.Names = m.Names
			writeCSV(t, data, fresh, nil)
			t.Log(strings.TrimSpace(runXGB(t, python, "predict", file, data, out)))
			compare(t, predict(t, model, fresh), readPredictions(t, out))
		})
	}
}

func TestWeScoreXGBoostsModelsAlike(t *testing.T) {
	python := xgbPython(t)
	for _, c := range []struct {
		name, objective string
		options         []string
	}{
		{"binary, histograms", Logistic, []string{"tree_method=hist"}},
		{"binary, exact with pruned nodes", Logistic, []string{"tree_method=exact", "gamma=8", "max_depth=7"}},
		{"binary, base score given", Logistic, []string{"base_score=0.2", "scale_pos_weight=3"}},
		{"binary, loss-guided", Logistic, []string{"tree_method=hist", "grow_policy=lossguide", "max_leaves=9"}},
		{"regression", SquaredError, nil},
		{"regression, forest per round", SquaredError, []string{"num_parallel_tree=3", "subsample=0.7"}},
		{"three classes", Softprob, []string{"num_class=3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			m, signal := table(5, 2000, 6, 0.05)
			data, file, out := filepath.Join(dir, "x.csv"), filepath.Join(dir, "m.json"), filepath.Join(dir, "out.csv")
			writeCSV(t, data, m, labels(c.objective, signal))
			runXGB(t, python, append([]string{"train", c.objective, data, file, out}, c.options...)...)
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			model, err := LoadJSON(bytes.NewReader(raw), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want := readPredictions(t, out)
			compare(t, predict(t, model, m), want)

			// What we write of it means the same to XGBoost.
			again := filepath.Join(dir, "again.json")
			if err := os.WriteFile(again, saved(t, model), 0o600); err != nil {
				t.Fatal(err)
			}
			plain := filepath.Join(dir, "plain.csv")
			writeCSV(t, plain, m, nil)
			runXGB(t, python, "predict", again, plain, out)
			compare(t, readPredictions(t, out), want)
		})
	}
}

func TestXGBoostReadsOurImportances(t *testing.T) {
	python := xgbPython(t)
	m, signal := table(6, 2000, 6, 0)
	model := fit(t, m, labels(Logistic, signal), params(Logistic, 20))
	file := filepath.Join(t.TempDir(), "m.json")
	if err := os.WriteFile(file, saved(t, model), 0o600); err != nil {
		t.Fatal(err)
	}
	theirs := map[string]string{}
	for _, line := range strings.Split(runXGB(t, python, "importance", file), "\n") {
		if name, rest, ok := strings.Cut(line, " "); ok && name != "xgboost" {
			theirs[name] = rest
		}
	}
	for _, imp := range model.Importance() {
		if imp.Splits == 0 {
			continue
		}
		var gain float64
		var splits int
		if _, err := fmt.Sscan(theirs[imp.Feature], &gain, &splits); err != nil {
			t.Fatalf("%s: XGBoost says %q: %v", imp.Feature, theirs[imp.Feature], err)
		}
		if math.Abs(gain-imp.GainTotal) > 1e-5*gain || splits != imp.Splits {
			t.Errorf("%s: gain %v in %d splits, XGBoost reads %v in %d", imp.Feature, imp.GainTotal, imp.Splits, gain, splits)
		}
	}
}

// Same data, same parameters: what we learn must be worth as much on fresh rows.
func TestWeLearnAsWellAsXGBoost(t *testing.T) {
	python := xgbPython(t)
	train, signal := table(21, 20_000, 10, 0.03)
	fresh, freshSignal := table(22, 20_000, 10, 0.03)
	y, truth := labels(Logistic, signal), labels(Logistic, freshSignal)
	dir := t.TempDir()
	data, file := filepath.Join(dir, "x.csv"), filepath.Join(dir, "m.json")
	writeCSV(t, data, train, y)
	runXGB(t, python, "train", Logistic, data, file, filepath.Join(dir, "out.csv"),
		"tree_method=hist", "max_depth=6", "eta=0.1", "rounds=60")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := LoadJSON(bytes.NewReader(raw), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	quality := func(m *Model) (loss, auc float64) {
		margins := make([]float32, fresh.Rows)
		for i, p := range predict(t, m, fresh) {
			margins[i] = float32(math.Log(p) - math.Log1p(-p))
		}
		return evaluate("logloss", Logistic, margins, truth, 1), rankAUC(margins, truth)
	}
	loss, auc := quality(fit(t, train, y, params(Logistic, 60)))
	theirLoss, theirAUC := quality(theirs)
	t.Logf("log loss %.5f, XGBoost %.5f; AUC %.5f, XGBoost %.5f", loss, theirLoss, auc, theirAUC)
	if loss > 1.005*theirLoss || auc < theirAUC-0.002 {
		t.Errorf("log loss %.5f against %.5f, AUC %.5f against %.5f: worse than XGBoost", loss, theirLoss, auc, theirAUC)
	}
}
