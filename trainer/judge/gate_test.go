package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// holdoutRows makes days × perDay labelled rows. lift and oldLift say how far scores
// lean towards the label: 0 knows nothing, 1 is right nine times in ten.
func holdoutRows(seed uint64, days, perDay int, lift, oldLift float64) []Scored {
	r := rand.New(rand.NewPCG(seed, 3))
	lean := func(label int, lift float64) float64 {
		return min(max(0.5+0.45*(2*float64(label)-1)*lift+0.8*(r.Float64()-0.5), 0.01), 0.99)
	}
	var rows []Scored
	for d := range days {
		for range perDay {
			y := r.IntN(2)
			rows = append(rows, Scored{Day: int32(1000 + d), Label: y, Challenger: lean(y, lift), Champion: lean(y, oldLift)})
		}
	}
	return rows
}

func decide(t *testing.T, cfg GateConfig, in Input) Decision {
	t.Helper()
	d, err := Decide(cfg, in)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func check(t *testing.T, d Decision, name string) Check {
	t.Helper()
	i := slices.IndexFunc(d.Checks, func(c Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("no check %q among %+v", name, d.Checks)
	}
	return d.Checks[i]
}

func TestGateDecides(t *testing.T) {
	t.Parallel()
	good := Input{Rows: holdoutRows(1, 14, 30, 0.6, 0.1), BaseRate: 0.5}
	for _, c := range []struct {
		name    string
		cfg     func(*GateConfig)
		in      func(*Input)
		want    Outcome
		blame   string // the check that decides
		because string
	}{
		{"a clearly better challenger passes", nil, nil, Pass, "", ""},
		{"the same rows with the models swapped fail", nil, func(in *Input) {
			for i, r := range in.Rows {
				in.Rows[i].Champion, in.Rows[i].Challenger = r.Challenger, r.Champion
			}
		}, Fail, "guard_accuracy", "worse than the champion"},
		{"an equal challenger is not better", nil, func(in *Input) {
			for i, r := range in.Rows {
				in.Rows[i].Champion = r.Challenger
			}
		}, Fail, "primary_log_loss", "not better"},
		{"too few rows are undecided", nil, func(in *Input) { in.Rows = holdoutRows(1, 14, 10, 0.6, 0.1) }, Undecided, "holdout_rows", "too few labelled rows"},
		{"too few days are undecided", nil, func(in *Input) { in.Rows = holdoutRows(1, 12, 40, 0.6, 0.1) }, Undecided, "holdout_days", "too few days"},
		{"too few of a class are undecided", func(c *GateConfig) { c.Holdout.MinPerClass = 300 }, nil, Undecided, "holdout_per_class", "too few rows of a class"},
		{"no rows are undecided", nil, func(in *Input) { in.Rows = nil }, Undecided, "holdout_rows", ""},
		{"a day the champion was trained on is not fresh", nil, func(in *Input) {
			in.Used = []Used{{"the last decision's rows", 900}, {"the champion's training rows", 1000}}
		}, Undecided, "holdout_fresh", "the champion's training rows reach through day 1000"},
		{"the day after training is fresh", nil, func(in *Input) { in.Used = []Used{{"the champion's training rows", 999}} }, Pass, "", ""},
		{"a NaN score fails", nil, func(in *Input) { in.Rows[7].Challenger = math.NaN() }, Fail, "scores_finite", "challenger, row 7: score is NaN"},
		{"a floor not reached fails", func(c *GateConfig) { c.Floors = []Floor{{Accuracy, 0.999, false}} }, nil, Fail, "floor_accuracy", ""},
		{"an improvement below the minimum fails", func(c *GateConfig) { c.Primary.MinImprovement = 5 }, nil, Fail, "primary_log_loss", "not better"},
		{"a check made elsewhere counts", nil, func(in *Input) { in.Extra = []Check{{Name: "quality", Outcome: Fail, Reason: "open alarm"}} }, Fail, "quality", "open alarm"},
		{"an advisory check does not", nil, func(in *Input) { in.Extra = []Check{{Name: "forgetting", Outcome: Fail, Advisory: true}} }, Pass, "", ""},
	} {
		cfg, in := Default(), good
		in.Rows = slices.Clone(good.Rows)
		if c.cfg != nil {
			c.cfg(&cfg)
		}
		if c.in != nil {
			c.in(&in)
		}
		d := decide(t, cfg, in)
		if d.Outcome != c.want || d.Promote != (c.want == Pass) {
			t.Errorf("%s: %s, promote %v, want %s: %+v", c.name, d.Outcome, d.Promote, c.want, d.Checks)
		}
		if c.blame != "" {
			if got := check(t, d, c.blame); got.Outcome != c.want || !strings.Contains(got.Reason, c.because) {
				t.Errorf("%s: %s is %s because %q, want %s because %q", c.name, c.blame, got.Outcome, got.Reason, c.want, c.because)
			}
		}
	}
}

// A floor is strict where it says so: ACIS asks for more than 0.70.
func TestFloorsAtTheLimit(t *testing.T) {
	t.Parallel()
	var rows []Scored
	for i := range 400 { // every fourth row wrong, in both classes alike
		row := Scored{Day: int32(i / 20), Label: i % 2}
		row.Challenger = float64(row.Label)*0.8 + 0.1
		if i%8 < 2 {
			row.Challenger = 1 - row.Challenger
		}
		rows = append(rows, row)
	}
	for _, strict := range []bool{false, true} {
		cfg := Default()
		cfg.Floors = []Floor{{Accuracy, 0.75, strict}}
		d := decide(t, cfg, Input{Rows: rows, First: true})
		want := map[bool]Outcome{false: Pass, true: Fail}[strict]
		if c := check(t, d, "floor_accuracy"); c.Outcome != want || *c.Value != 0.75 {
			t.Errorf("strict %v: %v at limit 0.75 is %s, want %s", strict, *c.Value, c.Outcome, want)
		}
	}
}

func TestRelativeFloorsFollowTheClassShares(t *testing.T) {
	t.Parallel()
	// Version 1 of the demo: 43 of 332 positive; a training base rate of 4.5 %.
	var rows []Scored
	for i := range 332 {
		r := Scored{Day: int32(i / 24), Challenger: 0.05}
		if i < 43 {
			r.Label, r.Challenger = 1, 0.6
		}
		rows = append(rows, r)
	}
	d := decide(t, Relative(), Input{Rows: rows, First: true, BaseRate: 0.045})
	for name, want := range map[string]float64{
		"floor_accuracy_majority":  289.0/332 - 0.02,
		"floor_f1_all_positive":    2 * (43.0 / 332) / (1 + 43.0/332),
		"floor_log_loss_base_rate": 0.9 * -(43.0/332*math.Log(0.045) + 289.0/332*math.Log(0.955)),
	} {
		if c := check(t, d, name); !near(*c.Limit, want, 1e-12) || c.Outcome != Pass {
			t.Errorf("%s: limit %v, outcome %s, want limit %v passed", name, *c.Limit, c.Outcome, want)
		}
	}
	if !d.First || !d.Promote || d.Champion != nil || check(t, d, "primary_log_loss").Outcome != Skipped {
		t.Errorf("first version: %+v", d)
	}
	for i := range rows { // all negative: what the majority gives
		rows[i].Challenger = 0.1
	}
	d = decide(t, Relative(), Input{Rows: rows, First: true, BaseRate: 0.045})
	if c := check(t, d, "floor_f1_all_positive"); c.Outcome != Fail || d.Promote {
		t.Errorf("a model that never says yes: f1 %s, promote %v", c.Outcome, d.Promote)
	}
}

// P7: whatever else passes, a guard with its lower bound below −margin is not promoted.
func TestLowerBoundBelowMarginNeverPromotes(t *testing.T) {
	t.Parallel()
	seen := map[bool]int{}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 8))
		cfg := Default()
		cfg.Draws = 200
		cfg.Floors = nil
		cfg.Primary.RequireSignificant = r.IntN(2) == 0
		metrics := []string{Accuracy, LogLoss, Brier, ROCAUC, F1, AveragePrecision}
		cfg.Guards = []Guard{{Metric: metrics[r.IntN(6)], Margin: 0.05 * r.Float64()}}
		in := Input{Rows: holdoutRows(seed, 14, 20, r.Float64()*0.6, r.Float64()*0.6)}
		d := decide(t, cfg, in)
		below := false
		for _, c := range d.Checks {
			if strings.HasPrefix(c.Name, "guard_") && (c.Low == nil || *c.Low < *c.Limit) {
				below = true
			}
		}
		if below && d.Promote {
			t.Errorf("seed %d: promoted with %+v", seed, d.Checks)
		}
		for _, c := range d.Checks {
			if d.Promote && c.Outcome != Pass && c.Outcome != Skipped {
				t.Errorf("seed %d: promoted although %s is %s", seed, c.Name, c.Outcome)
			}
		}
		seen[d.Promote]++
	}
	if seen[true] < 30 || seen[false] < 30 {
		t.Errorf("promoted %d, refused %d: the cases do not test both", seen[true], seen[false])
	}
}

func TestBoundsCoverTheTruthAndFollowDays(t *testing.T) {
	t.Parallel()
	// Accuracy of the challenger is better by 0.1 in the mean, but whole days swing.
	const days, perDay, trials = 28, 20, 300
	covered := 0
	for seed := range uint64(trials) {
		r := rand.New(rand.NewPCG(seed, 6))
		var rows []Scored
		for d := range days {
			swing := 0.1 + 0.3*r.NormFloat64()/2
			for range perDay {
				row := Scored{Day: int32(d), Label: 1, Champion: 0.2, Challenger: 0.2}
				if r.Float64() < 0.5 {
					row.Champion = 0.8
				}
				if r.Float64() < 0.5+swing {
					row.Challenger = 0.8
				}
				rows = append(rows, row)
			}
		}
		in := Input{Rows: rows}
		p := newPaired(Default(), in, in.all(KindBinary))
		low, _, ok := p.spreads([]string{Accuracy}, 400, seed)[Accuracy].bounds(0.95)
		if !ok {
			t.Fatal("no bounds")
		}
		if low <= 0.1 {
			covered++
		}
	}
	// 95 % one-sided; percentile bounds of 28 days cover a little less.
	if rate := float64(covered) / trials; rate < 0.90 || rate > 0.99 {
		t.Errorf("the lower bound covers the truth in %.3f of %d trials, want about 0.95", rate, trials)
	}
}

func TestDecisionsRepeat(t *testing.T) {
	t.Parallel()
	in := Input{Rows: holdoutRows(4, 14, 25, 0.3, 0.25)}
	a, errA := json.Marshal(decide(t, Default(), in))
	b, errB := json.Marshal(decide(t, Default(), in))
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("%v %v\n%s\n%s", errA, errB, a, b)
	}
	for _, key := range []string{`"name":"guard_accuracy"`, `"value":`, `"limit":-0.02`, `"low":`, `"high":`, `"outcome":`} {
		if !strings.Contains(string(a), key) {
			t.Errorf("the decision's JSON has no %s", key)
		}
	}
	if !strings.Contains(string(a), `"low":null`) {
		t.Error("a bound that does not exist must be null")
	}
}

func TestSlicesBlockWhenWorse(t *testing.T) {
	t.Parallel()
	in := Input{Rows: holdoutRows(1, 14, 60, 0.7, 0.1)}
	part, small := make([]bool, len(in.Rows)), make([]bool, len(in.Rows))
	for i := range part {
		if part[i] = i%3 == 0; part[i] { // here the challenger is wrong and the champion right
			in.Rows[i].Champion = float64(in.Rows[i].Label)*0.8 + 0.1
			in.Rows[i].Challenger = 1 - in.Rows[i].Champion
		}
		small[i] = i < 5
	}
	cfg := Default()
	cfg.Floors, cfg.Guards = nil, nil
	cfg.Slices = &SliceRule{Metric: Accuracy, Margin: 0.05, MinRows: 50}
	in.Slices = []Slice{{"workingday", part}, {"tiny", small}}
	d := decide(t, cfg, in)
	if c := check(t, d, "slice_workingday"); c.Outcome != Fail || d.Promote {
		t.Errorf("slice %s, promote %v", c.Outcome, d.Promote)
	}
	if c := check(t, d, "slice_tiny"); c.Outcome != Skipped || c.Support != 5 {
		t.Errorf("tiny slice: %+v", c)
	}
}

func TestBiasHasThreeOutcomes(t *testing.T) {
	t.Parallel()
	make3 := func(n int, yesB float64) Input {
		r := rand.New(rand.NewPCG(9, 9))
		var in Input
		g := Group{Name: "region"}
		for i := range n {
			row := Scored{Day: int32(i % 14), Label: i / 2 % 2, Challenger: 0.2}
			name, yes := "a", 0.5
			if i%2 == 1 {
				name, yes = "b", yesB
			}
			if r.Float64() < yes {
				row.Challenger = 0.8
			}
			if i >= n-6 {
				name = "rare"
			}
			in.Rows, g.Of = append(in.Rows, row), append(g.Of, name)
		}
		in.Groups, in.First = []Group{g}, true
		return in
	}
	cfg := Default()
	cfg.Floors = nil
	for _, c := range []struct {
		name string
		in   Input
		rule BiasRule
		want Outcome
	}{
		{"alike", make3(4000, 0.5), BiasRule{Parity: 0.1, Odds: 0.12, MinRows: 20, Undecided: Block}, Pass},
		{"far apart", make3(4000, 0.8), BiasRule{Parity: 0.1, Opportunity: 0.1, Odds: 0.1, MinRows: 20, Undecided: Block}, Fail},
		{"too few to tell", make3(300, 0.56), BiasRule{Parity: 0.1, MinRows: 20, Undecided: Block}, Undecided},
		{"too few to tell, flagged", make3(300, 0.56), BiasRule{Parity: 0.1, MinRows: 20, Undecided: Flag}, Pass},
		{"one group only", make3(300, 0.5), BiasRule{Parity: 0.1, MinRows: 1000, Undecided: Block}, Undecided},
	} {
		cfg.Bias = &c.rule
		d := decide(t, cfg, c.in)
		if d.Outcome != c.want {
			t.Errorf("%s: %s, want %s: %+v", c.name, d.Outcome, c.want, d.Checks)
		}
		if b := check(t, d, "bias_demographic_parity_region"); !strings.Contains(b.Reason, `"rare"`) {
			t.Errorf("%s: the group left out is not named: %q", c.name, b.Reason)
		}
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]GateConfig{"default": Default(), "relative": Relative()} {
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := GateConfig{
		Primary: Primary{Metric: LogLoss, Direction: Higher, MinImprovement: math.NaN()},
		Guards:  []Guard{{"speed", -1, 0.3}, {Accuracy, 0.1, 0}, {Accuracy, 0.1, 0}},
		Floors:  []Floor{{F1, math.Inf(1), true}}, Relative: &RelativeFloors{AccuracyBelowMajority: -1},
		Slices: &SliceRule{Metric: "x", Margin: -1}, Bias: &BiasRule{Undecided: "maybe"},
		Threshold: 2, Level: 1, Draws: 5,
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`primary.direction is "higher": must be "lower" for log_loss`, "primary.min_improvement is NaN", `guards[0].metric is "speed"`,
		"guards[0].margin is -1", "guards[0].level is 0.3", `guards[2].metric is "accuracy": must be guarded once`, "floors[0].limit is +Inf",
		"accuracy_below_majority is -1", "log_loss_share is 0", `slices.metric is "x"`, "slices.min_rows is 0", "bias has no limit",
		`bias.undecided is "maybe"`, "holdout.days is 0", "holdout.min_rows is 0", "holdout.min_per_class is 0", "threshold is 2", "level is 1", "draws is 5",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
	if _, err := Decide(bad, Input{}); err == nil {
		t.Error("Decide takes a bad configuration")
	}
	if _, err := Decide(Default(), Input{Rows: []Scored{{Label: 3}}}); err == nil || !strings.Contains(err.Error(), "label is 3") {
		t.Errorf("label 3: %v", err)
	}
	if _, err := Decide(Default(), Input{Rows: []Scored{{}}, Slices: []Slice{{"s", nil}}}); err == nil {
		t.Error("a slice of the wrong length is taken")
	}
	if _, err := Decide(Default(), Input{Extra: []Check{{Name: "x", Outcome: "fine"}}}); err == nil {
		t.Error("an unknown outcome is taken")
	}
}
