package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

func TestExplain_OfADriftAlarm(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	e, err := Explain(context.Background(), f.store, f.alarm)
	if err != nil {
		t.Fatal(err)
	}
	want := "bike demand: 4 of 10 judged (of 11) features above PSI 0.2 (share 0.40 ≥ 0.3) in 2 windows of 7 d in a row, the last 2025-08-11 00:00 to 2025-08-18 00:00 UTC, " +
		"n = 168 against reference 2,184. Most: hour, PSI 0.374, KS 0.187 to 0.237; 71 % of the shift is in 17 – 19 (8.0 % of the reference, 21 % of the window). " +
		"Retrained: version 2 promoted. Silent with threshold ≥ 0.28 or share limit ≥ 0.41 or 24 windows in a row needed."
	if e.Text != want {
		t.Errorf("text\n%s\nwant\n%s", e.Text, want)
	}
	if e.Share != 0.4 || e.Limit != 0.3 || e.Threshold != 0.2 || e.Hops != 2 || e.Run != 23 || e.Rows != 168 || e.RefRows != 2184 || len(e.Features) != 11 {
		t.Errorf("explanation %+v", e)
	}
	if _, err := Explain(context.Background(), f.store, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown alarm: %v", err)
	}
}

// TestExplain_TheWaysToSilenceAreRight judges the window again under each way.
func TestExplain_TheWaysToSilenceAreRight(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	e, err := Explain(context.Background(), f.store, f.alarm)
	if err != nil {
		t.Fatal(err)
	}
	shareAt := func(threshold float64) float64 {
		drifted, judged := 0, 0
		for _, x := range e.Features {
			if x.Verdict == "stable" || x.Verdict == "drifted" {
				judged++
				if *x.PSI >= threshold {
					drifted++
				}
			}
		}
		return float64(drifted) / float64(judged)
	}
	var threshold, limit float64
	if _, err := fmt.Sscanf(e.Silent, "Silent with threshold ≥ %f or share limit ≥ %f", &threshold, &limit); err != nil {
		t.Fatalf("%q: %v", e.Silent, err)
	}
	if got := shareAt(threshold); got >= e.Limit {
		t.Errorf("at threshold %v the share is %v, still at or above %v", threshold, got, e.Limit)
	}
	if got := shareAt(threshold - 0.01); got < e.Limit {
		t.Errorf("threshold %v is not the least: at a hundredth less the share is %v", threshold, got)
	}
	if e.Share >= limit || e.Share < limit-0.01 {
		t.Errorf("share limit %v for a share of %v", limit, e.Share)
	}
}

func TestExplain_OtherAlarms(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	put := func(id, kind, body string, quality bool) {
		t.Helper()
		when := firstEnd
		if id == "gone" {
			when -= dayMS // its events are deleted below
		}
		err := f.store.PutEvents(context.Background(), []store.EventRow{{
			ID: id, Type: "dev.driftline." + kind + ".detected.v1", Model: "churn", TimeMS: when, Episode: id, Version: "3", Policy: "default", Reference: "aa",
			WindowMS: weekMS, Kind: kind, Phase: "firing", QualityOpen: quality, Body: body,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	data := func(more string) string {
		return fmt.Sprintf(`{"data":{"kind":"x","window_ms":%d,"start_ms":%d,"end_ms":%d,"rows":500,"drifted":2,"judged":4,"all":4,"threshold":0.2,"share_fire":0.3,"rule":"calibrated"%s}}`, weekMS, firstEnd-weekMS, firstEnd, more)
	}
	put("calibrated", "drift", data(`,"hops":1,"may_retrain":true`), false)
	put("blocked", "drift", data(`,"hops":1`), true)
	put("performance", "performance", data(`,"detail":{"metric":"accuracy","value":0.71,"baseline":0.9,"margin":0.05}`), false)
	put("told", "performance", data(`,"detail":{"metric":"accuracy","value":0.71,"baseline":0.9,"margin":0.05,"reading":"concept drift","words":"Accuracy 0.710. Concept drift: so it is.","label_coverage":0.92}`), false)
	put("bare", "performance", data(``), false)
	held := `"metric":"rmse","value":3.6123,"baseline":3,"margin":0.1,"margin_of":"baseline","limit":3.3`
	put("risen", "performance", data(`,"detail":{`+held+`,"low":3.2,"high":4.05,"words":"Mean absolute error 2.9. Concept drift: so it is."}`), false)
	put("oneday", "performance", data(`,"detail":{`+held+`,"reason":"one day has no spread between days"}`), false)
	put("nothing", "performance", data(`,"detail":{"margin":0.1,"margin_of":"baseline"}`), false)
	put("gone", "drift", data(``), false)
	tests := []struct{ name, id, want, not string }{
		{"the calibrated rule", "calibrated", "2 of 4 features with the lower bound of PSI above 0.2 (share 0.50 ≥ 0.3) in the window of 7 d, ", "in a row"},
		{"automation that only looks", "calibrated", "Not retrained: automation of the model is observe.", "Retrained"},
		{"no stored score, so no threshold", "calibrated", "Silent with share limit ≥ 0.51.", "threshold ≥"},
		{"open data-quality alarm", "blocked", "Not retrained: a data-quality alarm is open.", "observe"},
		{"performance", "performance", "churn version 3: accuracy 0.710, before 0.900, worse by more than the margin 0.05, ", "Silent"},
		{"performance with what it means", "told", " UTC. Accuracy 0.710. Concept drift: so it is. 92 % of the predictions have their label.", ".."},
		{"performance without figures", "bare", "realised performance, ", "%!"},
		{"the error of a regression", "risen", "churn version 3: RMSE 3.612 (95 % by days: 3.2 to 4.05), promoted with 3, above it by more than the margin of 10 % and by more than chance, n = ", "Silent"},
		{"and what it means", "risen", "Concept drift: so it is.", "accuracy"},
		{"an error without interval", "oneday", "RMSE 3.612, promoted with 3, above it by more than the margin of 10 %, n = ", "chance"},
		{"an error without figures", "nothing", "churn version 3: realised error, ", "%!"},
		{"events are gone", "gone", "its events are no longer kept", "%!"},
	}
	if _, err := f.store.DeleteEventsBefore(context.Background(), firstEnd); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		e, err := Explain(context.Background(), f.store, tt.id)
		if err != nil || !strings.Contains(e.Text, tt.want) || strings.Contains(e.Text, tt.not) {
			t.Errorf("%s: %q, %v; want %q and not %q", tt.name, e.Text, err, tt.want, tt.not)
		}
		if w := get(t, f.handler, "/alarms/"+tt.id); w.Code != 200 {
			t.Errorf("%s: page %d", tt.name, w.Code)
		}
	}
}

func TestRunLength(t *testing.T) {
	t.Parallel()
	rows := func(shares ...float64) (out []store.ScoreRow) {
		for i, s := range shares {
			if !math.IsNaN(s) {
				out = append(out, store.ScoreRow{EndMS: int64(i) * dayMS, Drifted: int64(s * 10), Judged: 10})
			}
		}
		return out
	}
	gap := math.NaN()
	tests := []struct {
		name string
		rows []store.ScoreRow
		want int
	}{
		{"falls at once", rows(0.5, 0.1), 2},
		{"two more", rows(0.5, 0.5, 0.5, 0.1), 4},
		{"still up", rows(0.5, 0.5, 0.5), 0},
		{"a window is missing", rows(0.5, 0.5, gap, 0.5, 0.1), 0},
		{"one window", rows(0.5), 0},
		{"none", nil, 0},
	}
	for _, tt := range tests {
		if got := runLength(tt.rows, 7*dayMS, 2, 0.3); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestRetrainSentence(t *testing.T) {
	t.Parallel()
	failed := `[{"name":"min_rows","outcome":"undecided","value":3,"limit":100},{"name":"log_loss_guard","outcome":"fail","value":-0.05,"limit":-0.02},{"name":"x","outcome":"fail","advisory":true}]`
	tests := []struct {
		row  store.Retrain
		want string
	}{
		{store.Retrain{State: "DONE", Version: "4"}, "Retrained: version 4 promoted."},
		{store.Retrain{State: "DONE", Reason: "gated only."}, "Retrained: gated only."},
		{store.Retrain{State: "REJECTED", GatesJSON: failed}, "Retrained, the new version was refused: log loss guard -0.050, limit -0.020."},
		{store.Retrain{State: "REJECTED", GatesJSON: `{"checks":` + failed + `}`}, "Retrained, the new version was refused: log loss guard -0.050, limit -0.020."},
		{store.Retrain{State: "REJECTED", Reason: "no better", GatesJSON: "broken"}, "Retrained, the new version was refused: no better."},
		{store.Retrain{State: "ROLLED_BACK", Version: "4", Reason: "labels"}, "Retrained, version 4 was rolled back: labels."},
		{store.Retrain{State: "COALESCED", Reason: "harmless"}, "Not retrained: harmless."},
		{store.Retrain{State: "BLOCKED"}, "Retrain blocked."},
		{store.Retrain{State: "APPROVAL", Version: "4"}, "Retrained, version 4 waits for approval."},
		{store.Retrain{State: "TRAINED"}, "Retrain under way (trained)."},
	}
	for _, tt := range tests {
		if got := retrainSentence(tt.row); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.row.State, got, tt.want)
		}
	}
}

// TestBodies_FollowTheWire holds our reading of records to what the stream writes.
func TestBodies_FollowTheWire(t *testing.T) {
	t.Parallel()
	s := wire.Score{Model: "m", WindowMS: 1, State: wire.StateJudged, Features: []wire.FeatureScore{{
		Name: "f", Kind: "numeric", N: 5, M: 6, PSI: nanoOf(0.25), PSILower: nanoOf(0.2), KSLow: nanoOf(0.1), KSHigh: nanoOf(0.3), Null: nanoOf(0.5), Verdict: "drifted", Warned: true, Rule: "calibrated",
		Top: []wire.Cells{{Label: "c", Part: nanoOf(0.1), Ref: nanoOf(0.2), Cur: nanoOf(0.3)}},
	}}, Alarms: []wire.AlarmAt{{Kind: "drift", Phase: "pending", Stale: true, State: []byte("{}")}}, Predictions: &wire.Predictions{Rows: 3, MeanScore: nanoOf(0.5)}}
	b, err := parseScore(string(s.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	f := b.Features[0]
	if f.PSI.or(0) != 0.25 || f.judging().or(0) != 0.2 || f.KSHigh.or(0) != 0.3 || f.Null.or(0) != 0.5 || f.JS.Known() || !f.drifted() || f.Top[0].Cur.or(0) != 0.3 || f.N != 5 || f.M != 6 {
		t.Errorf("feature %+v", f)
	}
	if b.State != "judged" || !b.Alarms[0].Stale || b.Alarms[0].Phase != "pending" || b.Predictions.MeanScore.or(0) != 0.5 {
		t.Errorf("score %+v", b)
	}
	e, err := parseEvent(string(wire.NewEvent("n", "t", "id", "warning", 5, wire.EventData{Kind: "drift", Warn: 0.1, Threshold: 0.2, ShareFire: 0.3, Hops: 4, Drifted: 1, Judged: 4, ReferenceRows: 9, MayRetrain: true}).Encode()))
	if err != nil || e.ID != "id" || e.Data.Hops != 4 || e.Data.share() != 0.25 || e.Data.ReferenceRows != 9 || !e.Data.MayRetrain || e.Data.ShareFire != 0.3 {
		t.Errorf("event %+v, %v", e, err)
	}
}
