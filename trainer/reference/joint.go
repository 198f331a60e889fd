package reference

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/wire"
)

// Joint asks for a part on all features together; the zero value asks for none.
type Joint struct {
	Alarms float64 `json:"alarms"` // false alarms per month and length of window; 0: no part
	// MaxRate is up to how many rows a second of the reference there is a part, as rows cost
	// more to count with it; 0: any.
	MaxRate float64 `json:"max_rate,omitempty"`
	// PaneMS and SlotMS are by how much short and long windows slide.
	PaneMS int64 `json:"pane_ms,omitempty"`
	SlotMS int64 `json:"slot_ms,omitempty"`
}

func (j Joint) hop(windowMS int64) int64 {
	return wire.Layout{PaneMS: j.PaneMS, SlotPanes: j.SlotMS / max(1, j.PaneMS)}.Hop(windowMS)
}

// What a calibration may cost.
const (
	jointSample = 500 // stored rows, for the width of the kernel and attributions
	jointSeed   = 1
	// jointPaneBytes bounds the sums of panes that are resampled: the newest of them.
	jointPaneBytes = 64 << 20
	// jointAlarms is how many resampled false alarms a limit should rest on, jointWork bounds
	// what the runs of one law look at for them: tests times sums that a test reads.
	jointAlarms     = 50
	jointWork       = 4e8
	jointMinRuns    = 400
	minJointRows    = 30 // as multivariate.NewReference has it
	jointReferences = 50
	jointWindows    = 4 // of the reference, that a law needs at least
)

// together builds the part on a grid: its embedding, where none is kept, sums of all rows
// and a law per length of window. why says why there is none.
func (s Spec) together(counts *sketches.Counts, rows []Row) (part *wire.Joint, why string, err error) {
	g := counts.Grid
	if s.Joint.Alarms <= 0 || s.Joint.PaneMS <= 0 {
		return nil, "not asked for", nil
	}
	if rate := s.rate(rows); s.KeepJoint == nil && s.Joint.MaxRate > 0 && rate > s.Joint.MaxRate {
		return nil, fmt.Sprintf("the reference has %.0f rows a second, above %.0f; policy.joint: score asks for it all the same", rate, s.Joint.MaxRate), nil
	}
	e := s.KeepJoint
	if e == nil || e.Grid != g.ID() {
		if e, err = s.embedding(counts, rows); errors.Is(err, sketches.ErrBadGrid) || errors.Is(err, sketches.ErrEmpty) {
			return nil, err.Error(), nil
		} else if err != nil {
			return nil, "", err
		}
	}
	a := newAddition(g, e)
	part = &wire.Joint{Sums: a.sums(rows)}
	if part.Sums.Rows < minJointRows {
		return nil, fmt.Sprintf("the reference has %d rows, needed at least %d", part.Sums.Rows, minJointRows), nil
	}
	if _, err := multivariate.NewReference(part.Sums); err != nil {
		return nil, "", fmt.Errorf("joint part of model %q: %w", s.Model, err)
	}
	for _, window := range s.WindowsMS {
		l, err := s.jointLaw(a, rows, window)
		if err != nil {
			return nil, "", fmt.Errorf("joint law of model %q for windows of %d ms: %w", s.Model, window, err)
		}
		part.Laws = append(part.Laws, l)
	}
	slices.SortFunc(part.Laws, func(a, b wire.JointLaw) int { return cmp.Compare(a.WindowMS, b.WindowMS) })
	return part, "", nil
}

// rate is the rows a second of a reference in order of time; 0 where that is unknown.
func (s Spec) rate(rows []Row) float64 {
	if !s.Ordered || len(rows) < 2 {
		return 0
	}
	return float64(len(rows)) * 1000 / float64(max(1, rows[len(rows)-1].TimeMS-rows[0].TimeMS))
}

// embedding freezes one from the reference, with rows evenly spread over it as sample.
func (s Spec) embedding(counts *sketches.Counts, rows []Row) (*joint.Embedding, error) {
	g := counts.Grid
	sample := make([][]uint16, len(g.Features))
	n := min(jointSample, len(rows))
	for k := range n {
		for i := range sample {
			sample[i] = append(sample[i], g.Features[i].Code(rows[k*len(rows)/n].Values[i]))
		}
	}
	return joint.Build(joint.Config{Reference: counts, Sample: sample, Seed: joint.Seed(s.Model, g.ID())})
}

// jointLaw calibrates the law for one length of window on the rows cut at whole alarm
// hops, in order of time; or where a window is no multiple of them, at what it slides by.
func (s Spec) jointLaw(a *addition, rows []Row, window int64) (wire.JointLaw, error) {
	hop := s.Joint.hop(window)
	step := drift.DefaultAlarm(window, hop).HopMS
	if window%step != 0 {
		step = hop
	}
	l := wire.JointLaw{WindowMS: window, StepMS: step}
	scale := int(window / step)
	if !s.Ordered || len(rows) == 0 {
		l.Why = "law not calibrated: the reference's rows have no order in time"
		return l, nil
	}
	width, _, _, _ := a.tally.Embedding().Width()
	most := max(jointWindows*scale, jointPaneBytes/(16*width))
	panes := a.panes(rows, step, most)
	if len(panes) < jointWindows*scale {
		l.Why = fmt.Sprintf("law not calibrated: the reference holds %d whole steps of %s, fewer than %d, which are %d windows", len(panes), words(step), jointWindows*scale, jointWindows)
		return l, nil
	}
	// The error of one test, within the bounds that the alert budget has for features.
	target := 1 / drift.BudgetAlpha(s.Joint.Alarms, 1, 1, 1, step)
	perRun := float64(4 * scale) // tests: the first windows and three more
	runs := max(jointMinRuns, min(jointAlarms*target/perRun, jointWork/(perRun*float64(width))))
	law, err := multivariate.Calibrate(multivariate.Calibration{
		Panes: panes, Scales: []int{scale}, Targets: []float64{target}, Runs: int(runs),
		References: jointReferences, Block: math.Ceil(math.Cbrt(float64(len(panes)))), Seed: jointSeed,
	})
	if errors.Is(err, multivariate.ErrTooFew) {
		l.Why = "law not calibrated: " + err.Error()
		return l, nil
	}
	l.Law = law
	return l, err
}

// addition adds rows up over all features together.
type addition struct {
	grid  *sketches.Grid
	adder *joint.Adder
	tally *joint.Tally
	block *sketches.Codes
}

// additionRows is how many rows an adder takes at a time.
const additionRows = 64

func newAddition(g *sketches.Grid, e *joint.Embedding) *addition {
	return &addition{grid: g, adder: joint.NewAdder(), tally: joint.NewTally(e), block: sketches.NewCodes(g, additionRows)}
}

func (a *addition) sums(rows []Row) *joint.Sums {
	a.tally.Reset()
	for len(rows) > 0 {
		n := min(additionRows, len(rows))
		for i := range a.grid.Features {
			f := &a.grid.Features[i]
			for r, row := range rows[:n] {
				a.block.Columns[i][r] = f.Code(row.Values[i])
			}
		}
		a.block.Rows = n
		a.adder.Add(a.tally, a.block)
		rows = rows[n:]
	}
	return a.tally.Sums()
}

// panes cuts rows at whole steps, empty ones too, and returns the newest of them, at most
// as many as said.
func (a *addition) panes(rows []Row, step int64, most int) (out []*joint.Sums) {
	first, last := ceilDiv(rows[0].TimeMS, step), floorDiv(rows[len(rows)-1].TimeMS+1, step)
	first = max(first, last-int64(most))
	i := 0
	for b := first; b < last; b++ {
		for i < len(rows) && rows[i].TimeMS < b*step {
			i++
		}
		start := i
		for i < len(rows) && rows[i].TimeMS < (b+1)*step {
			i++
		}
		out = append(out, a.sums(rows[start:i]))
	}
	return out
}
