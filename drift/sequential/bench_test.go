package sequential

import (
	"fmt"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

// wide is a reference of many numeric features, and a plan for it.
func wide(tb testing.TB, features int) (*sketches.Counts, *Plan, *Tables) {
	tb.Helper()
	xs := values(1, 5000, 0)
	var fs []sketches.FeatureGrid
	for i := range features {
		f, err := sketches.NewNumeric(fmt.Sprintf("f%d", i), xs)
		if err != nil {
			tb.Fatal(err)
		}
		fs = append(fs, f)
	}
	g, err := sketches.NewGrid(fs)
	if err != nil {
		tb.Fatal(err)
	}
	ref := sketches.NewCounts(g)
	for _, x := range xs {
		for i := range fs {
			ref.Add(i, sketches.Number(x))
		}
	}
	p, t := testPlan(tb, ref, 12, 0)
	return ref, p, t
}

// BenchmarkPane is the whole path of a pane: increments from counts, and a step of a
// track that keeps four panes.
func BenchmarkPane(b *testing.B) {
	for _, rows := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("features=50/rows=%d", rows), func(b *testing.B) {
			ref, p, tables := wide(b, 50)
			d := generate.NewSequence(1, 1)
			pane := sketches.NewCounts(ref.Grid)
			for range rows {
				for i := range ref.Features {
					pane.Add(i, sketches.Number(d.Normal()))
				}
			}
			tr, inc := NewTrack(p, 4), make([]int64, len(p.Paths))
			b.ReportAllocs()
			for b.Loop() {
				if err := tables.Pane(inc, pane); err != nil {
					b.Fatal(err)
				}
				tr.Push(inc)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/50, "ns/feature")
		})
	}
}

// BenchmarkRow is a record at a time: cells of one row, increments, step.
func BenchmarkRow(b *testing.B) {
	for _, features := range []int{1, 50} {
		b.Run(fmt.Sprintf("features=%d", features), func(b *testing.B) {
			ref, p, tables := wide(b, features)
			st, inc, cells := p.NewState(), make([]int64, len(p.Paths)), make([]int, features)
			xs := values(2, 4096, 0)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				for f := range cells {
					cells[f], _ = ref.Grid.Features[f].Locate(sketches.Number(xs[(i+f)%len(xs)]))
				}
				i++
				tables.Row(inc, cells)
				p.Step(&st, inc)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(features), "ns/feature")
		})
	}
}

// BenchmarkCalibrate is one plan of one feature at a target of 5 000 records.
func BenchmarkCalibrate(b *testing.B) {
	ref := gridOf(b, values(1, 10_000, 0))
	s := DefaultSettings()
	s.Target = 5000
	b.ReportAllocs()
	for b.Loop() {
		mustCalibrate(b, ref, Evidence{}, s)
	}
}

// BenchmarkTables makes the scores of a feature.
func BenchmarkTables(b *testing.B) {
	ref, p, _ := wide(b, 1)
	for b.Loop() {
		if _, err := NewTables(p.Paths, ref); err != nil {
			b.Fatal(err)
		}
	}
}
