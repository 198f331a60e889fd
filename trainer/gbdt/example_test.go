package gbdt_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/driftline/driftline/trainer/gbdt"
)

func ExampleTrain() {
	table := gbdt.Matrix{Rows: 8, Names: []string{"hour"}, X: []float32{1, 2, 3, 4, 15, 16, 17, 18}}
	busy := []float32{0, 0, 0, 0, 1, 1, 1, 1}
	p, err := gbdt.ParseParams(map[string]any{"n_estimators": 10, "eta": 0.5, "min_child_weight": 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	model, err := gbdt.Train(context.Background(), table, busy, nil, p, nil, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var file bytes.Buffer // XGBoost loads this as well
	if err := model.SaveJSON(&file); err != nil {
		fmt.Println(err)
		return
	}
	again, err := gbdt.LoadJSON(&file, gbdt.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	chance := make([]float64, 1)
	for _, hour := range []float32{3, 16} {
		if err := again.Predict([]float32{hour}, chance); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%v: %.2f\n", hour, chance[0])
	}
	// Output:
	// 3: 0.07
	// 16: 0.93
}

func ExampleParseParams() {
	_, err := gbdt.ParseParams(map[string]any{"max_dept": 4})
	fmt.Println(err)
	// Output: unknown parameter "max_dept": did you mean "max_depth"?
}
