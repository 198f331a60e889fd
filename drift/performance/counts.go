package performance

import (
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
)

// Confusion returns counts by label and predicted class, [label][predicted], with one
// more column for predicted classes that are not named.
func (o *Outcomes) Confusion() [][]uint64 {
	k := len(o.Classes.Names)
	out := make([][]uint64, k)
	for label := range out {
		out[label] = make([]uint64, k+1)
		for p := range out[label] {
			r := o.row(p, label)
			n := r.null + r.nan + r.out
			for _, c := range r.cells {
				n += c
			}
			out[label][p] = n
		}
	}
	return out
}

// Labelled returns how many predictions have a class and a label that is named.
func (o *Outcomes) Labelled() uint64 {
	var n uint64
	for _, of := range o.Confusion() {
		for _, c := range of {
			n += c
		}
	}
	return n
}

// Beside returns how many labelled predictions with a class had no score, NaN, or one
// outside [0, 1].
func (o *Outcomes) Beside() (null, nan, outside uint64) {
	for _, r := range o.rows {
		null, nan, outside = null+r.null, nan+r.nan, outside+r.out
	}
	return null, nan, outside
}

// Predicted returns how many predictions the cohort has, labelled or not.
func (o *Outcomes) Predicted() uint64 {
	return o.Unlabelled + o.StrangeLabel + o.NoClass + o.Labelled()
}

// LabelCounts returns how many predictions have each label, by Classes.Names.
func (o *Outcomes) LabelCounts() []uint64 {
	out := make([]uint64, len(o.Classes.Names))
	for label, of := range o.Confusion() {
		for _, c := range of {
			out[label] += c
		}
	}
	return out
}

// spoken returns per cell how often what the score speaks of came true, and how often
// it was said: of the positive class for Binary; for Multiclass of the predicted
// class, over all predictions of class only, or of every named class for only < 0.
func (o *Outcomes) spoken(only int) (came, said []uint64) {
	came, said = make([]uint64, sketches.ScoreCells), make([]uint64, sketches.ScoreCells)
	k := len(o.Classes.Names)
	positive := o.Classes.positive()
	for predicted := range k + 1 {
		if only >= 0 && predicted != only {
			continue
		}
		for label := range k {
			true1 := label == predicted
			if o.Classes.Kind == Binary {
				true1 = label == positive
			}
			for c, n := range o.row(predicted, label).cells {
				said[c] += n
				if true1 {
					came[c] += n
				}
			}
		}
	}
	return came, said
}

// midpoint is the middle of a score cell.
func midpoint(cell int) float64 { return (float64(cell) + 0.5) / sketches.ScoreCells }

// auc sweeps groups of equal rank from the lowest up: the chance that a positive
// stands above a negative, pairs of one group counting half (Mann–Whitney). tie is the
// most that the true order inside the groups could move it:
//
//	AUC = Σ_b P_b·(N_below + N_b/2)/(P·N),   |tie| ≤ ½·Σ_b P_b·N_b/(P·N)
func auc(positives, negatives []float64) (v Value, tie float64) {
	var wins, same, p, n float64
	for b := range positives {
		wins += float64(positives[b] * (n + negatives[b]/2))
		same += float64(positives[b] * negatives[b])
		p += positives[b]
		n += negatives[b]
	}
	switch {
	case p == 0 && n == 0:
		return undefined(noScores), 0
	case p == 0:
		return undefined("no row is positive"), 0
	case n == 0:
		return undefined("every row is positive"), 0
	}
	return number(wins / float64(p*n)), same / 2 / float64(p*n)
}

const (
	noRows   = "no labelled rows"
	noScores = "no labelled rows with a score"
)

// realisedAUC ranks by the score for Binary. For class only of many, whose own chance
// is known only where it was predicted, rows given another class stand below all that
// were given this one, the surer the lower.
func (o *Outcomes) realisedAUC(class int) (Value, float64) {
	k := len(o.Classes.Names)
	// Ranks 0 … 999 are cells of those given another class, from the surest down, and
	// 1000 … 1999 cells of those given this one.
	pos, neg := make([]float64, 2*sketches.ScoreCells), make([]float64, 2*sketches.ScoreCells)
	for predicted := range k + 1 {
		for label := range k {
			to := neg
			if label == class {
				to = pos
			}
			for c, n := range o.row(predicted, label).cells {
				rank := sketches.ScoreCells + c
				if o.Classes.Kind == Multiclass && predicted != class {
					rank = sketches.ScoreCells - 1 - c
				}
				to[rank] += float64(n)
			}
		}
	}
	if o.Classes.Kind == Binary && class != o.Classes.positive() {
		slices.Reverse(pos)
		slices.Reverse(neg)
	}
	return auc(pos, neg)
}

// meanOf is a sum in steps of 1e-9 over n rows.
func meanOf(sum sketches.Int128, n float64) Value {
	return ratio(sum.Float64()/nano, n, noScores)
}

// logit is the log odds; infinite at 0 and 1.
func logit(p float64) float64 { return math.Log(p) - math.Log1p(-p) }
