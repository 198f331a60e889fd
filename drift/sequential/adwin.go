package sequential

import "math"

// ADWIN is the adaptive window in the form of River, to be compared with: an
// exponential histogram of at most five buckets a row, looked at every 32nd value. It
// drops its oldest bucket while some cut of the window has
//
//	|μ0 − μ1| > sqrt(2·v·d·r) + ⅔·d·r,   d = ln(2·ln W / Delta),
//	r = 1/(n0 − 4) + 1/(n1 − 4),   both sides ≥ 5, v the variance of the window
//
// and starts afresh on the update after an alarm. In older releases of that library, and
// here by default, the last bucket of a row neither is a cut nor counts to the older side
// of later cuts. Release 0.23 looks at every bucket: AllBuckets.
type ADWIN struct {
	Delta      float64
	AllBuckets bool

	rows       [][]bucket // row i: buckets of 2^i values, oldest first
	width      float64
	total, dev float64 // Σ x and Σ (x − mean)² of the window
	seen       int
	alarmed    bool
}

type bucket struct{ total, dev float64 }

const (
	adwinClock   = 32
	adwinBuckets = 5
	adwinLeast   = 10 // the window must be wider
	adwinSide    = 5  // values on either side of a cut
)

// NewADWIN returns a window with the library's δ = 0.002.
func NewADWIN() *ADWIN { return &ADWIN{Delta: 0.002} }

// Update takes the next value and reports an alarm.
func (a *ADWIN) Update(x float64) bool {
	if a.alarmed || a.rows == nil {
		*a = ADWIN{Delta: a.Delta, AllBuckets: a.AllBuckets, rows: [][]bucket{nil}}
	}
	a.insert(x)
	a.seen++
	a.alarmed = false
	if a.seen%adwinClock == 0 && a.width > adwinLeast {
		for a.hasCut() {
			a.dropOldest()
			a.alarmed = true
		}
	}
	return a.alarmed
}

func (a *ADWIN) insert(x float64) {
	a.rows[0] = append(a.rows[0], bucket{total: x})
	if a.width > 0 {
		d := x - a.total/a.width
		a.dev += a.width * d * d / (a.width + 1)
	}
	a.width++
	a.total += x
	for i := 0; i < len(a.rows) && len(a.rows[i]) > adwinBuckets; i++ {
		if i+1 == len(a.rows) {
			a.rows = append(a.rows, nil)
		}
		n := math.Ldexp(1, i)
		x, y := a.rows[i][0], a.rows[i][1]
		d := x.total/n - y.total/n
		a.rows[i+1] = append(a.rows[i+1], bucket{x.total + y.total, x.dev + y.dev + n*d*d/2})
		a.rows[i] = append(a.rows[i][:0], a.rows[i][2:]...)
	}
}

func (a *ADWIN) hasCut() bool {
	d := math.Log(2 * math.Log(a.width) / a.Delta)
	v := a.dev / a.width
	n0, u0 := 0.0, 0.0
	for i := len(a.rows) - 1; i >= 0; i-- {
		cuts := len(a.rows[i])
		if !a.AllBuckets || i == 0 { // after the very last bucket there is no cut
			cuts--
		}
		for k := range cuts {
			n0 += math.Ldexp(1, i)
			u0 += a.rows[i][k].total
			n1, u1 := a.width-n0, a.total-u0
			if n0 < adwinSide || n1 < adwinSide {
				continue
			}
			r := 1/(n0-adwinSide+1) + 1/(n1-adwinSide+1)
			if math.Abs(u0/n0-u1/n1) > math.Sqrt(2*r*v*d)+2.0/3*d*r {
				return true
			}
		}
	}
	return false
}

func (a *ADWIN) dropOldest() {
	last := len(a.rows) - 1
	n, b := math.Ldexp(1, last), a.rows[last][0]
	a.width -= n
	a.total -= b.total
	d := b.total/n - a.total/a.width
	a.dev -= b.dev + n*a.width*d*d/(n+a.width)
	a.rows[last] = append(a.rows[last][:0], a.rows[last][1:]...)
	if len(a.rows[last]) == 0 && last > 0 {
		a.rows = a.rows[:last]
	}
}
