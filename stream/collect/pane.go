package collect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// MaxVersions is how many versions of a model one pane tells apart at most; further ones
// are counted under OtherVersion, so that a producer cannot use up memory.
const MaxVersions = 16

// OtherVersion stands for the versions beyond MaxVersions.
const OtherVersion = "_other"

type versionKey struct{ model, version string }

// pane is what one source counted for one pane of event time.
type pane struct {
	first    int64 // offset of the first record counted here
	versions map[versionKey]*versionCounts
	perModel map[string]int
	most     int // versions of a model
}

type versionCounts struct {
	rows   uint64 // rows of the event type whose features are counted
	scores *sketches.ScoreTally
	grids  []counted
}

func newPane(offset int64, versions int) *pane {
	return &pane{first: offset, most: versions, versions: map[versionKey]*versionCounts{}, perModel: map[string]int{}}
}

func (p *pane) version(model, version string, m wire.Model) *versionCounts {
	k := versionKey{model, version}
	if v := p.versions[k]; v != nil {
		return v
	}
	if p.perModel[model] >= p.most {
		k.version = OtherVersion
		if v := p.versions[k]; v != nil {
			return v
		}
	}
	k = versionKey{strings.Clone(k.model), strings.Clone(k.version)} // the event's text does not outlive it
	p.perModel[k.model]++
	v := &versionCounts{scores: newScores(m)}
	p.versions[k] = v
	return v
}

// newScores makes a score tally by the model's classes, which DecodeModel has checked.
func newScores(m wire.Model) *sketches.ScoreTally {
	classes := m.Classes
	if len(classes) == 0 {
		classes = wire.DefaultClasses
	}
	s, err := sketches.NewScoreTally(classes)
	if err != nil {
		panic(fmt.Sprintf("classes of admitted model %q: %v", m.Name, err))
	}
	return s
}

// on returns the tally on a grid of a segment's rows, "" for all; one made by fresh where
// there is none.
func (v *versionCounts) on(g *sketches.Grid, segment string, fresh func() counted) *sketches.Tally {
	for _, t := range v.grids {
		if t.segment == segment && t.Grid().ID() == g.ID() {
			return t.Tally
		}
	}
	t := fresh()
	v.grids = append(v.grids, t)
	return t.Tally
}

// partials encodes the pane in order of model, version, grid, segment and chunk. Rows and
// scores of a version stand in the partial without a grid.
func (p *pane) partials(cfg Config, number, through int64) []wire.Partial {
	keys := make([]versionKey, 0, len(p.versions))
	for k := range p.versions {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b versionKey) int {
		return cmp.Or(cmp.Compare(a.model, b.model), cmp.Compare(a.version, b.version))
	})
	var out []wire.Partial
	for _, k := range keys {
		v := p.versions[k]
		id := wire.PartialID{Source: cfg.Source, Fold: cfg.Fold, Model: k.model, Version: k.version, Pane: number}
		bare := wire.Partial{ID: id, Through: through, Rows: v.rows}
		if scores := v.scores.Counts(); !scores.IsZero() {
			bare.Scores = scores.Encode()
		}
		out = append(out, bare)
		slices.SortFunc(v.grids, func(a, b counted) int {
			x, y := a.Grid().ID(), b.Grid().ID()
			return cmp.Or(slices.Compare(x[:], y[:]), cmp.Compare(a.segment, b.segment))
		})
		for _, t := range v.grids {
			c, features := t.Counts(), len(t.Grid().Features)
			id.Grid, id.Segment = t.Grid().ID(), t.segment
			for chunk := range wire.Chunks(features) {
				id.Chunk = int32(chunk)
				from, to := wire.ChunkRange(chunk, features)
				x := wire.Partial{ID: id, Through: through, Rows: c.Rows, Counts: c.EncodeRange(from, to)}
				if chunk == 0 {
					x.Joint = t.joint()
				}
				out = append(out, x)
			}
			id.Grid, id.Segment, id.Chunk = sketches.ID{}, "", 0
		}
	}
	return out
}
