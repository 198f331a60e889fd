package gbdt

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// table makes rows × features with missing values, ties (column 1 is small whole
// numbers, column 2 is 0 or 1) and smooth columns, and a signal in the first three.
func table(seed uint64, rows, features int, missing float64) (Matrix, []float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	m := Matrix{Rows: rows, X: make([]float32, rows*features)}
	for f := range features {
		m.Names = append(m.Names, fmt.Sprintf("x%d", f))
	}
	signal := make([]float64, rows)
	for i := range rows {
		x := m.Row(i)
		for f := range x {
			switch f {
			case 1:
				x[f] = float32(r.IntN(7))
			case 2:
				x[f] = float32(r.IntN(2))
			default:
				x[f] = float32(r.NormFloat64())
			}
		}
		signal[i] = math.Sin(2*float64(x[0])) + 0.4*r.NormFloat64()
		if features > 1 {
			signal[i] += 0.3 * (float64(x[1]) - 3)
		}
		if features > 3 && x[2] == 1 {
			signal[i] += float64(x[3])
		}
		for f := range x {
			if r.Float64() < missing {
				x[f] = float32(math.NaN())
			}
		}
	}
	return m, signal
}

// labels turns a signal into labels of the objective.
func labels(objective string, signal []float64) []float32 {
	y := make([]float32, len(signal))
	for i, s := range signal {
		switch objective {
		case Logistic:
			if s > 0 {
				y[i] = 1
			}
		case Softprob:
			y[i] = float32(min(max(int(math.Floor(s))+1, 0), 2))
		default:
			y[i] = float32(10 + 3*s)
		}
	}
	return y
}

func params(objective string, rounds int) Params {
	p := Default()
	p.Objective, p.NumRounds = objective, rounds
	if objective == Softprob {
		p.NumClass = 3
	}
	return p
}

func fit(t testing.TB, m Matrix, y []float32, p Params) *Model {
	t.Helper()
	model, err := Train(context.Background(), m, y, nil, p, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return model
}

func saved(t testing.TB, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.SaveJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func predict(t testing.TB, m *Model, x Matrix) []float64 {
	t.Helper()
	out, err := m.PredictMatrix(x)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
