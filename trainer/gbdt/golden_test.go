package gbdt

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/ours_1.json anew, and with DRIFTLINE_XGB_PYTHON XGBoost's files")

// goldenTable is what the golden models were trained and scored on.
func goldenTable() (Matrix, []float64) { return table(31, 120, 4, 0.1) }

// The bytes we write are kept: a file written today loads for ever and is written
// again as it is.
func TestOurOwnFormatIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "ours_1.json")
	m, signal := goldenTable()
	if *update {
		p := params(Logistic, 3)
		p.MaxDepth = 3
		if err := os.WriteFile(path, saved(t, fit(t, m, labels(Logistic, signal), p)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	model, err := load(raw)
	if err != nil {
		t.Fatal(err)
	}
	if again := saved(t, model); !bytes.Equal(again, raw) {
		t.Errorf("written again, %s differs:\n%s", path, again)
	}
}

// Models and predictions that XGBoost itself made, old and new, without Python at hand.
func TestModelsMadeByXGBoostScoreAsItDid(t *testing.T) {
	m, signal := goldenTable()
	for _, version := range []string{"1.7.6", "3.2.0"} {
		for _, objective := range []string{Logistic, SquaredError, Softprob} {
			stem := filepath.Join("testdata", "xgboost_"+version+"_"+map[string]string{Logistic: "binary", SquaredError: "number", Softprob: "classes"}[objective])
			if python := os.Getenv("DRIFTLINE_XGB_PYTHON"); *update && python != "" {
				data := filepath.Join(t.TempDir(), "x.csv")
				writeCSV(t, data, m, labels(objective, signal))
				args := []string{"train", objective, data, stem + ".json", stem + ".csv", "rounds=3", "max_depth=3"}
				if objective == Softprob {
					args = append(args, "num_class=3")
				}
				if out := runXGB(t, python, "version"); !bytes.Contains([]byte(out), []byte(version)) {
					continue
				}
				runXGB(t, python, args...)
			}
			raw, err := os.ReadFile(stem + ".json")
			if err != nil {
				t.Fatal(err)
			}
			model, err := load(raw)
			if err != nil {
				t.Fatalf("%s: %v", stem, err)
			}
			want := readPredictions(t, stem+".csv")
			got := predict(t, model, m)
			if len(got) != len(want) {
				t.Fatalf("%s: %d predictions, XGBoost made %d", stem, len(got), len(want))
			}
			for i := range got {
				if math.Abs(got[i]-want[i]) > 1e-6*max(1, math.Abs(want[i])) {
					t.Fatalf("%s: prediction %d = %v, XGBoost's %v", stem, i, got[i], want[i])
				}
			}
		}
	}
}
