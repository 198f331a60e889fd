package gbdt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Limits bounds what LoadJSON takes in. A zero field means its default.
type Limits struct {
	Bytes    int64 // of the document; default 256 MiB. Decoding holds about 3 times as much
	Trees    int   // default 100,000
	Features int   // default 100,000
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 256 << 20
	}
	if l.Trees <= 0 {
		l.Trees = 100_000
	}
	if l.Features <= 0 {
		l.Features = 100_000
	}
	return l
}

// ErrModel marks every fault of a model file; test with errors.Is.
var ErrModel = errors.New("not a model this learner can score")

// fileModel is the part of XGBoost's document that scoring depends on.
type fileModel struct {
	Version []int `json:"version"`
	Learner *struct {
		FeatureNames []string `json:"feature_names"`
		FeatureTypes []string `json:"feature_types"`
		Booster      struct {
			Name  string `json:"name"`
			Model *struct {
				Param struct {
					NumTrees    string `json:"num_trees"`
					NumParallel string `json:"num_parallel_tree"`
					SizeLeaf    string `json:"size_leaf_vector"`
				} `json:"gbtree_model_param"`
				TreeInfo intList    `json:"tree_info"`
				IndPtr   intList    `json:"iteration_indptr"`
				Trees    []fileTree `json:"trees"`
			} `json:"model"`
		} `json:"gradient_booster"`
		Param struct {
			BaseScore  string `json:"base_score"`
			NumClass   string `json:"num_class"`
			NumFeature string `json:"num_feature"`
			NumTarget  string `json:"num_target"`
		} `json:"learner_model_param"`
		Objective struct {
			Name string `json:"name"`
		} `json:"objective"`
	} `json:"learner"`
}

// LoadJSON reads a model in XGBoost's JSON, by SaveJSON or by XGBoost 1.x to 3.x:
// gbtree boosters of numeric splits with one of this package's three objectives. The
// base score may be a number or a list; NaN tokens and booleans for default_left, as
// old versions wrote them, are understood. Nodes that pruning deleted are left out.
//
// Errors: ErrModel with what is wrong and where: more than the limits allow, other
// boosters, objectives, categorical splits or vector leaves, arrays of unequal
// length, indices out of range, cycles, a node with two parents, values not finite.
// What r returns as error comes as it is.
func LoadJSON(r io.Reader, limits Limits) (*Model, error) {
	limits = limits.withDefaults()
	data, err := io.ReadAll(io.LimitReader(r, limits.Bytes+1))
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m, err := decode(data, limits)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return m, nil
}

func decode(data []byte, limits Limits) (*Model, error) {
	if int64(len(data)) > limits.Bytes {
		return nil, fmt.Errorf("the file is longer than %d bytes: raise the limit", limits.Bytes)
	}
	start := bytes.TrimLeft(data, " \t\r\n")
	if len(start) == 0 {
		return nil, errors.New("the file is empty")
	}
	if start[0] != '{' || bytes.HasPrefix(start, []byte("{L")) || bytes.HasPrefix(start, []byte("{i")) {
		return nil, errors.New("the file is not JSON: UBJSON (.ubj) and XGBoost's old binary are not read; save the model with a name ending in .json")
	}
	var file fileModel
	if err := json.Unmarshal(tolerateNaN(data), &file); err != nil {
		return nil, err
	}
	if file.Learner == nil {
		return nil, errors.New("learner is missing: not XGBoost's model JSON")
	}
	if name := file.Learner.Booster.Name; name != "gbtree" {
		return nil, fmt.Errorf("gradient_booster is %q: only gbtree can be scored", name)
	}
	if file.Learner.Booster.Model == nil {
		return nil, errors.New("gradient_booster.model is missing")
	}
	m := &Model{objective: file.Learner.Objective.Name}
	if err := m.readHeader(&file, limits); err != nil {
		return nil, err
	}
	if err := m.readTrees(&file, limits); err != nil {
		return nil, err
	}
	m.flatten()
	return m, nil
}

func (m *Model) readHeader(file *fileModel, limits Limits) error {
	l := file.Learner
	classes, err := wholeParam("num_class", l.Param.NumClass, 0, 0, maxClasses)
	if err != nil {
		return err
	}
	switch m.objective {
	case Logistic, SquaredError:
		if classes > 1 {
			return fmt.Errorf("num_class is %d with objective %s: must be 0 or 1", classes, m.objective)
		}
		m.groups = 1
	case Softprob:
		if classes < 2 {
			return fmt.Errorf("num_class is %d with objective %s: must be at least 2", classes, m.objective)
		}
		m.groups = classes
	default:
		return fmt.Errorf("objective is %q: only %s, %s and %s can be scored", m.objective, Logistic, SquaredError, Softprob)
	}
	if _, err := wholeParam("num_target", l.Param.NumTarget, 1, 1, 1); err != nil {
		return fmt.Errorf("%w: several targets cannot be scored", err)
	}
	if m.flat.features, err = wholeParam("num_feature", l.Param.NumFeature, 0, 1, limits.Features); err != nil {
		return err
	}
	if err := m.readNames(l.FeatureNames, l.FeatureTypes); err != nil {
		return err
	}
	return m.readScore(l.Param.BaseScore)
}

func (m *Model) readNames(names, types []string) error {
	if n := len(names); n != 0 && n != m.flat.features {
		return fmt.Errorf("%d feature_names for num_feature %d", n, m.flat.features)
	}
	if n := len(types); n != 0 && n != m.flat.features {
		return fmt.Errorf("%d feature_types for num_feature %d", n, m.flat.features)
	}
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		if err := checkName(name); err != nil {
			return fmt.Errorf("feature_names[%d]: %w", i, err)
		}
		if seen[name] {
			return fmt.Errorf("feature_names[%d]: %q stands there twice", i, name)
		}
		seen[name] = true
	}
	for i, t := range types {
		switch t {
		case "float", "int", "i", "q", "c":
		default:
			return fmt.Errorf("feature_types[%d] is %q: must be float, int, i, q or c", i, t)
		}
	}
	m.names, m.types = names, types
	return nil
}

// readScore takes "5E-1" or, as XGBoost writes since 3.1, "[5E-1]" with one entry
// per output or one for all.
func (m *Model) readScore(text string) error {
	inner := strings.TrimSpace(text)
	if strings.HasPrefix(inner, "[") && strings.HasSuffix(inner, "]") {
		inner = inner[1 : len(inner)-1]
	}
	parts := strings.Split(inner, ",")
	if len(parts) != 1 && len(parts) != m.groups {
		return fmt.Errorf("base_score %q has %d entries: must be 1 or %d", text, len(parts), m.groups)
	}
	m.score = make([]float32, m.groups)
	for k := range m.score {
		part := strings.TrimSpace(parts[min(k, len(parts)-1)])
		v, err := strconv.ParseFloat(part, 32)
		switch {
		case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
			return fmt.Errorf("base_score %q: %q is not a finite number", text, part)
		case m.objective == Logistic && !validBaseProbability(float32(v)):
			return fmt.Errorf("base_score %q: must be inside (0, 1) with %s", text, Logistic)
		}
		m.score[k] = float32(v)
	}
	m.setBase()
	return nil
}

// wholeParam reads an integer that XGBoost keeps as a string; missing means absent.
func wholeParam(name, text string, absent, lo, hi int) (int, error) {
	n := absent
	if text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			return 0, fmt.Errorf("%s is %q: must be a whole number", name, text)
		}
	}
	if n < lo || n > hi {
		return 0, fmt.Errorf("%s is %d: must be from %d to %d", name, n, lo, hi)
	}
	return n, nil
}
