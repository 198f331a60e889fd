package sim

import (
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/wire"
)

// segments are those of alpha: regions from the start, the tier from a later pane on.
var segments = wire.Segments{{Name: "region", Values: []string{"eu", "us"}}, {Name: "tier", Values: []string{"free"}}}

// divide adds the second dimension to a grid that is in force already.
func (w *world) divide(t testing.TB, g wire.GridControl) {
	t.Helper()
	g.Segments = segments
	g.FromPane = epochMS/w.layout.PaneMS + 3
	w.append(t, wire.Control{Kind: "grid", ID: g.Model, Seq: 100, Value: g.Encode()})
}

// segmentsOf are those of the i-th event: a region that is watched or one that is not, a
// tier now and then.
func segmentsOf(i int) (out []event.Segment) {
	if i%7 > 0 {
		out = append(out, event.Segment{Name: "region", Value: []string{"eu", "us", "asia"}[i%3]})
	}
	if i%5 < 2 {
		out = append(out, event.Segment{Name: "tier", Value: "free"})
	}
	return out
}

// parts are the segments' parts of alpha's reference: of the tier too few rows to judge by.
func (w *world) parts(t testing.TB, g *sketches.Grid) (parts []wire.Part) {
	t.Helper()
	for i, s := range segments.All() {
		rows := []int{200, 150, 3}[i]
		c := sketches.NewCounts(g)
		for k := range rows {
			c.AddRow()
			c.Add(0, sketches.Number(float64(k%20)))
			c.Add(1, sketches.String("aaabbbbccc"[k%10:][:1]))
		}
		p := wire.Part{Segment: s, Counts: c}
		if i == 0 && w.blocks {
			p.Blocks = w.referenceBlocks(t, c)
		}
		parts = append(parts, p)
	}
	return parts
}

// TestFault_SegmentsAreCompared makes sure that what kills are compared by holds scores and
// alarms of segments.
func TestFault_SegmentsAreCompared(t *testing.T) {
	t.Parallel()
	states, events := map[string]int{}, map[string]int{}
	for seed := range 10 {
		_, lines := prepared(t, seed)
		for _, l := range lines {
			if l.Kind == "score" {
				s, err := wire.DecodeScore(l.Value)
				must(t, err)
				if s.Segment != "" {
					states[s.Segment+" "+s.State]++
				}
				continue
			}
			ev, err := wire.DecodeEvent(l.Value)
			must(t, err)
			if ev.Data.Segment != "" {
				events[ev.Data.Segment]++
				if ev.Data.MayRetrain || ev.Data.Kind != "drift" {
					t.Errorf("%s of %s: may retrain %v, kind %s", ev.Type, ev.Data.Segment, ev.Data.MayRetrain, ev.Data.Kind)
				}
			}
		}
	}
	t.Logf("scores %v, events %v", states, events)
	for _, want := range []string{"region=eu judged", "region=us judged", "tier=free learning"} {
		if states[want] == 0 {
			t.Errorf("no score of %s", want)
		}
	}
	if events["region=eu"] == 0 || events["region=us"] == 0 {
		t.Error("want drift events of both regions")
	}
}

// TestP2_SegmentsAreAmongTheBytes makes sure that what partitions are compared by holds them.
func TestP2_SegmentsAreAmongTheBytes(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 2, 7, 64} {
		judged := 0
		for _, l := range spread(t, 1, partitions, false) {
			if v := string(l.Value); strings.Contains(v, `"segment":"region=eu"`) {
				judged++
			}
		}
		if judged == 0 {
			t.Errorf("%d partitions: no segment was judged", partitions)
		}
	}
}
