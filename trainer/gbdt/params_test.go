package gbdt

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func TestParseParamsKnowsXGBoostsNames(t *testing.T) {
	t.Parallel()
	p, err := ParseParams(map[string]any{
		"objective": "multi:softprob", "num_class": 4.0, "eta": "0.05", "lambda": 2, "alpha": json.Number("0.5"),
		"min_split_loss": 1.5, "num_boost_round": 7, "seed": 9, "nthread": 3, "max_bin": 64, "tree_method": "hist",
		"max_depth": int64(3), "subsample": float32(0.5), "colsample_bytree": nil, "eval_metric": "merror",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Objective, want.NumClass, want.LearningRate, want.Lambda, want.Alpha, want.Gamma = Softprob, 4, 0.05, 2, 0.5, 1.5
	want.NumRounds, want.Seed, want.NumJobs, want.MaxBin, want.MaxDepth, want.Subsample, want.EvalMetric = 7, 9, 3, 64, 3, 0.5, "merror"
	if p != want {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	if d, err := ParseParams(nil); err != nil || d != Default() {
		t.Errorf("nothing given: %+v, %v, want the defaults", d, err)
	}
	// Parameters survive the manifest they are written into.
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if q, err := ParseParams(back); err != nil || q != p {
		t.Errorf("read back from JSON: %+v, %v, want %+v", q, err, p)
	}
}

func TestParseParamsNamesEveryFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   map[string]any
		want []string
	}{
		{"misspelt", map[string]any{"max_dept": 3, "learning_rat": 1}, []string{`unknown parameter "max_dept": did you mean "max_depth"`, `did you mean "learning_rate"`}},
		{"a name and its alias", map[string]any{"eta": 0.1, "learning_rate": 0.2}, []string{"eta and learning_rate are the same parameter"}},
		{"not a number", map[string]any{"gamma": "much", "max_depth": true}, []string{"gamma is much: must be a finite number", "max_depth is true: must be a number"}},
		{"NaN", map[string]any{"reg_lambda": math.NaN()}, []string{"reg_lambda is NaN"}},
		{"a fraction where whole", map[string]any{"max_depth": 2.5}, []string{"whole number"}},
		{"unsupported tree method", map[string]any{"tree_method": "exact"}, []string{"only has hist, auto"}},
		{"dart", map[string]any{"booster": "dart"}, []string{"booster is dart"}},
		{"negative seed", map[string]any{"random_state": -1}, []string{"random_state is -1"}},
		{"out of range", map[string]any{"max_depth": 0, "subsample": 0, "learning_rate": 2, "max_bin": 1},
			[]string{"max_depth is 0", "subsample is 0", "learning_rate is 2", "max_bin is 1"}},
		{"unknown objective", map[string]any{"objective": "rank:ndcg"}, []string{`objective is "rank:ndcg"`}},
		{"classes missing", map[string]any{"objective": Softprob}, []string{"num_class is 0"}},
		{"metric of another objective", map[string]any{"eval_metric": "rmse"}, []string{`eval_metric is "rmse"`}},
		{"base score on the margin scale", map[string]any{"base_score": 1.5}, []string{"base_score is 1.5: must be a probability"}},
		{"base score that float32 rounds to 1", map[string]any{"base_score": 1 - 1e-12}, []string{"a probability inside (0, 1)"}},
	} {
		_, err := ParseParams(c.in)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", c.name, err, want)
			}
		}
	}
}
