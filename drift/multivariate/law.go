package multivariate

import "math"

// Path is one statistic at one scale.
type Path struct {
	Statistic Statistic
	Panes     int // length of the window
}

// PathLaw is how the statistic of a path behaves without drift: its first three moments.
type PathLaw struct {
	Path
	Mean, SD, Skew float64
}

// straight: below this skewness the law is taken for a normal one.
const straight = 0.02

// Score brings a value of the statistic to the scale of a standard normal variable: the
// law is that of a + c·χ²_ν with equal mean, variance and skewness (ν = 8/skew²), whose
// cube root is about normal (Wilson and Hilferty 1931†). NaN gives −Inf.
func (l *PathLaw) Score(x float64) float64 {
	t := (x - l.Mean) / l.SD
	switch {
	case math.IsNaN(t):
		return math.Inf(-1)
	case l.Skew < straight:
		return t
	}
	nu := 8 / float64(l.Skew*l.Skew)
	ratio := max(0, 1+float64(t*math.Sqrt(2/nu)))
	return (math.Cbrt(ratio) - (1 - 2/(9*nu))) * math.Sqrt(4.5*nu)
}

// fit sets the moments from values of the statistic; those that are NaN are passed over.
func (l *PathLaw) fit(values []float64) {
	n, mean := 0.0, 0.0
	for _, x := range values {
		if !math.IsNaN(x) {
			n++
			mean += x
		}
	}
	mean /= n
	m2, m3 := 0.0, 0.0
	for _, x := range values {
		if !math.IsNaN(x) {
			d := x - mean
			m2 += float64(d * d)
			m3 += float64(float64(d*d) * d)
		}
	}
	m2, m3 = m2/n, m3/n
	l.Mean, l.SD, l.Skew = mean, math.Sqrt(m2), m3/float64(m2*math.Sqrt(m2))
	if !(m2 > 0) { // nothing moves, so nothing is ever found on this path
		l.Mean, l.SD, l.Skew = 0, math.Inf(1), 0
	}
}

// Law is the calibrated law of a set of paths.
type Law struct {
	Paths  []PathLaw
	Limits []Limits // by target, as asked for
	Rows   float64  // mean rows of a pane it was learnt from
	// Runs, Block and Seed are what it was calibrated with.
	Runs  int
	Block float64
	Seed  uint64
}

// thin: the law of a statistic holds for windows of about as many rows as it was learnt
// from; those with fewer than this share of them are not judged.
const thin = 0.5

// enough reports whether a window of that many panes has rows enough.
func (l *Law) enough(rows uint64, panes int) bool {
	return float64(rows) >= thin*l.Rows*float64(panes)
}

// longest returns the largest scale.
func (l *Law) longest() int { return l.Paths[len(l.Paths)-1].Panes }

// Limits are the limits of the largest score for one target. The first tests after the
// windows are full have a limit each, so that the chance of a false alarm is the same
// at every test; Alarms tells how many resampled alarms decided the last one: its rate
// is good to about 1/√Alarms.
type Limits struct {
	Target float64 // mean number of tests up to a false alarm
	First  []float64
	Rest   float64
	Alarms int
}

// At returns the limit at test number i, from 0.
func (l *Limits) At(i int) float64 {
	if i < len(l.First) {
		return l.First[i]
	}
	return l.Rest
}
