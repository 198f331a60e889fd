package gbdt

import (
	"context"
	"testing"
)

// BenchmarkTrain: the size of one fit of the bike-sharing demo, and a wider table.
func BenchmarkTrain(b *testing.B) {
	for _, size := range []struct {
		name                   string
		rows, features, rounds int
	}{{"4000x11_100trees", 4000, 11, 100}, {"100000x50_20trees", 100_000, 50, 20}} {
		b.Run(size.name, func(b *testing.B) {
			m, signal := table(1, size.rows, size.features, 0.03)
			y := labels(Logistic, signal)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Train(context.Background(), m, y, nil, params(Logistic, size.rounds), nil, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	m, signal := table(1, 4000, 11, 0.03)
	model := fit(b, m, labels(Logistic, signal), params(Logistic, 100))
	b.Run("row", func(b *testing.B) {
		out := make([]float64, 1)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := model.Predict(m.Row(i%m.Rows), out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("matrix_4000_rows", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := model.PredictMatrix(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
