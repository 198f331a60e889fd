package evaluate

import (
	"cmp"
	"errors"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/wire"
)

// key names one set of counts of a model: the features of all its versions on a grid, of
// all rows or of a segment's, or with the zero grid the rows and scores of one version. No
// window looks at the features of one version alone, so that versions do not multiply
// memory.
type key struct {
	version string
	grid    sketches.ID
	segment string // "" for all rows
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.version, o.version), slices.Compare(k.grid[:], o.grid[:]), cmp.Compare(k.segment, o.segment))
}

// entry is what a key holds over some panes.
type entry struct {
	rows   uint64
	counts *sketches.Counts
	scores *sketches.ScoreCounts
	joint  *joint.Sums // of all features together; nil where the grid has no embedding
}

// cell is what a model holds over some panes: one pane, one slot, or a window.
type cell struct{ entries map[key]*entry }

func newCell() *cell { return &cell{entries: map[key]*entry{}} }

func (c *cell) entry(k key) *entry {
	e := c.entries[k]
	if e == nil {
		e = &entry{}
		c.entries[k] = e
	}
	return e
}

func (c *cell) keys() []key {
	ks := make([]key, 0, len(c.entries))
	for k := range c.entries {
		ks = append(ks, k)
	}
	slices.SortFunc(ks, key.compare)
	return ks
}

// add adds the counts of one chunk; rows stand in every chunk and count once.
func (e *entry) add(g *sketches.Grid, counts *sketches.Counts, chunk int32) error {
	if chunk > 0 {
		counts.Rows = 0
	}
	if e.counts == nil {
		e.counts = sketches.NewCounts(g)
	}
	return e.counts.Merge(counts)
}

// merge adds o, which stays as it is.
func (c *cell) merge(o *cell) error {
	for k, from := range o.entries {
		to := c.entry(k)
		to.rows += from.rows
		if from.counts != nil {
			if to.counts == nil {
				to.counts = sketches.NewCounts(from.counts.Grid)
			}
			if err := to.counts.Merge(from.counts); err != nil {
				return err
			}
		}
		if err := to.addJoint(from.joint, true); err != nil {
			return err
		}
		if from.scores != nil {
			if to.scores == nil {
				to.scores = from.scores.Clone()
			} else if err := to.scores.Merge(from.scores); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows returns the rows of all versions.
func (c *cell) rows() (n uint64) {
	for k, e := range c.entries {
		if k.grid.IsZero() {
			n += e.rows
		}
	}
	return n
}

// on returns the counts of all rows on one grid, or nil.
func (c *cell) on(g sketches.ID) *sketches.Counts { return c.of(g, "") }

// of returns the counts of a segment's rows on one grid, or nil.
func (c *cell) of(g sketches.ID, segment string) *sketches.Counts {
	if e := c.entries[key{grid: g, segment: segment}]; e != nil {
		return e.counts
	}
	return nil
}

// versions returns the versions that made predictions, in order.
func (c *cell) versions() []string {
	var vs []string
	for _, k := range c.keys() {
		if k.grid.IsZero() && c.entries[k].scores != nil {
			vs = append(vs, k.version)
		}
	}
	return vs
}

// slots encodes the cell as ring slots: one per chunk, and behind them further ones for the
// segments that would make a record larger than most.
func (c *cell) slots(base wire.Slot, most int) []wire.Slot {
	chunks := 1
	for _, e := range c.entries {
		if e.counts != nil {
			chunks = max(chunks, wire.Chunks(len(e.counts.Grid.Features)))
		}
	}
	out := make([]wire.Slot, chunks)
	for i := range out {
		out[i] = base
		out[i].Chunk = int32(i)
		if i > 0 {
			out[i].Alarms = nil
		}
	}
	var apart []wire.Slot // of segments, by chunk
	for i := range out {
		apart = append(apart, base)
		apart[i].Chunk, apart[i].Alarms = int32(i), nil
	}
	for _, k := range c.keys() {
		e := c.entries[k]
		if k.grid.IsZero() {
			x := wire.SlotEntry{Version: k.version, Rows: e.rows}
			if e.scores != nil {
				x.Scores = e.scores.Encode()
			}
			out[0].Entries = append(out[0].Entries, x)
			continue
		}
		if e.counts == nil {
			continue
		}
		n := len(e.counts.Grid.Features)
		for i := range wire.Chunks(n) {
			from, to := wire.ChunkRange(i, n)
			place := &out[i]
			if k.segment != "" {
				place = &apart[i]
			}
			place.Entries = append(place.Entries, wire.SlotEntry{
				Version: k.version, Grid: k.grid, Rows: e.counts.Rows, Counts: e.counts.EncodeRange(from, to), Joint: e.jointOf(i), Segment: k.segment,
			})
		}
	}
	for i := range apart {
		out = addApart(out, i, apart[i], most)
	}
	return out
}

// addApart adds the entries of segments to the record of their chunk, and to further ones
// from where it is full.
func addApart(out []wire.Slot, chunk int, apart wire.Slot, most int) []wire.Slot {
	to, size, further := chunk, 0, 0
	for _, x := range out[chunk].Entries {
		size += x.Bytes()
	}
	for _, x := range apart.Entries {
		if size > 0 && size+x.Bytes() > most {
			further++
			next := apart
			next.Chunk, next.Entries = apart.Further(further), nil
			to, size, out = len(out), 0, append(out, next)
		}
		size += x.Bytes()
		out[to].Entries = append(out[to].Entries, x)
	}
	return out
}

// addSlot adds the entries of a slot that was read back.
func (c *cell) addSlot(s wire.Slot, grid func(model string, id sketches.ID) (wire.ActiveGrid, bool)) error {
	for _, x := range s.Entries {
		if x.Grid.IsZero() {
			e := c.entry(key{version: x.Version})
			e.rows += x.Rows
			if len(x.Scores) > 0 {
				scores, err := sketches.DecodeScoreCounts(x.Scores)
				if err != nil {
					return err
				}
				e.scores = scores
			}
			continue
		}
		g, ok := grid(s.Model, x.Grid)
		if !ok {
			continue // a grid that is no longer in control: nothing can use it
		}
		from, to := wire.ChunkRange(int(s.Features()), len(g.Grid.Features))
		counts, err := sketches.DecodeCounts(g.Grid, from, to, x.Counts)
		if err != nil {
			return err
		}
		sums, err := decodeJoint(g, x.Joint)
		if err != nil {
			return err
		}
		e := c.entry(key{grid: x.Grid, segment: x.Segment})
		if err := errors.Join(e.add(g.Grid, counts, s.Features()), e.addJoint(sums, false)); err != nil {
			return err
		}
	}
	return nil
}
