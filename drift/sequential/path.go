package sequential

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// Kind is the question a path asks.
type Kind uint8

// Kinds of paths.
const (
	MeanUp    Kind = iota + 1 // normal scores shifted up by Effect standard deviations
	MeanDown                  // shifted down
	Wider                     // normal scores stretched by Effect > 1
	Narrower                  // stretched by Effect < 1
	ShareUp                   // odds of the categories of Bin times Effect
	ShareDown                 // odds of the categories of Bin divided by Effect
	NullUp                    // odds of a missing value times Effect
	NullDown                  // odds of a missing value divided by Effect
)

// String gives the words that reports and events use.
func (k Kind) String() string {
	names := [...]string{"?", "mean up", "mean down", "wider", "narrower", "share up", "share down", "missing up", "missing down"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("path(%d)", uint8(k))
}

// Path is one question about one feature.
type Path struct {
	Feature int     // position in the grid
	Kind    Kind    // what is asked
	Effect  float64 // standard deviations, ratio of them, or ratio of odds
	Bin     int     // verdict bin of the reference; shares only
	// Scale divides the path's scores, in thousandths: its design effect where records
	// depend on each other, else 1000. Handicap is added to the threshold of this path.
	Scale    int64
	Handicap int64 // nano-nats
}

// nano-nats in a nat.
const nano = 1_000_000_000

// unscaled is Scale for independent records.
const unscaled = 1000

// Alternatives of numeric features: shifts and stretches of the normal scores. The
// allowance of a mean path is half its shift.
var (
	meanShifts = [...]float64{0.25, 0.5, 1}
	stretches  = [...]float64{1.5, 2, 1 / 1.5}
)

// Alternatives of shares.
const (
	shareOdds = 2     // of a category
	nullOdds  = 4     // of a missing value
	rareShare = 0.005 // a rarer share is taken for this much: no alarm from two records
	nullFloor = 0.05  // from this share of missing values on, fewer of them is a question
	maxBins   = 10    // categories asked about: those of largest share in the reference
)

// certain is how many standard errors of the reference a path's zone of indifference
// must span. A narrower one would alarm over the reference's own error.
const certain = 2

// pathsOf lists the questions about a feature. Only the reference's counts decide.
func pathsOf(f *sketches.FeatureGrid, feature int, ref *sketches.FeatureCounts) []Path {
	var out []Path
	add := func(k Kind, effect float64, bin int, handicap float64) {
		out = append(out, Path{Feature: feature, Kind: k, Effect: effect, Bin: bin, Scale: unscaled, Handicap: int64(math.RoundToEven(handicap * nano))})
	}
	n := ref.Total()
	if n == 0 {
		return nil
	}
	if f.Kind == sketches.Numeric {
		for _, d := range meanShifts {
			add(MeanUp, d, 0, handicap(MeanUp, d))
			add(MeanDown, d, 0, handicap(MeanDown, d))
		}
		for _, r := range stretches {
			if r > 1 {
				add(Wider, r, 0, handicap(Wider, r))
			} else {
				add(Narrower, r, 0, handicap(Narrower, r))
			}
		}
	} else {
		for _, bin := range largestBins(f, ref) {
			add(ShareUp, shareOdds, bin, 0)
			add(ShareDown, shareOdds, bin, 0)
		}
	}
	add(NullUp, nullOdds, 0, 0)
	if float64(ref.Null) >= nullFloor*float64(n+ref.Null) {
		add(NullDown, nullOdds, 0, 0)
	}
	return out
}

// largestBins returns up to maxBins verdict bins of largest reference count, ties to
// the lower one. Of two bins one says all about the other.
func largestBins(f *sketches.FeatureGrid, ref *sketches.FeatureCounts) []int {
	of, bins := f.VerdictBins(ref)
	count := make([]uint64, bins)
	used := 0
	for cell, k := range ref.Cells {
		count[of[cell]] += k
	}
	for _, k := range count {
		if k > 0 {
			used++
		}
	}
	var out []int
	for len(out) < maxBins {
		best := -1
		for b, k := range count {
			if k > 0 && (best < 0 || k > count[best]) {
				best = b
			}
		}
		if best < 0 || used == 2 && len(out) == 1 {
			return out
		}
		out = append(out, best)
		count[best] = 0
	}
	return out
}

// handicap raises the threshold of paths that alarm more often than the others at
// one threshold: a path of a large effect asks its question afresh after fewer records.
// The values spread the false alarms so that the delay at no effect suffers much;
// convention, found by simulation at one false alarm in 5 000 records.
func handicap(k Kind, effect float64) float64 {
	switch {
	case k == Narrower:
		return 1
	case k != MeanUp && k != MeanDown:
		return 0
	case effect >= 1:
		return 0.25
	case effect >= 0.5:
		return 0.1
	}
	return 0.15
}

// Label says in words what the path asks.
func (p Path) Label(f *sketches.FeatureGrid, ref *sketches.FeatureCounts) string {
	switch p.Kind {
	case MeanUp, MeanDown:
		return fmt.Sprintf("%s by %g sd", p.Kind, p.Effect)
	case Wider, Narrower:
		return fmt.Sprintf("%s, sd × %.3g", p.Kind, p.Effect)
	case ShareUp, ShareDown:
		of, _ := f.VerdictBins(ref)
		for cell, b := range of {
			if b == p.Bin {
				return fmt.Sprintf("%s of %s", p.Kind, f.Label(cell))
			}
		}
	}
	return p.Kind.String()
}
