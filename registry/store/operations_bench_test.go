package store_test

import (
	"fmt"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// eachBench runs f on a migrated store of both databases.
func eachBench(b *testing.B, f func(b *testing.B, s *store.Store)) {
	b.Run("sqlite", func(b *testing.B) { f(b, storetest.Open(b)) })
	b.Run("postgres", func(b *testing.B) { f(b, storetest.OpenURL(b, storetest.Postgres(b))) })
}

// BenchmarkUpsertExamples writes batches of 500 examples with features of about 840
// bytes: each example comes first with its prediction, then with its label.
func BenchmarkUpsertExamples(b *testing.B) {
	features := "{"
	for i := range 50 {
		features += fmt.Sprintf(`"feature_%02d":%.3f,`, i, float64(i)*1.7)
	}
	features = features[:len(features)-1] + "}"
	eachBench(b, func(b *testing.B, s *store.Store) {
		b.ReportAllocs()
		rows := int64(0)
		for i := 0; b.Loop(); i++ {
			batch := make([]store.ExampleRow, 500)
			for j := range batch {
				n := int64(i/2*500 + j)
				e := store.ExampleRow{Model: "m", ID: fmt.Sprintf("%08x", n*2654435761%(1<<32))}
				if i%2 == 0 {
					o := store.Order{MS: n * 100, Topic: "predictions", Part: 1, Offset: n}
					e.Features = &store.Features{Order: o, JSON: features}
					e.Prediction = &store.Prediction{Order: o, Version: "3", Score: ptr(0.5), Class: "1"}
				} else {
					e.Label = &store.Label{Order: store.Order{MS: n*100 + hourMS, Topic: "labels", Offset: n}, Value: "1"}
				}
				batch[j] = e
			}
			if err := s.UpsertExamples(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			rows += 500
		}
		b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	})
}

// BenchmarkLatestScores reads a model's newest scores out of about a year of them:
// 3 window lengths, 200,000 rows.
func BenchmarkLatestScores(b *testing.B) {
	eachBench(b, func(b *testing.B, s *store.Store) {
		for _, window := range []int64{hourMS, 24 * hourMS, 7 * 24 * hourMS} {
			for from := range int64(67) {
				rows := make([]store.ScoreRow, 1000)
				for i := range rows {
					rows[i] = score("m", "*", (from*1000+int64(i))*60_000)
					rows[i].WindowMS = window
				}
				if err := s.PutScores(b.Context(), rows); err != nil {
					b.Fatal(err)
				}
			}
		}
		for b.Loop() {
			if got, err := s.LatestScores(b.Context(), "m"); err != nil || len(got) != 3 {
				b.Fatalf("%d rows, %v", len(got), err)
			}
		}
	})
}
