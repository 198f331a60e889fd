package performance

import (
	"math"

	"github.com/driftline/driftline/sketches"
)

// calibrationBins is the number of quantile bins; the expected calibration error
// depends on it, so it is part of the report. Convention.
const calibrationBins = 10

// Calibration compares scores with what happened, on labelled rows with a score.
// Scores are read as the middles of their cells, so they are off by at most 0.0005;
// only the bias uses the scores themselves.
type Calibration struct {
	Bins      []CalibrationBin `json:"bins"`           // at most 10, of about equal counts, made of whole cells
	Error     Value            `json:"expected_error"` // Σ rows·|mean score − share| / rows
	Bias      Value            `json:"bias"`           // mean score − share that came true
	Slope     Value            `json:"slope"`          // of the outcome's log odds on the score's; 1 is right
	Intercept Value            `json:"intercept"`      // 0 is right
}

// CalibrationBin is one run of score cells, [Low, High).
type CalibrationBin struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Rows  uint64  `json:"rows"`
	Score float64 `json:"mean_score"`
	Share float64 `json:"share"` // of them, how many came true
}

// calibrate measures what scores promised, by cells.
func calibrate(came, said []uint64, scoreSum sketches.Int128) Calibration {
	var out Calibration
	var n, k uint64
	for c := range said {
		n, k = n+said[c], k+came[c]
	}
	if n == 0 {
		v := undefined(noScores)
		out.Error, out.Bias, out.Slope, out.Intercept = v, v, v, v
		return out
	}
	var gap float64
	var rows, yes, seen uint64
	var score float64
	first := 0
	for c := range said {
		if said[c] == 0 {
			continue
		}
		if rows == 0 {
			first = c
		}
		rows, yes, seen = rows+said[c], yes+came[c], seen+said[c]
		score += float64(float64(said[c]) * midpoint(c))
		if seen*calibrationBins < n*uint64(len(out.Bins)+1) {
			continue
		}
		gap += math.Abs(score - float64(yes))
		out.Bins = append(out.Bins, CalibrationBin{
			Low: float64(first) / sketches.ScoreCells, High: float64(c+1) / sketches.ScoreCells,
			Rows: rows, Score: score / float64(rows), Share: float64(yes) / float64(rows),
		})
		rows, yes, score = 0, 0, 0
	}
	all := float64(n)
	out.Error = number(gap / all)
	out.Bias = number((scoreSum.Float64()/nano - float64(k)) / all)
	out.Slope, out.Intercept = calibrationLine(came, said)
	return out
}

// calibrationLine fits P(came true) = 1/(1 + exp(−(a + b·logit(score)))) to the cells
// by Newton's method.
func calibrationLine(came, said []uint64) (slope, intercept Value) {
	const rounds, enough, singular = 50, 1e-9, 1e-12
	var n, k uint64
	for c := range said {
		n, k = n+said[c], k+came[c]
	}
	if k == 0 || k == n {
		v := undefined("the labels hold one class only")
		return v, v
	}
	odds := make([]float64, len(said))
	for c := range odds {
		odds[c] = logit(midpoint(c))
	}
	a, b := 0.0, 1.0
	for range rounds {
		var ga, gb, haa, hab, hbb float64
		for c, rows := range said {
			if rows == 0 {
				continue
			}
			x, m := odds[c], float64(rows)
			p := 1 / (1 + math.Exp(-(a + float64(b*x))))
			d, w := float64(came[c])-float64(m*p), float64(m*p)*(1-p)
			ga += d
			gb += float64(d * x)
			haa += w
			hab += float64(w * x)
			hbb += float64(w*x) * x
		}
		det := float64(haa*hbb) - float64(hab*hab)
		if !(det > singular*float64(haa*hbb)) {
			break // all scores in one cell, or classes that the scores separate
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
