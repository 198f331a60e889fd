package performance

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/driftline/driftline/sketches"
)

type vector struct {
	ID        string
	Kind      string
	P         []float64
	Predicted []int `json:"yhat"`
	Score     []float64
	X, Y      []float64
	Query     []float64
	Expect    map[string]json.RawMessage
}

func vectors(t *testing.T, kind string, want int) []vector {
	t.Helper()
	b, err := os.ReadFile("../testdata/drift_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Kind string
		}
	}
	var raw struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for i, v := range file.Vectors {
		if v.Kind != kind {
			continue
		}
		var x vector
		if err := json.Unmarshal(raw.Vectors[i], &x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	if len(out) != want {
		t.Fatalf("%d vectors of kind %s, want %d", len(out), kind, want)
	}
	return out
}

func close9(got, want float64) bool {
	return math.Abs(got-want) <= 1e-12 || math.Abs(got-want) <= 1e-9*math.Abs(want)
}

func TestCBPEVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "cbpe", 2) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			predicted := make([]bool, len(v.P))
			a := newAnswers(twoClasses)
			a.cells[0], a.cells[1] = make([]uint64, sketches.ScoreCells), make([]uint64, sketches.ScoreCells)
			positives, totals := make([]uint64, sketches.ScoreCells), make([]uint64, sketches.ScoreCells)
			for i, p := range v.P {
				predicted[i] = v.Predicted[i] == 1
				cell := sketches.ScoreCell(v.Score[i])
				a.cells[v.Predicted[i]][cell]++
				// The vectors' chances have two decimals: a map of hundredths holds them.
				positives[cell], totals[cell] = uint64(math.Round(100*p)), 100
			}
			compat, err := NannyCBPE(v.P, predicted, v.Score)
			if err != nil {
				t.Fatal(err)
			}
			m, err := FitMap(positives, totals)
			if err != nil {
				t.Fatal(err)
			}
			e := &Estimator{classes: twoClasses, maps: []*Map{m}, labels: m.Labels()}
			native, err := e.Estimate(a, EstimateOptions{Level: 0.95})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][2]float64{
				"tp": {compat.TP, native.Confusion[1][1]}, "fp": {compat.FP, native.Confusion[0][1]},
				"fn": {compat.FN, native.Confusion[1][0]}, "tn": {compat.TN, native.Confusion[0][0]},
				"accuracy": {compat.Accuracy, native.Accuracy.Number}, "f1": {compat.F1, native.F1.Number},
				"precision": {compat.Precision, native.Precision.Number}, "recall": {compat.Recall, native.Recall.Number},
				"roc_auc": {compat.ROCAUC, native.ROCAUC.Number},
			}
			if len(got) != len(v.Expect) {
				t.Errorf("%d keys checked, the vector has %d", len(got), len(v.Expect))
			}
			for key, x := range got {
				var want float64
				if err := json.Unmarshal(v.Expect[key], &want); err != nil {
					t.Fatal(err)
				}
				if !close9(x[0], want) || !close9(x[1], want) {
					t.Errorf("%s: compat %.17g, native %.17g, want %.17g", key, x[0], x[1], want)
				}
			}
		})
	}
}

func TestIsotonicVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t, "isotonic", 1) {
		k, n := make([]uint64, len(v.X)), make([]uint64, len(v.X))
		for i, y := range v.Y {
			k[i], n[i] = uint64(y), 1
		}
		f, err := FitIsotonic(v.X, k, n)
		if err != nil {
			t.Fatal(err)
		}
		var want []float64
		if err := json.Unmarshal(v.Expect["pred"], &want); err != nil || len(want) != len(v.Query) {
			t.Fatal(err, len(want))
		}
		for i, q := range v.Query {
			if !close9(f.At(q), want[i]) {
				t.Errorf("%s: at %g %.17g, want %.17g", v.ID, q, f.At(q), want[i])
			}
		}
	}
}
