package collect

import (
	"cmp"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Quota is what bounds the memory of one source beside layout and control.
type Quota struct {
	Versions int // of a model that one pane tells apart; 0: MaxVersions
	More     int // models beside those of the view, of which rows and scores alone are counted
	Waiting  int // closed panes that wait for a cycle before reading pauses; 0: waitingPanes
}

// waitingPanes is how many closed panes may wait where nothing else is said.
const waitingPanes = 2

// panes is how many panes a source holds at most: those that an event can still be
// accepted for, and those that wait to be published.
func (q Quota) panes(l wire.Layout) int {
	reach := l.LatenessMS + l.SkewMS
	return int((reach+l.PaneMS-1)/l.PaneMS) + 2 + cmp.Or(q.Waiting, waitingPanes)
}

func (q Quota) versions() int { return cmp.Or(q.Versions, MaxVersions) }

// Full reports that no further pane may be begun before the closed ones are published.
func (s *Source) Full() bool {
	return len(s.open) >= s.most || len(s.arrivals) >= s.most
}

// What is held beside the counts themselves, in bytes: of a version of a model in a pane;
// of a pane's ledger with all the names it may hold; of a source, for rows that wait to be
// counted, the templates of its decoder and the names of models.
const (
	versionOverhead = 1024
	ledgerOverhead  = 64 << 10
	sourceOverhead  = bufferBytes + sketches.BufferBytes + 2<<20 + maxNames*320
)

// Memory returns the most bytes that fold 1 holds for one source when every admitted
// model sends to it:
//
//	panes · ( Σ_models (versions + 1) · (scores + Σ_grids ((1 + segments) · Σ_features tally + joint sums)) + ledger ) + source
//
// with each tally at its worst, and more for a source where a grid has an embedding: its
// adder, and the codes of rows that wait. The one version more stands for all beyond the quota.
// What a fetch holds is not in it.
func Memory(l wire.Layout, v *wire.View, q Quota) int64 {
	var perPane int64
	source := int64(sourceOverhead)
	for _, m := range slices.Concat(v.Models(), make([]wire.AdmittedModel, q.More)) {
		one := m.ScoreBytes() + versionOverhead
		for _, g := range v.NewestGrids(m.Name) {
			for i := range g.Grid.Features {
				_, worst := sketches.TallyBytes(g.Grid.Features[i].Cells())
				one += int64(worst) * int64(1+g.MostSegments())
			}
			if g.Joint != nil {
				one += jointBytes(g.Joint)
				source = sourceOverhead + adderBytes + (bufferBytes+sketches.BufferBytes)/4 // 2 bytes beside 8 for each number
			}
		}
		perPane += int64(q.versions()+1) * one
	}
	return int64(q.panes(l))*(perPane+ledgerOverhead) + source
}
