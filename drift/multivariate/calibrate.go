package multivariate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// Defaults of Calibration.
const (
	DefaultRuns = 4000
	// DefaultReferences is how many resampled references the runs share.
	DefaultReferences = 100
	// lawRuns is how many windows per scale fit the law of its paths.
	lawRuns = 4000
	// tail: a run goes on for this many times the longest window after the first tests.
	tail = 3
)

// DefaultStatistics are the paths of the alarm at every scale. Correlations are left
// out where a window of that many panes has too few rows for them.
var DefaultStatistics = []Statistic{StatDistance, StatLocation, StatSpread, StatCorrelation, StatPair}

// Calibration says how the law of a set of paths is found.
type Calibration struct {
	Panes      []*joint.Sums // of the reference, in time order
	Scales     []int         // lengths of windows in panes, such as 4, 8, 16, 25
	Statistics []Statistic   // nil: DefaultStatistics
	Targets    []float64     // mean numbers of tests up to a false alarm, each ≥ 2
	Runs       int           // resampled runs; 0: DefaultRuns
	References int           // resampled references; 0: DefaultReferences
	Block      float64       // mean length of a block in panes; 0: 1, which is for independent panes
	Seed       uint64

	fixedReference bool // a mutant for tests: the reference is taken for the truth
}

// Streams of the generator.
const (
	streamReference = 1
	streamLaw       = 2
	streamRun       = 3
)

// Calibrate learns the law of the paths without drift and the limits of their largest
// score. Panes are resampled in blocks of geometric length, wrapping round (stationary
// bootstrap, Politis and Romano 1994†): once for the reference side and anew for the
// windows, since the reference is an estimate as well. Paths are fitted first, each by
// itself; the limits are then found for the maximum, from runs of their own.
//
// Cost: Runs · (first tests + 3 windows) steps of a monitor.
//
// Errors: ErrTooFew for fewer panes than four of the longest windows or fewer than 30 rows;
// sketches.ErrGridMismatch for panes of two embeddings; one for each wrong setting.
func Calibrate(c Calibration) (*Law, error) {
	c.Runs, c.References = cmp.Or(c.Runs, DefaultRuns), cmp.Or(c.References, DefaultReferences)
	c.Block = cmp.Or(c.Block, 1)
	if c.Statistics == nil {
		c.Statistics = DefaultStatistics
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	law := &Law{Runs: c.Runs, Block: c.Block, Seed: c.Seed, Rows: c.meanRows()}
	law.Paths = c.paths(law.Rows)
	if len(law.Paths) == 0 {
		return nil, fmt.Errorf("windows of %d panes with %g rows each: %w", c.longest(), law.Rows, ErrTooFew)
	}
	refs, err := c.references()
	if err != nil {
		return nil, err
	}
	c.fit(law, refs)
	scores := c.run(law, refs)
	first := c.longest()
	for _, target := range c.Targets {
		law.Limits = append(law.Limits, NewLimits(scores, first, target))
	}
	return law, nil
}

func (c *Calibration) validate() error {
	var errs []error
	if len(c.Panes) == 0 || len(c.Scales) == 0 || len(c.Targets) == 0 {
		return errors.New("calibration needs panes, scales and targets")
	}
	for i, s := range c.Scales {
		if s < 1 || i > 0 && s <= c.Scales[i-1] {
			errs = append(errs, fmt.Errorf("scale %d is %d panes: want ascending lengths of at least 1", i, s))
		}
	}
	for _, s := range c.Statistics {
		if s >= statistics {
			errs = append(errs, fmt.Errorf("no statistic %d", s))
		}
	}
	for _, t := range c.Targets {
		if !(t >= 2) {
			errs = append(errs, fmt.Errorf("target of %g tests, want at least 2", t))
		}
	}
	if c.Runs < 100 || c.References < 1 || !(c.Block >= 1) {
		errs = append(errs, fmt.Errorf("%d runs, %d references, blocks of %g panes: want at least 100, 1 and 1", c.Runs, c.References, c.Block))
	}
	for _, p := range c.Panes {
		if p.Embedding.ID() != c.Panes[0].Embedding.ID() {
			errs = append(errs, fmt.Errorf("%w: embeddings %s and %s", sketches.ErrGridMismatch, p.Embedding.ID(), c.Panes[0].Embedding.ID()))
			break
		}
	}
	if n := 4 * c.longest(); len(c.Panes) < n {
		errs = append(errs, fmt.Errorf("%d panes for windows of %d, want at least %d: %w", len(c.Panes), c.longest(), n, ErrTooFew))
	}
	return errors.Join(errs...)
}

func (c *Calibration) longest() int { return c.Scales[len(c.Scales)-1] }

func (c *Calibration) meanRows() (rows float64) {
	for _, p := range c.Panes {
		rows += float64(p.Rows)
	}
	return rows / float64(len(c.Panes))
}

// paths lists those whose windows have rows enough for the statistic on average.
func (c *Calibration) paths(rows float64) (out []PathLaw) {
	for _, panes := range c.Scales {
		least := map[Statistic]float64{StatCorrelation: correlated, StatPair: correlated}
		for stat := range statistics {
			if slices.Contains(c.Statistics, stat) && rows*float64(panes) >= max(2, least[stat]) {
				out = append(out, PathLaw{Path: Path{Statistic: stat, Panes: panes}})
			}
		}
	}
	return out
}

// blocks walks through the reference's panes at random, block by block.
type blocks struct {
	seed, i uint64
	panes   int
	stay    float64 // chance to go on with the next pane
	at      int
}

func (c *Calibration) walk(stream, run uint64) *blocks {
	return &blocks{seed: joint.Bits(c.Seed, stream, run), panes: len(c.Panes), stay: 1 - 1/c.Block}
}

func (b *blocks) next() int {
	if b.i > 0 && b.stay > 0 && joint.Uniform(b.seed, 0, b.i) < b.stay {
		b.at = (b.at + 1) % b.panes
	} else {
		b.at = int(joint.Uniform(b.seed, 1, b.i) * float64(b.panes))
	}
	b.i++
	return b.at
}

// references resamples the reference.
func (c *Calibration) references() ([]*Reference, error) {
	refs := make([]*Reference, c.References)
	for r := range refs {
		walk := c.walk(streamReference, uint64(r))
		sums := joint.NewSums(c.Panes[0].Embedding)
		for i := range c.Panes {
			at := walk.next()
			if c.fixedReference {
				at = i
			}
			if err := sums.Merge(c.Panes[at]); err != nil {
				return nil, err
			}
		}
		ref, err := NewReference(sums)
		if err != nil {
			return nil, err
		}
		refs[r] = ref
	}
	return refs, nil
}

// fit finds the law of each path.
func (c *Calibration) fit(law *Law, refs []*Reference) {
	m := newMonitor(refs[0], law.Paths)
	values := make([][]float64, len(law.Paths))
	for run := range lawRuns {
		walk := c.walk(streamLaw, uint64(run))
		m.Reset()
		for range c.longest() {
			m.add(c.Panes[walk.next()])
		}
		m.measure(refs[run%len(refs)])
		for i, x := range m.values {
			values[i] = append(values[i], x)
		}
	}
	for i := range law.Paths {
		law.Paths[i].fit(values[i])
	}
}

// run returns the largest score by run and test.
func (c *Calibration) run(law *Law, refs []*Reference) [][]float32 {
	tests := (1 + tail) * c.longest()
	scores := make([][]float32, c.Runs)
	all := make([]float32, c.Runs*tests)
	m := NewMonitor(refs[0], law)
	for r := range scores {
		scores[r], all = all[:0:tests], all[tests:]
		walk := c.walk(streamRun, uint64(r))
		m.ref = refs[r%len(refs)]
		m.Reset()
		for len(scores[r]) < tests {
			s, full := m.step(c.Panes[walk.next()])
			if full { // thin windows, too: every run has as many tests
				scores[r] = append(scores[r], float32(max(s.Score, -math.MaxFloat32)))
			}
		}
	}
	return scores
}
