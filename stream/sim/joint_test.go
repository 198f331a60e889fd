package sim

import (
	"strings"
	"sync"
	"testing"

	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/wire"
)

// embedding looks at both features of the test grid together; it is small, so that
// thousands of runs stay cheap.
var embedding = sync.OnceValues(func() (*joint.Embedding, *sketches.Codes) {
	g, err := newTestGrid()
	if err != nil {
		panic(err)
	}
	c, codes := sketches.NewCounts(g), sketches.NewCodes(g, 400)
	for i := range 400 {
		x, s := sketches.Number(float64(i%20)), sketches.String("aaaaabbbbc"[i%10:][:1])
		c.AddRow()
		c.Add(0, x)
		c.Add(1, s)
		codes.Columns[0][i], codes.Columns[1][i] = g.Features[0].Code(x), g.Features[1].Code(s)
	}
	codes.Rows = 400
	e, err := joint.Build(joint.Config{Reference: c, Sample: codes.Columns, Waves: 8, Seed: 1})
	if err != nil {
		panic(err)
	}
	return e, codes
})

// sumsOf adds rows [from, to) of the reference up.
func sumsOf(e *joint.Embedding, c *sketches.Codes, from, to int) *joint.Sums {
	a, t := joint.NewAdder(), joint.NewTally(e)
	for ; from < to; from++ {
		one := &sketches.Codes{Rows: 1}
		for _, column := range c.Columns {
			one.Columns = append(one.Columns, column[from:from+1])
		}
		a.Add(t, one)
	}
	return t.Sums()
}

// jointPart has laws for both windows with a false alarm in about ten tests, learnt from
// panes of four rows, so that alarms come and go in every run.
var jointPart = sync.OnceValue(func() *wire.Joint {
	e, c := embedding()
	part := &wire.Joint{Sums: sumsOf(e, c, 0, c.Rows)}
	var panes []*joint.Sums
	for i := 0; i < c.Rows; i += 4 {
		panes = append(panes, sumsOf(e, c, i, i+4))
	}
	for _, w := range planLayout().WindowsMS {
		law, err := multivariate.Calibrate(multivariate.Calibration{
			Panes: panes, Scales: []int{int(w / 60_000)}, Targets: []float64{10}, Runs: 100, References: 5, Seed: 1,
		})
		if err != nil {
			panic(err)
		}
		part.Laws = append(part.Laws, wire.JointLaw{WindowMS: w, StepMS: 60_000, Law: law})
	}
	return part
})

// TestFault_JointVerdictsAreCompared makes sure that what kills are compared by holds
// verdicts on all features together, of both kinds, and alarms on them.
func TestFault_JointVerdictsAreCompared(t *testing.T) {
	t.Parallel()
	verdicts, events := map[string]int{}, 0
	for seed := range 10 {
		_, lines := prepared(t, seed)
		for _, l := range lines {
			if l.Kind != "score" {
				if strings.HasPrefix(l.Kind, "dev.driftline.joint.") {
					events++
				}
				continue
			}
			s, err := wire.DecodeScore(l.Value)
			must(t, err)
			if s.Joint != nil {
				verdicts[s.Joint.Verdict]++
			}
		}
	}
	t.Logf("%v, %d drift events", verdicts, events)
	if verdicts["stable"] == 0 || verdicts["drifted"] == 0 || verdicts["insufficient"] == 0 || events == 0 {
		t.Error("want verdicts of every kind and drift events")
	}
}

// TestP2_JointVerdictsAreAmongTheBytes makes sure that what partitions are compared by
// holds them: sums are integers, so that they are equal to the byte.
func TestP2_JointVerdictsAreAmongTheBytes(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 2, 7, 64} {
		judged := 0
		for _, l := range spread(t, 1, partitions, false) {
			if v := string(l.Value); strings.Contains(v, `"joint":{"verdict":"stable"`) || strings.Contains(v, `"joint":{"verdict":"drifted"`) {
				judged++
			}
		}
		if judged == 0 {
			t.Errorf("%d partitions: no window was judged in all features together", partitions)
		}
	}
}
