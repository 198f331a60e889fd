package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Emitted is what was told to the drift topic.
type Emitted struct {
	Type    string `json:"type,omitempty"` // "": nothing was
	ID      string `json:"id,omitempty"`
	Episode string `json:"episode,omitempty"`
	Again   bool   `json:"again"` // it had been told before; the same event was written once more
	Why     string `json:"why"`
}

// topCount is how many features an event names, as those of windows do.
const topCount = 5

// EndMS is the time of an event of this check: behind the last row that was judged. It
// does not follow the clock, so the same rows give the same time. ok is false where rows
// carry no time and nobody said as of when they hold.
func (out *Report) EndMS(c Config) (ms int64, ok bool) {
	switch w := out.Windows.Current; {
	case w.Last != nil:
		return int64(*w.Last) + 1, true
	case c.AsOfMS != 0 && !c.Timed:
		return c.AsOfMS, true
	}
	return 0, false
}

// Identity is a hash of everything that decides the outcome: what was counted on either
// side, and how it was judged. Rows in another order are the same rows.
func (out *Report) Identity(c Config, endMS int64) sketches.ID {
	fields := [][]byte{
		[]byte(out.Model), []byte(out.referenceID()), fmt.Appendf(nil, "%d %d %s %g %g %d", endMS, out.windowMS(), c.Rule, c.PSI, c.Threshold, c.MinRows),
	}
	for i := range out.Features {
		fields = append(fields, []byte(out.Features[i].Name), []byte(out.Features[i].curID.String()))
	}
	return sketches.HashFields(fields...)
}

// referenceID is the id of a reference of the registry, else a hash of what was counted.
func (out *Report) referenceID() string {
	if out.Reference != nil {
		return out.Reference.ID
	}
	var fields [][]byte
	for i := range out.Features {
		fields = append(fields, []byte(out.Features[i].Name), []byte(out.Features[i].refID.String()))
	}
	return sketches.HashFields(fields...).String()
}

// windowMS is how much time the current rows were taken from, 0 where they carry none.
func (out *Report) windowMS() int64 {
	switch w := out.Windows.Current; {
	case w.From != nil:
		return int64(*w.To - *w.From)
	case w.First != nil:
		return int64(*w.Last-*w.First) + 1
	}
	return 0
}

// Evidence is what a drift event of this check says, as one of a window says it. Episode,
// phase and since are the sender's to fill in.
func (out *Report) Evidence(c Config, endMS int64) wire.EventData {
	s := c.settings(out.Analyzed)
	d := wire.EventData{
		Model: out.Model, Version: wire.AnyVersion, Kind: "drift", Policy: wire.PolicyCheck, Rule: out.Rule, Reference: out.referenceID(),
		WindowMS: out.windowMS(), EndMS: endMS, Rows: uint64(out.NCurrent), ReferenceRows: uint64(out.NReference),
		Drifted: out.Drifted, Judged: out.Judged, All: out.Analyzed, Warn: s.Warn, Threshold: s.Drifted, ShareFire: c.Threshold, Hops: 1, MayRetrain: true,
		Detail: map[string]any{
			"check": out.Identity(c, endMS).String(), "reference_source": out.Windows.Reference.Source, "current_source": out.Windows.Current.Source,
			"dependence": out.Dependence,
		},
	}
	d.StartMS = endMS - d.WindowMS
	if w := out.Windows.Current; w.From != nil {
		d.StartMS = int64(*w.From)
	} else if w.First != nil {
		d.StartMS = int64(*w.First)
	}
	order := make([]*Feature, len(out.Features))
	for i := range out.Features {
		order[i] = &out.Features[i]
	}
	slices.SortStableFunc(order, func(a, b *Feature) int { return cmp.Compare(weight(b), weight(a)) })
	for _, f := range order[:min(topCount, len(order))] {
		d.Top = append(d.Top, f.score())
	}
	return d
}

// weight orders features by PSI, those without one last.
func weight(f *Feature) float64 {
	if !f.PSI.defined() {
		return math.Inf(-1)
	}
	return float64(f.PSI)
}

// score writes a feature as scores and events do.
func (f *Feature) score() wire.FeatureScore {
	nano := func(x num) *int64 {
		if !x.defined() {
			return nil
		}
		n := drift.Nano(float64(x))
		return &n
	}
	s := wire.FeatureScore{
		Name: f.Name, Kind: f.Kind, N: f.NReference, M: f.NCurrent, PSI: nano(f.PSI), PSIDebiased: nano(f.PSIDebiased), PSILower: nano(f.PSILower),
		KSLow: nano(f.KSLow), KSHigh: nano(f.KSHigh), JS: nano(f.JS), Hellinger: nano(f.Hellinger), TVD: nano(f.TVD), LInf: nano(f.Linf),
		NEff: nano(f.NEff), DesignEffect: nano(f.DesignEffect), Null: nano(f.NullRate), Outside: nano(f.OutOfRange), Unseen: nano(f.Unseen),
		Verdict: f.Verdict, Warned: f.Warned, Rule: f.Rule, Reason: f.Reason,
	}
	if f.Kind == sketches.Categorical.String() {
		s.Chi2 = nano(f.Chi2)
	}
	if f.Warned || f.Drifted {
		for _, t := range f.Top {
			s.Top = append(s.Top, wire.Cells{Label: t.Bin, Part: nano(t.Term), Ref: nano(t.Ref), Cur: nano(t.Cur)})
		}
	}
	return s
}
