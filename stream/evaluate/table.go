package evaluate

import (
	"maps"
	"math"
	"slices"

	"github.com/driftline/driftline/stream/wire"
)

// table holds what every source has claimed. Claims are kept apart by the control
// offset their source had read: a pane that a control record changes needs claims
// made with knowledge of it.
type table struct {
	layout wire.Layout
	rows   map[wire.Source]*row
	// floor holds, after records were removed unread, per source the first claim
	// that was read since: partials of panes before its end may be among what is
	// gone. nil: nothing was removed.
	floor map[wire.Source]int64
	all   []wire.Source // of the layout, in order; nil: to be made anew
}

type row struct {
	partitions int32
	claims     []wire.Claim // by control, then since; overlapping claims of one control are joined
}

func newTable(l wire.Layout) *table { return &table{layout: l, rows: map[wire.Source]*row{}} }

// merge adds a claim. True in any order, and repeated.
func (t *table) merge(f wire.Frontier) {
	r := t.rows[f.Source]
	if r == nil {
		r = &row{}
		t.rows[f.Source] = r
		t.all = nil
	}
	if f.Partitions > r.partitions {
		r.partitions, t.all = f.Partitions, nil
	}
	since := f.SinceMS
	if t.floor != nil {
		floor, had := t.floor[f.Source]
		if !had {
			floor = f.UptoMS
			t.floor[f.Source] = floor
		}
		if floor > math.MinInt64 {
			since = max(since, floor-1) // a pane that starts at the floor is whole
		}
	}
	if f.SinceMS >= f.UptoMS {
		return
	}
	r.claims = join(append(r.claims, wire.Claim{Control: f.Control, SinceMS: since, UptoMS: f.UptoMS}))
}

// cut forgets what may be claimed because records were removed before they were
// read. How far a source came stands; what it counted is claimed anew from the first
// frontier read after the gap. all says that the claims so far cannot be used
// either, since their partials have not been read again.
func (t *table) cut(all bool) {
	t.floor = map[wire.Source]int64{}
	if !all {
		return
	}
	for _, r := range t.rows {
		for i := range r.claims {
			r.claims[i].SinceMS = r.claims[i].UptoMS
		}
	}
}

// join sorts claims and unites those of one control that touch.
func join(cs []wire.Claim) []wire.Claim {
	slices.SortFunc(cs, func(a, b wire.Claim) int {
		switch {
		case a.Control != b.Control:
			return cmpInt(a.Control, b.Control)
		case a.SinceMS != b.SinceMS:
			return cmpInt(a.SinceMS, b.SinceMS)
		}
		return cmpInt(a.UptoMS, b.UptoMS)
	})
	out := cs[:0]
	for _, c := range cs {
		if n := len(out); n > 0 && out[n-1].Control == c.Control && c.SinceMS <= out[n-1].UptoMS {
			out[n-1].UptoMS = max(out[n-1].UptoMS, c.UptoMS)
			continue
		}
		out = append(out, c)
	}
	return out
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// sources returns the sources of the layout in order, or false while an event topic
// has not announced its partition count.
func (t *table) sources() ([]wire.Source, bool) {
	if t.all != nil {
		return t.all, true
	}
	var all []wire.Source
	for _, in := range t.layout.Inputs {
		if in.Role != wire.RoleEvents {
			continue
		}
		n := int32(0)
		for s, r := range t.rows {
			if s.Topic == in.Topic && s.Incarnation == in.Incarnation {
				n = max(n, r.partitions)
			}
		}
		if n == 0 {
			return nil, false
		}
		for p := range n {
			all = append(all, wire.Source{Topic: in.Topic, Incarnation: in.Incarnation, Partition: p})
		}
	}
	slices.SortFunc(all, wire.Source.Compare)
	t.all = all
	return all, true
}

// upto returns how far the slowest source has come, counting only claims made with
// at least the control offset given.
func (t *table) upto(control int64) (ms int64, ok bool) {
	sources, ok := t.sources()
	if !ok {
		return 0, false
	}
	ms = math.MaxInt64
	for _, s := range sources {
		r := t.rows[s]
		if r == nil {
			return 0, false
		}
		reached, claimed := int64(math.MinInt64), false
		for _, c := range r.claims {
			if c.Control >= control {
				reached, claimed = max(reached, c.UptoMS), true
			}
		}
		if !claimed {
			return 0, false
		}
		ms = min(ms, reached)
	}
	return ms, true
}

// coverage counts the sources whose claims hold the pane.
func (t *table) coverage(pane, control int64) (covered, expected uint64) {
	sources, _ := t.sources()
	start, end := pane*t.layout.PaneMS, (pane+1)*t.layout.PaneMS
	for _, s := range sources {
		expected++
		r := t.rows[s]
		if r == nil {
			continue
		}
		for _, c := range r.claims {
			if c.Control >= control && start > c.SinceMS && end <= c.UptoMS {
				covered++
				break
			}
		}
	}
	return covered, expected
}

// snapshot copies the table.
func (t *table) snapshot() []wire.SourceClaims {
	out := make([]wire.SourceClaims, 0, len(t.rows))
	for _, s := range slices.SortedFunc(maps.Keys(t.rows), wire.Source.Compare) {
		r := t.rows[s]
		out = append(out, wire.SourceClaims{Source: s, Partitions: r.partitions, Claims: slices.Clone(r.claims)})
	}
	return out
}

// useful returns the claims without those that end at or before endMS, which can hold
// no pane to come, but for the furthest, which still says how far its source came.
func useful(claims []wire.Claim, endMS int64) (out []wire.Claim) {
	best := int64(math.MinInt64)
	for _, c := range claims {
		best = max(best, c.UptoMS)
	}
	for _, c := range claims {
		if c.UptoMS > endMS || c.UptoMS == best {
			out = append(out, c)
		}
	}
	return out
}

// forget drops the claims that are of no further use once everything up to endMS is
// done; without it every control record would leave one per source behind.
func (t *table) forget(endMS int64) {
	for _, r := range t.rows {
		r.claims = useful(r.claims, endMS)
	}
}

// restore sets the table to a snapshot.
func (t *table) restore(rows []wire.SourceClaims) {
	clear(t.rows)
	t.all = nil
	for _, x := range rows {
		t.rows[x.Source] = &row{partitions: x.Partitions, claims: slices.Clone(x.Claims)}
	}
}
