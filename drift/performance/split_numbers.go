package performance

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// DefaultErrorMargin is the share of the reference's mean absolute error that is not
// worth a word. Convention.
const DefaultErrorMargin = 0.05

// NumberSplit is a matured cohort of a regression taken apart. All errors are mean
// absolute ones, in the outcome's unit: larger is worse.
type NumberSplit struct {
	Reading   Reading `json:"reading"`
	Words     string  `json:"words"`
	Reference Value   `json:"reference"`
	Realised  Value   `json:"realised"`
	Estimated Value   `json:"estimated"` // of the same rows, outcomes unknown

	margin, chance float64 // a rise up to chance is not certain, up to margin none
}

// Split reads a matured cohort as Estimator.Split does, with the mean absolute error
// for the accuracy. opt.Margin is a share of the reference's error. The estimator must
// have learnt from labels before the cohort.
//
// Worse: (realised − reference·(1 + Margin))/se ≥ z_α. Above what the predictions
// promise: (realised − estimated − Margin·reference)/se ≥ z_α, the standard error that
// of the estimate. Errors that depend on an input alone look the same at every
// prediction, so a move of such an input reads as concept drift here; see LearnErrors.
//
// Errors: those of Estimate and of options, sketches.ErrGridMismatch.
func (x *ErrorEstimator) Split(cohort, reference *Numbers, opt SplitOptions) (NumberSplit, error) {
	opt, err := opt.validate()
	if err != nil {
		return NumberSplit{}, err
	}
	for _, n := range []*Numbers{cohort, reference} {
		if n.grid.ID() != x.grid.ID() {
			return NumberSplit{}, fmt.Errorf("%w: cohort, reference and estimator", sketches.ErrGridMismatch)
		}
	}
	est, err := x.Estimate(cohort.Predictions(), EstimateOptions{Level: 1 - 2*opt.Alpha, Design: opt.Design})
	if err != nil {
		return NumberSplit{}, err
	}
	z := normalQuantile(1 - opt.Alpha)
	out := NumberSplit{Reference: reference.meanError(z, opt.Design), Realised: cohort.meanError(z, opt.Design), Estimated: est.MAE}
	least := max(opt.MinRows, 1)
	reason := ""
	switch {
	case reference.rows == 0:
		reason = "the reference holds no labelled rows"
	case cohort.rows < least:
		reason = fmt.Sprintf("%d labelled rows in the cohort, at least %d are needed", cohort.rows, least)
	case !est.MAE.Defined():
		reason = est.MAE.Reason
	}
	if reason != "" {
		out.Reading, out.Words = Unread, "not available: "+reason
		return out, nil
	}
	was, is, promised := out.Reference.Number, out.Realised.Number, est.MAE.Number
	margin := float64(opt.Margin * was)
	gap := is - promised
	out.margin, out.chance = margin, margin+float64(z*math.Hypot(out.Realised.SE, out.Reference.SE))
	worse := is-was >= out.chance
	above := gap-margin >= float64(z*est.MAE.SE)
	apart := math.Abs(gap)-margin >= float64(z*est.MAE.SE)
	out.Reading = reading(worse, above, promised > was, apart)
	out.Words = out.sentence(cohort.rows)
	return out, nil
}

// reading is the table of the split: worse than the reference, worse than promised,
// the promise fell too, and apart from the promise in either direction.
func reading(worse, below, knew, apart bool) Reading {
	switch {
	case worse && below:
		return Concept
	case worse && knew:
		return Covariate
	case worse:
		return Unread
	case apart:
		return Recalibrate
	}
	return Harmless
}

func (s *NumberSplit) sentence(rows uint64) string {
	head := fmt.Sprintf("Mean absolute error %.4g over %d labelled rows; the reference had %.4g, the predictions promised %.4g. ",
		s.Realised.Number, rows, s.Reference.Number, s.Estimated.Number)
	switch s.Reading {
	case Concept:
		return head + "Concept drift: larger than the predictions promised; outcomes follow from the inputs otherwise than before."
	case Covariate:
		return head + "Covariate drift: the promise grew with the error; the inputs moved to where the model is weak."
	case Recalibrate:
		if s.Realised.Number-s.Reference.Number > s.margin {
			return head + fmt.Sprintf("Calibration drift: errors are of another size than promised. Whether the model is worse these rows do not tell: chance explains a rise of up to %.3g.", s.chance)
		}
		return head + "Calibration drift: not worse, but errors are of another size than promised; a new model is not needed for it."
	case Harmless:
		if s.Realised.Number-s.Reference.Number > s.margin {
			return head + fmt.Sprintf("Harmless as far as these rows tell: chance explains a rise of up to %.3g; more labels will tell.", s.chance)
		}
		return head + "Harmless: not worse, and as promised."
	}
	return head + "Not available: worse, but the promise neither grew with it nor differs for certain; more labels will tell."
}

// meanError is the mean absolute error with its normal interval at z standard errors
// and a design effect.
func (n *Numbers) meanError(z, design float64) Value {
	_, unit := n.step()
	rows := float64(n.rows)
	v := ratio(float64(unit*n.e.Float64()), rows, noRows)
	if !v.Defined() {
		return v
	}
	square := n.pp
	combineSum(&square, n.pa, false)
	combineSum(&square, n.pa, false)
	combineSum(&square, n.aa, true)
	spread := max(0, float64(float64(unit*unit)*square.Float64())/rows-float64(v.Number*v.Number))
	v.SE = math.Sqrt(float64(spread*design) / rows)
	v.Low, v.High = max(0, v.Number-float64(z*v.SE)), v.Number+float64(z*v.SE)
	return v
}
