package reference

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/wire"
)

// Limits beyond which a kept grid no longer fits a new reference (DESIGN §6).
const (
	maxInteriorShare = 0.05
	maxOutsideShare  = 0.01
)

// Row is one record of a reference.
type Row struct {
	TimeMS int64 // event time; 0 where Spec.Ordered is false
	Values []sketches.Value
	In     Membership // as NewMembers(Spec.Segments) tells it
}

// Pick returns rows with the values of the features want, in that order; have are those
// that the rows hold. A feature that is not among them has no value.
func Pick(rows []Row, have, want []string) []Row {
	if slices.Equal(have, want) {
		return rows
	}
	place := make([]int, len(want))
	for i, n := range want {
		place[i] = slices.Index(have, n)
	}
	out := make([]Row, len(rows))
	for i, r := range rows {
		values := make([]sketches.Value, len(place))
		for k, from := range place {
			if from >= 0 {
				values[k] = r.Values[from]
			}
		}
		out[i] = Row{TimeMS: r.TimeMS, Values: values, In: r.In}
	}
	return out
}

// Spec says what to build.
type Spec struct {
	Model     string
	Version   string
	Kind      string // training, file, examples, topic, last_good
	Names     []string
	WindowsMS []int64 // lengths for which block sums are made
	Ordered   bool    // rows carry event times
	Keep      *sketches.Grid
	MustKeep  bool // count on Keep even where it no longer fits
	TopK      int  // named categories per feature; 0: 50
	Gate      Gate
	Early     Early // of early warnings
	Joint     Joint // of all features together
	// KeepJoint is the embedding of Keep, nil if it has none: sums that are added up on it
	// go on.
	KeepJoint *joint.Embedding
	// Segments get a part each; KeepSegments are those that Keep is in force with.
	Segments, KeepSegments wire.Segments
}

// Gate holds the least a reference must offer. A zero field takes the default.
type Gate struct {
	MinRows      int     // default 100
	SegmentRows  int     // from which on a segment is judged: its policy's min_rows; default that of a policy
	MinBlocks    int     // of the shortest window, only where rows are ordered; default 2
	MaxNullShare float64 // of one feature; default 0.99
	MaxBytes     int     // of the reference; default what readers of the stream put together
}

// defaultMinRows stands where Gate.MinRows is 0.
const defaultMinRows = 100

// defaultSegmentRows stands where Gate.SegmentRows is 0.
const defaultSegmentRows = 100

// Check is one condition of the gate.
type Check struct {
	Name   string
	Found  string
	Needed string
	OK     bool
}

// Result is a reference that passed, or the checks that say why not.
type Result struct {
	Grid      *sketches.Grid
	NewGrid   bool
	Why       string // why the grid was kept or made anew
	Reference wire.Reference
	Checks    []Check
	WhyEarly  string // why the reference has no plan for early warnings; "" if it has one
	WhyJoint  string // why it has no part on all features together; "" if it has one
	NewJoint  bool   // its embedding is not KeepJoint: the grid must be put in force with it
	// NewSegments says that its segments are not those the grid is in force with: the grid
	// must be put in force with them.
	NewSegments bool
}

// Embedding returns the embedding of the reference's grid, nil if it has none.
func (r Result) Embedding() *joint.Embedding {
	if r.Reference.Joint == nil {
		return nil
	}
	return r.Reference.Joint.Sums.Embedding
}

// ErrGate says that the gate refused; Result.Checks holds what was found and needed.
var ErrGate = errors.New("reference refused")

// Build makes a reference. Errors: ErrGate with Result.Checks filled in; any other
// error says which input cannot be used.
func Build(spec Spec, rows []Row) (Result, error) {
	if err := spec.Segments.Validate(); err != nil {
		return Result{}, fmt.Errorf("model %q: %w", spec.Model, err)
	}
	res := Result{Checks: spec.check(rows)}
	if err := refusal(spec, res.Checks); err != nil {
		return res, err
	}
	if spec.Ordered {
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.TimeMS, b.TimeMS) })
	}
	var err error
	if res.Grid, res.NewGrid, res.Why, err = spec.grid(rows); err != nil {
		return res, err
	}
	res.Reference = wire.Reference{Model: spec.Model, Version: spec.Version, Kind: spec.Kind, Counts: Count(res.Grid, rows)}
	if spec.Ordered && len(rows) > 0 {
		res.Reference.FromMS, res.Reference.ToMS = rows[0].TimeMS, rows[len(rows)-1].TimeMS+1
		if res.Reference.Blocks, err = spec.blocks(res.Reference.Counts, rows, res.Reference.FromMS, res.Reference.ToMS); err != nil {
			return res, err
		}
	}
	if res.Reference.Parts, err = spec.parts(res.Reference, rows); err != nil {
		return res, err
	}
	before := spec.KeepSegments
	if res.NewGrid {
		before = nil // a grid is in force with none of its own
	}
	res.NewSegments = !res.Segments().Equal(before)
	if res.Reference.Early, res.WhyEarly, err = spec.early(res.Reference.Counts, rows); err != nil {
		return res, err
	}
	res.Reference.Joint, res.WhyJoint, err = spec.together(res.Reference.Counts, rows)
	res.NewJoint = res.Embedding() != nil && (spec.KeepJoint == nil || spec.KeepJoint.ID() != res.Embedding().ID())
	if err != nil {
		return res, err
	}
	if c := spec.checkSize(res.Reference); !c.OK { // sent all the same, it would never be in force
		res.Checks = append(res.Checks, c)
	}
	return res, refusal(spec, res.Checks)
}

// checkSize says whether the stream takes a reference: with features, segments and lengths
// of windows it multiplies.
func (s Spec) checkSize(r wire.Reference) Check {
	n, most := len(r.Encode()), cmp.Or(s.Gate.MaxBytes, wire.LargestControl-answersBytes)
	return Check{Name: "bytes of the reference", Found: fmt.Sprint(n), Needed: fmt.Sprintf("at most %d: declare fewer segments, or watch fewer features", most), OK: n <= most}
}

// answersBytes is room for what a version answered, which is added to a reference later.
const answersBytes = 1 << 20

// Count counts rows on a grid; values stand in the grid's feature order.
func Count(g *sketches.Grid, rows []Row) *sketches.Counts {
	c := sketches.NewCounts(g)
	for _, r := range rows {
		c.AddRow()
		for i := range g.Features {
			c.Add(i, r.Values[i])
		}
	}
	return c
}

func (s Spec) check(rows []Row) []Check {
	minRows := cmp.Or(s.Gate.MinRows, defaultMinRows)
	minBlocks := cmp.Or(s.Gate.MinBlocks, 2)
	maxNull := cmp.Or(s.Gate.MaxNullShare, 0.99)
	checks := []Check{
		{Name: "rows", Found: fmt.Sprint(len(rows)), Needed: fmt.Sprintf("at least %d", minRows), OK: len(rows) >= minRows},
		{Name: "features", Found: fmt.Sprint(len(s.Names)), Needed: fmt.Sprintf("1 to %d", sketches.MaxFeatures), OK: len(s.Names) >= 1 && len(s.Names) <= sketches.MaxFeatures},
	}
	for i, r := range rows {
		if len(r.Values) != len(s.Names) {
			return append(checks, Check{Name: "schema", Found: fmt.Sprintf("row %d has %d values", i, len(r.Values)), Needed: fmt.Sprintf("%d, one per feature", len(s.Names))})
		}
	}
	if s.Ordered && len(s.WindowsMS) > 0 && len(rows) > 0 {
		from, to := span(rows)
		n := int(fullBlocks(from, to, s.WindowsMS[0]))
		checks = append(checks, Check{Name: "blocks", Found: fmt.Sprintf("%d of %d ms", n, s.WindowsMS[0]), Needed: fmt.Sprintf("at least %d", minBlocks), OK: n >= minBlocks})
	}
	for f, name := range s.Names {
		missing, wrong := 0, 0
		for _, r := range rows {
			switch r.Values[f].Kind() {
			case sketches.ValueNull:
				missing++
			case sketches.ValueWrong:
				wrong++
			}
		}
		if share := float64(missing) / float64(max(1, len(rows))); share > maxNull {
			checks = append(checks, Check{Name: "missing values of " + name, Found: fmt.Sprintf("%.3f", share), Needed: fmt.Sprintf("at most %.3f", maxNull)})
		}
		if wrong > 0 {
			checks = append(checks, Check{Name: "type of " + name, Found: fmt.Sprintf("%d objects or lists", wrong), Needed: "numbers, strings, booleans or null"})
		}
	}
	return append(checks, s.checkParts(rows)...)
}

func refusal(s Spec, checks []Check) error {
	for _, c := range checks {
		if !c.OK {
			return fmt.Errorf("%w for model %q: %s: found %s, needed %s", ErrGate, s.Model, c.Name, c.Found, c.Needed)
		}
	}
	return nil
}

// grid keeps the grid there is while it fits, else makes one.
func (s Spec) grid(rows []Row) (g *sketches.Grid, fresh bool, why string, err error) {
	if s.Keep != nil && s.MustKeep {
		if why = otherFeatures(s.Keep, s.Names); why != "" {
			return nil, false, "", fmt.Errorf("model %q: the grid in force cannot be kept: %s", s.Model, why)
		}
		return s.Keep, false, "counted on the grid in force", nil
	}
	if s.Keep != nil {
		if why = misfit(s.Keep, s.Names, rows); why == "" {
			return s.Keep, false, "the grid in force fits", nil
		}
	} else {
		why = "the model has no grid yet"
	}
	features := make([]sketches.FeatureGrid, len(s.Names))
	for i, name := range s.Names {
		if features[i], err = Feature(name, i, rows, s.TopK); err != nil {
			return nil, false, "", fmt.Errorf("feature %q of model %q: %w", name, s.Model, err)
		}
	}
	g, err = sketches.NewGrid(features)
	return g, true, why, err
}

// Feature makes the grid of the feature at place i of the rows: numeric where every
// value is a number or a boolean, else categorical with topK named values (0: 50).
//
// Errors: sketches.ErrEmpty where no row holds a value.
func Feature(name string, i int, rows []Row, topK int) (sketches.FeatureGrid, error) {
	var numbers []float64
	texts := map[string]uint64{}
	numeric := true
	for _, r := range rows {
		v := r.Values[i]
		switch v.Kind() {
		case sketches.ValueNumber, sketches.ValueBool:
			x, _ := v.Float()
			numbers = append(numbers, x)
		case sketches.ValueString:
			numeric = false
		default:
			continue
		}
		if text, ok := v.Text(); ok {
			texts[text]++
		}
	}
	if numeric {
		finite := slices.DeleteFunc(numbers, func(x float64) bool { return x-x != 0 })
		return sketches.NewNumeric(name, finite)
	}
	return sketches.NewCategorical(name, texts, cmp.Or(topK, 50))
}

// misfit says why a grid cannot be kept for the rows, "" if it can.
func misfit(g *sketches.Grid, names []string, rows []Row) string {
	if why := otherFeatures(g, names); why != "" {
		return why
	}
	c := Count(g, rows)
	for i := range g.Features {
		f, n := &g.Features[i], &c.Features[i]
		total := float64(n.Total())
		if total == 0 || f.Kind != sketches.Numeric {
			if n.Wrong > 0 || total > 0 && float64(n.Unseen) > maxOutsideShare*total {
				return fmt.Sprintf("feature %q: %d values are new", f.Name, n.Unseen+n.Wrong)
			}
			continue
		}
		last := len(n.Cells) - 1
		if outside := float64(n.Cells[0]+n.Cells[last]) / total; outside > maxOutsideShare {
			return fmt.Sprintf("feature %q: %.1f %% of the values lie outside", f.Name, 100*outside)
		}
		for k := 1; k < last; k++ {
			if share := float64(n.Cells[k]) / total; share > maxInteriorShare && !f.SingleValue(k) {
				return fmt.Sprintf("feature %q: %.1f %% of the values lie in %s", f.Name, 100*share, f.Label(k))
			}
		}
	}
	return ""
}

// otherFeatures says how a grid's features differ from the names, "" if they do not.
func otherFeatures(g *sketches.Grid, names []string) string {
	if len(g.Features) != len(names) {
		return fmt.Sprintf("the features changed: %d, the grid in force has %d", len(names), len(g.Features))
	}
	for i, name := range names {
		if g.Features[i].Name != name {
			return fmt.Sprintf("the features changed: %q at place %d, the grid in force has %q", name, i, g.Features[i].Name)
		}
	}
	return ""
}

func span(rows []Row) (from, to int64) {
	from, to = rows[0].TimeMS, rows[0].TimeMS
	for _, r := range rows {
		from, to = min(from, r.TimeMS), max(to, r.TimeMS)
	}
	return from, to + 1
}
