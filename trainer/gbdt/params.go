package gbdt

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Objectives that can be trained, and read from XGBoost's models.
const (
	Logistic     = "binary:logistic"  // labels 0 and 1; predicts the chance of 1
	SquaredError = "reg:squarederror" // any finite label; predicts its mean
	Softprob     = "multi:softprob"   // labels 0 … NumClass−1; predicts one chance per class
)

// Bounds of parameters that would otherwise ask for unbounded memory or time.
const (
	maxDepthLimit  = 30      // deeper trees cannot be told from memorising
	maxRoundsLimit = 100_000 // rounds × classes is bounded by maxTrees besides
	maxTrees       = 1_000_000
	maxClasses     = 1_000
	maxBins        = 255 // value bins per feature: one code of the byte is for missing
	maxJobs        = 256
)

// Params says how to train. Field names in JSON are XGBoost's own.
type Params struct {
	Objective           string   `json:"objective"`
	NumClass            int      `json:"num_class,omitempty"` // multi:softprob only
	NumRounds           int      `json:"n_estimators"`
	MaxDepth            int      `json:"max_depth"` // splits between the root and a leaf, 1 … 30
	LearningRate        float64  `json:"learning_rate"`
	Subsample           float64  `json:"subsample"`        // share of rows per round, (0, 1]
	ColsampleByTree     float64  `json:"colsample_bytree"` // share of features per tree, (0, 1]
	Lambda              float64  `json:"reg_lambda"`       // L2 on leaf weights
	Alpha               float64  `json:"reg_alpha"`        // L1 on leaf weights
	Gamma               float64  `json:"gamma"`            // least gain of a split, in XGBoost's scale (no ½)
	MinChildWeight      float64  `json:"min_child_weight"` // least sum of hessians on either side of a split
	MaxBin              int      `json:"max_bin"`          // 2 … 256; 256 gives 255 value bins and one for missing
	ScalePosWeight      float64  `json:"scale_pos_weight"` // weight of rows with label 1, binary:logistic only
	BaseScore           *float64 `json:"base_score,omitempty"`
	EvalMetric          string   `json:"eval_metric,omitempty"` // empty: the objective's own loss
	EarlyStoppingRounds int      `json:"early_stopping_rounds,omitempty"`
	Seed                uint64   `json:"random_state"`
	NumJobs             int      `json:"n_jobs,omitempty"` // threads; 0 = all. Never changes the model
}

// Default returns the parameters used where nothing else is said: binary:logistic,
// depth 6, learning rate 0.1, 100 rounds, no sampling, seed 42. They are those of the
// ACIS trainer, but for its row and column sampling of 0.8.
func Default() Params {
	return Params{
		Objective: Logistic, NumRounds: 100, MaxDepth: 6, LearningRate: 0.1,
		Subsample: 1, ColsampleByTree: 1, Lambda: 1, MinChildWeight: 1,
		MaxBin: 256, ScalePosWeight: 1, Seed: 42,
	}
}

// Groups is the number of outputs per row and of trees per round: NumClass for
// multi:softprob, else 1.
func (p Params) Groups() int {
	if p.Objective == Softprob {
		return p.NumClass
	}
	return 1
}

// Validate returns every fault at once, each with the parameter's name as users
// write it and the value found.
func (p Params) Validate() error {
	var errs []error
	bad := func(name string, found any, want string) {
		errs = append(errs, fmt.Errorf("%s is %v: must be %s", name, found, want))
	}
	// The comparisons are written so that NaN fails each of them.
	between := func(name string, v, lo, hi float64, want string) {
		if !(v >= lo && v <= hi) {
			bad(name, v, want)
		}
	}
	objectives := []string{Logistic, SquaredError, Softprob}
	known := slices.Contains(objectives, p.Objective)
	if !known {
		bad("objective", fmt.Sprintf("%q", p.Objective), "one of "+strings.Join(objectives, ", "))
	}
	if p.Objective == Softprob {
		if p.NumClass < 2 || p.NumClass > maxClasses {
			bad("num_class", p.NumClass, fmt.Sprintf("from 2 to %d with %s", maxClasses, Softprob))
		}
	} else if known && p.NumClass > 1 {
		bad("num_class", p.NumClass, "left out unless the objective is "+Softprob)
	}
	if p.NumRounds < 1 || p.NumRounds > maxRoundsLimit {
		bad("n_estimators", p.NumRounds, fmt.Sprintf("from 1 to %d", maxRoundsLimit))
	} else if g := p.Groups(); g > 0 && p.NumRounds*g > maxTrees {
		bad("n_estimators × num_class", p.NumRounds*g, fmt.Sprintf("at most %d trees", maxTrees))
	}
	if p.MaxDepth < 1 || p.MaxDepth > maxDepthLimit {
		bad("max_depth", p.MaxDepth, fmt.Sprintf("from 1 to %d", maxDepthLimit))
	}
	if !(p.LearningRate > 0 && p.LearningRate <= 1) {
		bad("learning_rate", p.LearningRate, "above 0 and at most 1")
	}
	if !(p.Subsample > 0 && p.Subsample <= 1) {
		bad("subsample", p.Subsample, "above 0 and at most 1")
	}
	if !(p.ColsampleByTree > 0 && p.ColsampleByTree <= 1) {
		bad("colsample_bytree", p.ColsampleByTree, "above 0 and at most 1")
	}
	const finite = "finite and not negative"
	between("reg_lambda", p.Lambda, 0, math.MaxFloat64, finite)
	between("reg_alpha", p.Alpha, 0, math.MaxFloat64, finite)
	between("gamma", p.Gamma, 0, math.MaxFloat64, finite)
	between("min_child_weight", p.MinChildWeight, 0, math.MaxFloat64, finite)
	if p.MaxBin < 2 || p.MaxBin > maxBins+1 {
		bad("max_bin", p.MaxBin, fmt.Sprintf("from 2 to %d", maxBins+1))
	}
	if !(p.ScalePosWeight > 0 && p.ScalePosWeight <= math.MaxFloat32) {
		bad("scale_pos_weight", p.ScalePosWeight, "finite and above 0")
	} else if known && p.Objective != Logistic && p.ScalePosWeight != 1 {
		bad("scale_pos_weight", p.ScalePosWeight, "1 unless the objective is "+Logistic)
	}
	if b := p.BaseScore; b != nil {
		if p.Objective == Logistic && !validBaseProbability(float32(*b)) {
			bad("base_score", *b, "a probability inside (0, 1), also in float32")
		} else if math.IsNaN(*b) || math.Abs(*b) > math.MaxFloat32 {
			bad("base_score", *b, "finite in float32")
		}
	}
	if known && p.EvalMetric != "" && !slices.Contains(metricsOf(p.Objective), p.EvalMetric) {
		bad("eval_metric", fmt.Sprintf("%q", p.EvalMetric),
			"one of "+strings.Join(metricsOf(p.Objective), ", ")+" with "+p.Objective)
	}
	if p.EarlyStoppingRounds < 0 {
		bad("early_stopping_rounds", p.EarlyStoppingRounds, "0 (off) or more")
	}
	if p.NumJobs < 0 || p.NumJobs > maxJobs {
		bad("n_jobs", p.NumJobs, fmt.Sprintf("from 0 (all) to %d", maxJobs))
	}
	return errors.Join(errs...)
}

// validBaseProbability tells whether p and its logit are both usable.
func validBaseProbability(p float32) bool { return p > 0 && p < 1 }
