package loop

import (
	"errors"
	"fmt"
	"math"
)

// Unset is the record clock before the first record and the horizon of a run
// that starts at the very beginning of a partition: earlier than any time.
const Unset int64 = math.MinInt64

// Never is later than any time: the horizon of a run that has not seen a record
// time yet, so that it claims nothing.
const Never int64 = math.MaxInt64

// Times are the lengths that one layout fixes for all sources, in milliseconds.
type Times struct {
	PaneMS     int64 // length of a pane, > 0
	LatenessMS int64 // an event is late if clock − ts > lateness
	SkewMS     int64 // an event is future if ts − clock > skew
	DisorderMS int64 // bound on how far record times run back within a partition
}

// Validate returns every fault, each naming the key as the user writes it.
func (t Times) Validate() error {
	var errs []error
	check := func(key string, v, low int64) {
		if v < low {
			errs = append(errs, fmt.Errorf("%s: %d ms, must be at least %d ms", key, v, low))
		}
	}
	check("stream.resolution", t.PaneMS, 1)
	check("stream.lateness", t.LatenessMS, 0)
	check("stream.skew", t.SkewMS, 0)
	check("stream.disorder", t.DisorderMS, 0)
	return errors.Join(errs...)
}

// Pane returns the number of the pane that holds t: ⌊t / length⌋, floored towards
// −∞ for times before 1970 too.
func (t Times) Pane(ms int64) int64 { return floorDiv(ms, t.PaneMS) }

// Start returns the first millisecond of pane p.
func (t Times) Start(p int64) int64 { return p * t.PaneMS }

// End returns the first millisecond after pane p.
func (t Times) End(p int64) int64 { return (p + 1) * t.PaneMS }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
