package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestMulticlassByHand(t *testing.T) {
	t.Parallel()
	chances := []float64{
		0.8, 0.1, 0.1,
		0.4, 0.4, 0.2, // a tie goes to the lowest class
		0.1, 0.7, 0.2,
		0.2, 0.5, 0.3,
	}
	m, err := EvaluateMulticlass(chances, []int{0, 1, 1, 2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]int{{1, 0, 0}, {1, 1, 0}, {0, 1, 0}}; !slices.EqualFunc(m.Confusion, want, slices.Equal) {
		t.Errorf("confusion = %v, want %v", m.Confusion, want)
	}
	for _, c := range []struct {
		name string
		got  Value
		want float64
	}{
		{"accuracy", m.Accuracy, 0.5},
		{"log loss", m.LogLoss, -(math.Log(0.8) + math.Log(0.4) + math.Log(0.7) + math.Log(0.3)) / 4},
		{"brier", m.Brier, (0.06 + 0.56 + 0.14 + 0.78) / 4},
		{"precision of class 0", m.Classes[0].Precision, 0.5},
		{"recall of class 1", m.Classes[1].Recall, 0.5},
		{"recall of class 2", m.Classes[2].Recall, 0},
		{"auc of class 1", m.Classes[1].ROCAUC, 3.0 / 4},
		{"macro recall", m.Macro.Recall, 0.5},
		{"weighted recall", m.Weighted.Recall, 0.5},
		{"macro f1", m.Macro.F1, (2.0/3 + 0.5 + 0) / 3},
		{"weighted f1", m.Weighted.F1, (2.0/3 + 2*0.5) / 4},
		{"majority", m.MajorityAccuracy, 0.5},
		{"base log loss", m.BaseLogLoss, 1.5 * math.Ln2},
	} {
		if !c.got.Defined() || !near(c.got.Number, c.want, 1e-12) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
	if m.Classes[2].Precision.Defined() || m.Macro.Precision.Defined() || !strings.Contains(m.Macro.Precision.Reason, "class 2") {
		t.Errorf("a class never given: precision %v, macro %v", m.Classes[2].Precision, m.Macro.Precision)
	}
}

// Two classes must give what the binary report gives.
func TestMulticlassOfTwoAgreesWithBinary(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 4))
	var scores, chances []float64
	var labels []int
	for range 300 {
		s := r.Float64()
		scores, chances = append(scores, s), append(chances, 1-s, s)
		labels = append(labels, r.IntN(2))
	}
	b, err := EvaluateBinary(scores, labels, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	m, err := EvaluateMulticlass(chances, labels, 2)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]Value{
		"accuracy": {m.Accuracy, b.Accuracy}, "log loss": {m.LogLoss, b.LogLoss}, "precision": {m.Classes[1].Precision, b.Precision},
		"recall": {m.Classes[1].Recall, b.Recall}, "f1": {m.Classes[1].F1, b.F1}, "auc": {m.Classes[1].ROCAUC, b.ROCAUC},
		"auc of the other class": {m.Classes[0].ROCAUC, b.ROCAUC},
	} {
		if !near(pair[0].Number, pair[1].Number, 1e-9) {
			t.Errorf("%s = %v, binary says %v", name, pair[0], pair[1])
		}
	}
}

func TestMulticlassRefusesBadInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		chances []float64
		labels  []int
		k       int
		want    string
	}{
		{"one class", []float64{1}, []int{0}, 1, "1 classes"},
		{"lengths", []float64{1}, []int{0}, 2, "1 chances for 1 labels"},
		{"label", []float64{0.5, 0.5}, []int{2}, 2, "label is 2"},
		{"NaN", []float64{0.5, math.NaN()}, []int{0}, 2, "class 1: score is NaN"},
		{"sum", []float64{0.5, 0.4}, []int{0}, 2, "chances sum to 0.9"},
	} {
		if _, err := EvaluateMulticlass(c.chances, c.labels, c.k); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	if m, err := EvaluateMulticlass(nil, nil, 3); err != nil || m.Accuracy.Defined() || m.BaseLogLoss.Defined() {
		t.Errorf("no rows: %+v, %v", m, err)
	}
}

func TestRegressionByHand(t *testing.T) {
	t.Parallel()
	points := []Point{
		{1, 1, 2}, {1, 2, 2}, {1, 3, 5}, {1, 4, 4}, {1, 5, 7},
		{2, 5, 1}, {2, 4, 2}, {2, 3, 3}, {2, 2, 4}, {2, 1, 5},
	}
	m, err := EvaluateRegression(points, 0.9, 500, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Day 1: ranks of actual 1.5 1.5 4 3 5; day 2: exactly reversed.
	ic1 := 8.5 / math.Sqrt(10*9.5)
	for _, c := range []struct {
		name string
		got  Interval
		want float64
	}{
		{"rmse", m.RMSE, math.Sqrt((1 + 0 + 4 + 0 + 4 + 16 + 4 + 0 + 4 + 16) / 10.0)},
		{"mae", m.MAE, (1 + 0 + 2 + 0 + 2 + 4 + 2 + 0 + 2 + 4) / 10.0},
		{"r2", m.R2, 1 - 49/(153-35*35/10.0)},
		{"pearson", m.Pearson, (107 - 30*3.5) / math.Sqrt(20*30.5)},
		{"mean ic", m.MeanIC, (ic1 - 1) / 2},
		{"mean spread", m.Spread, (5 - 4) / 2.0},
	} {
		if c.got.Value == nil || !near(*c.got.Value, c.want, 1e-12) {
			t.Errorf("%s = %v (%s), want %v", c.name, c.got.Value, c.got.Reason, c.want)
		} else if c.got.Low == nil || *c.got.Low > c.want || *c.got.High < c.want {
			t.Errorf("%s = %v lies outside its interval %v, %v", c.name, c.want, c.got.Low, c.got.High)
		}
	}
	if len(m.Days) != 2 || !near(m.Days[0].IC.Number, ic1, 1e-12) || !near(m.Days[1].IC.Number, -1, 1e-12) {
		t.Errorf("days: %+v", m.Days)
	}
	shuffled := slices.Clone(points)
	slices.Reverse(shuffled)
	back, err := EvaluateRegression(shuffled, 0.9, 500, 1)
	if err != nil || !near(*back.Spread.Value, *m.Spread.Value, 1e-12) || !near(*back.RMSE.Low, *m.RMSE.Low, 1e-12) {
		t.Errorf("reversed rows: %+v, %v", back, err)
	}
	if b, err := json.Marshal(m.RMSE); err != nil || !strings.Contains(string(b), `"low":`) {
		t.Errorf("JSON %s, %v", b, err)
	}
}

func TestRegressionUndefinedAndRefused(t *testing.T) {
	t.Parallel()
	same := []Point{{1, 0.1, 0.3}, {1, 0.1, 0.3}, {1, 0.1, 0.3}, {2, 0.1, 0.3}}
	m, err := EvaluateRegression(same, 0.9, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if m.R2.Value != nil || m.Pearson.Value != nil || m.MeanIC.Value != nil || m.Spread.Value != nil {
		t.Errorf("all alike: %+v", m)
	}
	if m.Days[0].IC.Reason != allAlike || !strings.Contains(m.Days[1].IC.Reason, "fewer than 3") {
		t.Errorf("days: %+v", m.Days)
	}
	// Equal predictions share the outcome's mean: no spread, whatever the order.
	tied := []Point{{1, 2, 9}, {1, 2, 1}, {1, 2, 4}, {1, 2, 6}, {1, 2, 0}}
	if m, err = EvaluateRegression(tied, 0.9, 100, 1); err != nil || *m.Spread.Value != 0 || m.Spread.Low != nil {
		t.Errorf("ties: %+v, %v", m.Spread, err)
	}
	if m, err = EvaluateRegression(nil, 0.9, 100, 1); err != nil || m.RMSE.Value != nil {
		t.Errorf("no rows: %+v, %v", m, err)
	}
	for _, c := range []struct {
		points []Point
		level  float64
		draws  int
		want   string
	}{
		{[]Point{{1, math.NaN(), 1}}, 0.9, 100, "row 0: predicted NaN"},
		{nil, 1, 100, "level is 1"},
		{nil, 0.9, 1, "draws is 1"},
	} {
		if _, err := EvaluateRegression(c.points, c.level, c.draws, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}
