package main

import "math"

// detector reads errors (1) and right answers (0) in the order in which labels come,
// and starts afresh after an alarm.
type detector interface {
	add(wrong bool) (alarm bool)
}

// ddm is the drift detection method of Gama et al. 2004†: an alarm where the error
// rate and its deviation are three deviations above the least they have been. 30 rows
// of warm-up.
type ddm struct{ n, wrong, leastP, leastS float64 }

func (d *ddm) add(wrong bool) bool {
	d.n++
	if wrong {
		d.wrong++
	}
	if d.n < 30 {
		return false
	}
	p := d.wrong / d.n
	s := math.Sqrt(p * (1 - p) / d.n)
	if d.leastP+d.leastS == 0 || p+s <= d.leastP+d.leastS {
		d.leastP, d.leastS = p, s
	}
	if p+s > d.leastP+3*d.leastS {
		*d = ddm{}
		return true
	}
	return false
}

// eddm is the early drift detection method of Baena-García et al. 2006†: an alarm
// where the distance between errors falls below 0.90 of the most it has been, after 30
// errors.
type eddm struct{ at, last, errors, mean, square, most float64 }

func (d *eddm) add(wrong bool) bool {
	d.at++
	if !wrong {
		return false
	}
	d.errors++
	gap := d.at - d.last
	d.last = d.at
	before := d.mean
	d.mean += (gap - d.mean) / d.errors
	d.square += (gap - d.mean) * (gap - before)
	if d.errors < 30 {
		return false
	}
	level := d.mean + 2*math.Sqrt(d.square/d.errors)
	d.most = max(d.most, level)
	if level/d.most < 0.90 {
		*d = eddm{}
		return true
	}
	return false
}

// hddm is the test on averages of Frías-Blanco et al. 2015†, one-sided: an alarm where
// the mean of all rows lies above that of the best beginning by more than Hoeffding's
// bound at 0.001.
type hddm struct{ n, sum, cutN, cutSum float64 }

func (d *hddm) add(wrong bool) bool {
	const alpha = 0.001
	d.n++
	if wrong {
		d.sum++
	}
	bound := func(n float64) float64 { return math.Sqrt(math.Log(1/alpha) / (2 * n)) }
	if d.cutN == 0 || d.sum/d.n+bound(d.n) <= d.cutSum/d.cutN+bound(d.cutN) {
		d.cutN, d.cutSum = d.n, d.sum
	}
	if d.n == d.cutN {
		return false
	}
	m := (d.n - d.cutN) / d.cutN / d.n
	if d.sum/d.n-d.cutSum/d.cutN >= math.Sqrt(m/2*math.Log(2/alpha)) {
		*d = hddm{}
		return true
	}
	return false
}
