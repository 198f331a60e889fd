package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol }

// Values by hand: 4 rows, scores 0.9 0.6 0.6 0.2 with labels 1 0 1 0.
func TestBinaryMetricsByHand(t *testing.T) {
	t.Parallel()
	b, err := EvaluateBinary([]float64{0.9, 0.6, 0.6, 0.2}, []int{1, 0, 1, 0}, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Confusion{TP: 2, FP: 1, TN: 1}); b.Confusion != want {
		t.Errorf("confusion = %+v, want %+v", b.Confusion, want)
	}
	for _, c := range []struct {
		name string
		got  Value
		want float64
	}{
		{"accuracy", b.Accuracy, 0.75},
		{"precision", b.Precision, 2.0 / 3},
		{"recall", b.Recall, 1},
		{"f1", b.F1, 0.8},
		{"roc auc with a tie counting half", b.ROCAUC, 3.5 / 4},
		{"average precision", b.AvgPrec, 0.5*1 + 0.5*2.0/3},
		{"log loss", b.LogLoss, -(math.Log(0.9) + math.Log(0.4) + math.Log(0.6) + math.Log(0.8)) / 4},
		{"brier", b.Brier, (0.01 + 0.36 + 0.16 + 0.04) / 4},
		{"majority", b.MajorityAccuracy, 0.5},
		{"base log loss", b.BaseLogLoss, math.Ln2},
		{"base brier", b.BaseBrier, 0.25},
		{"bias", b.Calibration.Bias, 2.3/4 - 0.5},
	} {
		if !c.got.Defined() || !near(c.got.Number, c.want, 1e-12) {
			t.Errorf("%s = %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestUndefinedMetricsAreNullWithAReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		scores []float64
		labels []int
		pick   func(Binary) Value
		reason string
	}{
		{"precision without predicted positives", []float64{0.1, 0.2}, []int{0, 1}, func(b Binary) Value { return b.Precision }, "predicted positive"},
		{"recall without positives", []float64{0.9}, []int{0}, func(b Binary) Value { return b.Recall }, "no row is positive"},
		{"f1 without either", []float64{0.1}, []int{0}, func(b Binary) Value { return b.F1 }, "no row is positive or predicted"},
		{"auc of positives only", []float64{0.1, 0.7}, []int{1, 1}, func(b Binary) Value { return b.ROCAUC }, "every row is positive"},
		{"auc of negatives only", []float64{0.1, 0.7}, []int{0, 0}, func(b Binary) Value { return b.ROCAUC }, "no row is positive"},
		{"accuracy of nothing", nil, nil, func(b Binary) Value { return b.Accuracy }, "no rows"},
		{"majority of nothing", nil, nil, func(b Binary) Value { return b.MajorityAccuracy }, "no rows"},
		{"slope of one class", []float64{0.1, 0.7}, []int{1, 1}, func(b Binary) Value { return b.Calibration.Slope }, "one class"},
		{"slope of separated classes", []float64{0.1, 0.7}, []int{0, 1}, func(b Binary) Value { return b.Calibration.Slope }, "separate"},
	} {
		b, err := EvaluateBinary(c.scores, c.labels, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		v := c.pick(b)
		if v.Defined() || !strings.Contains(v.Reason, c.reason) {
			t.Errorf("%s = %v, want null because of %q", c.name, v, c.reason)
		}
		text, err := json.Marshal(v)
		if err != nil || !strings.HasPrefix(string(text), `{"value":null,"reason":"`) {
			t.Errorf("%s as JSON: %s, %v", c.name, text, err)
		}
		var back Value
		if err := json.Unmarshal(text, &back); err != nil || back != v {
			t.Errorf("%s read back: %v, %v", c.name, back, err)
		}
	}
}

func TestEvaluateRefusesWhatIsNoChanceOrLabel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		scores    []float64
		labels    []int
		threshold float64
		want      string
	}{
		{"NaN score", []float64{math.NaN()}, []int{0}, 0.5, "row 0: score is NaN"},
		{"infinite score", []float64{0.5, math.Inf(1)}, []int{0, 1}, 0.5, "row 1: score is +Inf"},
		{"a margin, not a chance", []float64{-2}, []int{0}, 0.5, "score is -2"},
		{"label 2", []float64{0.5}, []int{2}, 0.5, "label is 2"},
		{"lengths", []float64{0.5}, nil, 0.5, "1 scores for 0 labels"},
		{"threshold", nil, nil, math.NaN(), "threshold is NaN"},
	} {
		if _, err := EvaluateBinary(c.scores, c.labels, c.threshold); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// Rank metrics against their definitions over pairs and thresholds, with many ties.
func TestRankMetricsEqualTheirDefinitions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		n := 5 + r.IntN(60)
		scores, labels := make([]float64, n), make([]int, n)
		for i := range scores {
			scores[i], labels[i] = float64(r.IntN(8))/8, r.IntN(2)
		}
		labels[0], labels[1] = 0, 1
		var wins, pairs, positives float64
		for i := range scores {
			for j := range scores {
				if labels[i] == 1 && labels[j] == 0 {
					pairs++
					if scores[i] > scores[j] {
						wins++
					} else if scores[i] == scores[j] {
						wins += 0.5
					}
				}
			}
			positives += float64(labels[i])
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(scores)))
		slices.Reverse(distinct)
		var ap, recallBefore float64
		for _, cut := range distinct {
			var tp, all float64
			for i, s := range scores {
				if s >= cut {
					all++
					tp += float64(labels[i])
				}
			}
			ap += (tp/positives - recallBefore) * tp / all
			recallBefore = tp / positives
		}
		b, err := EvaluateBinary(scores, labels, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		if !near(b.ROCAUC.Number, wins/pairs, 1e-12) || !near(b.AvgPrec.Number, ap, 1e-12) {
			t.Errorf("seed %d: AUC %v and average precision %v, want %v and %v", seed, b.ROCAUC, b.AvgPrec, wins/pairs, ap)
		}
		// The order of rows must not matter.
		slices.Reverse(scores)
		slices.Reverse(labels)
		back, err := EvaluateBinary(scores, labels, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		if back.ROCAUC != b.ROCAUC || back.AvgPrec != b.AvgPrec {
			t.Errorf("seed %d: reversed rows give %v and %v, not %v and %v", seed, back.ROCAUC, back.AvgPrec, b.ROCAUC, b.AvgPrec)
		}
	}
}

func TestCalibrationFindsAKnownDistortion(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	n := 40_000
	scores, labels := make([]float64, n), make([]int, n)
	for i := range scores {
		logit := 2 * r.NormFloat64()
		if r.Float64() < 1/(1+math.Exp(-logit)) {
			labels[i] = 1
		}
		// The score claims half of the true log odds, less 0.7.
		scores[i] = 1 / (1 + math.Exp(-(logit/2 - 0.7)))
	}
	b, err := EvaluateBinary(scores, labels, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	c := b.Calibration
	if !near(c.Slope.Number, 2, 0.06) || !near(c.Intercept.Number, 1.4, 0.06) {
		t.Errorf("slope %v and intercept %v, want 2 and 1.4", c.Slope, c.Intercept)
	}
	rows := 0
	for _, bin := range c.Bins {
		rows += bin.Rows
	}
	if len(c.Bins) != 10 || rows != n || c.Error.Number < 0.1 || c.Bias.Number > -0.1 {
		t.Errorf("%d bins of %d rows, error %v, bias %v", len(c.Bins), rows, c.Error, c.Bias)
	}
}

func TestWilsonAgainstKnownValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ k, n, level, low, high float64 }{
		{50, 100, 0.95, 0.403832, 0.596168},
		{0, 20, 0.95, 0, 0.161125},
		{20, 20, 0.95, 0.838875, 1},
		{0, 0, 0.95, 0, 1},
	} {
		low, high := Wilson(c.k, c.n, c.level)
		if !near(low, c.low, 1e-6) || !near(high, c.high, 1e-6) {
			t.Errorf("Wilson(%v, %v) = [%v, %v], want [%v, %v]", c.k, c.n, low, high, c.low, c.high)
		}
	}
}
