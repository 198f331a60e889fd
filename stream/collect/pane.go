package collect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
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
	scores *sketches.ScoreCounts
	grids  []gridCounts
}

func newPane(offset int64, versions int) *pane {
	return &pane{first: offset, most: versions, versions: map[versionKey]*versionCounts{}, perModel: map[string]int{}}
}

func (p *pane) version(model, version string) *versionCounts {
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
	v := &versionCounts{}
	p.versions[k] = v
	return v
}

// add counts an accepted event.
func (p *pane) add(ev *event.Event, m wire.Model, grids []wire.ActiveGrid) {
	v := p.version(ev.Model, ev.Version)
	if ev.Type == event.TypePrediction && (ev.HasScore || ev.HasPrediction) {
		if v.scores == nil {
			v.scores = newScores(m)
		}
		class := ""
		if ev.HasPrediction {
			class, _ = ev.Prediction.Text()
		}
		v.scores.Add(ev.Score, ev.HasScore, class)
	}
	if ev.Type.String() != m.FeaturesFrom {
		return
	}
	v.rows++
	for _, g := range grids {
		c := v.on(g.Grid)
		c.AddRow()
		addFeatures(c, g.Grid, ev.Features)
	}
}

// newScores makes score counts by the model's classes, which DecodeModel has checked.
func newScores(m wire.Model) *sketches.ScoreCounts {
	classes := m.Classes
	if len(classes) == 0 {
		classes = wire.DefaultClasses
	}
	s, err := sketches.NewScoreCounts(classes)
	if err != nil {
		panic(fmt.Sprintf("classes of admitted model %q: %v", m.Name, err))
	}
	return s
}

func (v *versionCounts) on(g *sketches.Grid) *sketches.Counts {
	for _, x := range v.grids {
		if x.grid.ID() == g.ID() {
			return x.counts
		}
	}
	c := sketches.NewCounts(g)
	v.grids = append(v.grids, gridCounts{grid: g, counts: c})
	return c
}

// addFeatures counts a row: each feature of the grid gets exactly one count, a
// feature that the event lacks counts as null, one that the grid lacks is ignored.
func addFeatures(c *sketches.Counts, g *sketches.Grid, features []event.Feature) {
	n := len(g.Features)
	if len(features) == n { // the usual case: the producer keeps the grid's order
		same := true
		for i := range features {
			if features[i].Name != g.Features[i].Name {
				same = false
				break
			}
		}
		if same {
			for i := range features {
				c.Add(i, features[i].Value)
			}
			return
		}
	}
	var few [4]uint64
	seen := few[:]
	if n > 64*len(few) {
		seen = make([]uint64, (n+63)/64)
	}
	for _, f := range features {
		if i, ok := g.Index(f.Name); ok {
			c.Add(i, f.Value)
			seen[i/64] |= 1 << (i % 64)
		}
	}
	for i := range n {
		if seen[i/64]&(1<<(i%64)) == 0 {
			c.Add(i, sketches.Null())
		}
	}
}

// partials encodes the pane in order of model, version, grid and chunk. Rows and
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
		if v.scores != nil {
			bare.Scores = v.scores.Encode()
		}
		out = append(out, bare)
		slices.SortFunc(v.grids, func(a, b gridCounts) int {
			x, y := a.grid.ID(), b.grid.ID()
			return slices.Compare(x[:], y[:])
		})
		for _, g := range v.grids {
			id.Grid = g.grid.ID()
			for chunk := range wire.Chunks(len(g.grid.Features)) {
				id.Chunk = int32(chunk)
				from, to := wire.ChunkRange(chunk, len(g.grid.Features))
				out = append(out, wire.Partial{ID: id, Through: through, Rows: g.counts.Rows, Counts: g.counts.EncodeRange(from, to)})
			}
			id.Grid, id.Chunk = sketches.ID{}, 0
		}
	}
	return out
}
