package judge_test

import (
	"fmt"

	"github.com/driftline/driftline/trainer/judge"
)

func ExampleDecide() {
	var rows []judge.Scored
	for day := range int32(14) {
		for i := range 20 {
			row := judge.Scored{Day: 20000 + day, Label: i % 2, Champion: 0.5, Challenger: 0.2}
			if row.Label == 1 {
				row.Challenger = 0.8
			}
			rows = append(rows, row)
		}
	}
	d, err := judge.Decide(judge.Default(), judge.Input{
		Rows: rows,
		Used: []judge.Used{{What: "the champion's training rows", Through: 20005}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(d.Outcome, d.Promote)
	for _, c := range d.Checks {
		if c.Outcome != judge.Pass {
			fmt.Printf("%s: %s: %s\n", c.Name, c.Outcome, c.Reason)
		}
	}
	// Output:
	// undecided false
	// holdout_fresh: undecided: the holdout begins on day 20000, the champion's training rows reach through day 20005
}

func ExampleEvaluateBinary() {
	b, err := judge.EvaluateBinary([]float64{0.9, 0.6, 0.6, 0.2}, []int{1, 0, 1, 0}, 0.5)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b.Accuracy, b.ROCAUC, b.Confusion)
	// Output: 0.75 0.875 {2 1 0 1}
}
