package sequential_test

import (
	"fmt"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
)

func ExampleCalibrate() {
	// A reference of 10 000 records on its grid.
	source := generate.NewSource(1, 1, 0)
	xs := make([]float64, 10_000)
	for i := range xs {
		xs[i], _ = source.Next()
	}
	f, err := sketches.NewNumeric("amount", xs)
	if err != nil {
		fmt.Println(err)
		return
	}
	grid, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		fmt.Println(err)
		return
	}
	ref := sketches.NewCounts(grid)
	for _, x := range xs {
		ref.Add(0, sketches.Number(x))
	}

	// One false alarm in 2 000 panes of 10 records.
	settings := sequential.DefaultSettings()
	settings.Target, settings.PaneRows = 2000, 10
	settings.Alarms, settings.Replicates = 100, 10 // quick: good to 10 %
	plan, err := sequential.Calibrate(ref, sequential.Evidence{}, settings)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, low, high := plan.Report.Achieved()
	fmt.Printf("%s, target within the interval of what was achieved: %t\n", plan.Report.Basis, low < 2000 && 2000 < high)

	tables, err := sequential.NewTables(plan.Paths, ref)
	if err != nil {
		fmt.Println(err)
		return
	}
	track, inc := sequential.NewTrack(plan, 4), make([]int64, len(plan.Paths))
	source.Change = generate.Change{Kind: generate.Mean, Size: 0.5}
	for {
		pane := sketches.NewCounts(grid)
		for range 10 {
			x, _ := source.Next()
			pane.AddRow()
			pane.Add(0, sketches.Number(x))
		}
		if err := tables.Pane(inc, pane); err != nil {
			fmt.Println(err)
			return
		}
		if a, ok := track.Push(inc); ok {
			p := plan.Paths[a.Path]
			fmt.Println(p.Label(&grid.Features[p.Feature], &ref.Features[p.Feature]), "found within ten panes:", a.Pane < 10)
			return
		}
	}
	// Output:
	// independence assumed, target within the interval of what was achieved: true
	// mean up by 1 sd found within ten panes: true
}
