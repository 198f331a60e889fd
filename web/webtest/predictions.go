package webtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// Versions of Bike that answer beside the input that is judged.
const (
	// Compared is the version whose answers the reference holds; they drift from week 40 on.
	Compared = "2"
	// Newer answers, too, and is compared with nothing.
	Newer = "3"
	// Gone answered for the last time long ago.
	Gone = "1"
)

// Predictions adds what versions of Bike answer to the world, and returns the open alarm on
// it.
func (w *World) Predictions(t testing.TB) string {
	t.Helper()
	ctx := context.Background()
	var rows []store.ScoreRow
	var fired wire.Score
	for k := range 60 {
		end := FirstEnd + int64(k)*weekMS
		s := PredictionScore(Compared, k, end)
		if fired.Model == "" && s.Drifted > 0 {
			fired = s
		}
		rows = append(rows, ScoreRow(s))
		if k < 20 {
			rows = append(rows, ScoreRow(PredictionScore(Gone, k, end)))
		}
		if k > 50 {
			rows = append(rows, ScoreRow(PredictionScore(Newer, k, end)))
		}
	}
	w.must(t, "predictions", w.store.PutScores(ctx, rows))
	episode := wire.EpisodeID("test", Bike, Compared, "default", fired.Reference, weekMS, fired.EndMS, wire.KindOfPrediction)
	typ := wire.EventType(wire.KindOfPrediction, "detected")
	e := wire.NewEvent("test", typ, wire.EventID(episode, typ, fired.EndMS), "warning", fired.EndMS, wire.EventData{
		Model: Bike, Version: Compared, Kind: wire.KindOfPrediction, Policy: "default", Rule: "calibrated", Episode: episode, Reference: fired.Reference, ReferenceKind: "training",
		WindowMS: weekMS, StartMS: fired.EndMS - weekMS, EndMS: fired.EndMS, SinceMS: fired.EndMS, Phase: "firing", Rows: fired.Rows, ReferenceRows: 2184, Covered: 42, Expected: 42,
		Drifted: fired.Drifted, Judged: fired.Judged, All: fired.All, Warn: 0.1, Threshold: 0.2, ShareFire: 0.3, Hops: 1, Alpha: 0.001, FalseAlarms: 0.5, HopMS: dayMS, Top: fired.Features,
	})
	w.must(t, "alarm of predictions", w.store.PutEvents(ctx, []store.EventRow{{
		ID: e.ID, Type: e.Type, Model: Bike, TimeMS: fired.EndMS, Body: string(e.Encode()), Episode: episode, Version: Compared, Policy: "default",
		Reference: fired.Reference, WindowMS: weekMS, Kind: wire.KindOfPrediction, Phase: "firing", Share: fired.Share(), TopJSON: "[]", Features: []string{"score"},
	}}))
	return episode
}

// PredictionScore is week k of what a version of Bike answers.
func PredictionScore(version string, k int, endMS int64) wire.Score {
	s := wire.Score{
		Model: Bike, Version: version, Reference: "4f2d9c0a11b2c3d4", WindowMS: weekMS, EndMS: endMS, State: wire.StateJudged, Rows: 168, Covered: 42, Expected: 42,
		Predictions: &wire.Predictions{Rows: 168, Scored: 168, MeanScore: Nano(0.25), Classes: map[string]uint64{"0": 126, "1": 42}},
	}
	if version == Newer { // of many classes, oddly named
		s.Predictions.Classes = map[string]uint64{Hostile: 100, "": 50}
		for i := range 6 {
			s.Predictions.Classes[fmt.Sprint("class ", i)] = 3
		}
	}
	if version != Compared {
		return s
	}
	s.Features = []wire.FeatureScore{
		{Name: "score", Kind: "numeric", N: 2184, M: 168, PSI: Nano(0.0625), PSILower: Nano(0.03), KSLow: Nano(0.05), KSHigh: Nano(0.1), NEff: Nano(120), DesignEffect: Nano(1.25), Bins: 10, Blocks: 12, Dependence: "blocks", Verdict: "stable", Rule: "calibrated"},
		{Name: "prediction", Kind: "categorical", N: 2184, M: 168, PSI: Nano(0.03125), PSILower: Nano(0.01), NEff: Nano(120), DesignEffect: Nano(1.25), Bins: 2, Verdict: "stable", Rule: "calibrated"},
	}
	s.Judged, s.All = 2, 2
	if k >= 40 {
		f := &s.Features[0]
		f.PSI, f.PSILower, f.Verdict, f.Warned = Nano(0.5), Nano(0.375), "drifted", true
		f.Top = []wire.Cells{{Label: "0.9 – 1", Part: Nano(0.25), Ref: Nano(0.125), Cur: Nano(0.5)}}
		s.Drifted = 1
	}
	s.Predictions.PSI = s.Features[0].PSI
	phase := map[bool]string{false: "ok", true: "firing"}[s.Drifted > 0]
	s.Alarms = []wire.AlarmAt{{Policy: "default", Kind: wire.KindOfPrediction, Phase: phase, State: []byte("{}")}}
	return s
}
