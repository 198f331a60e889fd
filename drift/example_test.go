package drift_test

import (
	"fmt"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
)

func ExamplePSI() {
	ref := []float64{100, 200, 300, 400}
	cur := []float64{400, 300, 200, 100}
	psi, err := drift.PSI(ref, cur)
	fmt.Printf("%.3f %v\n", psi, err)
	// Output: 0.909 <nil>
}

func ExampleKSSamples() {
	ref, _, _ := drift.NewSample([]float64{1, 2, 3, 4, 5})
	cur, _, _ := drift.NewSample([]float64{2.5, 3.5, 4.5, 5.5, 6.5})
	ks := drift.KSSamples(ref, cur)
	p, _ := drift.KSExactP(len(ref), len(cur), ks.D)
	fmt.Printf("D = %.1f at %g, exact p = %.3f\n", ks.D, ks.At, p)
	// Output: D = 0.4 at 2, exact p = 0.873
}

func ExampleJudge() {
	grid, ref, err := reference()
	if err != nil {
		fmt.Println(err)
		return
	}
	cur := sketches.NewCounts(grid)
	for i := range 1000 {
		cur.AddRow()
		cur.Add(0, sketches.Number(float64(i)+300)) // moved by three tenths of the range
	}
	r := drift.Judge(&grid.Features[0], &ref.Features[0], &cur.Features[0], drift.Independent(), drift.DefaultSettings())
	fmt.Printf("%s is %s (%s rule)\n", r.Name, r.Verdict, r.Rule)
	fmt.Printf("KS between %.3f and %.3f\n", r.KSLow, r.KSHigh)
	fmt.Printf("most of it: %s, %.0f %% before, %.0f %% now\n", r.Top[0].Label, 100*r.Top[0].Ref, 100*r.Top[0].Cur)
	// Output:
	// amount is drifted (calibrated rule)
	// KS between 0.300 and 0.305
	// most of it: ≥ 999, 0 % before, 30 % now
}

func reference() (*sketches.Grid, *sketches.Counts, error) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = float64(i)
	}
	f, err := sketches.NewNumeric("amount", values)
	if err != nil {
		return nil, nil, err
	}
	grid, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		return nil, nil, err
	}
	counts := sketches.NewCounts(grid)
	for _, v := range values {
		counts.AddRow()
		counts.Add(0, sketches.Number(v))
	}
	return grid, counts, nil
}

func ExampleStep() {
	cfg := drift.DefaultAlarm(60*60*1000, 60*1000) // an hour by the minute: k = 5 hops of 3 minutes
	var st drift.AlarmState
	for hop := int64(1); hop <= 6; hop++ {
		var events []drift.AlarmEvent
		st, events = drift.Step(cfg, st, drift.Evidence{
			EndMS: hop * cfg.HopMS, Valid: true, Full: true, Drifted: 4, Judged: 10, All: 12,
		})
		fmt.Print(st.Phase)
		for _, e := range events {
			fmt.Printf(" → %s after %d minutes", e.Type, e.EndMS/60000)
		}
		fmt.Println()
	}
	// Output:
	// pending
	// pending
	// pending
	// pending
	// firing → detected after 15 minutes
	// firing
}
