package judge

import (
	"math"
	"slices"
)

// calibrationBins is the number of quantile bins; the expected calibration error
// depends on it, so it is part of the report.
const calibrationBins = 10

// Calibration compares chances with what happened.
type Calibration struct {
	Bins      []CalibrationBin `json:"bins"` // quantile bins of the score; equal scores share one
	Kind      string           `json:"kind"`
	Error     Value            `json:"expected_error"` // Σ rows·|mean score − positive share| / all rows
	Bias      Value            `json:"bias"`           // mean score − positive share over all rows
	Slope     Value            `json:"slope"`          // of the label's log odds on the score's; 1 is right
	Intercept Value            `json:"intercept"`      // 0 is right
}

// CalibrationBin is one bin of scores, [Low, High].
type CalibrationBin struct {
	Low       float64 `json:"low"`
	High      float64 `json:"high"`
	Rows      int     `json:"rows"`
	MeanScore float64 `json:"mean_score"`
	Positives float64 `json:"positive_share"`
}

func calibrate(scores []float64, labels []int) Calibration {
	out := Calibration{Kind: "quantile, at most 10 bins"}
	n := len(scores)
	if n == 0 {
		v := undefined(noRows)
		out.Error, out.Bias, out.Slope, out.Intercept = v, v, v, v
		return out
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if scores[a] < scores[b] {
			return -1
		} else if scores[a] > scores[b] {
			return 1
		}
		return 0
	})
	var sumScore, sumLabel, gap float64
	for lo, bin := 0, 1; lo < n; bin++ {
		hi := max(lo+1, n*bin/calibrationBins)
		for hi < n && scores[order[hi]] == scores[order[hi-1]] {
			hi++
		}
		b := CalibrationBin{Low: scores[order[lo]], High: scores[order[hi-1]], Rows: hi - lo}
		var s, y float64
		for _, i := range order[lo:hi] {
			s += scores[i]
			y += float64(labels[i])
		}
		b.MeanScore, b.Positives = s/float64(b.Rows), y/float64(b.Rows)
		out.Bins = append(out.Bins, b)
		gap += math.Abs(s - y)
		sumScore += s
		sumLabel += y
		lo = hi
	}
	out.Error = number(gap / float64(n))
	out.Bias = number((sumScore - sumLabel) / float64(n))
	out.Slope, out.Intercept = calibrationLine(scores, labels)
	return out
}

// calibrationLine fits P(y = 1) = sigmoid(intercept + slope·logit(score)) by Newton's
// method.
func calibrationLine(scores []float64, labels []int) (slope, intercept Value) {
	const steps, enough = 50, 1e-9
	x := make([]float64, len(scores))
	positives := 0
	for i, s := range scores {
		s = min(max(s, clipChance), 1-clipChance)
		x[i] = math.Log(s) - math.Log1p(-s)
		positives += labels[i]
	}
	if positives == 0 || positives == len(labels) {
		v := undefined("the rows hold one class only")
		return v, v
	}
	a, b := 0.0, 1.0
	for range steps {
		var ga, gb, haa, hab, hbb float64
		for i, v := range x {
			p := 1 / (1 + math.Exp(-(a + float64(b*v))))
			d, w := float64(labels[i])-p, float64(p*(1-p))
			ga += d
			gb += float64(d * v)
			haa += w
			hab += float64(w * v)
			hbb += float64(w * float64(v*v))
		}
		det := float64(haa*hbb) - float64(hab*hab)
		if !(det > 1e-12*float64(haa*hbb)) {
			break // all scores alike, or classes that the scores separate
		}
		da, db := (float64(hbb*ga)-float64(hab*gb))/det, (float64(haa*gb)-float64(hab*ga))/det
		a, b = a+da, b+db
		if !finite(a) || !finite(b) {
			break
		}
		if math.Abs(da) < enough && math.Abs(db) < enough {
			return number(b), number(a)
		}
	}
	v := undefined("no finite fit: the scores are all alike, or separate the classes")
	return v, v
}
