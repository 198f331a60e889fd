package performance

import (
	"errors"
	"fmt"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
)

// Names under which the answers themselves are compared, as if they were features.
const (
	ScoreFeature = "score"
	ClassFeature = "prediction"
	LabelFeature = "label"
)

// scoreGridRows bounds the values that the grid of scores is built from; more are
// thinned evenly.
const scoreGridRows = 1 << 17

// ScoreGrid turns a reference's scores into a numeric feature whose cells are unions
// of score cells, so that drift.Judge compares scores as it compares inputs. Every
// score stands in the middle of its cell: figures with a unit are good to 0.0005, KS
// and PSI are exact on the thousand cells.
//
// Errors: sketches.ErrEmpty for a reference without scores.
func ScoreGrid(ref *sketches.ScoreCounts) (*sketches.FeatureGrid, error) {
	cells := ref.Cells()
	var n uint64
	for _, k := range cells {
		n += k
	}
	if n == 0 {
		return nil, fmt.Errorf("scores of the reference: %w", sketches.ErrEmpty)
	}
	// Thinning keeps every thin-th value of the sorted ones, from the middle.
	thin := n/scoreGridRows + 1
	var values []float64
	var before uint64
	for c, k := range cells {
		for take := (before+k+thin/2)/thin - (before+thin/2)/thin; take > 0; take-- {
			values = append(values, midpoint(c))
		}
		before += k
	}
	f, err := sketches.NewNumeric(ScoreFeature, values)
	if err != nil {
		return nil, err
	}
	return &f, nil
}

// ScoreCells counts scores on their grid. Missing scores are nulls, NaN is NaN, and
// scores outside [0, 1] are of the wrong type.
func ScoreCells(f *sketches.FeatureGrid, s *sketches.ScoreCounts) *sketches.FeatureCounts {
	c := emptyCounts(f)
	for cell, k := range s.Cells() {
		if k > 0 {
			at, _ := f.Locate(sketches.Number(midpoint(cell)))
			c.Cells[at] += k
			c.Min, c.Max = min(c.Min, midpoint(cell)), max(c.Max, midpoint(cell))
		}
	}
	for i := range len(s.Classes) + 1 {
		null, nan, outside := s.Beside(i)
		c.Null, c.NaN, c.Wrong = c.Null+null, c.NaN+nan, c.Wrong+outside
	}
	return c
}

// ClassGrid turns class counts of a reference into a categorical feature. Classes
// without a count have no cell: if they come they are unseen.
//
// Errors: sketches.ErrEmpty for no counts, ErrBadInput for other shapes.
func ClassGrid(name string, classes []string, counts []uint64) (*sketches.FeatureGrid, error) {
	if len(classes) != len(counts) {
		return nil, fmt.Errorf("%w: %d classes, %d counts", ErrBadInput, len(classes), len(counts))
	}
	values := map[string]uint64{}
	for i, k := range counts {
		if k > 0 {
			values[classes[i]] += k
		}
	}
	f, err := sketches.NewCategorical(name, values, sketches.MaxClasses+1)
	if err != nil {
		return nil, err
	}
	return &f, nil
}

// ClassCells counts classes on their grid.
func ClassCells(f *sketches.FeatureGrid, classes []string, counts []uint64) (*sketches.FeatureCounts, error) {
	if len(classes) != len(counts) {
		return nil, fmt.Errorf("%w: %d classes, %d counts", ErrBadInput, len(classes), len(counts))
	}
	c := emptyCounts(f)
	for i, k := range counts {
		cell, side := f.Locate(sketches.String(classes[i]))
		if side == sketches.InCell {
			c.Cells[cell] += k
		} else {
			c.Unseen += k
		}
	}
	return c, nil
}

// AnswersGrid makes the scores and the predicted classes of a reference two features, named
// score and prediction, so that they are compared as inputs are. What has no scores, or no
// classes, has no feature. Predicted classes that are not named count as one class, (other);
// no prediction is the empty class.
//
// Errors: sketches.ErrEmpty for a reference with neither.
func AnswersGrid(ref *sketches.ScoreCounts) (*sketches.Grid, error) {
	var features []sketches.FeatureGrid
	if f, err := ScoreGrid(ref); err == nil {
		features = append(features, *f)
	}
	if names, counts := classCounts(ref); anyClass(names, counts) {
		f, err := ClassGrid(ClassFeature, names, counts)
		if err != nil {
			return nil, err
		}
		features = append(features, *f)
	}
	if len(features) == 0 {
		return nil, fmt.Errorf("scores and classes of the reference: %w", sketches.ErrEmpty)
	}
	return sketches.NewGrid(features)
}

// anyClass reports whether a prediction was made.
func anyClass(names []string, counts []uint64) bool {
	for i, n := range counts {
		if n > 0 && names[i] != "" {
			return true
		}
	}
	return false
}

// AnswersCounts counts scores and predicted classes on a grid that AnswersGrid made.
func AnswersCounts(g *sketches.Grid, s *sketches.ScoreCounts) *sketches.Counts {
	c := sketches.NewCounts(g)
	c.Rows = s.Rows
	for i := range g.Features {
		f := &g.Features[i]
		if f.Name == ScoreFeature {
			c.Features[i] = *ScoreCells(f, s)
			continue
		}
		names, counts := classCounts(s)
		for k, n := range counts {
			if cell, side := f.Locate(sketches.String(names[k])); side == sketches.InCell {
				c.Features[i].Cells[cell] += n
			} else {
				c.Features[i].Unseen += n
			}
		}
	}
	return c
}

// AnswersRow are the values of one answer on a grid that AnswersGrid made: counted one by one
// they are what AnswersCounts says of all.
func AnswersRow(g *sketches.Grid, classes []string, score float64, has bool, class string) []sketches.Value {
	if !slices.Contains(classes, class) {
		class = OtherClass
	}
	out := make([]sketches.Value, len(g.Features))
	for i := range g.Features {
		switch {
		case g.Features[i].Name == ClassFeature:
			out[i] = sketches.String(class)
		case !has:
			out[i] = sketches.Null()
		case score != score:
			out[i] = sketches.Number(score)
		case score < 0 || score > 1:
			out[i] = sketches.Wrong()
		default:
			out[i] = sketches.Number(midpoint(sketches.ScoreCell(score)))
		}
	}
	return out
}

// JudgeAnswers compares the scores and the predicted classes of a window with those of
// a reference, one result per feature of AnswersGrid; none for a reference with neither.
//
// A design effect learnt on these features may be passed per name; without one records
// are taken for independent.
func JudgeAnswers(ref, cur *sketches.ScoreCounts, dep map[string]drift.Dependence, s drift.Settings) ([]drift.FeatureResult, error) {
	g, err := AnswersGrid(ref)
	if errors.Is(err, sketches.ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	was, is := AnswersCounts(g, ref), AnswersCounts(g, cur)
	var out []drift.FeatureResult
	for i := range g.Features {
		f := &g.Features[i]
		out = append(out, drift.Judge(f, &was.Features[i], &is.Features[i], dep[f.Name], s))
	}
	return out, nil
}

// JudgeLabels compares label counts of a matured cohort with those of a reference of
// equal maturity. Errors: sketches.ErrGridMismatch for other classes,
// sketches.ErrEmpty for a reference without labels.
func JudgeLabels(ref, cur *Outcomes, dep drift.Dependence, s drift.Settings) (drift.FeatureResult, error) {
	if !ref.Classes.Equal(cur.Classes) {
		return drift.FeatureResult{}, fmt.Errorf("%w: labels of classes %q and %q", sketches.ErrGridMismatch, ref.Classes.Names, cur.Classes.Names)
	}
	names := ref.Classes.Names
	f, err := ClassGrid(LabelFeature, names, ref.LabelCounts())
	if err != nil {
		return drift.FeatureResult{}, err
	}
	a, err := ClassCells(f, names, ref.LabelCounts())
	if err != nil {
		return drift.FeatureResult{}, err
	}
	b, err := ClassCells(f, names, cur.LabelCounts())
	if err != nil {
		return drift.FeatureResult{}, err
	}
	return drift.Judge(f, a, b, dep, s), nil
}

// OtherClass stands for predicted classes that are not named.
const OtherClass = "(other)"

// classCounts are predictions per class, with or without a score.
func classCounts(s *sketches.ScoreCounts) (names []string, counts []uint64) {
	for i := range len(s.Classes) + 1 {
		null, nan, outside := s.Beside(i)
		n := null + nan + outside
		for _, k := range s.Row(i) {
			n += k
		}
		name := OtherClass
		if i < len(s.Classes) {
			name = s.Classes[i]
		} else if n == 0 {
			continue
		}
		names, counts = append(names, name), append(counts, n)
	}
	return names, counts
}

func emptyCounts(f *sketches.FeatureGrid) *sketches.FeatureCounts {
	g, err := sketches.NewGrid([]sketches.FeatureGrid{*f})
	if err != nil {
		return &sketches.FeatureCounts{} // a grid that NewNumeric or NewCategorical made is always taken
	}
	c := sketches.NewCounts(g)
	return &c.Features[0]
}
