package check

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/trainer/reference"
)

// Libraries whose definitions a check can be asked for.
var Libraries = []string{"evidently", "nannyml", "acis"}

// Compat is what another tool would have said, by its own definitions and default
// thresholds. No verdict of ours is in it.
type Compat struct {
	Library   string          `json:"library"`
	Features  []CompatFeature `json:"features"`
	Drifted   int             `json:"features_drifted"`
	Share     num             `json:"drift_share"`
	Threshold num             `json:"share_threshold"`
	Detected  bool            `json:"drift_detected"`
}

// CompatFeature is one feature by the definition named.
type CompatFeature struct {
	Name      string `json:"name"`
	Method    string `json:"method"`
	Value     num    `json:"value"`     // a distance, or a p-value where the method says so
	Threshold num    `json:"threshold"` // a distance from it on drifts; a p-value below it does
	Drifted   bool   `json:"drifted"`
}

// compat judges as another library does.
func (out *Report) compat(library string, ref, cur []reference.Row) (*Compat, error) {
	c := &Compat{Library: library, Features: []CompatFeature{}, Threshold: out.Threshold, Share: undefined}
	one := map[string]func(f *Feature, ref, cur column) (CompatFeature, error){"evidently": evidently, "nannyml": nannyml, "acis": acis}[library]
	if library == "evidently" {
		c.Threshold = evidentlyShare
	}
	for i := range out.Features {
		f := &out.Features[i]
		r, k := columnOf(ref, i), columnOf(cur, i)
		if r.n() == 0 || k.n() == 0 {
			continue // such a column fails there
		}
		x, err := one(f, r, k)
		if err != nil {
			return nil, fmt.Errorf("feature %q as %s: %w", f.Name, library, err)
		}
		if x.Method == "" {
			continue // not a kind that it judges
		}
		x.Name = f.Name
		c.Features = append(c.Features, x)
		if x.Drifted {
			c.Drifted++
		}
	}
	if n := len(c.Features); n > 0 {
		c.Share = num(float64(c.Drifted) / float64(n))
		c.Detected = c.Share >= c.Threshold
	}
	return c, nil
}

// column is one feature's values on one side, nulls and infinities left out: numbers
// where all are, else texts.
type column struct {
	rows    drift.Sample // ascending
	inOrder []float64
	texts   []string // in order; nil where all are numbers
}

func columnOf(rows []reference.Row, i int) column {
	var c column
	text := false
	for _, r := range rows {
		v := r.Values[i]
		if x, ok := v.Float(); ok {
			if x-x != 0 {
				continue
			}
			c.inOrder = append(c.inOrder, x)
		} else if _, ok := v.Text(); !ok {
			continue
		} else {
			text = true
		}
		s, _ := v.Text()
		c.texts = append(c.texts, s)
	}
	if text {
		c.inOrder = nil
		return c
	}
	c.texts = nil
	c.rows = slices.Clone(c.inOrder)
	slices.Sort(c.rows)
	return c
}

func (c column) n() int { return max(len(c.texts), len(c.rows)) }

// names gives every value as a text.
func (c column) names() []string {
	if c.texts != nil {
		return c.texts
	}
	out := make([]string, len(c.inOrder))
	for i, x := range c.inOrder {
		out[i] = fmt.Sprint(x)
	}
	return out
}

// tabulate counts the values of both sides, ascending by text.
func tabulate(ref, cur column) (r, c []float64) {
	a, b, all := map[string]float64{}, map[string]float64{}, map[string]bool{}
	for _, x := range ref.names() {
		a[x]++
		all[x] = true
	}
	for _, x := range cur.names() {
		b[x]++
		all[x] = true
	}
	for _, x := range slices.Sorted(maps.Keys(all)) {
		r, c = append(r, a[x]), append(c, b[x])
	}
	return r, c
}

// What Evidently does by default.
const (
	evidentlySmall    = 1000 // reference rows up to which it tests
	evidentlyDistinct = 5    // distinct pooled values up to which numbers are categories
	evidentlyP        = 0.05
	evidentlyDistance = 0.1
	evidentlyShare    = 0.5
)

func evidently(_ *Feature, ref, cur column) (CompatFeature, error) {
	r, c := tabulate(ref, cur)
	category := ref.texts != nil || cur.texts != nil || len(r) <= evidentlyDistinct
	switch {
	case ref.n() > evidentlySmall && category:
		return distance("Jensen-Shannon distance", drift.JSDistance(shares(r), shares(c), math.E), evidentlyDistance), nil
	case ref.n() > evidentlySmall:
		return distance("normed Wasserstein distance", drift.WassersteinNorm(ref.rows, cur.rows), evidentlyDistance), nil
	case category && len(r) <= 2:
		return pValue("Z-test p-value", zTest(r, c), evidentlyP, false), nil
	case category:
		fit, err := drift.ChiSquareFit(r, c)
		return pValue("chi-square p-value", fit.P, evidentlyP, false), err
	}
	d := drift.KSSamples(ref.rows, cur.rows).D
	return pValue("Kolmogorov-Smirnov p-value", ksP(len(ref.rows), len(cur.rows), d), evidentlyP, true), nil
}

// zTest compares two proportions with the pooled variance.
func zTest(r, c []float64) float64 {
	if len(r) < 2 {
		return 1
	}
	n, m := r[0]+r[1], c[0]+c[1]
	p, q := r[0]/n, c[0]/m
	pooled := (r[0] + c[0]) / (n + m)
	z := (p - q) / math.Sqrt(pooled*(1-pooled)*(1/n+1/m))
	return 2 * distuv.UnitNormal.Survival(math.Abs(z))
}

// nannyChunks is into how many parts NannyML cuts the reference for its thresholds, and
// nannySD how many standard deviations they lie off.
const (
	nannyChunks = 10
	nannySD     = 3
)

// nannyml is the Jensen–Shannon distance against mean + 3 sd of that of ten parts of the
// reference, in the order of its rows.
func nannyml(_ *Feature, ref, cur column) (CompatFeature, error) {
	dist := func(c column) float64 {
		if ref.texts == nil && c.texts == nil {
			r, k := drift.NannyShares(ref.rows, c.rows)
			return drift.JSDistance(r, k, 2)
		}
		r, k := tabulate(ref, c)
		return drift.JSDistance(shares(r), shares(k), 2)
	}
	var sum, squares float64
	parts := 0
	for i := range nannyChunks {
		part := ref.slice(i*ref.n()/nannyChunks, (i+1)*ref.n()/nannyChunks)
		if part.n() == 0 {
			continue
		}
		d := dist(part)
		sum, squares, parts = sum+d, squares+d*d, parts+1
	}
	mean := sum / float64(parts)
	limit := mean + nannySD*math.Sqrt(max(0, squares/float64(parts)-mean*mean))
	f := distance("Jensen-Shannon distance", dist(cur), limit)
	f.Drifted = f.Value > f.Threshold
	return f, nil
}

func (c column) slice(from, to int) column {
	if c.texts != nil {
		return column{texts: c.texts[from:to]}
	}
	part := column{inOrder: c.inOrder[from:to], rows: slices.Clone(c.inOrder[from:to])}
	slices.Sort(part.rows)
	return part
}

func acis(_ *Feature, ref, cur column) (CompatFeature, error) {
	if ref.rows == nil || cur.rows == nil {
		return CompatFeature{}, nil
	}
	return distance("PSI on deciles", drift.ACISPSI(ref.rows, cur.rows), acisDrifted), nil
}

func distance(method string, value, limit float64) CompatFeature {
	return CompatFeature{Method: method, Value: num(value), Threshold: num(limit), Drifted: value >= limit}
}

func pValue(method string, p, limit float64, reached bool) CompatFeature {
	return CompatFeature{Method: method, Value: num(p), Threshold: num(limit), Drifted: p < limit || reached && p == limit}
}

func shares(counts []float64) []float64 {
	sum := 0.0
	for _, x := range counts {
		sum += x
	}
	out := make([]float64, len(counts))
	for i, x := range counts {
		out[i] = x / sum
	}
	return out
}
