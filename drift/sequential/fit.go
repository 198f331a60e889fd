package sequential

import "math"

// rounds is how often a threshold is corrected after it was tried on new streams.
const rounds = 3

// fit finds the threshold: once from run lengths for every h at a time, then by runs
// of the whole pipeline, whose figures go into the report.
func (c *calibration) fit() error {
	r := c.s.Replicates
	runs := max(1, (c.s.Alarms+r-1)/r) // per replicate
	paths := float64(len(c.plan.Paths))
	// A run is followed for up to twice the target, so that most of them alarm.
	reach := int(min(2*c.s.Target, max(50, c.s.Work/(paths*float64(runs*r)))))
	ladders, err := c.ladders(runs, reach)
	if err != nil {
		return err
	}
	target := c.s.Target - float64(c.s.Cooldown)
	far := float64(reach) / 2
	h := thresholdFor(ladders, float64(reach), min(far, target))
	near := thresholdFor(ladders, float64(reach), min(far, target)/4)
	slope := math.Log(4) / max(float64(h-near), 1) // of ln ARL0 over h
	if far < target {
		c.plan.Report.Extrapolated = true
		h += int64(math.Log(target/far) / slope)
	}
	c.set(h)

	panes := int(min(float64(c.s.Alarms)*c.s.Target, c.s.Work/paths)) / r
	for round := 1; ; round++ {
		if err := c.try(uint64(round*r), max(1, panes)); err != nil {
			return err
		}
		rep := &c.plan.Report
		_, low, high := rep.Achieved()
		if rep.Extrapolated || round == rounds || low <= c.s.Target && c.s.Target <= high || c.plan.Threshold == c.least && high > c.s.Target {
			return nil
		}
		found := float64(rep.Simulated) / max(float64(rep.Alarms), 0.5)
		c.set(c.plan.Threshold + int64(math.Log(c.s.Target/found)/slope))
	}
}

func (c *calibration) set(h int64) {
	c.plan.Threshold = min(max(h, c.least), limit)
	c.sim.Threshold = c.plan.Threshold
}

// ladders follows runs from zero in every replicate.
func (c *calibration) ladders(runs, reach int) ([][]rung, error) {
	var out [][]rung
	sums := make([]int64, len(c.sim.Paths))
	for r := range uint64(c.s.Replicates) {
		s, err := c.make(r)
		if err != nil {
			return nil, err
		}
		for i := range runs {
			s.begin(uint64(i))
			out = append(out, runLengths(&c.sim, s, sums, reach))
		}
	}
	return out, nil
}

// try runs the pipeline on replicates not used before and puts the figures into the
// report.
func (c *calibration) try(first uint64, panes int) error {
	c.plan.Report.Alarms, c.plan.Report.Simulated = 0, 0
	for r := range uint64(c.s.Replicates) {
		s, err := c.make(first + r)
		if err != nil {
			return err
		}
		s.begin(1 << 32)
		c.plan.Report.Alarms += rate(&c.sim, s, panes)
		c.plan.Report.Simulated += uint64(panes)
	}
	return nil
}
