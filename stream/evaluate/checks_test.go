package evaluate

import (
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Events name features with what is evidence, and no brief.
func TestChecks_EventsHaveNoBriefs(t *testing.T) {
	t.Parallel()
	f, m, in, w := togetherWorld(t, 0, 0)
	p := wire.DefaultPolicy()
	p.FireAfter = 0
	for _, e := range w.sum.entries { // feature a came in no row
		c := &e.counts.Features[0]
		rows := c.Total()
		*c = sketches.FeatureCounts{Cells: make([]uint64, len(c.Cells))}
		c.Null = rows
	}
	j, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	j.window.filled, j.window.full, j.window.half, j.window.covered = 1, true, true, true
	for i := range j.score.Features {
		j.score.Features[i].Brief = []byte("brief")
	}
	var out output
	f.stepSchema(m, j, true, &out)
	m.pace, err = f.newPace()
	if err != nil {
		t.Fatal(err)
	}
	f.stepQuality(m, j, &out)
	f.stepDrift(m, j, true, &out)
	kinds := map[string]bool{}
	for _, e := range eventsOf(t, &out) {
		kinds[e.Data.Kind+e.Data.Check] = true
		for _, s := range e.Data.Top {
			if s.Brief != nil {
				t.Errorf("%s: feature %s has a brief", e.Type, s.Name)
			}
		}
	}
	if !kinds["qualityschema"] || !kinds["quality"] {
		t.Errorf("events of %v, want of the values and the schema", kinds)
	}
}
