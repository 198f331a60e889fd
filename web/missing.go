package web

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

// readWarning looks for an early warning that stands at the model's newest window.
func (m *modelNow) readWarning(ctx context.Context, t *store.Tx) error {
	rows, err := t.Warnings(ctx, store.AlarmQuery{Model: m.Name, Limit: 1})
	if err != nil || len(rows) == 0 || !rows[0].Stands(m.EndMS) {
		return err
	}
	m.warning = &rows[0]
	m.EarlyMS = m.warning.LastMS
	if len(m.warning.Features) > 0 {
		m.EarlyOf = m.warning.Features[0]
	}
	return nil
}

// needs are the settings that a verdict depends on.
type needs struct {
	MinRows      int64    `json:"min_rows"`
	MinEffective *float64 `json:"min_effective"`
	MinCoverage  *float64 `json:"min_coverage"`
	MinJudged    *float64 `json:"min_judged"`
	WarmUp       *float64 `json:"warm_up"`
	Drifted      float64  `json:"drifted"`
}

// needsOf reads them from a model's settings, with the defaults for what they leave out.
func needsOf(w store.WatchedModel) needs {
	var spec struct {
		Policy needs `json:"policy"`
	}
	if json.Unmarshal([]byte(w.SpecJSON), &spec) != nil {
		spec.Policy = needs{}
	}
	n, set := spec.Policy, drift.DefaultSettings()
	for _, x := range []struct {
		to    **float64
		other float64
	}{{&n.MinEffective, set.MinEffective}, {&n.MinCoverage, drift.DefaultCoverage}, {&n.MinJudged, drift.DefaultJudged}, {&n.WarmUp, drift.DefaultFilled}} {
		if *x.to == nil {
			*x.to = &x.other
		}
	}
	if n.MinRows == 0 {
		n.MinRows = int64(set.MinRows)
	}
	if n.Drifted == 0 {
		n.Drifted = set.Drifted
	}
	return n
}

// missingOf says what the newest window of one length still takes.
func missingOf(r *store.ScoreRow, b *scoreBody, n needs) drift.Missing {
	m := drift.Missing{
		WindowMS: r.WindowMS, EndMS: r.EndMS, Rows: r.Rows, MinRows: n.MinRows, Reference: r.Reference != "",
		Filled: b.Filled.or(1), WarmUp: *n.WarmUp, Covered: 1, MinCovered: *n.MinCoverage,
		Features: int(r.Total), Judged: int(r.Judged), MinJudged: *n.MinJudged, MinNEff: *n.MinEffective,
	}
	if r.Expected > 0 {
		m.Covered = float64(r.Covered) / float64(r.Expected)
	}
	// The feature whose rows say most stands for those without a verdict.
	var best *featureBody
	for i := range b.Features {
		f := &b.Features[i]
		if f.Verdict == drift.Learning.String() {
			m.Learning, m.Seen = true, max(m.Seen, int64(f.Blocks))
		}
		if f.Verdict == drift.Insufficient.String() && f.NEff.Known() && (best == nil || f.NEff.or(0) > best.NEff.or(0)) {
			best = f
		}
	}
	if best != nil {
		m.NEff, m.Design = best.NEff.or(0), float64(best.M)/max(best.NEff.or(1), 1e-9)
		if best.N < best.M {
			m.Design = float64(best.N) / max(best.NEff.or(1), 1e-9)
		}
		if x := best.detectable(b.Alpha.or(0), n.Drifted); x != nil {
			m.Detectable = *x
		}
	}
	return m
}

// tellMissing adds to a score over all versions what its window still takes.
func (s *Score) tellMissing(r store.ScoreRow, n needs) error {
	if r.Version != anyVersion {
		return nil
	}
	b, err := parseScore(r.Body)
	if err == nil {
		s.Missing, s.FirstVerdictMS = missingOf(&r, &b, n).Words()
	}
	return err
}

// readMissing says what the model's first verdict takes: of its windows the one that
// comes first.
func (m *modelNow) readMissing(w store.WatchedModel) error {
	m.Missing, m.FirstMS = drift.Missing{}.Words()
	n := needsOf(w)
	newest := map[int64]*store.ScoreRow{}
	for i := range m.latest {
		r := &m.latest[i]
		if old := newest[r.WindowMS]; r.Version == anyVersion && (old == nil || r.EndMS > old.EndMS) {
			newest[r.WindowMS] = r
		}
	}
	type told struct {
		text     string
		firstMS  int64
		windowMS int64
	}
	var all []told
	for length, r := range newest {
		b, err := parseScore(r.Body)
		if err != nil {
			return err
		}
		text, first := missingOf(r, &b, n).Words()
		if text == "" {
			m.Missing, m.FirstMS = "", 0
			return nil
		}
		all = append(all, told{text, first, length})
	}
	if len(all) == 0 {
		return nil
	}
	best := slices.MinFunc(all, func(a, b told) int {
		never := func(x told) int {
			if x.firstMS == 0 {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(never(a), never(b)), cmp.Compare(a.firstMS, b.firstMS), cmp.Compare(b.windowMS, a.windowMS))
	})
	m.Missing, m.FirstMS = best.text, best.firstMS
	return nil
}
