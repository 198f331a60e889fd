package cohort

import (
	"math"

	"github.com/driftline/driftline/drift/performance"
)

// Kinds of figures.
const (
	Realised  = "realised"  // measured on labels
	Estimated = "estimated" // from the answers alone
	Error     = "error"     // |estimated − realised| over the same rows
)

// Averages over classes stand where a class does.
const (
	Macro    = "(macro)"
	Weighted = "(weighted)"
)

// NotAvailable is the reading where none is possible; it is never taken for harmless.
const NotAvailable = "not available"

// Report is what is known of a window. Times are event time, epoch ms.
type Report struct {
	Kind   string `json:"kind"`
	FromMS int64  `json:"from_ms"` // first day of the window, start
	ToMS   int64  `json:"to_ms"`   // exclusive
	Mature bool   `json:"mature"`  // false: labels are awaited, and only estimates are here
	Days   int    `json:"days"`    // with predictions

	Predicted uint64   `json:"predicted"`
	Labelled  uint64   `json:"labelled"` // of them, those that the realised figures are of
	Coverage  *float64 `json:"coverage"` // labelled ÷ predicted; null while labels are awaited
	Beside    []Beside `json:"beside,omitempty"`

	Figures     []Figure                     `json:"figures"`
	Calibration []performance.CalibrationBin `json:"calibration,omitempty"`
	PerDay      []DayFigure                  `json:"per_day,omitempty"`

	Learnt Learnt `json:"learnt"` // what the estimates rest on
	// Estimate is how the estimates were made: Balanced or Plain; empty where there are none.
	Estimate    string `json:"estimate,omitempty"`
	EstimateWhy string `json:"estimate_why,omitempty"` // why it is not Balanced
	// Of Balanced: labelled rows, and how many that count alike they are worth.
	EstimateRows  uint64   `json:"estimate_rows,omitempty"`
	EstimateWorth *float64 `json:"estimate_worth,omitempty"`

	Reference Learnt `json:"reference"` // what the window is held against

	Reading string `json:"reading"`
	Words   string `json:"words"`

	// Answers compares scores and classes with those of the reference days.
	Answers []Answer `json:"answers,omitempty"`

	// Promised holds a mature week of a regression against what the version was promoted
	// with; nil elsewhere, and in reports of earlier builds.
	Promised *Promised `json:"promised,omitempty"`
}

// Beside is a counter of predictions that no figure is of.
type Beside struct {
	Why  string `json:"why"`
	Rows uint64 `json:"rows"`
}

// Learnt names the days and labels behind something.
type Learnt struct {
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"` // end of the newest day
	Days   int    `json:"days"`
	Labels uint64 `json:"labels"`
}

// Figure is one measure: a number, with its interval where there is one, or the reason
// why there is none.
type Figure struct {
	Kind   string   `json:"kind"`
	Metric string   `json:"metric"`
	Class  string   `json:"class,omitempty"` // of one class, or Macro, Weighted; else of the model
	Value  *float64 `json:"value"`
	Low    *float64 `json:"low,omitempty"`
	High   *float64 `json:"high,omitempty"`
	Reason string   `json:"reason,omitempty"` // why there is no value, or no interval
}

// DayFigure is a regression's rank correlation and spread of one day.
type DayFigure struct {
	DayMS  int64    `json:"day_ms"`
	Rows   uint64   `json:"rows"`
	IC     *float64 `json:"ic"`
	Spread *float64 `json:"spread"`
	Reason string   `json:"reason,omitempty"`
}

// Answer is how far scores, predicted classes or labels have moved. Records are taken
// for independent, so the lower bound is too high where they hang together; there is
// no verdict for that reason.
type Answer struct {
	Name     string   `json:"name"` // score, prediction or label
	PSI      *float64 `json:"psi"`
	PSILower *float64 `json:"psi_lower"`
	Reason   string   `json:"reason,omitempty"`
}

// Find returns a figure of the model as a whole.
func (r *Report) Find(kind, metric string) (Figure, bool) { return r.find(kind, metric, "") }

func (r *Report) find(kind, metric, class string) (Figure, bool) {
	for _, f := range r.Figures {
		if f.Kind == kind && f.Metric == metric && f.Class == class {
			return f, true
		}
	}
	return Figure{}, false
}

// Main is the measure that a kind of model is read by.
func Main(kind string) string {
	if kind == Regression {
		return "mae"
	}
	return "accuracy"
}

func (r *Report) add(kind, metric, class string, v performance.Value) {
	f := Figure{Kind: kind, Metric: metric, Class: class, Reason: v.Reason}
	if v.Defined() {
		f.Value, f.Reason = some(v.Number), v.NoBounds
		if v.Bounded() {
			f.Low, f.High, f.Reason = some(v.Low), some(v.High), ""
		}
	}
	r.Figures = append(r.Figures, f)
}

// addError holds an estimate against what labels showed of the same rows.
func (r *Report) addError(metric string, estimated, realised performance.Value) {
	f := Figure{Kind: Error, Metric: metric}
	switch {
	case !estimated.Defined():
		f.Reason = "no estimate: " + estimated.Reason
	case !realised.Defined():
		f.Reason = "no realised figure: " + realised.Reason
	default:
		f.Value = some(math.Abs(estimated.Number - realised.Number))
	}
	r.Figures = append(r.Figures, f)
}

func (r *Report) beside(why string, rows uint64) {
	if rows > 0 {
		r.Beside = append(r.Beside, Beside{why, rows})
	}
}

func some(x float64) *float64 {
	if !finite(x) {
		return nil
	}
	return &x
}
