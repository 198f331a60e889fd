package trainer

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

// row is one labelled example. x stands in the order of its data set's features; NaN
// is a missing value.
type row struct {
	id string
	ms int64
	y  float64
	x  []float64
	// segments are the values of its data set's segments, "" for none; nil: none at all.
	// Rows with the same ones share them.
	segments []string
}

// label reads a label's text; false where it cannot be used.
func (s Spec) label(text string) (y float64, ok bool) {
	switch s.Gate.Kind {
	case judge.KindBinary:
		if text == s.Positive {
			return 1, true
		}
		return 0, text != ""
	case judge.KindMulticlass:
		n, err := strconv.Atoi(text)
		return float64(n), err == nil && n >= 0 && n < s.Params.NumClass
	}
	y, err := strconv.ParseFloat(text, 64)
	return y, err == nil && math.Abs(y) <= math.MaxFloat32
}

// Reasons for which an example is not among the rows.
const (
	withoutLabel    = "no label by the clock"
	withoutFeatures = "no stored features"
	unusableLabel   = "unusable label"
	brokenFeatures  = "features are not a JSON object"
)

// collected is what examples became.
type collected struct {
	names      []string
	rows       []row // by event time and id
	excluded   map[string]int
	notNumeric map[string]int // values of a feature that are neither number nor boolean nor null
}

// collect reads the examples of a query as rows of the named features; names empty:
// all that occur, sorted.
func collect(ctx context.Context, s Spec, st *store.Store, q store.ExampleQuery, names []string) (*collected, error) {
	out := &collected{names: names, excluded: map[string]int{}, notNumeric: map[string]int{}}
	parts := newSegmentTexts(s.Segments)
	var parsed []map[string]any
	err := st.Examples(ctx, q, func(e store.ExampleRow) error {
		why, y := "", 0.0
		var features map[string]any
		switch {
		case e.Label == nil:
			why = withoutLabel
		case e.Features == nil || e.Features.JSON == "":
			why = withoutFeatures
		case json.Unmarshal([]byte(e.Features.JSON), &features) != nil || features == nil:
			why = brokenFeatures
		default:
			var usable bool
			if y, usable = s.label(e.Label.Value); !usable {
				why = unusableLabel
			}
		}
		if why != "" {
			out.excluded[why]++
			return nil
		}
		out.rows = append(out.rows, row{id: e.ID, ms: e.EventMS, y: y, segments: parts.of(e.Features.Segments)})
		parsed = append(parsed, features)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		seen := map[string]bool{}
		for _, f := range parsed {
			for name := range f {
				if !seen[name] {
					seen[name] = true
					out.names = append(out.names, name)
				}
			}
		}
		slices.Sort(out.names)
	}
	for i, f := range parsed {
		x := make([]float64, len(out.names))
		for k, name := range out.names {
			x[k] = out.number(name, f[name])
		}
		out.rows[i].x = x
	}
	return out, nil
}

// number is a feature's value for the learner: booleans are 0 and 1, what is missing
// or no number is NaN, and the latter is counted.
func (c *collected) number(name string, v any) float64 {
	switch v := v.(type) {
	case nil:
		return math.NaN()
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		if math.Abs(v) <= math.MaxFloat32 {
			return v
		}
	}
	c.notNumeric[name]++
	return math.NaN()
}

// matrix lays rows out for a model with the given columns; a column that the rows do
// not have is missing throughout.
func matrix(have []string, rows []row, want []string) gbdt.Matrix {
	at := make([]int, len(want))
	for k, name := range want {
		at[k] = slices.Index(have, name)
	}
	m := gbdt.Matrix{Rows: len(rows), Names: want, X: make([]float32, 0, len(rows)*len(want))}
	for _, r := range rows {
		for _, k := range at {
			v := float32(math.NaN())
			if k >= 0 {
				v = float32(r.x[k])
			}
			m.X = append(m.X, v)
		}
	}
	return m
}

func labels(rows []row) []float32 {
	y := make([]float32, len(rows))
	for i, r := range rows {
		y[i] = float32(r.y)
	}
	return y
}

// score predicts rows with a model; the result is rows × groups.
func score(m *gbdt.Model, have []string, rows []row) ([]float64, error) {
	want := m.Names()
	if len(want) == 0 { // a file without names takes the columns as they stand
		want = have
	}
	return m.PredictMatrix(matrix(have, rows, want))
}

// judged fills the rows of a gate's input with two models' scores; champion may be nil.
func judged(kind judge.Kind, rows []row, champion, challenger []float64) judge.Input {
	in := judge.Input{First: champion == nil}
	for i, r := range rows {
		day := dayNumber(r.ms)
		one := func(s []float64) float64 {
			if s == nil {
				return 0
			}
			return s[i]
		}
		switch kind {
		case judge.KindBinary:
			in.Rows = append(in.Rows, judge.Scored{Day: day, Label: int(r.y), Champion: one(champion), Challenger: one(challenger)})
		case judge.KindRegression:
			in.Numbers = append(in.Numbers, judge.ScoredNumber{Day: day, Actual: r.y, Champion: one(champion), Challenger: one(challenger)})
		case judge.KindMulticlass:
			many := func(s []float64) []float64 {
				if s == nil {
					return nil
				}
				k := len(s) / len(rows)
				return s[i*k : (i+1)*k]
			}
			in.Classes = append(in.Classes, judge.ScoredClasses{Day: day, Label: int(r.y), Champion: many(champion), Challenger: many(challenger)})
		}
	}
	return in
}
