package sketches_test

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

func Example() {
	reference := make([]float64, 1000)
	for i := range reference {
		reference[i] = float64(i)
	}
	f, err := sketches.NewNumeric("amount", reference)
	if err != nil {
		fmt.Println(err)
		return
	}
	grid, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		fmt.Println(err)
		return
	}
	count := func(from, to int) *sketches.Counts {
		c := sketches.NewCounts(grid)
		for i := from; i < to; i++ {
			c.AddRow()
			c.Add(0, sketches.Number(float64(i)))
		}
		return c
	}
	left, right, whole := count(0, 400), count(400, 1000), count(0, 1000)
	if err := left.Merge(right); err != nil {
		fmt.Println(err)
		return
	}
	m := left.Features[0].Moments(&grid.Features[0])
	fmt.Println("merged equals counted at once:", left.Equal(whole))
	fmt.Printf("n %d, mean %.1f, median %.1f\n", m.N, m.Mean, left.Features[0].Quantile(&grid.Features[0], 0.5))
	// Output:
	// merged equals counted at once: true
	// n 1000, mean 499.5, median 499.5
}

func ExampleFeatureGrid_Locate() {
	f, err := sketches.NewCategorical("colour", map[string]uint64{"red": 7, "green": 2}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range []sketches.Value{sketches.String("red"), sketches.String("green"), sketches.String("pink"), sketches.Null()} {
		cell, side := f.Locate(v)
		if side == sketches.InCell {
			fmt.Println(f.Label(cell))
		} else {
			fmt.Println(side)
		}
	}
	// Output:
	// red
	// other
	// unseen
	// null
}
