package sequential

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/driftline/driftline/sketches"
)

// Basis says what a threshold rests on.
type Basis uint8

// Bases, from the weakest to the strongest.
const (
	AssumedIndependent Basis = iota + 1 // records and features drawn by themselves
	BlockSums                           // scores scaled by design effects of block sums
	Resampled                           // the reference's panes, resampled in blocks
)

// String gives the words that reports and events use.
func (b Basis) String() string {
	switch b {
	case AssumedIndependent:
		return "independence assumed"
	case BlockSums:
		return "design effects of reference blocks"
	case Resampled:
		return "reference resampled in blocks"
	}
	return fmt.Sprintf("basis(%d)", uint8(b))
}

// Report says how a threshold was found: the target and, beside it, what the finished
// plan did on streams without drift that were simulated anew.
type Report struct {
	Basis        Basis
	TargetPanes  float64 // panes between two false alarms of the model that were asked for
	Alarms       uint64  // false alarms of the finished plan in simulation …
	Simulated    uint64  // … over this many panes
	Extrapolated bool    // the target is out of reach of simulation: ln ARL0 was carried on linearly in h
	BlockPanes   float64 // mean length of resampled blocks
	HistoryPanes uint64  // panes that were resampled
	Replicates   uint32  // resampled references behind each figure
	Dropped      uint32  // paths left out: the reference is too small for their zone of indifference
	Seed         uint64
}

// Achieved returns the simulated panes between two false alarms, with the 95 % interval
// that the number of alarms allows. Without alarms the figure and its upper end are
// +Inf.
func (r Report) Achieved() (panes, low, high float64) {
	n := float64(r.Simulated)
	least, most := PoissonInterval(r.Alarms)
	return n / float64(r.Alarms), n / most, n / least
}

// PoissonInterval returns the exact 95 % interval of the mean of a count (Garwood†). It
// serves the report and, in service, the false alarms of a month beside their budget.
func PoissonInterval(k uint64) (low, high float64) {
	const tail = 0.025
	if k > 0 {
		low = mathext.GammaIncRegInv(float64(k), tail)
	}
	return low, mathext.GammaIncRegCompInv(float64(k)+1, tail)
}

// monthMS is the month of the alert budget, as in package drift: 30 days.
const monthMS = 30 * 24 * 3600 * 1000

// TargetPanes turns a budget of false alarms per model and month into panes between
// two of them. Layers that share a budget each get their part of perMonth.
func TargetPanes(perMonth float64, paneMS int64) float64 {
	return monthMS / (float64(paneMS) * perMonth)
}

// PerMonth turns panes between two alarms into alarms per month.
func PerMonth(panes float64, paneMS int64) float64 {
	return monthMS / (float64(paneMS) * panes)
}

func (r *Report) encode(e *sketches.Encoder) {
	e.Byte(byte(r.Basis))
	e.Float64(r.TargetPanes)
	e.Uvarint(r.Alarms)
	e.Uvarint(r.Simulated)
	e.Bool(r.Extrapolated)
	e.Float64(r.BlockPanes)
	e.Uvarint(r.HistoryPanes)
	e.Uvarint(uint64(r.Replicates))
	e.Uvarint(uint64(r.Dropped))
	e.Uint64(r.Seed)
}

func (r *Report) decode(d *sketches.Decoder) {
	r.Basis = Basis(d.Byte())
	r.TargetPanes = d.Float64()
	r.Alarms, r.Simulated = d.Uvarint(), d.Uvarint()
	r.Extrapolated = d.Bool()
	r.BlockPanes = d.Float64()
	r.HistoryPanes = d.Uvarint()
	r.Replicates = uint32(d.UpTo(math.MaxUint32))
	r.Dropped = uint32(d.UpTo(math.MaxUint32))
	r.Seed = d.Uint64()
	finite := func(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }
	if d.Err() == nil && (r.Basis < AssumedIndependent || r.Basis > Resampled || !finite(r.TargetPanes) || !finite(r.BlockPanes)) {
		d.Fail("report on %s with target %g and blocks of %g panes", r.Basis, r.TargetPanes, r.BlockPanes)
	}
	if math.Signbit(r.TargetPanes) || math.Signbit(r.BlockPanes) {
		d.Fail("negative zero in a report")
	}
}
