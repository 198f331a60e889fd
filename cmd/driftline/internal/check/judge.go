package check

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

// Config says how two sides are judged.
type Config struct {
	Model, Strategy string

	Timed         bool  // rows carry times; without, the four below do not apply
	AsOfMS        int64 // end of the current span; 0: that of the newest current row's day, UTC
	ReferenceDays int   // before the current span; 0: all rows
	CurrentDays   int   // up to AsOfMS; 0: all rows

	Rule      string  // drift.RuleCalibrated or drift.RuleClassic
	PSI       float64 // a feature is drifted above it
	Threshold float64 // share of drifted features from which retraining is needed
	MinRows   int     // rows that either side must have
	Compat    string  // one of Libraries, which then decides; "": we do
}

// DefaultConfig returns the calibrated rule at a PSI of 0.2, retraining from 30 % of the
// features on, 90 days against the last 7.
func DefaultConfig() Config {
	return Config{
		ReferenceDays: 90, CurrentDays: 7, Rule: drift.RuleCalibrated, PSI: drift.DefaultSettings().Drifted, Threshold: 0.3,
		MinRows: drift.DefaultSettings().MinRows,
	}
}

// Validate returns every fault, named as on the command line.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.ReferenceDays < 0 {
		bad("--reference-days: %d; want 0 (all rows) or more", c.ReferenceDays)
	}
	if c.CurrentDays < 0 {
		bad("--current-days: %d; want 0 (all rows) or more", c.CurrentDays)
	}
	if c.Rule != drift.RuleCalibrated && c.Rule != drift.RuleClassic {
		bad("--rule: %q; want calibrated or classic", c.Rule)
	}
	if !(c.PSI > 0) || c.PSI > 100 {
		bad("--psi-threshold: %v; want a number above 0", c.PSI)
	}
	if !(c.Threshold > 0) || c.Threshold > 1 {
		bad("--alert-threshold: %v; want a share above 0, at most 1", c.Threshold)
	}
	if c.Compat != "" && !slices.Contains(Libraries, c.Compat) {
		bad("--compat: %q; want one of %s", c.Compat, strings.Join(Libraries, ", "))
	}
	if c.MinRows < 1 {
		bad("--min-rows: %d; want at least 1", c.MinRows)
	}
	return errors.Join(errs...)
}

// settings are those of the verdict on one of so many features. A check has no hops, so
// the error of 0.01 is shared out among the features.
func (c Config) settings(features int) drift.Settings {
	s := drift.DefaultSettings()
	s.Rule, s.Drifted, s.Warn = c.Rule, c.PSI, min(s.Warn, c.PSI)
	s.Alpha, s.Full, s.MinRows = drift.BudgetAlpha(0, features, 1, 1, 0), true, c.MinRows
	return s
}

// spans cuts both sides to the days asked for.
func (c Config) spans(ref, cur Side, out *Report) (Side, Side) {
	asOf := c.AsOfMS
	if newest, ok := cur.newest(); c.Timed && asOf == 0 && ok {
		asOf = newest - mod(newest, dayMS) + dayMS
	}
	if c.Timed && asOf != 0 {
		out.AsOf = at(asOf)
	}
	begin := asOf - int64(c.CurrentDays)*dayMS
	from := begin
	if c.CurrentDays == 0 {
		from = asOf // all of them
	}
	cur, out.Windows.Current = cur.cut(c.Timed, from, asOf)
	from = begin - int64(c.ReferenceDays)*dayMS
	if c.ReferenceDays == 0 {
		from = begin
	}
	ref, out.Windows.Reference = ref.cut(c.Timed, from, begin)
	return ref, cur
}

// Run judges. The error says that the two cannot be compared at all; too little data is
// no error, the report says it.
func Run(c Config, ref, cur Side) (*Report, error) {
	out := &Report{Model: c.Model, Strategy: c.Strategy, Rule: c.Rule, PSIThreshold: c.PSI, Threshold: num(c.Threshold), DriftRatio: undefined}
	ref, cur = c.spans(ref, cur, out)
	ref, cur, missing, added, err := align(ref, cur)
	if err != nil {
		return nil, err
	}
	out.Missing, out.Added = append([]string{}, missing...), append([]string{}, added...)
	out.NReference, out.NCurrent, out.Analyzed = len(ref.Rows), len(cur.Rows), len(ref.Names)
	settings := c.settings(len(ref.Names))
	out.Alpha = settings.Alpha
	length := c.blockLength(out)
	out.Features = make([]Feature, len(ref.Names))
	blocks := make([]uint64, len(ref.Names))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range ref.Names {
		g.Go(func() (err error) {
			out.Features[i], blocks[i], err = judge(ref, cur, i, length, settings)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out.conclude(c, blocks)
	if c.Compat != "" {
		if out.Compat, err = out.compat(c.Compat, ref.Rows, cur.Rows); err != nil {
			return nil, err
		}
		out.follow()
	}
	return out, nil
}

// blockLength is the length of the blocks that tell how dependent records are: that of
// the current span; 0 where rows carry no time.
func (c Config) blockLength(out *Report) int64 {
	w := out.Windows.Current
	switch {
	case !c.Timed || w.First == nil:
		return 0
	case w.From != nil:
		return int64(*w.To - *w.From)
	}
	return int64(*w.Last-*w.First) + 1
}

// judge says all there is to say about one feature.
func judge(ref, cur Side, i int, blockMS int64, s drift.Settings) (f Feature, blocks uint64, err error) {
	f = undefinedFeature(ref.Names[i])
	f.Rule = s.Rule
	grid, err := reference.Feature(f.Name, i, ref.Rows, 0)
	if errors.Is(err, sketches.ErrEmpty) || len(ref.Rows) == 0 {
		f.Reason = "the reference holds no value of this feature"
		return f, 0, nil
	}
	if err != nil {
		return f, 0, fmt.Errorf("feature %q: %w", f.Name, err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{grid})
	if err != nil {
		return f, 0, fmt.Errorf("feature %q: %w", f.Name, err)
	}
	one := func(rows []reference.Row) []reference.Row {
		out := make([]reference.Row, len(rows))
		for k, r := range rows {
			out[k] = reference.Row{TimeMS: r.TimeMS, Values: r.Values[i : i+1]}
		}
		return out
	}
	refRows, curRows := one(ref.Rows), one(cur.Rows)
	refCounts, curCounts := reference.Count(g, refRows), reference.Count(g, curRows)
	dep, blocks, err := dependence(g, refCounts, refRows, blockMS)
	if err != nil {
		return f, 0, fmt.Errorf("feature %q: %w", f.Name, err)
	}
	fg := &g.Features[0]
	r := drift.Judge(fg, &refCounts.Features[0], &curCounts.Features[0], dep, s)
	f.fill(&r)
	if fg.Kind == sketches.Categorical && r.N > 0 && r.M > 0 {
		v, err := drift.CramersV(floats(&refCounts.Features[0]), floats(&curCounts.Features[0]))
		if err != nil {
			return f, 0, fmt.Errorf("feature %q: %w", f.Name, err)
		}
		f.CramersV = num(v)
	}
	f.bars = bars(fg, &refCounts.Features[0], &curCounts.Features[0])
	if fg.Kind == sketches.Numeric {
		f.exact(sample(refRows, 0), sample(curRows, 0))
	}
	return f, blocks, nil
}

// dependence learns the design effect from blocks of the reference, anchored at its end,
// where there are enough of them.
func dependence(g *sketches.Grid, counts *sketches.Counts, rows []reference.Row, lengthMS int64) (drift.Dependence, uint64, error) {
	if lengthMS <= 0 || len(rows) == 0 {
		return drift.Independent(), 0, nil
	}
	end := rows[len(rows)-1].TimeMS + 1
	shift := mod(end, lengthMS)
	moved := make([]reference.Row, len(rows))
	for i, r := range rows {
		moved[i] = reference.Row{TimeMS: r.TimeMS - shift, Values: r.Values}
	}
	b, err := reference.Blocks(g, counts, moved, lengthMS)
	if err != nil || b == nil {
		return drift.Independent(), 0, err
	}
	dep, err := drift.FromReferenceBlocks(&b.Features[0])
	if errors.Is(err, drift.ErrEmpty) {
		return drift.Independent(), 0, nil
	}
	return dep, dep.Blocks(), err
}
