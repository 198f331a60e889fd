package performance

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// errorBins is the number of coarse bins of predictions by which errors are learnt.
const errorBins = 10

// ErrorEstimator knows, from matured cohorts of a regression, how large errors are by
// prediction. It is immutable.
type ErrorEstimator struct {
	grid   *sketches.Grid
	bin    []int // of each prediction cell
	n      []float64
	e, ee  []float64 // Σ|error|, Σ error², in the outcome's unit and its square
	reason string
}

// LearnErrors takes the size of errors from matured cohorts, by tenths of the
// reference's predictions. Fewer than minLabels rows are no error: the estimator then
// answers "not available" and says why. It knows nothing that the prediction does not
// show: errors that depend on an input alone look the same everywhere.
//
// Errors: ErrBadInput for no cohorts, sketches.ErrGridMismatch, sketches.ErrOverflow.
func LearnErrors(cohorts []*Numbers, minLabels uint64) (*ErrorEstimator, error) {
	all, err := pooled(cohorts)
	if err != nil {
		return nil, err
	}
	x := &ErrorEstimator{grid: all.grid}
	switch {
	case all.rows == 0:
		x.reason = "no labels have matured yet"
	case all.rows < minLabels:
		x.reason = fmt.Sprintf("%d labelled rows, at least %d are needed", all.rows, minLabels)
	}
	_, unit := all.step()
	bin, bins := all.grid.Features[0].Coarse(errorBins)
	x.bin, x.n, x.e, x.ee = bin, make([]float64, bins), make([]float64, bins), make([]float64, bins)
	for cell := range bin {
		s, b := all.byCell[cell], bin[cell]
		x.n[b] += float64(s.n)
		x.e[b] += float64(unit * s.e.Float64())
		x.ee[b] += float64(float64(unit*unit) * s.ee.Float64())
	}
	return x, nil
}

// ErrorEstimate is how large errors are expected to be, without labels.
type ErrorEstimate struct {
	Rows uint64 `json:"rows"`
	MAE  Value  `json:"mae"`
	RMSE Value  `json:"rmse"` // without bounds
}

// Estimate estimates a window from its counts on the prediction's grid:
// MAE = Σ (h_b/m)·mean|error|_b, and RMSE from the mean squares. The interval of the
// MAE allows for the chance of the errors to come and for the error of the means.
//
// Errors: ErrBadInput for options or counts of another number of cells.
func (x *ErrorEstimator) Estimate(window *sketches.FeatureCounts, opt EstimateOptions) (ErrorEstimate, error) {
	opt, err := opt.validate()
	if err != nil {
		return ErrorEstimate{}, err
	}
	if len(window.Cells) != len(x.bin) {
		return ErrorEstimate{}, fmt.Errorf("%w: %d cells of predictions, want %d", ErrBadInput, len(window.Cells), len(x.bin))
	}
	out := ErrorEstimate{Rows: window.Total()}
	reason := x.reason
	if reason == "" && out.Rows == 0 {
		reason = "no predictions in the window"
	}
	h := make([]float64, len(x.n))
	for cell, k := range window.Cells {
		h[x.bin[cell]] += float64(k)
	}
	for b := range h {
		if reason == "" && h[b] > 0 && x.n[b] == 0 {
			reason = fmt.Sprintf("%.0f predictions lie where no labels have matured", h[b])
		}
	}
	if reason != "" {
		out.MAE, out.RMSE = undefined(reason), undefined(reason)
		return out, nil
	}
	m := float64(out.Rows)
	var mae, square, variance float64
	for b := range h {
		if h[b] == 0 {
			continue
		}
		mean, meanSquare := x.e[b]/x.n[b], x.ee[b]/x.n[b]
		mae += float64(h[b]/m) * mean
		square += float64(h[b]/m) * meanSquare
		v := max(0, meanSquare-float64(mean*mean))
		variance += float64(v*h[b])/float64(m*m) + float64(float64(h[b]/m)*float64(h[b]/m))*v/x.n[b]
	}
	out.MAE, out.RMSE = number(mae), number(math.Sqrt(square))
	out.RMSE.NoBounds = "the spread of squared errors is not kept"
	out.MAE.SE = math.Sqrt(float64(variance * opt.Design))
	z := normalQuantile((1 + opt.Level) / 2)
	out.MAE.Low, out.MAE.High = max(0, mae-float64(z*out.MAE.SE)), mae+float64(z*out.MAE.SE)
	return out, nil
}

// DesignEffect is how many rows weigh as one in the errors of estimates of days like
// these: the mean over days of (Σ|error| − expected)² over its variance for independent
// rows, at least 1; 1 without days. The days should be others than those learnt from.
func (x *ErrorEstimator) DesignEffect(days []*Numbers) float64 {
	var sum, n float64
	for _, d := range days {
		if x.reason != "" || d.grid.ID() != x.grid.ID() {
			continue
		}
		_, unit := d.step()
		var is, expected, variance float64
		for cell, b := range x.bin {
			c, ok := d.byCell[cell]
			if !ok || x.n[b] == 0 {
				continue
			}
			rows, mean := float64(c.n), x.e[b]/x.n[b]
			is += float64(unit * c.e.Float64())
			expected += float64(rows * mean)
			variance += float64(rows * max(0, x.ee[b]/x.n[b]-float64(mean*mean)))
		}
		if variance > 0 {
			sum += float64((is-expected)*(is-expected)) / variance
			n++
		}
	}
	if n == 0 {
		return 1
	}
	return max(1, sum/n)
}
