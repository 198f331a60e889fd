package check

import (
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Stored is a reference of the registry: counts on a grid and block sums, no rows.
type Stored struct {
	Source string // for people
	wire.Reference
}

// StoredInfo says which reference of the registry was compared with. From and To are
// event times of its rows; null where those are not known.
type StoredInfo struct {
	ID      string  `json:"id"`
	Kind    string  `json:"kind"`
	Version string  `json:"version,omitempty"` // of the model it was made for
	Rows    uint64  `json:"rows"`
	From    *Moment `json:"from"`
	To      *Moment `json:"to"` // behind the last
}

// RunStored judges current rows against a reference of the registry, as the stream does:
// on its grid, by its counts, with the dependence that its blocks tell. What takes the
// reference's rows is read from its counts, or null with the reason; each feature says
// which.
//
// Errors: as Run. The definitions of another tool take rows, so Config.Compat is refused
// by whoever reads the flags.
func RunStored(c Config, ref Stored, cur Side) (*Report, error) {
	out := c.report()
	g := ref.Counts.Grid
	names := make([]string, len(g.Features))
	for i := range g.Features {
		names[i] = g.Features[i].Name
	}
	out.Reference = &StoredInfo{ID: ref.ID().String(), Kind: ref.Kind, Version: ref.Version, Rows: ref.Counts.Rows}
	_, cur = c.spans(Side{}, cur, out)
	p := Period{Source: ref.Source, Rows: int(ref.Counts.Rows)}
	if ref.FromMS < ref.ToMS {
		out.Reference.From, out.Reference.To = at(ref.FromMS), at(ref.ToMS)
		p.First, p.Last, p.AllFirst, p.AllLast = at(ref.FromMS), at(ref.ToMS-1), at(ref.FromMS), at(ref.ToMS-1)
	}
	out.Windows.Reference = p
	shared, cur, missing, added, err := align(Side{Source: ref.Source, Names: names}, cur)
	if err != nil {
		return nil, err
	}
	out.Missing, out.Added = append([]string{}, missing...), append([]string{}, added...)
	out.NReference, out.NCurrent, out.Analyzed = int(ref.Counts.Rows), len(cur.Rows), len(shared.Names)
	s := c.settings(len(shared.Names))
	out.Alpha = s.Alpha
	blocks := ref.blocks(c.blockLength(out))
	out.Features = make([]Feature, len(shared.Names))
	counts := make([]uint64, len(shared.Names))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range shared.Names {
		place := slices.Index(names, name)
		group.Go(func() (err error) {
			out.Features[i], counts[i], err = ref.judge(place, cur, i, blocks, s)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out.conclude(c, counts)
	if out.Blocks > 0 {
		out.BlockMS = blocks.LengthMS
	}
	return out, nil
}

// blocks are the block sums for spans of a length: those of the length itself, else the
// next shorter ones, as the stream takes them, else the shortest there are. Nil without.
func (ref Stored) blocks(lengthMS int64) *sketches.Blocks {
	if lengthMS == 0 { // nothing says how long a span the current rows are
		return nil
	}
	var best *sketches.Blocks
	for _, b := range ref.Blocks {
		switch {
		case best == nil,
			b.LengthMS <= lengthMS && (best.LengthMS > lengthMS || b.LengthMS > best.LengthMS),
			b.LengthMS > lengthMS && best.LengthMS > lengthMS && b.LengthMS < best.LengthMS:
			best = b
		}
	}
	return best
}

// judge says what there is to say of the feature at place at of the grid and at place i of
// the current rows.
func (ref Stored) judge(at int, cur Side, i int, blocks *sketches.Blocks, s drift.Settings) (f Feature, n uint64, err error) {
	fg := &ref.Counts.Grid.Features[at]
	f = undefinedFeature(fg.Name)
	g, err := sketches.NewGrid([]sketches.FeatureGrid{*fg})
	if err != nil {
		return f, 0, err
	}
	a := &sketches.Counts{Grid: g, Rows: ref.Counts.Rows, Features: ref.Counts.Features[at : at+1 : at+1]}
	if a.Features[0].Cells == nil { // a count of nothing
		a.Features = sketches.NewCounts(g).Features
	}
	b := sketches.NewCounts(g)
	for _, r := range cur.Rows {
		b.AddRow()
		b.Add(0, r.Values[i])
	}
	dep := drift.Independent()
	if blocks != nil {
		if x, err := drift.FromReferenceBlocks(&blocks.Features[at]); err == nil {
			dep = x
		}
	}
	r, err := f.compare(a, b, 0, dep, s)
	if err != nil || fg.Kind != sketches.Numeric {
		return f, dep.Blocks(), err
	}
	f.derive(fg, &a.Features[0], sample(cur.Rows, i), &r)
	return f, dep.Blocks(), nil
}

// needsRows is why a statistic is null.
const needsRows = "takes the reference's rows; the registry keeps its counts"

// derive reads from the reference's counts what they tell.
func (f *Feature) derive(fg *sketches.FeatureGrid, ref *sketches.FeatureCounts, cur drift.Sample, r *drift.FeatureResult) {
	m := ref.Moments(fg)
	q := func(p float64) num { return num(ref.Quantile(fg, p)) }
	s := &f.Statistics.Reference
	s.Mean, s.Std, s.Skew, s.Kurt = num(m.Mean), num(math.Sqrt(m.VarianceSample)), num(m.SkewAdjusted), num(m.KurtAdjusted)
	s.Min, s.Q25, s.Median, s.Q75, s.Max = q(0), q(0.25), q(0.5), q(0.75), q(1)
	f.Statistics.Current = describe(cur)
	f.Derived = []string{"statistics.reference"}
	if r.N == 0 || r.M == 0 {
		return
	}
	if f.KSLow == f.KSHigh { // every cell is a value
		f.KS = f.KSLow
	} else {
		f.Undefined = map[string]string{"ks": needsRows + "; it lies from ks_low to ks_high"}
	}
	f.KSP = num(ksP(int(r.N), int(r.M), r.KSLow)) // the distance is no less, so p is at most this
	f.Wasserstein = num(r.W1)
	f.Derived = append(f.Derived, "ks_p", "wasserstein", "mean_diff_pct")
	f.meanDiff()
}
