package webtest

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

var bikeFeatures = []string{"hour", "temp", "atemp", "hum", "windspeed", "weekday", "season", "holiday", "workingday", "weather", "cnt_lag"}

// Nano is x in the unit of stored scores, 1e-9.
func Nano(x float64) *int64 {
	n := int64(math.Round(x * 1e9))
	return &n
}

// BikeScore is week k of the story: quiet at first, then more and more features drift.
func BikeScore(k int, endMS int64, rng *rand.Rand) wire.Score {
	s := wire.Score{
		Model: Bike, Version: "*", Reference: "4f2d9c0a11b2c3d4", WindowMS: weekMS, EndMS: endMS, State: wire.StateJudged,
		Rows: 168, Covered: 42, Expected: 42, All: len(bikeFeatures),
	}
	rise := 0.25 * math.Max(0, float64(k-20)) / 20 * (1.3 + math.Sin(float64(k)/5))
	for i, name := range bikeFeatures {
		psi := 0.02 + 0.02*rng.Float64() + rise*math.Max(0, 1.6-0.25*float64(i))
		x := wire.FeatureScore{
			Name: name, Kind: "numeric", N: 2184, M: 168, PSI: Nano(psi), PSILower: Nano(psi * 0.7), KSLow: Nano(psi / 2), KSHigh: Nano(psi/2 + 0.05),
			Null: Nano(0.001 * float64(i)), Outside: Nano(0), NEff: Nano(120), Verdict: "stable", Rule: "classic",
		}
		switch {
		case name == "holiday" || k < 3:
			x.Verdict, x.Reason, x.PSI = "insufficient", "20 values in the window for 10 bins, at least 50 are needed", nil
		case psi >= 0.2:
			x.Verdict, x.Warned = "drifted", true
			x.Top = []wire.Cells{{Label: "17 – 19", Part: Nano(psi * 0.71), Ref: Nano(0.08), Cur: Nano(0.21)}, {Label: "0 – 5", Part: Nano(psi * 0.1), Ref: Nano(0.2), Cur: Nano(0.1)}}
		case psi >= 0.1:
			x.Warned = true
		}
		if x.Verdict != "insufficient" {
			s.Judged++
		}
		if x.Verdict == "drifted" {
			s.Drifted++
		}
		s.Features = append(s.Features, x)
	}
	return s
}

// ScoreRow is a score as the history stores it.
func ScoreRow(s wire.Score) store.ScoreRow {
	r := store.ScoreRow{
		Model: s.Model, Version: s.Version, Reference: s.Reference, Segment: s.Segment, WindowMS: s.WindowMS, EndMS: s.EndMS, Rows: int64(s.Rows),
		Covered: int64(s.Covered), Expected: int64(s.Expected), Drifted: int64(s.Drifted), Judged: int64(s.Judged), Total: int64(s.All), Body: string(s.Encode()),
	}
	if w, ok := s.Worst(); ok {
		x := float64(*w.PSI) / 1e9
		r.MaxPSI, r.MaxFeature = &x, w.Name
	}
	return r
}

func (w *World) seedScores(ctx context.Context, t testing.TB) {
	rng := rand.New(rand.NewPCG(7, 11))
	var rows []store.ScoreRow
	var alarmed wire.Score
	hops := 0
	for k := range 60 {
		s := BikeScore(k, FirstEnd+int64(k)*weekMS, rng)
		if s.Share() >= 0.3 {
			if hops++; hops == 2 && alarmed.Model == "" {
				alarmed = s
			}
		} else {
			hops = 0
		}
		rows = append(rows, ScoreRow(s))
	}
	quiet := wire.Score{Model: "churn", Version: "*", Reference: "aa", WindowMS: dayMS, EndMS: FirstEnd + 59*weekMS, State: wire.StateJudged, Rows: 4000, Covered: 10, Expected: 10, Judged: 2, All: 2, Features: []wire.FeatureScore{
		{Name: "plan", Kind: "categorical", N: 1000, M: 4000, PSI: Nano(0.01), Verdict: "stable", Rule: "calibrated"},
		{Name: "age", Kind: "numeric", N: 1000, M: 4000, PSI: Nano(0.02), Verdict: "stable", Rule: "calibrated"},
	}}
	odd := quiet
	quiet.Joint = &wire.JointVerdict{
		Verdict: "drifted", N: 1000, M: 4000, Distance: Nano(0.03), Score: Nano(5.125), Limit: Nano(3.4), FalseAlarms: Nano(0.25), Path: "pair",
		Parts:    []wire.JointPart{{Name: "distance", Value: Nano(2), Score: Nano(1.5)}, {Name: "pair", Value: Nano(40), Score: Nano(5.125)}},
		Features: []wire.JointFeature{{Name: "plan", Shift: Nano(0.5), Spread: Nano(-0.25), Pair: Nano(9.5), Witness: Nano(0.75)}},
		Pairs:    []wire.JointPair{{A: "plan", B: "age", Ref: Nano(0.0125), Cur: Nano(0.475), Change: Nano(9.5)}},
	}
	odd.Joint = &wire.JointVerdict{Verdict: "insufficient", N: 10, M: 10, Reason: Hostile}
	odd.Model, odd.Features = Hostile, []wire.FeatureScore{{Name: Hostile, Kind: "numeric", N: 10, M: 10, PSI: Nano(0.4), Verdict: "learning", Reason: Hostile}}
	odd.Judged, odd.All = 0, 1
	rows = append(rows, ScoreRow(quiet), ScoreRow(odd))
	w.must(t, "scores", w.store.PutScores(ctx, rows))
	w.Alarm = w.putAlarm(ctx, t, alarmed)
	// An old data-quality alarm of a hostile model that resolved.
	w.must(t, "quality alarm", w.store.PutEvents(ctx, []store.EventRow{{
		ID: "q1", Type: "dev.driftline.quality.resolved.v1", Model: Hostile, TimeMS: FirstEnd, Episode: "quality" + strings.Repeat("0", 9), Version: "*", Policy: "default",
		Reference: "aa", WindowMS: dayMS, Kind: "quality", Phase: "resolved", Share: 0.5,
		Body: `{"id":"q1","type":"dev.driftline.quality.resolved.v1","data":{"kind":"quality","rule":"missing values","drifted":1,"judged":2,"all":2,"rows":10,"window_ms":86400000,"end_ms":` + fmt.Sprint(FirstEnd) + `,"top":[{"name":"<b>x</b>","null_rate":500000000,"verdict":"stable"}]}}`,
	}}))
	var days []store.PerformanceDay
	for i := range 400 {
		version := "1"
		if i >= 250 {
			version = "2"
		}
		correct := int64(24*0.92 - 6*math.Abs(math.Sin(float64(i)/60)))
		days = append(days, store.PerformanceDay{Model: Bike, Version: version, Day: time.UnixMilli(FirstEnd + int64(i)*dayMS).UTC().Format(time.DateOnly), Predicted: 24, Labelled: 24, Classed: 24, Correct: correct, LabelClockMS: 1})
	}
	w.must(t, "performance", w.store.PutPerformanceDays(ctx, days))
	w.putReports(ctx, t)
}

// putAlarm stores detected and ongoing events of one episode as the evaluation does.
func (w *World) putAlarm(ctx context.Context, t testing.TB, s wire.Score) string {
	t.Helper()
	episode := wire.EpisodeID("test", s.Model, "*", "default", s.Reference, s.WindowMS, s.EndMS, "drift")
	top := slices.Clone(s.Features)
	slices.SortStableFunc(top, func(a, b wire.FeatureScore) int {
		x, y := int64(-1), int64(-1)
		if a.PSI != nil {
			x = *a.PSI
		}
		if b.PSI != nil {
			y = *b.PSI
		}
		return int(min(1, max(-1, y-x)))
	})
	var rows []store.EventRow
	for i, what := range []string{"detected", "ongoing"} {
		end := s.EndMS + int64(i)*weekMS
		typ := wire.EventType("drift", what)
		e := wire.NewEvent("test", typ, wire.EventID(episode, typ, end), "warning", end, wire.EventData{
			Model: s.Model, Version: "*", Kind: "drift", Policy: "default", Rule: "classic", Episode: episode, Reference: s.Reference, WindowMS: s.WindowMS,
			StartMS: end - s.WindowMS, EndMS: end, SinceMS: s.EndMS, Phase: "firing", Rows: s.Rows, ReferenceRows: referenceRows(s), Covered: s.Covered, Expected: s.Expected,
			Drifted: s.Drifted, Judged: s.Judged, All: s.All, Warn: 0.1, Threshold: 0.2, ShareFire: 0.3, Hops: 2, MayRetrain: s.Segment == "", Top: top[:5],
			Segment: s.Segment, ReferenceKind: s.ReferenceKind,
		})
		rows = append(rows, store.EventRow{
			ID: e.ID, Type: e.Type, Model: s.Model, TimeMS: end, Body: string(e.Encode()), Episode: episode, Version: "*", Policy: "default",
			Reference: s.Reference, WindowMS: s.WindowMS, Kind: "drift", Segment: s.Segment, Phase: "firing", Share: s.Share(), TopJSON: "[]",
		})
	}
	w.must(t, "alarm", w.store.PutEvents(ctx, rows))
	return episode
}

func referenceRows(s wire.Score) uint64 {
	if s.ReferenceRows > 0 {
		return s.ReferenceRows
	}
	return 2184
}
