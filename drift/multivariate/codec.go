package multivariate

import (
	"errors"
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

const lawSchema = 1

// Bounds of what a law may hold; no calibration comes near them.
const (
	maxLawPanes = 1 << 20
	maxLawCount = 1 << 40
)

// ErrBadLaw marks a law that nothing can be judged by.
var ErrBadLaw = errors.New("unusable law")

// Encode returns the canonical bytes, a frame of kind sketches.FrameJointLaw:
//
//	rows | runs | block | seed | paths: statistic, panes, mean, sd, skewness
//	| limits: target, first limits, rest, alarms
func (l *Law) Encode() []byte {
	var e sketches.Encoder
	e.Float64(l.Rows)
	e.Uvarint(uint64(l.Runs))
	e.Float64(l.Block)
	e.Uint64(l.Seed)
	e.Count(len(l.Paths))
	for _, p := range l.Paths {
		e.Byte(byte(p.Statistic))
		e.Uvarint(uint64(p.Panes))
		e.Float64(p.Mean)
		e.Float64(p.SD)
		e.Float64(p.Skew)
	}
	e.Count(len(l.Limits))
	for _, x := range l.Limits {
		e.Float64(x.Target)
		e.Count(len(x.First))
		for _, y := range x.First {
			e.Float64(y)
		}
		e.Float64(x.Rest)
		e.Uvarint(uint64(x.Alarms))
	}
	return sketches.Frame(sketches.FrameJointLaw, lawSchema, e.Data())
}

// DecodeLaw reads what Encode wrote, and nothing else.
//
// Errors: sketches.ErrNotFrame, ErrChecksum, ErrSchema, ErrCorrupt; ErrBadLaw.
func DecodeLaw(b []byte) (*Law, error) {
	body, err := sketches.UnframeAs(b, sketches.FrameJointLaw, lawSchema, "joint law")
	if err != nil {
		return nil, err
	}
	d := sketches.NewDecoder(body)
	l := &Law{Rows: d.Float64(), Runs: int(d.UpTo(maxLawCount)), Block: d.Float64(), Seed: d.Uint64()}
	for i, n := 0, d.Count(26); i < n && d.Err() == nil; i++ {
		p := PathLaw{Path: Path{Statistic: Statistic(d.Byte()), Panes: int(d.UpTo(maxLawPanes))}}
		p.Mean, p.SD, p.Skew = d.Float64(), d.Float64(), d.Float64()
		l.Paths = append(l.Paths, p)
	}
	for i, n := 0, d.Count(18); i < n && d.Err() == nil; i++ {
		x := Limits{Target: d.Float64()}
		for j, n := 0, d.Count(8); j < n && d.Err() == nil; j++ {
			x.First = append(x.First, d.Float64())
		}
		x.Rest, x.Alarms = d.Float64(), int(d.UpTo(maxLawCount))
		l.Limits = append(l.Limits, x)
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("joint law: %w", err)
	}
	if err := l.Validate(); err != nil {
		return nil, fmt.Errorf("joint law: %w", err)
	}
	return l, nil
}

// Validate returns every fault of a law: paths stand by ascending scale, each once, and
// all numbers a score is made from are finite but for the spread of a path on which
// nothing moves.
func (l *Law) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrBadLaw}, args...)...))
		}
	}
	check(len(l.Paths) > 0 && len(l.Limits) > 0, "%d paths, %d limits", len(l.Paths), len(l.Limits))
	check(finite(l.Rows) && l.Rows >= 0 && finite(l.Block), "%g rows a pane, blocks of %g panes", l.Rows, l.Block)
	for i, p := range l.Paths {
		check(p.Statistic < statistics && p.Panes >= 1, "path %d is %s", i, p.Path)
		check(finite(p.Mean) && finite(p.Skew) && p.SD > 0, "path %d has mean %g, spread %g, skewness %g", i, p.Mean, p.SD, p.Skew)
		if i > 0 {
			q := l.Paths[i-1]
			check(p.Panes > q.Panes || p.Panes == q.Panes && p.Statistic > q.Statistic, "path %d, %s, after %s", i, p.Path, q.Path)
		}
	}
	for i, x := range l.Limits {
		check(finite(x.Target) && x.Target >= 2 && finite(x.Rest), "limit %d is %g for a target of %g tests", i, x.Rest, x.Target)
		for _, y := range x.First {
			check(!math.IsNaN(y), "limit %d of no number", i)
		}
	}
	return errors.Join(errs...)
}

func finite(x float64) bool { return x-x == 0 }
