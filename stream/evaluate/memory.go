package evaluate

import (
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Quota is what bounds the memory of one process's folds beside layout and control.
type Quota struct {
	Sources  int                     // partitions of all input topics together
	Versions int                     // of a model, that predictions are told apart by
	Owned    func(model string) bool // whether a model belongs to one of this process's partitions
	More     int                     // models beside those of the view, of which rows and scores alone are counted
	// BackMS is how far a model's moving references look back; nil: none has any.
	BackMS func(model string) int64
	// KeptMS is how long the panes topic keeps records: of a pane that waits longer
	// nothing is left to be known.
	KeptMS int64
}

// What is held beside cells, in bytes.
const (
	featureBytes  = 192  // sums, extremes and side counters of a feature
	versionBytes  = 256  // of a version in a pane
	seenBytes     = 64   // through and digest of a partial
	claimsBytes   = 1024 // of a source: its row, and its share of a run's copies
	passedBytes   = 128  // of a pane that is passed over
	policiesBytes = 16 << 10
	cadenceBytes  = 24 << 10 // of a model: the rows of each hour of six weeks, and their records
	earlyPaths    = 22       // of a feature that is watched for early warnings, at most: ten categories, more or less
	earlyBytes    = 64       // of a path: its plan, sum and increment, and its share of a record
)

// Memory returns the most bytes that the folds of one process hold:
//
//	Σ_models of owned partitions [ (ring 0 + ring 1 + pending + run + windows) · pane bytes + kept · grid bytes + reference ]
//	  + Σ_sources (claims + digests of pending and done panes) + panes passed over
//
// pane bytes = Σ_grids ((1 + segments) · Σ_features (8·cells + sums) + joint sums) + (versions + 1) · scores. Counts of
// features are held over all versions, scores per version. A run's output is encoded
// while its panes are held, hence twice the run.
func Memory(l wire.Layout, v *wire.View, q Quota) int64 {
	panes := l.Ring0() + l.Ring1() + pendingPanes + 2*runPanes + int64(len(l.WindowsMS))
	var total, partials, passing int64
	for _, m := range slices.Concat(v.Models(), make([]wire.AdmittedModel, q.More)) {
		if m.Name != "" && !q.Owned(m.Name) {
			continue
		}
		versions := int64(q.Versions + 1)
		pane := versions * (m.ScoreBytes() + versionBytes)
		partials += versions
		var reference int64
		for _, g := range v.NewestGrids(m.Name) {
			features, segments := len(g.Grid.Features), int64(g.MostSegments())
			var one int64
			for i := range g.Grid.Features {
				cells := g.Grid.Features[i].Cells()
				one += 8*int64(cells) + featureBytes
				dependence := int64(len(l.WindowsMS)) * dependenceBytes(cells)
				reference += (1+segments)*dependence + earlyPaths*(8*int64(cells+1)+earlyBytes)
			}
			apart := segments * one
			one += jointBytes(g.Joint)
			pane += one + apart
			reference += one + apart + jointReferenceBytes(g.Joint) + kept(l, q, m.Name)*one
			if kept(l, q, m.Name) > 0 { // of one model at a time, what its windows are compared with
				transient := 2 * int64(len(l.WindowsMS)) * one
				if l.SeasonMS() > 0 { // and the seasons of its longest window
					transient += 2 * (l.LongestMS()/l.SeasonMS() + 2) * one
				}
				passing = max(passing, transient)
			}
			partials += versions * int64(wire.Chunks(features)) * (1 + segments)
		}
		total += panes*pane + reference + policiesBytes + cadenceBytes
	}
	known := 2*pendingPanes + int64(runPanes) // panes whose partials are known by their digest
	total += passing
	total += int64(q.Sources) * (claimsBytes + known*partials*seenBytes)
	return total + int64(math.Ceil(float64(q.KeptMS)/float64(l.PaneMS)))*passedBytes
}

// kept is how many slots, sums of slots included, are held of a model for its moving
// references.
func kept(l wire.Layout, q Quota, model string) int64 {
	if q.BackMS == nil || model == "" {
		return 0
	}
	back := q.BackMS(model)
	if back == 0 {
		return 0
	}
	return back/l.SlotMS() + 4
}

// dependenceBytes is the most memory that what is known of a feature's dependence takes
// for one window length: its block sums, and what a verdict derives from them.
func dependenceBytes(cells int) int64 {
	bins := int64(min(cells, sketches.MaxVerdictBins))
	return 2 * 16 * (2*bins + bins*(bins+1)/2)
}
