package cohort

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/drift/performance"
)

// Bounds of an estimate that follows inputs. They keep its work at about 0.1 s a report:
// it grows with rows × inputs².
const (
	// SampleRows is how many predictions of a day stand for it, with and without labels.
	SampleRows = 2000
	// MostRows bounds the labelled rows, of the newest days that may be learnt from, for
	// up to tenInputs inputs; with more inputs there are fewer rows.
	MostRows  = 20000
	tenInputs = 10
	// MostInputs: of more, those that moved most are followed.
	MostInputs = 30
	// rowsPerInput: a tilt of three numbers per input wants twenty rows for each of them.
	// Convention.
	rowsPerInput = 60
	// MinRows is the least number of labelled rows that are weighed: fewer could not be
	// worth DefaultMinLabels after a move that matters. Convention.
	MinRows = 1000
)

// Ways to estimate.
const (
	Balanced = "balanced" // labelled rows are weighed until they look like the window's
	Plain    = "plain"    // from scores alone
)

// InputRow is one prediction with the values of its inputs, NaN where one is missing.
type InputRow struct {
	Row
	Inputs []float64 // as Sample.Names
}

// Sample stands for a day's predictions whose inputs are stored.
type Sample struct {
	Names []string   // of the inputs, ascending
	Rows  []InputRow // at most SampleRows of all, drawn without regard to labels
	Of    uint64     // how many they stand for

	Labelled   []InputRow // at most SampleRows of those with a label by the maturity
	OfLabelled uint64
}

// Inputs draws the sample of a day. It is asked while a report is made, and only for
// the days that the report needs; the caller may read them from where they are stored.
// The same day must give the same sample.
type Inputs func() (*Sample, error)

// way is how the estimates of a report were made.
type way struct {
	way, why string
	rows     uint64
	worth    *float64
}

func (r *Report) made(w way) {
	r.Estimate, r.EstimateWhy, r.EstimateRows, r.EstimateWorth = w.way, w.why, w.rows, w.worth
}

// follow learns an estimator that follows the inputs of a window; nil where it cannot
// be, and why. labelled: of the rows with labels only, as a mature report reads them.
func (p past) follow(s Spec, window []Day, labelled bool) (e *performance.Estimator, why string, err error) {
	learn, why := p.labelledRows()
	if why != "" {
		return nil, why, nil
	}
	is, why := windowRows(window, labelled)
	if why != "" {
		return nil, why, nil
	}
	names := learn.names()
	if len(names) == 0 {
		return nil, "the stored rows hold no inputs", nil
	}
	rows := thin(learn, names)
	known := learn.table(rows, names)
	scales := performance.Scales(known)
	t := is.meanTraits(names, scales)
	at := mostMoved(t, performance.MeanTraits(known, scales), min(MostInputs, len(rows)/rowsPerInput))
	scales, t = pick(scales, at, 1), pick(t, at, 3)
	scored := make([]performance.Scored, len(rows))
	traits := make([][]float64, len(rows))
	for i, r := range rows {
		scored[i] = r.scored()
		traits[i] = performance.Traits(make([]float64, 0, len(t)), pick(known[i], at, 1), scales)
	}
	e, err = performance.LearnBalanced(s.classes(), scored, traits, t, performance.DefaultMinLabels)
	return e, "", err
}

const notRead = "inputs could not be read: "

// part is rows of one sample, and how many rows each of them stands for.
type part struct {
	sample *Sample
	rows   []InputRow
	weight float64
}

type parts []part

// labelledRows are those of the newest days that may be learnt from.
func (p past) labelledRows() (out parts, why string) {
	n, stored := 0, false
	for _, d := range slices.Backward(p.learn) {
		if d.Inputs == nil {
			continue
		}
		stored = true
		x, err := d.Inputs()
		if err != nil {
			return nil, notRead + err.Error()
		}
		if x == nil || len(x.Labelled) == 0 {
			continue
		}
		out = append(out, part{x, x.Labelled, 1})
		if n += len(x.Labelled); n >= MostRows {
			break
		}
	}
	switch {
	case !stored:
		return nil, "no inputs are stored: examples is not rows"
	case n < MinRows:
		return nil, fmt.Sprintf("%d labelled rows with inputs before the window, at least %d are needed to follow inputs", n, MinRows)
	}
	return out, ""
}

func windowRows(window []Day, labelled bool) (out parts, why string) {
	for _, d := range window {
		if d.Inputs == nil {
			continue
		}
		x, err := d.Inputs()
		if err != nil {
			return nil, notRead + err.Error()
		}
		switch {
		case x == nil:
		case labelled && len(x.Labelled) > 0:
			out = append(out, part{x, x.Labelled, float64(x.OfLabelled) / float64(len(x.Labelled))})
		case !labelled && len(x.Rows) > 0:
			out = append(out, part{x, x.Rows, float64(x.Of) / float64(len(x.Rows))})
		}
	}
	if len(out) == 0 {
		return nil, "no inputs of the window's predictions are stored"
	}
	return out, ""
}

// names are those of all inputs, ascending.
func (ps parts) names() (out []string) {
	for _, p := range ps {
		out = append(out, p.sample.Names...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// placed is a row of a part.
type placed struct {
	InputRow
	part int
}

// thin takes the same share of every day, so that the work stays bounded.
func thin(ps parts, names []string) (out []placed) {
	most := float64(MostRows)
	if n := min(len(names), MostInputs); n > tenInputs {
		most *= float64(tenInputs*tenInputs) / float64(n*n)
	}
	n := 0
	for _, p := range ps {
		n += len(p.rows)
	}
	share := min(1, most/float64(max(n, 1)))
	for i, p := range ps {
		for _, r := range p.rows[:int(math.Ceil(float64(share*float64(len(p.rows)))))] {
			out = append(out, placed{r, i})
		}
	}
	return out
}

// table lays rows out by names; an input that a day does not have is missing.
func (ps parts) table(rows []placed, names []string) [][]float64 {
	maps := make([][]int, len(ps))
	for i, p := range ps {
		maps[i] = places(p.sample.Names, names)
	}
	out := make([][]float64, len(rows))
	for i, r := range rows {
		out[i] = lay(r.Inputs, maps[r.part])
	}
	return out
}

func places(have, want []string) []int {
	out := make([]int, len(want))
	for i, name := range want {
		out[i] = slices.Index(have, name)
	}
	return out
}

func lay(x []float64, at []int) []float64 {
	out := make([]float64, len(at))
	for i, j := range at {
		out[i] = nan
		if j >= 0 && finite(x[j]) {
			out[i] = x[j]
		}
	}
	return out
}

// meanTraits is the mean over all rows that the parts stand for.
func (ps parts) meanTraits(names []string, scales []performance.Scale) []float64 {
	var sum []float64
	var n float64
	for _, p := range ps {
		at := places(p.sample.Names, names)
		rows := make([][]float64, len(p.rows))
		for i, r := range p.rows {
			rows[i] = lay(r.Inputs, at)
		}
		w := p.weight * float64(len(rows))
		t := performance.MeanTraits(rows, scales)
		if sum == nil {
			sum = make([]float64, len(t))
		}
		for j, v := range t {
			sum[j] += float64(w * v)
		}
		n += w
	}
	for j := range sum {
		sum[j] /= n
	}
	return sum
}

// mostMoved picks the inputs whose traits are furthest from what they were, at most most,
// in their order.
func mostMoved(is, was []float64, most int) (at []int) {
	far := make([]float64, len(is)/3)
	for i := range far {
		at = append(at, i)
		for k := 3 * i; k < 3*i+3; k++ {
			far[i] = max(far[i], math.Abs(is[k]-was[k]))
		}
	}
	if len(at) > most {
		slices.SortStableFunc(at, func(a, b int) int {
			switch {
			case far[a] > far[b]:
				return -1
			case far[a] < far[b]:
				return 1
			}
			return 0
		})
		at = at[:most]
		slices.Sort(at)
	}
	return at
}

// pick takes runs of n values at each place.
func pick[T any](from []T, at []int, n int) []T {
	out := make([]T, 0, n*len(at))
	for _, i := range at {
		out = append(out, from[n*i:n*i+n]...)
	}
	return out
}

func (r Row) scored() performance.Scored {
	return performance.Scored{
		Score: r.Score, HasScore: r.HasScore, Predicted: r.Class, HasClass: r.Class != "", Label: r.Label, HasLabel: r.HasLabel,
	}
}
