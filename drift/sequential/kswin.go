package sequential

import (
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/generate"
)

// KSWIN compares the last 30 of 100 values with 30 drawn without replacement from the
// other 70 by a two-sample KS test, and alarms where the exact p is at most Alpha and D
// above 0.1; then it keeps the last 30. To be compared with. Draws come from a seeded
// counter, so they are not those of a library.
type KSWIN struct {
	Alpha float64

	draws  generate.Sequence
	window []float64
	least  int // least D·30 that alarms
	of     float64
}

const (
	kswinWindow = 100
	kswinRecent = 30
	kswinD      = 0.1
)

// NewKSWIN returns a detector with the given error per test.
func NewKSWIN(alpha float64, seed uint64) *KSWIN {
	return &KSWIN{Alpha: alpha, draws: generate.NewSequence(seed, 0), of: -1}
}

// Update takes the next value and reports an alarm.
func (k *KSWIN) Update(x float64) bool {
	if k.of != k.Alpha {
		k.of, k.least = k.Alpha, 0
		for ; k.least <= kswinRecent; k.least++ {
			d := float64(k.least) / kswinRecent
			if p, ok := drift.KSExactP(kswinRecent, kswinRecent, d); ok && p <= k.Alpha && d > kswinD {
				break
			}
		}
	}
	if len(k.window) == kswinWindow {
		k.window = append(k.window[:0], k.window[1:]...)
	}
	k.window = append(k.window, x)
	if len(k.window) < kswinWindow {
		return false
	}
	var older [kswinWindow - kswinRecent]float64
	var recent [kswinRecent]float64
	copy(older[:], k.window)
	copy(recent[:], k.window[len(older):])
	for i := range kswinRecent { // the first steps of a shuffle
		j := i + k.draws.Below(len(older)-i)
		older[i], older[j] = older[j], older[i]
	}
	drawn := older[:kswinRecent]
	slices.Sort(drawn)
	slices.Sort(recent[:])
	if largestGap(drawn, recent[:]) < k.least {
		return false
	}
	k.window = append(k.window[:0], k.window[len(older):]...)
	return true
}

// largestGap is n·D of two sorted samples of one size n.
func largestGap(x, y []float64) int {
	gap, i, j := 0, 0, 0
	for i < len(x) && j < len(y) {
		v := min(x[i], y[j])
		for i < len(x) && x[i] == v {
			i++
		}
		for j < len(y) && y[j] == v {
			j++
		}
		gap = max(gap, i-j, j-i)
	}
	return gap
}
