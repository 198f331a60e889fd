package performance

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// Reading is what a cohort's realised and estimated accuracy mean together.
type Reading uint8

// Readings. Unread means that none was possible, and is never taken for harmless.
const (
	Unread      Reading = iota
	Harmless            // not worse than the reference, and as the scores promise
	Covariate           // worse, and the scores knew: the inputs moved where the model is weak
	Concept             // worse than the scores promise: labels follow from inputs otherwise than before
	Recalibrate         // not worse, but not as the scores promise: refit the map, retrain nothing
)

// String gives the word for people.
func (r Reading) String() string {
	switch r {
	case Unread:
		return "not available"
	case Harmless:
		return "harmless"
	case Covariate:
		return "covariate drift"
	case Concept:
		return "concept drift"
	case Recalibrate:
		return "calibration drift"
	}
	return fmt.Sprintf("reading(%d)", uint8(r))
}

// MarshalText makes a reading its word in JSON.
func (r Reading) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the word.
func (r *Reading) UnmarshalText(b []byte) error {
	for w := Unread; w <= Recalibrate; w++ {
		if w.String() == string(b) {
			*r = w
			return nil
		}
	}
	return fmt.Errorf("reading %.40q: want one of not available, harmless, covariate drift, concept drift, calibration drift", b)
}

// Defaults of a split.
const (
	// DefaultSplitAlpha is the chance of each one-sided error.
	DefaultSplitAlpha = 0.01
	// DefaultMargin is the accuracy that is not worth a word: the size of the error that
	// an estimate may have where only inputs moved. Convention.
	DefaultMargin = 0.01
)

// SplitOptions are the choices of a split.
type SplitOptions struct {
	Alpha  float64 // of each one-sided comparison, inside (0, ½)
	Margin float64 // least difference in accuracy that counts, ≥ 0
	Design float64 // design effect of a cohort ≥ 1; 0 stands for 1
	// MinRows is the least number of labelled, scored rows of the cohort.
	MinRows uint64
}

// DefaultSplit returns the defaults, with a design effect of 1.
func DefaultSplit() SplitOptions {
	return SplitOptions{Alpha: DefaultSplitAlpha, Margin: DefaultMargin, Design: 1, MinRows: 50}
}

func (o SplitOptions) validate() (SplitOptions, error) {
	switch {
	case !(o.Alpha > 0 && o.Alpha < 0.5):
		return o, fmt.Errorf("%w: alpha %v: want above 0 and below 0.5", ErrBadInput, o.Alpha)
	case !(o.Margin >= 0 && o.Margin < 1):
		return o, fmt.Errorf("%w: margin %v: want at least 0 and below 1", ErrBadInput, o.Margin)
	}
	if o.Design == 0 {
		o.Design = 1
	}
	if !(o.Design >= 1) || math.IsInf(o.Design, 1) {
		return o, fmt.Errorf("%w: design effect %v: want at least 1", ErrBadInput, o.Design)
	}
	return o, nil
}

// Split is a matured cohort taken apart: what became of the accuracy, and how much of
// it the scores knew without labels.
type Split struct {
	Reading   Reading `json:"reading"`
	Words     string  `json:"words"`     // the reading as a sentence
	Reference float64 `json:"reference"` // accuracy that the cohort is held against
	Realised  Value   `json:"realised"`  // over rows with a score
	Estimated Value   `json:"estimated"` // of the same rows, labels unknown
	// Z is (realised − estimated) ÷ standard error; NaN where not available.
	Z float64 `json:"-"`
	// FallZ is (realised − reference) ÷ standard error.
	FallZ float64 `json:"-"`

	margin, chance float64 // a fall up to chance is not certain, up to margin none
}

// Split reads a matured cohort. The estimator must have learnt from labels before the
// cohort; reference holds realised outcomes of equal maturity, usually those same
// cohorts. Both sides of Z are of the very same rows, so nothing hangs on which labels
// have come.
//
// Worse: (reference − realised − Margin)/se ≥ z_α. Below what the scores promise:
// (estimated − realised − Margin)/se ≥ z_α, which with a margin of 0 is Z ≤ −z_α. As
// with a verdict of drift, this is significance and size in one rule (M5): a large
// cohort does not make the small error of an estimate a change of concept.
//
// Errors: those of Estimate, and of options.
func (e *Estimator) Split(cohort, reference *Outcomes, opt SplitOptions) (Split, error) {
	opt, err := opt.validate()
	if err != nil {
		return Split{}, err
	}
	if !reference.Classes.Equal(e.classes) || !cohort.Classes.Equal(e.classes) {
		return Split{}, fmt.Errorf("%w: estimator of classes %q, cohort of %q, reference of %q", sketches.ErrGridMismatch,
			e.classes.Names, cohort.Classes.Names, reference.Classes.Names)
	}
	est, err := e.Estimate(cohort.Answers(), EstimateOptions{Level: 1 - 2*opt.Alpha, Design: opt.Design})
	if err != nil {
		return Split{}, err
	}
	z := normalQuantile(1 - opt.Alpha)
	right, n := cohort.right()
	was, of := reference.right()
	out := Split{Z: math.NaN(), FallZ: math.NaN(), Estimated: est.Accuracy, Reference: was / of}
	out.Realised = ratio(right, n, noScores)
	switch {
	case of == 0:
		out.unread("the reference holds no labelled rows with a score")
		return out, nil
	case n < float64(max(opt.MinRows, 1)):
		out.unread(fmt.Sprintf("%.0f labelled rows with a score in the cohort, at least %d are needed", n, max(opt.MinRows, 1)))
		return out, nil
	case !est.Accuracy.Defined():
		out.unread(est.Accuracy.Reason)
		return out, nil
	}
	out.Realised.Low, out.Realised.High = wilson(out.Realised.Number, n/opt.Design, z)
	out.Realised.SE = binomialSE(out.Realised.Number, n/opt.Design)
	seFall := math.Hypot(out.Realised.SE, binomialSE(out.Reference, of/opt.Design))
	out.FallZ = (out.Realised.Number - out.Reference) / seFall
	gap := est.Accuracy.Number - out.Realised.Number
	if est.Accuracy.SE > 0 {
		out.Z = -gap / est.Accuracy.SE
	}
	fall := out.Reference - out.Realised.Number
	out.margin, out.chance = opt.Margin, opt.Margin+float64(z*seFall)
	worse := fall >= out.chance
	below := gap-opt.Margin >= float64(z*est.Accuracy.SE)
	apart := math.Abs(gap)-opt.Margin >= float64(z*est.Accuracy.SE)
	out.Reading = reading(worse, below, est.Accuracy.Number < out.Reference, apart)
	out.Words = out.sentence(n)
	return out, nil
}

func (s *Split) unread(reason string) {
	s.Reading = Unread
	s.Words = "not available: " + reason
}

// sentence says it in words.
func (s *Split) sentence(n float64) string {
	is, est := s.Realised.Number, s.Estimated.Number
	fall := s.Reference - is
	head := fmt.Sprintf("Accuracy %.3f over %.0f labelled rows; the reference had %.3f, the scores promised %.3f. ", is, n, s.Reference, est)
	switch s.Reading {
	case Concept:
		knew := max(0, s.Reference-est)
		return head + fmt.Sprintf("Concept drift: of the fall of %.3f the scores knew %.3f; the rest is that labels follow from the inputs otherwise than before.", fall, min(knew, fall))
	case Covariate:
		return head + fmt.Sprintf("Covariate drift: the scores fell with the accuracy, by %.3f; the inputs moved to where the model is weak.", s.Reference-est)
	case Recalibrate:
		if fall > s.margin {
			return head + fmt.Sprintf("Calibration drift: the scores promise something else; fit the calibration again. Whether the model is worse these rows do not tell: chance explains a fall of up to %.3f.", s.chance)
		}
		return head + "Calibration drift: not worse, but the scores promise something else; fit the calibration again, a new model is not needed for it."
	case Harmless:
		if fall > s.margin {
			return head + fmt.Sprintf("Harmless as far as these rows tell: chance explains a fall of up to %.3f; more labels will tell.", s.chance)
		}
		return head + "Harmless: not worse, and as promised."
	}
	return head + "Not available: worse, but the scores neither fell with it nor differ for certain; more labels will tell."
}

// right counts scored rows, and those answered right.
func (o *Outcomes) right() (right, n float64) {
	k := len(o.Classes.Names)
	for p := range k + 1 {
		for label := range k {
			for _, c := range o.row(p, label).cells {
				n += float64(c)
				if p == label {
					right += float64(c)
				}
			}
		}
	}
	return right, n
}

// binomialSE is the standard error of a share of n rows, with half a row of each kind
// more, so that a share of 0 or 1 is not taken for certain.
func binomialSE(share, n float64) float64 {
	p := (float64(share*n) + 0.5) / (n + 1)
	return math.Sqrt(float64(p*(1-p)) / n)
}
