package sequential

import (
	"errors"
	"fmt"
	"math"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

// Settings of a calibration.
type Settings struct {
	Target   float64 // panes between two false alarms of the whole model; see TargetPanes
	PaneRows int     // records a pane, where no panes are given
	Cooldown uint32  // panes after an alarm that are not looked at
	Seed     uint64  // of all that is resampled
	// Alarms is how many false alarms a simulated figure rests on; its relative error
	// is about 1/√Alarms.
	Alarms     int
	Replicates int     // resampled references: the stored one is itself a sample
	Block      float64 // mean length of resampled blocks in panes; 0: from the autocorrelation
	Cycle      int     // panes of a season, which resampling then keeps; 0 or 1: none
	// Work bounds a simulation, in panes × paths; beyond it the threshold is
	// extrapolated. A thousand million take some seconds.
	Work float64
}

// DefaultSettings returns a calibration that is good to about 4 %.
func DefaultSettings() Settings {
	return Settings{PaneRows: 1, Alarms: 1000, Replicates: 40, Seed: 1, Work: 2e9}
}

// Validate returns all faults.
func (s Settings) Validate() error {
	var errs []error
	check := func(ok bool, key string, found any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s is %v, want %s", key, found, want))
		}
	}
	check(s.Target >= 2 && s.Target <= 1e12, "target", s.Target, "2 to 10¹² panes")
	check(s.PaneRows >= 1 && s.PaneRows <= 1<<24, "rows", s.PaneRows, "1 to 2²⁴")
	check(float64(s.Cooldown) < s.Target/2, "cooldown", s.Cooldown, "less than half the target")
	check(s.Alarms >= 20 && s.Alarms <= 1e6, "alarms", s.Alarms, "20 to 10⁶")
	check(s.Replicates >= 1 && s.Replicates <= 1e4, "replicates", s.Replicates, "1 to 10 000")
	check(s.Block == 0 || s.Block >= 1 && s.Block <= 1e9, "block", s.Block, "at least 1 pane, or 0")
	check(s.Cycle >= 0, "cycle", s.Cycle, "at least 0")
	check(s.Work >= 1e5, "work", s.Work, "at least 10⁵")
	return errors.Join(errs...)
}

// minThreshold is the least h, in nano-nats before scaling: a likelihood ratio of 20, the
// evidence of a single test at 5 %. Where panes are so large that no noise crosses the
// zone of indifference, simulation alone would put h anywhere.
const minThreshold = 3 * nano

// Evidence is what is known of how the reference's records hang together. At most one
// field counts: History before Blocks.
type Evidence struct {
	History *History         // panes of the reference in time order, as the stream cuts them
	Blocks  *sketches.Blocks // block sums of the reference, on its verdict bins
}

// Calibrate makes the plan of a model: its paths, and the threshold at which the
// whole of it, all features and paths together, with resets and cooldown, gives one
// false alarm in Settings.Target panes.
//
// With a history: panes are drawn by the stationary bootstrap, all features of a pane
// together, and the reference side is resampled as well, since an alarm against it also
// meets its error. With block sums: scores are divided by their design effect, and the
// law of independent records is used for what is left, which is on the safe side.
// With neither: records and features are drawn independently.
//
// The report holds target and achieved figure. Memory: 8 bytes per pane of the
// history and path. Time: see Settings.Work.
//
// Errors: all faults of s; sketches.ErrGridMismatch; ErrNoHistory for a history of
// fewer than 100 panes or ten cycles; sketches.ErrEmpty where no feature has a path.
func Calibrate(ref *sketches.Counts, ev Evidence, s Settings) (*Plan, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	c := calibration{ref: ref, s: s}
	if err := c.prepare(ev); err != nil {
		return nil, err
	}
	if err := c.fit(); err != nil {
		return nil, err
	}
	return c.plan, nil
}

type calibration struct {
	ref   *sketches.Counts
	s     Settings
	plan  *Plan
	sim   Plan // the plan as it is simulated
	make  world
	least int64 // least threshold
}

// minPanes is the shortest history that is resampled; cycles are asked for tenfold.
const minPanes = 100

func (c *calibration) prepare(ev Evidence) error {
	g := c.ref.Grid
	var paths []Path
	for i := range g.Features {
		paths = append(paths, pathsOf(&g.Features[i], i, &c.ref.Features[i])...)
	}
	c.plan = &Plan{Grid: g.ID(), Cooldown: c.s.Cooldown, Report: Report{
		Basis: AssumedIndependent, TargetPanes: c.s.Target, BlockPanes: 1, Replicates: uint32(c.s.Replicates), Seed: c.s.Seed,
	}}
	t, err := NewTables(paths, c.ref)
	if err != nil {
		return err
	}
	h := ev.History
	var kept []float64
	switch {
	case h != nil:
		if h.grid.ID() != g.ID() {
			return fmt.Errorf("%w: a history of %s for a reference of %s", sketches.ErrGridMismatch, h.grid.ID(), g.ID())
		}
		if cycle := max(c.s.Cycle, 1); h.panes < max(minPanes, 10*cycle) || cycle > 1 && h.panes/10 < cycle {
			return fmt.Errorf("%w: %d, want at least %d", ErrNoHistory, h.panes, max(minPanes, 10*cycle))
		}
		c.plan.Report.Basis, c.plan.Report.HistoryPanes = Resampled, uint64(h.panes)
		c.plan.Report.BlockPanes, kept = c.scaleByHistory(paths, t, h)
	case ev.Blocks != nil:
		if err := scaleByBlocks(paths, t, c.ref, ev.Blocks); err != nil {
			return err
		}
		c.plan.Report.Basis = BlockSums
	}
	var simulated []Path
	for i, p := range paths {
		if !p.affordable(c.ref) {
			c.plan.Report.Dropped++
			continue
		}
		c.plan.Paths = append(c.plan.Paths, p)
		switch c.plan.Report.Basis {
		case Resampled:
			p.Scale = int64(math.RoundToEven(kept[i] * float64(p.Scale)))
		case BlockSums:
			p.Scale = unscaled // what is drawn is independent
		case AssumedIndependent:
		}
		simulated = append(simulated, p)
	}
	if len(c.plan.Paths) == 0 {
		return fmt.Errorf("no feature has enough records for a path: %w", sketches.ErrEmpty)
	}
	c.sim = *c.plan
	c.sim.Paths = simulated
	c.least = minThreshold
	for _, p := range simulated {
		c.least = min(c.least, minThreshold*unscaled/p.Scale)
	}
	if h != nil {
		c.make = c.resample(h)
		return nil
	}
	c.make, err = c.redraw()
	return err
}

// affordable reports whether a path's zone of indifference spans the reference's own
// error, in the path's own terms: shift, log of the standard deviation, log odds.
func (p Path) affordable(ref *sketches.Counts) bool {
	fc := &ref.Features[p.Feature]
	n := float64(fc.Total()) * unscaled / float64(p.Scale)
	odds := func(share float64, of float64) float64 {
		share = min(max(share, rareShare), 1-rareShare)
		return math.Sqrt(1 / (of * share * (1 - share)))
	}
	switch p.Kind {
	case MeanUp, MeanDown:
		return p.Effect/2 >= certain/math.Sqrt(n)
	case Wider, Narrower:
		// E[score] = 0 at variance v = 2·ln σ/(1 − σ⁻²)
		v := 2 * math.Log(p.Effect) / (1 - 1/(p.Effect*p.Effect))
		return math.Abs(math.Log(v))/2 >= certain/math.Sqrt(2*n)
	case ShareUp, ShareDown:
		of, _ := ref.Grid.Features[p.Feature].VerdictBins(fc)
		in := uint64(0)
		for cell, k := range fc.Cells {
			if of[cell] == p.Bin {
				in += k
			}
		}
		return math.Log(p.Effect)/2 >= certain*odds(float64(in)/float64(max(fc.Total(), 1)), n)
	case NullUp, NullDown:
		all := float64(fc.Total() + fc.Null)
		return math.Log(p.Effect)/2 >= certain*odds(float64(fc.Null)/all, all*unscaled/float64(p.Scale))
	}
	return false
}

// redraw: references by the Poisson form of the bootstrap, streams from the shares.
func (c *calibration) redraw() (world, error) {
	columns := make([]sampler, len(c.ref.Features))
	used := c.used()
	for f := range columns {
		if used[f] > 0 {
			w := columnsOf(&c.ref.Features[f])
			if c.ref.Grid.Features[f].Kind == sketches.Numeric {
				w[0]++ // a new smallest or largest value will come: see newLaw
				w[len(w)-2]++
			}
			columns[f] = newSampler(w)
		}
	}
	pool, err := newPool(c.s.Seed, c.ref.Grid, columns, c.s.PaneRows)
	if err != nil {
		return nil, err
	}
	return func(replicate uint64) (nullStream, error) {
		ref := sketches.NewCounts(c.ref.Grid)
		d := generate.NewSequence(c.s.Seed^0x726566, replicate)
		for f := range ref.Features {
			// Records that depend are worth fewer: a count of a stands for a/scale.
			scale := float64(used[f]) / unscaled
			draw := func(a uint64) uint64 {
				return uint64(math.RoundToEven(scale * poisson(&d, float64(a)/scale)))
			}
			from, to := &c.ref.Features[f], &ref.Features[f]
			if used[f] == 0 {
				continue
			}
			for i, a := range from.Cells {
				to.Cells[i] = draw(a)
			}
			to.Null = draw(from.Null)
		}
		t, err := newTables(c.sim.Paths, ref, c.ref)
		if err != nil {
			return nil, err
		}
		return newIndependent(mixSeed(c.s.Seed, replicate), t, columns, c.s.PaneRows, pool), nil
	}, nil
}

// used returns, per feature, the largest scale of its paths; 0 for none.
func (c *calibration) used() []int64 {
	out := make([]int64, len(c.ref.Features))
	for _, p := range c.plan.Paths {
		out[p.Feature] = max(out[p.Feature], p.Scale)
	}
	return out
}

// resample: references and streams by the stationary bootstrap from a history.
func (c *calibration) resample(h *History) world {
	panes := h.panes
	if c.s.Cycle > 1 {
		panes -= panes % c.s.Cycle
	}
	jumps := jumper{panes: panes, cycle: c.s.Cycle, chance: 1 / c.plan.Report.BlockPanes}
	// As many panes as the reference is long: it may be another stretch of time.
	total, own := uint64(0), uint64(0)
	for f := range c.ref.Features {
		total += c.ref.Features[f].Total() + c.ref.Features[f].Null
		for i := range panes {
			own += h.rows(i, f, true)
		}
	}
	outer := c.outerValues(float64(own) / float64(panes))
	length := max(1, int(math.RoundToEven(float64(panes)*float64(total)/float64(max(own, 1)))))
	return func(replicate uint64) (nullStream, error) {
		ref := sketches.NewCounts(c.ref.Grid)
		d := generate.NewSequence(c.s.Seed^0x726566, replicate)
		j := jumps
		j.at = -1
		times := make([]uint32, panes)
		for range length {
			times[j.next(&d)]++
		}
		for i, k := range times {
			for range k {
				h.addTo(ref, i)
			}
		}
		t, err := newTables(c.sim.Paths, ref, c.ref)
		if err != nil {
			return nil, err
		}
		inc := h.increments(t)[:panes*t.paths]
		spread(inc, t.paths, max(c.s.Cycle, 1))
		return &blocks{seed: mixSeed(c.s.Seed, replicate), inc: inc, tables: t, jumps: jumps, outer: outer, one: make([]int64, t.paths)}, nil
	}
}

// spread widens what a resampled pane differs from the mean of its place in the cycle by
// √(k/(k−1)), k the cycles. What is drawn from k values has (k−1)/k of the variance of
// what they were drawn from, and ln ARL0 is about linear in that variance: with thirteen
// weeks of hours it would be promised a third too long a time.
func spread(inc []int64, paths, cycle int) {
	k := len(inc) / paths / cycle
	if k < 2 {
		return
	}
	by := math.Sqrt(float64(k) / float64(k-1))
	step := cycle * paths
	for first := range step {
		sum := 0.0
		for i := first; i < len(inc); i += step {
			sum += float64(inc[i])
		}
		mean := sum / float64(k)
		for i := first; i < len(inc); i += step {
			inc[i] = int64(math.RoundToEven(mean + float64(by*(float64(inc[i])-mean))))
		}
	}
}

// outerValues returns, per feature, the chance that a pane brings a value below all of
// the reference's, or above: rows/(n + 1) each. A resampled history never brings one.
func (c *calibration) outerValues(rows float64) []float64 {
	out := make([]float64, len(c.ref.Features))
	used := c.used()
	for f := range out {
		if fc := &c.ref.Features[f]; used[f] > 0 && c.ref.Grid.Features[f].Kind == sketches.Numeric {
			per := rows / float64(len(out)) // features have about as many values as each other
			out[f] = min(0.25, per/float64(fc.Total()+1))
		}
	}
	return out
}

// mixSeed gives each replicate streams of its own.
func mixSeed(seed, replicate uint64) uint64 {
	s := generate.NewSequence(seed^0x73747265616d, replicate)
	return math.Float64bits(s.Uniform())
}

// poisson draws a Poisson number: by inversion up to a mean of 40, above by the normal
// law, whose error does not matter for a resampled count of this size.
func poisson(d *generate.Sequence, mean float64) float64 {
	if mean > 40 {
		return max(0, math.RoundToEven(mean+float64(math.Sqrt(mean)*d.Normal())))
	}
	u, p := d.Uniform(), math.Exp(-mean)
	k := 0.0
	for cum := p; u > cum && k < 400; cum += p {
		k++
		p *= mean / k
	}
	return k
}
