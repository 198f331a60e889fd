package sequential

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

// naive is the definition of Step, from all increments so far: it keeps no state.
func naive(p *Plan, incs [][]int64) []Alarm {
	var alarms []Alarm
	start := 0
	for t := 0; t < len(incs); t++ {
		if len(alarms) > 0 && t < start {
			continue
		}
		best, at, since := int64(math.MinInt64), -1, 0
		for i := range p.Paths {
			// the largest sum over runs of panes that end here
			sum, top, from := int64(0), int64(0), t+1
			for k := t; k >= start; k-- {
				sum += incs[k][i]
				if sum > top {
					top, from = sum, k
				}
			}
			if x := top - p.Paths[i].Handicap; top > 0 && x > best {
				best, at, since = x, i, from
			}
		}
		if at >= 0 && best >= p.Threshold {
			alarms = append(alarms, Alarm{Pane: uint64(t), Path: at, Sum: best + p.Paths[at].Handicap, Since: uint64(since)})
			start = t + 1 + int(p.Cooldown)
		}
	}
	return alarms
}

func randomIncrements(d *generate.Sequence, panes, paths int) [][]int64 {
	out := make([][]int64, panes)
	for t := range out {
		out[t] = make([]int64, paths)
		for i := range out[t] {
			out[t][i] = int64((d.Normal() - 0.2) * nano)
		}
	}
	return out
}

func TestStepIsTheDefinition(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 500)
	for _, cooldown := range []uint32{0, 7} {
		p, _ := testPlan(t, ref, 9, cooldown)
		d := generate.NewSequence(2, uint64(cooldown))
		incs := randomIncrements(&d, 300, len(p.Paths))
		st := p.NewState()
		var got []Alarm
		for _, inc := range incs {
			if a, ok := p.Step(&st, inc); ok {
				got = append(got, a)
			}
		}
		want := naive(p, incs)
		if len(want) < 5 {
			t.Fatalf("only %d alarms to compare", len(want))
		}
		if !slices.Equal(got, want) {
			t.Errorf("cooldown %d: alarms %v, want %v", cooldown, got, want)
		}
		if st.Alarms != uint64(len(want)) || st.Panes != 300 {
			t.Errorf("state says %d alarms in %d panes", st.Alarms, st.Panes)
		}
	}
}

// Q3: a pane that is counted again gives the state that it would have given at first,
// and the same bytes.
func TestRestatedPanesAreAsIfSeenSo(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 500)
	p, _ := testPlan(t, ref, 9, 3)
	d := generate.NewSequence(4, 1)
	for round := range 30 {
		panes, depth := 1+d.Below(40), d.Below(12)
		incs := randomIncrements(&d, panes, len(p.Paths))
		tr := NewTrack(p, depth)
		for _, inc := range incs {
			tr.Push(inc)
		}
		if want := uint64(max(0, panes-depth)); tr.Oldest() != want {
			t.Fatalf("%d panes, depth %d: oldest %d, want %d", panes, depth, tr.Oldest(), want)
		}
		if depth == 0 {
			if _, err := tr.Restate(0, incs[0]); !errors.Is(err, ErrTooOld) {
				t.Fatalf("restated what is not kept: %v", err)
			}
			continue
		}
		which := int(tr.Oldest()) + d.Below(panes-int(tr.Oldest()))
		incs[which] = randomIncrements(&d, 1, len(p.Paths))[0]
		got, err := tr.Restate(uint64(which), incs[which])
		if err != nil {
			t.Fatal(err)
		}
		fresh := NewTrack(p, depth)
		var want []Alarm
		for i, inc := range incs {
			if a, ok := fresh.Push(inc); ok && i >= which {
				want = append(want, a)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("round %d: alarms %v, want %v", round, got, want)
		}
		if !slices.Equal(tr.Encode(), fresh.Encode()) || !slices.Equal(tr.State().Sums, fresh.State().Sums) {
			t.Errorf("round %d: state differs from one that saw the pane so at first", round)
		}
		if _, err := tr.Restate(uint64(panes), incs[0]); !errors.Is(err, ErrBadState) {
			t.Errorf("restated a pane to come: %v", err)
		}
	}
}

func TestDriftIsFoundAndNamed(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 5000)
	p, tables := testPlan(t, ref, 12, 0)
	tests := []struct {
		name    string
		feature int
		kinds   []Kind
		row     func(d *generate.Sequence) [4]sketches.Value
	}{
		{"mean", 0, []Kind{MeanUp}, func(d *generate.Sequence) [4]sketches.Value {
			return [4]sketches.Value{sketches.Number(math.Exp(d.Normal() + 0.7)), sketches.Null(), sketches.Null(), sketches.Number(5)}
		}},
		{"a constant that changes", 3, []Kind{MeanUp, Wider}, func(*generate.Sequence) [4]sketches.Value {
			return [4]sketches.Value{sketches.Null(), sketches.Null(), sketches.Null(), sketches.Number(7)}
		}},
		{"categories swapped", 2, []Kind{ShareUp, ShareDown}, func(d *generate.Sequence) [4]sketches.Value {
			return [4]sketches.Value{sketches.Null(), sketches.Null(), sketches.String([]string{"blue", "green", "green", "red", "red", "red", "red"}[d.Below(7)]), sketches.Null()}
		}},
	}
	for _, tt := range tests {
		d := generate.NewSequence(9, 1)
		st := p.NewState()
		inc := make([]int64, len(p.Paths))
		found := false
		for pane := 0; pane < 100 && !found; pane++ {
			c := sketches.NewCounts(ref.Grid)
			for range 5 {
				for i, v := range tt.row(&d) {
					if v == sketches.Null() {
						continue // nothing is counted: missing values are not the matter here
					}
					c.Add(i, v)
				}
			}
			if err := tables.Pane(inc, c); err != nil {
				t.Fatal(err)
			}
			a, ok := p.Step(&st, inc)
			if !ok {
				continue
			}
			found = true
			q := p.Paths[a.Path]
			if q.Feature != tt.feature || !slices.Contains(tt.kinds, q.Kind) {
				t.Errorf("%s: alarm of feature %d, %s, want %d, one of %v", tt.name, q.Feature, q.Label(&ref.Grid.Features[q.Feature], &ref.Features[q.Feature]), tt.feature, tt.kinds)
			}
			if a.Since > a.Pane {
				t.Errorf("%s: began at %d, found at %d", tt.name, a.Since, a.Pane)
			}
		}
		if !found {
			t.Errorf("%s: no alarm in 500 records", tt.name)
		}
	}
}

// Q5.
func TestThePathOfAPaneDoesNotAllocate(t *testing.T) {
	ref := mixedReference(t, 1000)
	p, tables := testPlan(t, ref, 8, 0)
	d := generate.NewSequence(1, 1)
	pane := randomPane(ref.Grid, &d, 100, 1)
	tr := NewTrack(p, 4)
	inc := make([]int64, len(p.Paths))
	cells := []int{3, Missing, 1, Beside}
	if n := testing.AllocsPerRun(100, func() {
		if err := tables.Pane(inc, pane); err != nil {
			t.Error(err)
		}
		tr.Push(inc)
		tables.Row(inc, cells)
		tr.Push(inc)
	}); n != 0 {
		t.Errorf("%g allocations a pane", n)
	}
}

func TestLevelNamesTheNearestPath(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 500)
	p, _ := testPlan(t, ref, 10, 0)
	st := p.NewState()
	inc := make([]int64, len(p.Paths))
	inc[1] = 5 * nano
	p.Step(&st, inc)
	ppm, path := p.Level(&st, 0)
	if want := int64(5e6 / (10 + float64(p.Paths[1].Handicap)/nano)); path != 1 || ppm < want-1 || ppm > want+1 {
		t.Errorf("level %d of path %d, want %d of path 1", ppm, path, want)
	}
	if _, path := p.Level(&st, 99); path != -1 {
		t.Errorf("a feature without paths has path %d", path)
	}
}
