package gbdt

import "math"

// minHessian keeps the curvature of a sure row above 0, as XGBoost does.
const minHessian = 1e-16

// fittedBase is the range a base score is held in when it is taken from the labels.
const fittedBase = 1e-6

// gradPair is a loss's first and second derivative by the margin, times the row's weight.
type gradPair struct{ g, h float32 }

// sigmoid is the chance that belongs to a margin, in [0, 1].
func sigmoid(margin float64) float64 { return 1 / (1 + math.Exp(-margin)) }

// baseMargin turns a base score, as the model file holds it, into the margin that
// the sum of leaves starts from: the logit for binary:logistic, else the score itself.
func baseMargin(objective string, score float32) float32 {
	if objective != Logistic {
		return score
	}
	p := float64(score)
	return float32(math.Log(p) - math.Log1p(-p))
}

// startScore is Params.BaseScore, or what the labels suggest: their weighted mean
// (binary:logistic, held in [1e-6, 1 − 1e-6]; reg:squarederror) or 0.5, which the
// softmax does not see.
func startScore(y, w []float32, p Params) float32 {
	if p.BaseScore != nil {
		return float32(*p.BaseScore)
	}
	if p.Objective == Softprob {
		return 0.5
	}
	var sum, total float64
	for i, v := range y {
		weight := rowWeight(v, w, i, p)
		sum += float64(weight * float64(v))
		total += weight
	}
	mean := sum / total
	if p.Objective == Logistic {
		mean = min(max(mean, fittedBase), 1-fittedBase)
	}
	return float32(mean)
}

func rowWeight(y float32, w []float32, i int, p Params) float64 {
	weight := 1.0
	if w != nil {
		weight = float64(w[i])
	}
	if p.Objective == Logistic && y == 1 {
		weight = float64(weight * p.ScalePosWeight)
	}
	return weight
}

// gradients fills out, one slice per class, for rows lo … hi−1. margins is row-major,
// one value per class.
func gradients(p Params, margins, y, w []float32, out [][]gradPair, lo, hi int) {
	switch p.Objective {
	case Logistic:
		dst := out[0]
		for i := lo; i < hi; i++ {
			chance := sigmoid(float64(margins[i]))
			weight := rowWeight(y[i], w, i, p)
			h := max(float64(chance*(1-chance)), minHessian)
			dst[i] = gradPair{float32(float64(chance-float64(y[i])) * weight), float32(h * weight)}
		}
	case SquaredError:
		dst := out[0]
		for i := lo; i < hi; i++ {
			weight := rowWeight(y[i], w, i, p)
			dst[i] = gradPair{float32((float64(margins[i]) - float64(y[i])) * weight), float32(weight)}
		}
	case Softprob:
		k := len(out)
		for i := lo; i < hi; i++ {
			row := margins[i*k : (i+1)*k]
			top, sum := softmaxParts(row)
			weight := rowWeight(y[i], w, i, p)
			for c := range row {
				chance := math.Exp(float64(row[c])-top) / sum
				g := chance
				if int(y[i]) == c {
					g--
				}
				// Twice p(1 − p): XGBoost's bound for the diagonal of the softmax Hessian.
				h := max(2*float64(chance*(1-chance)), minHessian)
				out[c][i] = gradPair{float32(g * weight), float32(h * weight)}
			}
		}
	}
}

// softmaxParts returns the largest margin and Σ exp(margin − largest).
func softmaxParts(margins []float32) (top, sum float64) {
	top = math.Inf(-1)
	for _, m := range margins {
		top = max(top, float64(m))
	}
	for _, m := range margins {
		sum += math.Exp(float64(m) - top)
	}
	return top, sum
}

// link turns the margins of one row into predictions.
func link(objective string, margins []float32, out []float64) {
	switch objective {
	case Logistic:
		out[0] = sigmoid(float64(margins[0]))
	case Softprob:
		top, sum := softmaxParts(margins)
		for c, m := range margins {
			out[c] = math.Exp(float64(m)-top) / sum
		}
	default:
		for c, m := range margins {
			out[c] = float64(m)
		}
	}
}
