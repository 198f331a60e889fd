package judge

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// classRows: chances lean towards the label by lift, in three classes.
func classRows(seed uint64, days, perDay int, lift, oldLift float64) []ScoredClasses {
	r := rand.New(rand.NewPCG(seed, 3))
	lean := func(label int, lift float64) []float64 {
		p, sum := make([]float64, 3), 0.0
		for c := range p {
			p[c] = 0.1 + r.Float64()
			if c == label {
				p[c] += 2 * lift
			}
			sum += p[c]
		}
		for c := range p {
			p[c] /= sum
		}
		return p
	}
	var rows []ScoredClasses
	for d := range days {
		for range perDay {
			y := r.IntN(3)
			rows = append(rows, ScoredClasses{Day: int32(d), Label: y, Challenger: lean(y, lift), Champion: lean(y, oldLift)})
		}
	}
	return rows
}

func numberRows(seed uint64, days, perDay int, noise, oldNoise float64) []ScoredNumber {
	r := rand.New(rand.NewPCG(seed, 3))
	var rows []ScoredNumber
	for d := range days {
		for range perDay {
			y := 100 + 10*r.NormFloat64()
			rows = append(rows, ScoredNumber{Day: int32(d), Actual: y, Challenger: y + noise*r.NormFloat64(), Champion: y + oldNoise*r.NormFloat64()})
		}
	}
	return rows
}

func multiclassGate() GateConfig {
	c := Default()
	c.Kind, c.Floors = KindMulticlass, []Floor{{Accuracy, 0.5, true}, {MacroF1, 0.5, true}}
	c.Guards = []Guard{{MacroF1, 0.02, 0}, {Brier, 0.05, 0.9}}
	return c
}

func regressionGate() GateConfig {
	c := Default()
	c.Kind, c.Floors = KindRegression, []Floor{{R2, 0.2, false}, {RMSE, 9, false}}
	c.Primary = Primary{Metric: RMSE, Direction: Lower, RequireSignificant: true}
	c.Guards = []Guard{{MeanIC, 0.05, 0}, {MAE, 0.5, 0}}
	c.Holdout.MinPerClass = 0
	return c
}

func TestGateOfClassesAndNumbers(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	for _, c := range []struct {
		name string
		cfg  GateConfig
		in   Input
		want Outcome
		fail string // a check that has that outcome
	}{
		{"classes, better", multiclassGate(), Input{Classes: classRows(1, 14, 30, 0.6, 0.3)}, Pass, ""},
		{"classes, worse", multiclassGate(), Input{Classes: classRows(1, 14, 30, 0.3, 0.6)}, Fail, "guard_macro_f1"},
		{"classes, knows nothing", multiclassGate(), Input{Classes: classRows(1, 14, 30, 0, 0), First: true}, Fail, "floor_accuracy"},
		{"classes, one of them rare", multiclassGate(), Input{Classes: append(classRows(1, 14, 30, 0.6, 0.3), ScoredClasses{Label: 0,
			Challenger: []float64{0.4, 0.3, 0.2, 0.1}, Champion: []float64{1, 0, 0, 0}})}, Fail, "scores_finite"},
		{"numbers, better", regressionGate(), Input{Numbers: numberRows(1, 14, 30, 4, 7)}, Pass, ""},
		{"numbers, worse", regressionGate(), Input{Numbers: numberRows(1, 14, 30, 7, 4)}, Fail, "primary_rmse"},
		{"numbers, noise only", regressionGate(), Input{Numbers: numberRows(1, 14, 30, 30, 40), First: true}, Fail, "floor_r2"},
		{"numbers, one not finite", regressionGate(), Input{Numbers: []ScoredNumber{{0, 1, 1, nan}, {1, 1, 1, 1}}}, Fail, "scores_finite"},
		{"numbers, better but not for sure", regressionGate(), Input{Numbers: numberRows(2, 14, 30, 6.9, 7)}, Undecided, "primary_rmse"},
	} {
		d := decide(t, c.cfg, c.in)
		if d.Outcome != c.want || d.Promote != (c.want == Pass) {
			t.Errorf("%s: %s, want %s", c.name, d.Outcome, c.want)
			for _, k := range d.Checks {
				t.Logf("  %s %s %s", k.Name, k.Outcome, k.Reason)
			}
		}
		if c.fail != "" {
			if got := check(t, d, c.fail); got.Outcome != c.want {
				t.Errorf("%s: %s is %s, want %s", c.name, c.fail, got.Outcome, c.want)
			}
		}
	}
}

// What the gate measures must be what the report says.
func TestGateAndReportAgree(t *testing.T) {
	t.Parallel()
	binary := Input{Rows: holdoutRows(1, 14, 30, 0.4, 0.3), BaseRate: 0.5}
	classes := Input{Classes: classRows(1, 14, 30, 0.6, 0.5)}
	numbers := Input{Numbers: numberRows(1, 14, 30, 4, 5)}
	b := decide(t, Default(), binary)
	m := decide(t, multiclassGate(), classes)
	n := decide(t, regressionGate(), numbers)
	for _, c := range []struct {
		name string
		got  *float64
		want float64
	}{
		{"binary accuracy", check(t, b, "floor_accuracy").Value, b.Challenger.Binary.Accuracy.Number},
		{"binary f1", check(t, b, "floor_f1").Value, b.Challenger.Binary.F1.Number},
		{"binary log loss", check(t, b, "primary_log_loss").Value, b.Champion.Binary.LogLoss.Number - b.Challenger.Binary.LogLoss.Number},
		{"macro f1", check(t, m, "floor_macro_f1").Value, m.Challenger.Multiclass.Macro.F1.Number},
		{"brier", check(t, m, "guard_brier").Value, m.Champion.Multiclass.Brier.Number - m.Challenger.Multiclass.Brier.Number},
		{"r2", check(t, n, "floor_r2").Value, *n.Challenger.Regression.R2.Value},
		{"rmse", check(t, n, "primary_rmse").Value, *n.Champion.Regression.RMSE.Value - *n.Challenger.Regression.RMSE.Value},
		{"mean ic", check(t, n, "guard_mean_ic").Value, *n.Challenger.Regression.MeanIC.Value - *n.Champion.Regression.MeanIC.Value},
	} {
		if c.got == nil || !near(*c.got, c.want, 1e-12) {
			t.Errorf("%s: the gate has %v, the report %v", c.name, c.got, c.want)
		}
	}
	if b.Flips == nil || m.Flips == nil || n.Flips != nil {
		t.Errorf("flips: %v %v %v", b.Flips, m.Flips, n.Flips)
	}
}

func TestKindsDoNotMix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cfg  GateConfig
		in   Input
		want string
	}{
		{"numbers to a binary gate", Default(), Input{Numbers: numberRows(1, 1, 1, 1, 1)}, "rows of another kind than binary"},
		{"a class beyond the last", multiclassGate(), Input{Classes: []ScoredClasses{{Label: 2, Challenger: []float64{0.5, 0.5}}}}, "label is 2"},
		{"an outcome that is NaN", regressionGate(), Input{Numbers: []ScoredNumber{{Actual: math.NaN()}}}, "outcome is NaN"},
	} {
		if _, err := Decide(c.cfg, c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	cfg := regressionGate()
	cfg.Primary.Metric, cfg.Relative, cfg.Bias = LogLoss, &RelativeFloors{LogLossShare: 1}, &BiasRule{Parity: 0.1, MinRows: 1, Undecided: Block}
	err := cfg.Validate()
	for _, want := range []string{`primary.metric is "log_loss"`, "relative_floors is given", "bias is given"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	cfg = Default()
	cfg.Kind = "ranking"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), `kind is "ranking"`) {
		t.Errorf("unknown kind: %v", err)
	}
}
