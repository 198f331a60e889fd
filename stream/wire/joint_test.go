package wire

import (
	"errors"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// otherEmbedding is one of the sample's grid with other frequencies.
func otherEmbedding(t testing.TB) *joint.Embedding {
	t.Helper()
	e := sampleEmbedding(t)
	again, err := joint.Build(joint.Config{Reference: sampleCounts(t, 200), Sample: e.Sample, Waves: 4, Seed: 10})
	must(t, err)
	return again
}

func viewOf(t testing.TB, grids ...GridControl) *View {
	t.Helper()
	v := NewSharedView(CollectSide, NewGrids())
	for i, g := range grids {
		c := Control{Kind: "grid", ID: "fraud", Seq: int64(i), Value: g.Encode()}
		if _, ok := v.Add(int64(10+i), []byte(c.Key()), c.Value); !ok {
			t.Fatal(v.Problems)
		}
	}
	return v
}

// A grid gets its embedding with its first record or a later one, and keeps the first.
func TestView_AGridHasOneEmbedding(t *testing.T) {
	t.Parallel()
	g, e, other := sampleGrid(t), sampleEmbedding(t), otherEmbedding(t)
	bare := GridControl{Model: "fraud", FromPane: 5, Grid: g}
	with := func(from int64, e *joint.Embedding) GridControl {
		return GridControl{Model: "fraud", FromPane: from, Grid: g, Joint: e}
	}
	for _, c := range []struct {
		name  string
		grids []GridControl
		from  int64 // pane from which e counts
		since int64 // control that claims for that pane need
	}{
		{"from its first record", []GridControl{with(5, e)}, 5, 11},
		{"from a later one", []GridControl{bare, with(9, e)}, 9, 12},
		{"another one is too late", []GridControl{bare, with(9, e), with(9, other), with(20, other)}, 9, 12},
		{"put in force from an earlier pane later on", []GridControl{with(9, e), with(5, e)}, 5, 12},
		{"a record without one takes nothing away", []GridControl{with(5, e), {Model: "fraud", FromPane: 7, Grid: g}}, 5, 11},
	} {
		v := viewOf(t, c.grids...)
		for pane := int64(5); pane < 30; pane++ {
			gs := v.Grids("fraud", pane)
			if len(gs) != 1 {
				t.Fatalf("%s: %d grids in pane %d, want one", c.name, len(gs), pane)
			}
			got := gs[0].JointIn(pane)
			if (got != nil) != (pane >= c.from) || got != nil && got.ID() != e.ID() {
				t.Errorf("%s: embedding %v in pane %d, want one from %d on", c.name, got != nil, pane, c.from)
			}
		}
		if got := v.CollectSince(c.from); got != c.since {
			t.Errorf("%s: claims for pane %d need control up to %d, want %d", c.name, c.from, got, c.since)
		}
	}
}

// What does not fit its grid or window is refused, not counted on.
func TestJoint_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	x, err := sketches.NewNumeric("x", []float64{1, 2, 3})
	must(t, err)
	stranger, err := sketches.NewGrid([]sketches.FeatureGrid{x})
	must(t, err)
	if _, err := DecodeGridControl(GridControl{Model: "fraud", Grid: stranger, Joint: sampleEmbedding(t)}.Encode()); !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("a grid with the embedding of another: %v", err)
	}
	find := func(string, sketches.ID) (*sketches.Grid, bool) { return sampleGrid(t), true }
	for name, change := range map[string]func(j *Joint){
		"a law for more steps than the window has": func(j *Joint) { j.Laws[1].StepMS *= 2 },
		"a window shorter than its step":           func(j *Joint) { j.Laws[0].StepMS = 70_000 },
		"two laws for one window":                  func(j *Joint) { j.Laws = append(j.Laws, j.Laws[1]) },
	} {
		r := sampleJoint(t)
		change(r.Joint)
		if _, err := DecodeReference(r.Encode(), find); !errors.Is(err, sketches.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, err := DecodePartial(sketches.Frame(KindPartial, jointSchema, append(partialBody(t, Partial{}), 0))); !errors.Is(err, sketches.ErrCorrupt) {
		t.Errorf("a partial of the second schema without joint sums: %+v, %v", p, err)
	}
}

func partialBody(t testing.TB, p Partial) []byte {
	t.Helper()
	_, _, body, err := sketches.Unframe(p.Encode())
	must(t, err)
	return body
}
