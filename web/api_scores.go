package web

import (
	"context"
	"slices"

	"github.com/driftline/driftline/registry/store"
)

// Score says how one window of a model compares with its reference.
type Score struct {
	Model       string    `json:"model"`
	Version     string    `json:"version" doc:"* for all versions together."`
	Reference   string    `json:"reference"`
	Moving      bool      `json:"moving" doc:"Against a reference that moves along beside the model's own."`
	Segment     string    `json:"segment" doc:"Part of the traffic that is judged, such as region=eu, against the same part of the model's reference; empty for all of it."`
	WindowMS    int64     `json:"window_ms"`
	EndMS       int64     `json:"end_ms" doc:"End of the window, exclusive, event time."`
	Rows        int64     `json:"rows"`
	Coverage    *Number   `json:"coverage" doc:"Share of the expected input that was there; null where none is expected."`
	Provisional bool      `json:"provisional" doc:"Made while input was behind."`
	Revision    int64     `json:"revision" doc:"Above 0 for a restated history."`
	Restated    bool      `json:"restated" doc:"Late events were counted afterwards; what this replaced is kept."`
	Replayed    bool      `json:"replayed" doc:"Written by a replay, not by live operation."`
	Drifted     int64     `json:"drifted" doc:"Features."`
	Judged      int64     `json:"judged"`
	Total       int64     `json:"total"`
	Share       *Number   `json:"share" doc:"drifted ÷ judged; null where nothing was judged."`
	MaxPSI      *Number   `json:"max_psi"`
	MaxFeature  string    `json:"max_feature"`
	AlarmPhase  string    `json:"alarm_phase"`
	State       string    `json:"state,omitempty" doc:"judged, learning or empty; only with features."`
	Features    []Feature `json:"features,omitempty" doc:"Only where asked for. Over all versions those of the input; of one version score and prediction, if the reference holds its answers."`

	ReferenceKind   string       `json:"reference_kind,omitempty" doc:"Where the reference came from; trailing and seasonal ones move along. This and the following only with features."`
	ReferenceDigest string       `json:"reference_digest,omitempty" doc:"Of a reference that moves along: hash of what it held."`
	ReferenceFromMS int64        `json:"reference_from_ms,omitempty" doc:"Event time of its rows."`
	ReferenceToMS   int64        `json:"reference_to_ms,omitempty"`
	ReferenceRows   int64        `json:"reference_rows,omitempty"`
	Reason          string       `json:"reason,omitempty" doc:"Why there is no verdict: the reference, or this part of it, holds too little."`
	Predictions     *Predictions `json:"predictions,omitempty" doc:"What the version answered; only of a version, with features. Those of the version whose answers the reference holds are compared: features are then score and prediction."`

	Joint *Joint `json:"joint,omitempty" doc:"All features together, where the reference allows it; only with features."`

	ShareImportance *Number `json:"share_importance,omitempty" doc:"Share drifted where features weigh what policy.importance says; only with features."`
	Alpha           *Number `json:"alpha,omitempty" doc:"Chance of a false verdict per decision; absent under the classic rule; only with features."`
	Missing         string  `json:"missing,omitempty" doc:"What a verdict still takes, and when the first comes; only with features, of the newest score of its window."`
	FirstVerdictMS  int64   `json:"first_verdict_ms,omitempty" doc:"Window end at which the first verdict comes if the traffic stays; 0 where that cannot be told."`
}

// Feature is one feature of a score.
type Feature struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	N        int64   `json:"n_reference"`
	M        int64   `json:"n_current"`
	NEff     *Number `json:"n_eff"`
	PSI      *Number `json:"psi"`
	PSILower *Number `json:"psi_lower"`
	KSLow    *Number `json:"ks_low"`
	KSHigh   *Number `json:"ks_high"`
	JS       *Number `json:"js"`
	Null     *Number `json:"null_rate"`
	Outside  *Number `json:"out_of_range"`
	Unseen   *Number `json:"unseen"`
	Verdict  string  `json:"verdict"`
	Warned   bool    `json:"warned"`
	Rule     string  `json:"rule"`
	Reason   string  `json:"reason,omitempty"`
	Top      []Cell  `json:"top,omitempty" doc:"Parts of the range that contribute most."`

	PSIDebiased  *Number `json:"psi_debiased" doc:"PSI less what it is on average without drift; may be negative."`
	DesignEffect *Number `json:"design_effect" doc:"How many records weigh as one."`
	Dependence   string  `json:"dependence,omitempty" doc:"Where the design effect comes from; empty: records are taken as independent."`
	Blocks       uint64  `json:"blocks,omitempty" doc:"Blocks of the reference, or live windows, behind it."`
	Bins         int     `json:"bins,omitempty" doc:"Bins compared, after small ones were merged."`
	Hellinger    *Number `json:"hellinger"`
	TVD          *Number `json:"tvd"`
	LInf         *Number `json:"linf"`
	KSP          *Number `json:"ks_p" doc:"p-value of the lower end of KS, for display: no verdict rests on it. Records are taken as independent."`
	Chi2         *Number `json:"chi2" doc:"Contingency statistic; categories only."`
	Chi2P        *Number `json:"chi2_p" doc:"Its p-value, for display as ks_p."`
	W1           *Number `json:"wasserstein_sd" doc:"Wasserstein-1 distance in standard deviations of the reference; numeric only."`
	W1Low        *Number `json:"wasserstein_sd_low" doc:"It lies between this and the next."`
	W1High       *Number `json:"wasserstein_sd_high" doc:"null where an extreme is not known."`

	Detectable *Number `json:"smallest_detectable,omitempty" doc:"A true PSI of this size would have been called drifted with a chance of 0.8; only in explanations, calibrated rule."`

	Statistics *Statistics `json:"statistics,omitempty" doc:"Only where asked for, and of windows at which alarms stepped."`
}

// Cell is a part of a feature's range.
type Cell struct {
	Label string  `json:"label"`
	Part  *Number `json:"part" doc:"What it adds to the PSI."`
	Ref   *Number `json:"reference_share"`
	Cur   *Number `json:"current_share"`
}

func scoreOf(r store.ScoreRow, features bool) (Score, error) {
	s := Score{
		Model: r.Model, Version: r.Version, Reference: r.Reference, Moving: r.Moving, Segment: r.Segment, WindowMS: r.WindowMS, EndMS: r.EndMS, Rows: r.Rows,
		Provisional: r.Provisional, Revision: r.Revision, Restated: r.Revision > 0, Replayed: r.Replayed, Drifted: r.Drifted, Judged: r.Judged, Total: r.Total,
		MaxPSI: r.MaxPSI, MaxFeature: r.MaxFeature, AlarmPhase: r.AlarmPhase,
	}
	if r.Expected > 0 {
		c := float64(r.Covered) / float64(r.Expected)
		s.Coverage = &c
	}
	if r.Judged > 0 {
		x := share(r.Drifted, r.Judged)
		s.Share = &x
	}
	if !features {
		return s, nil
	}
	b, err := parseScore(r.Body)
	if err != nil {
		return s, err
	}
	s.ReferenceKind, s.ReferenceDigest, s.Reason = b.ReferenceKind, b.ReferenceDigest, b.Reason
	s.ReferenceFromMS, s.ReferenceToMS, s.ReferenceRows = b.ReferenceFromMS, b.ReferenceToMS, b.ReferenceRows
	s.State, s.Features, s.Joint = b.State, featuresOf(b.Features), b.Joint.joint()
	s.Predictions = b.Predictions.predictions()
	s.ShareImportance, s.Alpha = b.ShareImportance.value(), b.Alpha.value()
	return s, nil
}

func featuresOf(fs []featureBody) []Feature {
	var out []Feature
	for _, f := range fs {
		x := Feature{
			Name: f.Name, Kind: f.Kind, N: f.N, M: f.M, NEff: f.NEff.value(), PSI: f.PSI.value(), PSILower: f.PSILower.value(),
			KSLow: f.KSLow.value(), KSHigh: f.KSHigh.value(), JS: f.JS.value(), Null: f.Null.value(), Outside: f.Outside.value(),
			Unseen: f.Unseen.value(), Verdict: f.Verdict, Warned: f.Warned, Rule: f.Rule, Reason: f.Reason,
			PSIDebiased: f.PSIDebiased.value(), DesignEffect: f.DesignEffect.value(), Dependence: f.Dependence, Blocks: f.Blocks, Bins: f.Bins,
			Hellinger: f.Hellinger.value(), TVD: f.TVD.value(), LInf: f.LInf.value(), KSP: f.ksP(), Chi2: f.Chi2.value(), Chi2P: f.chi2P(),
			W1: f.W1.value(), W1Low: f.W1Low.value(), W1High: f.W1High.value(),
		}
		for _, c := range f.Top {
			x.Top = append(x.Top, Cell{Label: c.Label, Part: c.Part.value(), Ref: c.Ref.value(), Cur: c.Cur.value()})
		}
		out = append(out, x)
	}
	return out
}

type scoresInput struct {
	ModelPath
	Window    string `query:"window" doc:"Length: 24h, 7d, or milliseconds; default all."`
	Version   string `query:"version" doc:"A version, for what it answered, or * for all together, for the input; default both."`
	Reference string `query:"reference" doc:"Id of a reference."`
	Of        string `query:"references" enum:"own,moving,all" doc:"Without an id: those against the model's own references (default), those that move along, or both."`
	Segment   string `query:"segment" doc:"Those of a part of the traffic, as NAME=VALUE such as region=eu, or * for all parts; default those of all of the traffic."`
	From      string `query:"from" doc:"Window ends after this: RFC 3339, a day, epoch milliseconds, or now-7d."`
	To        string `query:"to" doc:"Window ends at or before this."`
	Features  bool   `query:"features" doc:"Give every feature, too."`
	Stats     bool   `query:"statistics" doc:"Give the features with what people read beside a verdict: PSI on 10, 20 and 30 bins, moments, quantiles. At most 20 scores then."`
	Final     bool   `query:"final" doc:"Leave provisional scores out."`
	Limit     int    `query:"limit" default:"1000" minimum:"1" maximum:"20000"`
}

func listScores(ctx context.Context, s *server, in *scoresInput) (List[Score], error) {
	if in.Stats {
		in.Features, in.Limit = true, min(in.Limit, mostDescribed)
	}
	q := store.ScoreQuery{
		Model: in.Model, Version: in.Version, Reference: in.Reference, FinalOnly: in.Final, Newest: true, NoBody: !in.Features, Limit: in.Limit + 1,
	}
	switch in.Of {
	case "moving":
		q.References = store.MovingReferences
	case "all":
		q.References = store.AllReferences
	}
	var err error
	if q.Segment, err = segmentAsked("query.segment", in.Segment); err != nil {
		return List[Score]{}, err
	}
	if in.Window != "" {
		if q.WindowMS, err = parseSpan(in.Window); err != nil {
			return List[Score]{}, invalid("query.window", in.Window, err)
		}
	}
	for _, x := range []struct {
		key, text string
		to        *int64
	}{{"query.from", in.From, &q.FromMS}, {"query.to", in.To, &q.ToMS}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = parseMoment(x.text, s.NowMS()); err != nil {
			return List[Score]{}, invalid(x.key, x.text, err)
		}
	}
	var rows []store.ScoreRow
	var w store.WatchedModel
	err = s.Store.Read(ctx, func(t *store.Tx) (err error) {
		if w, err = t.WatchedModel(ctx, in.Model); err != nil {
			return err
		}
		rows, err = t.Scores(ctx, q)
		return err
	})
	if err != nil {
		return List[Score]{}, err
	}
	out := make([]Score, len(rows))
	for i, r := range rows {
		if out[i], err = scoreOf(r, in.Features); err != nil {
			return List[Score]{}, err
		}
		if in.Features && !slices.ContainsFunc(rows[:i], func(o store.ScoreRow) bool { return o.WindowMS == r.WindowMS && o.Version == r.Version }) && r.Segment == "" {
			if err := out[i].tellMissing(r, needsOf(w)); err != nil {
				return List[Score]{}, err
			}
		}
		if in.Stats && i < in.Limit {
			if err := s.describeScore(ctx, r, &out[i]); err != nil {
				return List[Score]{}, err
			}
		}
	}
	return listOf(out, in.Limit), nil
}
