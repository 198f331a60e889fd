package gbdt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// aliases maps every other name XGBoost knows for a parameter to the one used here.
var aliases = map[string]string{
	"eta": "learning_rate", "lambda": "reg_lambda", "alpha": "reg_alpha", "min_split_loss": "gamma",
	"num_boost_round": "n_estimators", "num_round": "n_estimators", "num_rounds": "n_estimators",
	"seed": "random_state", "nthread": "n_jobs",
}

// fixed lists parameters that may be given, but only with the values this learner
// works by anyway; each with what it would take to support others.
var fixed = map[string][]string{
	"booster":     {"gbtree"},
	"tree_method": {"hist", "auto"},
	"grow_policy": {"depthwise"},
	"device":      {"cpu"},
}

// ParseParams reads XGBoost's parameter names, and their aliases, over Default.
// Values may be numbers, strings holding numbers, or json.Number, as JSON, YAML and
// command lines give them. A null value leaves the default.
//
// Errors: every fault at once; an unknown name comes with the nearest known one.
// The result has passed Validate.
func ParseParams(in map[string]any) (Params, error) {
	p := Default()
	fields := paramFields(&p)
	var errs []error
	seen := map[string]string{}
	names := make([]string, 0, len(in))
	for name := range in {
		names = append(names, name)
	}
	slices.Sort(names) // faults in a stable order
	for _, name := range names {
		value := in[name]
		canonical := name
		if a, ok := aliases[name]; ok {
			canonical = a
		}
		if other, ok := seen[canonical]; ok {
			errs = append(errs, fmt.Errorf("%s and %s are the same parameter: give one of them", other, name))
			continue
		}
		seen[canonical] = name
		if value == nil {
			continue
		}
		if only, ok := fixed[name]; ok {
			if s, isText := value.(string); !isText || !slices.Contains(only, s) {
				errs = append(errs, fmt.Errorf("%s is %v: the built-in learner only has %s; use the exec backend for others",
					name, value, strings.Join(only, ", ")))
			}
			continue
		}
		set, ok := fields[canonical]
		if !ok {
			errs = append(errs, fmt.Errorf("unknown parameter %q: did you mean %q?", name, nearestParam(name, fields)))
			continue
		}
		if err := set(value); err != nil {
			errs = append(errs, fmt.Errorf("%s is %v: %w", name, value, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Params{}, err
	}
	if err := p.Validate(); err != nil {
		return Params{}, err
	}
	return p, nil
}

func paramFields(p *Params) map[string]func(any) error {
	text := func(dst *string) func(any) error {
		return func(v any) error {
			s, ok := v.(string)
			if !ok {
				return fmt.Errorf("must be text, not %T", v)
			}
			*dst = s
			return nil
		}
	}
	whole := func(dst *int) func(any) error {
		return func(v any) error {
			f, err := paramNumber(v)
			if err != nil {
				return err
			}
			if f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
				return errors.New("must be a whole number of at most 32 bits")
			}
			*dst = int(f)
			return nil
		}
	}
	number := func(dst *float64) func(any) error {
		return func(v any) (err error) { *dst, err = paramNumber(v); return err }
	}
	return map[string]func(any) error{
		"objective": text(&p.Objective), "eval_metric": text(&p.EvalMetric),
		"num_class": whole(&p.NumClass), "n_estimators": whole(&p.NumRounds), "max_depth": whole(&p.MaxDepth),
		"max_bin": whole(&p.MaxBin), "early_stopping_rounds": whole(&p.EarlyStoppingRounds),
		"learning_rate": number(&p.LearningRate), "subsample": number(&p.Subsample),
		"colsample_bytree": number(&p.ColsampleByTree), "reg_lambda": number(&p.Lambda),
		"reg_alpha": number(&p.Alpha), "gamma": number(&p.Gamma), "min_child_weight": number(&p.MinChildWeight),
		"scale_pos_weight": number(&p.ScalePosWeight),
		"base_score": func(v any) error {
			f, err := paramNumber(v)
			p.BaseScore = &f
			return err
		},
		"random_state": func(v any) error {
			var n int
			if err := whole(&n)(v); err != nil || n < 0 {
				return errors.New("must be a whole number from 0 to 2147483647")
			}
			p.Seed = uint64(n)
			return nil
		},
		"n_jobs": func(v any) error {
			err := whole(&p.NumJobs)(v)
			if p.NumJobs == -1 { // scikit-learn's "all"
				p.NumJobs = 0
			}
			return err
		},
	}
}

func paramNumber(v any) (float64, error) {
	var text string
	switch n := v.(type) {
	case float64:
		text = ""
		if !math.IsNaN(n) && !math.IsInf(n, 0) {
			return n, nil
		}
	case float32:
		return paramNumber(float64(n))
	case int:
		return float64(n), nil
	case int64:
		return float64(n), nil
	case uint64:
		return float64(n), nil
	case json.Number:
		text = n.String()
	case string:
		text = strings.TrimSpace(n)
	default:
		return 0, fmt.Errorf("must be a number, not %T", v)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("must be a finite number")
	}
	return f, nil
}

// nearestParam returns the known name with the fewest edits, ties to the first in
// alphabetical order.
func nearestParam(name string, fields map[string]func(any) error) string {
	var known []string
	for k := range fields {
		known = append(known, k)
	}
	for k := range aliases {
		known = append(known, k)
	}
	for k := range fixed {
		known = append(known, k)
	}
	slices.Sort(known)
	best, bestCost := "", math.MaxInt
	for _, k := range known {
		if c := editDistance(strings.ToLower(name), k); c < bestCost {
			best, bestCost = k, c
		}
	}
	return best
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
