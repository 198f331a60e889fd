package performance

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

const (
	// weightRange: no row counts more than a hundred times or less than a hundredth.
	// Convention; the reference cuts ratios of cells at 10. Here the size that weights
	// are worth says when rows are too far away, and a tighter cut would hide it.
	weightRange = 100
	// balanceRidge keeps the tilt small where the rows hardly speak of a trait.
	balanceRidge  = 1e-3
	balanceRounds = 50
)

// Balance weighs labelled rows so that they look like a window: w_i ∝ exp(θ·t_i), with
// θ such that the weighted mean of the traits is the window's. Of all weights that do
// so these are the nearest to equal ones (entropy balancing, Hainmueller 2012†). They
// are the ratio of densities where inputs move independently, each by a normal law or
// by losing values [D]; elsewhere they come near it as far as the traits show it. Where
// inputs alone moved, what the weighted labels show holds for the window, but for rows
// with lost values: see BalanceLabelled.
//
// Weights average 1 before they are clipped to [0.01, 100]; a ridge of 0.001 on θ, in standard
// deviations of each trait, bounds them where no weights fit. size is Kish's number of
// equal rows that they are worth, (Σw)²/Σw².
//
// Errors: ErrBadInput for no rows, rows of other lengths than the window, or values
// that are not finite.
func Balance(rows [][]float64, window []float64) (weights []float64, size float64, err error) {
	if err := checkTraits(rows, window); err != nil {
		return nil, 0, err
	}
	x, target, _ := standardise(rows, window)
	weights, _ = tilt(x, target)
	return weights, clip(weights), nil
}

func checkTraits(rows [][]float64, window []float64) error {
	if len(rows) == 0 {
		return fmt.Errorf("%w: no rows to balance", ErrBadInput)
	}
	d := len(window)
	for i, r := range rows {
		if len(r) != d {
			return fmt.Errorf("%w: row %d has %d traits, the window %d", ErrBadInput, i, len(r), d)
		}
		for j, v := range r {
			if !finite(v) || !finite(window[j]) {
				return fmt.Errorf("%w: trait %d of row %d is %g, of the window %g", ErrBadInput, j, i, v, window[j])
			}
		}
	}
	return nil
}

// clip brings weights to an average of 1 and into range, and returns Kish's size.
func clip(weights []float64) float64 {
	var sum float64
	for _, w := range weights {
		sum += w
	}
	mean := sum / float64(len(weights))
	var clipped, squares float64
	for i, w := range weights {
		w = min(max(w/mean, 1.0/weightRange), weightRange)
		weights[i] = w
		clipped += w
		squares += float64(w * w)
	}
	return float64(clipped*clipped) / squares
}

// standardise brings traits to mean 0 and deviation 1; traits that do not vary among
// the rows say nothing and are left out. spread is the deviation of every trait, 0 of
// those.
func standardise(rows [][]float64, window []float64) (x [][]float64, target, spread []float64) {
	n := float64(len(rows))
	x, spread = make([][]float64, len(rows)), make([]float64, len(window))
	for j := range window {
		var mean, square float64
		for _, r := range rows {
			mean += r[j] / n
		}
		for _, r := range rows {
			square += float64((r[j]-mean)*(r[j]-mean)) / n
		}
		sd := math.Sqrt(square)
		if !(sd > 1e-9*max(1, math.Abs(mean))) {
			continue
		}
		spread[j] = sd
		target = append(target, (window[j]-mean)/sd)
		for i, r := range rows {
			x[i] = append(x[i], (r[j]-mean)/sd)
		}
	}
	return x, target, spread
}

// tilt minimises ln(Σ exp(θ·x_i)/n) − θ·target + ridge/2·|θ|² by Newton's method with
// halved steps, and returns exp(θ·x_i) up to a factor, and θ.
func tilt(x [][]float64, target []float64) (w, theta []float64) {
	d, n := len(target), float64(len(x))
	theta = make([]float64, d)
	w = make([]float64, len(x))
	value := func(theta []float64) float64 {
		most := math.Inf(-1)
		for i, r := range x {
			w[i] = dot(theta, r)
			most = max(most, w[i])
		}
		sum := 0.0
		for i := range w {
			w[i] = math.Exp(w[i] - most)
			sum += w[i] / n
		}
		for i := range w {
			w[i] /= sum * n // now they sum to 1
		}
		return most + math.Log(sum) - dot(theta, target) + balanceRidge/2*dot(theta, theta)
	}
	at := value(theta)
	if d == 0 {
		return w, theta // nothing to balance
	}
	for range balanceRounds {
		mean := make([]float64, d)
		for i, r := range x {
			for j, v := range r {
				mean[j] += float64(w[i] * v)
			}
		}
		second := make([]float64, d*d) // upper half
		off := make([]float64, d)
		for i, r := range x {
			for j, v := range r {
				off[j] = v - mean[j]
			}
			for j := range d {
				a, row := float64(w[i]*off[j]), second[j*d:(j+1)*d]
				for k := j; k < d; k++ {
					row[k] += float64(a * off[k])
				}
			}
		}
		gradient := mat.NewVecDense(d, nil)
		steep := 0.0
		for j := range d {
			g := mean[j] - target[j] + float64(balanceRidge*theta[j])
			gradient.SetVec(j, g)
			steep = max(steep, math.Abs(g))
			second[j*d+j] += balanceRidge
		}
		hessian := mat.NewSymDense(d, second)
		var c mat.Cholesky
		var step mat.VecDense
		if steep < 1e-9 || !c.Factorize(hessian) || c.SolveVecTo(&step, gradient) != nil {
			break
		}
		moved := false
		for size := 1.0; size > 1e-6; size /= 2 {
			next := make([]float64, d)
			for j := range next {
				next[j] = theta[j] - float64(size*step.AtVec(j))
			}
			if v := value(next); v < at {
				theta, at, moved = next, v, true
				break
			}
		}
		if !moved {
			value(theta)
			break
		}
	}
	return w, theta
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i] * b[i])
	}
	return s
}
