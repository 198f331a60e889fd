package evaluate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// model is what the fold holds for one model: its rings, its control and its alarms.
type model struct {
	name     string
	ring     [2]map[int64]*cell // ring 0 by pane, ring 1 by slot; only where rows came
	lost     [2]map[int64]bool  // numbers whose slot could not be read back
	newest   [2]int64           // number of the newest slot written per ring
	refs     []installed        // in log order
	policies []installedPolicy
	excluded []installedExclusions
	moving   *moving // nil: no moving reference is asked for
	alarms   map[alarmKey]*alarm
	alarmsOf int64 // pane whose slot the alarms were loaded from
	learnt   map[int64]*learnt
	early    *early // nil: no slot has ended under this fold, and none is known
	pace     *pace  // of its rows; nil: no pane was judged under this fold

	// What the model's alarms stand on, and whether that changed under this fold.
	following sketches.ID
	followed  bool
	born      bool
	// told are the windows whose alarms a replay was told of, so that a check of data quality
	// that was not among them had found nothing.
	told map[int64]bool
	was  *wire.Policy // in force at the moment a replay was told of; nil: there is none
}

// installed is a reference with the pane from which it counts.
type installed struct {
	pane  int64
	id    sketches.ID
	hex   string
	ref   wire.Reference
	grid  wire.ActiveGrid
	cache map[int64]judges // by window

	deviations []float64 // standard deviation per feature, 0 for none; see deviation

	tables *sequential.Tables // of the early warning; nil: it has none
	inc    []int64            // room for a slot's increments

	together *multivariate.Reference // of all features together; nil: the reference has no part for them

	parts   []*installed // of the segments
	answers *installed   // of one version; nil: answers are not compared
	of      *installed   // whose part this is; nil: the whole
	segment wire.Segment // of a part that is one's
}

type installedPolicy struct {
	pane   int64
	policy wire.Policy
}

func (f *Fold) model(name string) *model {
	m := f.models[name]
	if m == nil {
		m = newModel(name)
		f.models[name] = m
	}
	return m
}

func newModel(name string) *model {
	return &model{
		name: name, ring: [2]map[int64]*cell{{}, {}}, lost: [2]map[int64]bool{{}, {}}, newest: [2]int64{wire.NoPane, wire.NoPane},
		alarms: map[alarmKey]*alarm{}, alarmsOf: math.MinInt64, learnt: map[int64]*learnt{},
		told: map[int64]bool{},
	}
}

// install puts a reference or policy in force from a pane on. One that cannot be
// used is refused and counted: the one before it stands.
func (f *Fold) install(c wire.Control, pane int64) {
	if f.home(c) != f.cfg.Partition {
		return
	}
	m := f.model(c.ID)
	switch c.Kind {
	case "reference":
		r, err := wire.DecodeReference(c.Value, func(model string, id sketches.ID) (*sketches.Grid, bool) {
			g, ok := f.view.Grid(model, id)
			return g.Grid, ok
		})
		if err == nil && r.Model != c.ID {
			err = fmt.Errorf("reference of model %q under the key of %q", r.Model, c.ID)
		}
		if err != nil {
			f.refuse(c, err)
			return
		}
		g, _ := f.view.Grid(r.Model, r.Counts.Grid.ID())
		id := r.ID()
		in := installed{pane: pane, id: id, hex: id.String(), ref: r, grid: g, cache: map[int64]judges{}}
		if err := errors.Join(in.prepare(), in.prepareJoint()); err != nil {
			f.refuse(c, err)
			return
		}
		in.divide()
		in.answer()
		m.refs = append(m.refs, in)
	case "policy":
		p, err := wire.DecodePolicy(c.Value)
		if err == nil {
			err = p.CheckLayout(f.cfg.Layout)
		}
		if err != nil {
			f.refuse(c, err)
			return
		}
		m.policies = append(m.policies, installedPolicy{pane: pane, policy: p})
	case "exclusions":
		x, err := wire.DecodeExclusions(c.Value)
		if err == nil && x.Model != c.ID {
			err = fmt.Errorf("exclusions of model %q under the key of %q", x.Model, c.ID)
		}
		if err != nil {
			f.refuse(c, err)
			return
		}
		m.excluded = append(m.excluded, installedExclusions{pane: pane, all: x})
	}
}

func (f *Fold) refuse(c wire.Control, err error) {
	f.view.Refused++
	f.view.Problems = append(f.view.Problems, fmt.Errorf("control %s: %w", c.Key(), err))
}

// reference returns what the pane is compared with, nil while the model is learning.
func (m *model) reference(pane int64) *installed {
	for i := len(m.refs) - 1; i >= 0; i-- {
		if m.refs[i].pane <= pane {
			return &m.refs[i]
		}
	}
	return nil
}

// forget drops references that no pane to come can use.
func (m *model) forget(pane int64) {
	for len(m.refs) > 1 && m.refs[1].pane <= pane {
		m.refs = slices.Delete(m.refs, 0, 1)
	}
	for len(m.policies) > 1 && m.policies[1].pane <= pane {
		m.policies = slices.Delete(m.policies, 0, 1)
	}
	for len(m.excluded) > 1 && m.excluded[1].pane <= pane {
		m.excluded = slices.Delete(m.excluded, 0, 1)
	}
}

func (m *model) policy(pane int64, def wire.Policy) wire.Policy {
	for i := len(m.policies) - 1; i >= 0; i-- {
		if m.policies[i].pane <= pane {
			return m.policies[i].policy
		}
	}
	return def
}

// judges compare windows of one length with a reference, by feature.
type judges struct {
	settings drift.Settings
	of       []*drift.Judger
}

// judges returns those for windows of the given length; they share the scratch.
func (in *installed) judges(m *model, windowMS int64, windows []int64, s drift.Settings, scratch *drift.Scratch) []*drift.Judger {
	if j, ok := in.cache[windowMS]; ok && j.settings == s {
		return j.of
	}
	deps, lasting := in.dependence(m, windowMS, windows)
	j := judges{settings: s, of: make([]*drift.Judger, len(deps))}
	for i := range deps {
		j.of[i] = drift.NewJudgerOn(&in.ref.Counts.Grid.Features[i], in.bins(i, windowMS), &in.ref.Counts.Features[i], deps[i], s, scratch)
	}
	if lasting {
		in.cache[windowMS] = j
	}
	return j.of
}

// dependence returns per feature what is known about the dependence of records, for
// windows of the given length. It lasts unless it is still learnt from live windows.
func (in *installed) dependence(m *model, windowMS int64, windows []int64) (d []drift.Dependence, lasting bool) {
	d, lasting = in.assumed(m, windowMS, windows)
	for i := range d {
		if x, ok := in.fromBlocks(i, windowMS); ok {
			d[i] = x
		}
	}
	return d, lasting
}

// assumed is what is taken for known where the reference has no blocks, or too few.
func (in *installed) assumed(m *model, windowMS int64, windows []int64) (d []drift.Dependence, lasting bool) {
	n := len(in.ref.Counts.Grid.Features)
	switch {
	case in.segment != wire.Segment{}:
		return in.of.dependence(m, windowMS, windows)
	case in.of == nil && len(in.ref.Blocks) == 0:
		return m.learntDependence(in, windowMS, windows, n), false
	}
	d = make([]drift.Dependence, n)
	for i := range d {
		if d[i] = drift.Independent(); in.of != nil { // of answers nothing is learnt live
			d[i] = drift.LearningDependence()
		}
	}
	return d, true
}

// fromBlocks returns what the reference's longest blocks say of a feature that are no longer
// than the window; false where there are fewer than tell of it, at every length.
func (in *installed) fromBlocks(i int, windowMS int64) (d drift.Dependence, ok bool) {
	longest := int64(0)
	for _, b := range in.ref.Blocks {
		if b.LengthMS > windowMS || b.LengthMS <= longest {
			continue
		}
		if x, err := drift.FromReferenceBlocks(&b.Features[i]); err == nil {
			d, ok, longest = x, true, b.LengthMS
		}
	}
	return d, ok
}

// decisions is how many a reference asks for in one alarm hop: on every feature of the
// whole, of each segment, and of the answers.
func (in *installed) decisions(p wire.Policy) int {
	n := len(in.ref.Counts.Features) * (1 + len(in.parts))
	if in.answers != nil && p.Predictions != wire.PredictionsOff {
		n += len(in.answers.ref.Counts.Features)
	}
	return n
}

// settings turns a policy into the settings of one decision: the alert budget spread
// over all decisions of a hop, references and alarm hops. An early warning has its part of
// it.
func settings(p wire.Policy, decisions int, hopMS int64, early bool) drift.Settings {
	s := drift.DefaultSettings()
	s.Rule, s.Warn, s.Drifted = p.Rule, p.Warn, p.Drifted
	s.Alpha = drift.BudgetAlpha(p.WindowAlarms(early), decisions, 1, 1, hopMS)
	s.MinRows, s.MinEffective = int(p.MinRows), p.MinEffective
	return s
}
