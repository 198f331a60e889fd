package commands

import (
	"context"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

func billionths(x float64) *int64 {
	n := int64(x * 1e9)
	return &n
}

// answersScore is what version 3 of churn answered, compared with the reference.
func answersScore() wire.Score {
	return wire.Score{
		Model: "churn", Version: "3", Reference: "ref", WindowMS: 10_000, EndMS: startMS, State: wire.StateJudged, Rows: 400, Drifted: 1, Judged: 2, All: 2,
		Features: []wire.FeatureScore{
			{Name: "score", Kind: "numeric", N: 1000, M: 400, PSI: billionths(0.5), PSILower: billionths(0.375), Verdict: "drifted", Rule: "calibrated", Top: []wire.Cells{{Label: "0.9 \u2013 1", Part: billionths(0.25), Ref: billionths(0.125), Cur: billionths(0.5)}}},
			{Name: "prediction", Kind: "categorical", N: 1000, M: 400, PSI: billionths(0.0625), Verdict: "stable", Rule: "calibrated"},
		},
		Predictions: &wire.Predictions{Rows: 400, Scored: 400, MeanScore: billionths(0.625), PSI: billionths(0.5), Classes: map[string]uint64{"1": 300, "0": 99, "x\x1b[31m": 1}},
		Alarms:      []wire.AlarmAt{{Policy: "default", Kind: wire.KindOfPrediction, Phase: "firing", State: []byte("{}")}},
	}
}

func answersEvent(s wire.Score) store.EventRow {
	e := wire.NewEvent("test", wire.EventType(wire.KindOfPrediction, "detected"), "id-answers", "warning", startMS, wire.EventData{
		Model: "churn", Version: "3", Kind: wire.KindOfPrediction, Policy: "default", Rule: "calibrated", Episode: "answers", Reference: "ref", WindowMS: 10_000,
		StartMS: startMS - 10_000, EndMS: startMS, Phase: "firing", Rows: 400, ReferenceRows: 1000, Drifted: 1, Judged: 2, All: 2, Threshold: 0.2, ShareFire: 0.3, Hops: 1, Alpha: 0.001, FalseAlarms: 0.5, Top: s.Features,
	})
	return store.EventRow{
		ID: e.ID, Type: e.Type, Model: "churn", TimeMS: startMS, Body: string(e.Encode()), Episode: "answers", Version: "3", Policy: "default", Reference: "ref",
		WindowMS: 10_000, Kind: wire.KindOfPrediction, Phase: "firing", Share: 0.5, TopJSON: "[]", Features: []string{"score"},
	}
}

// inputEvent is an alarm on the input of churn.
func inputEvent() store.EventRow {
	e := wire.NewEvent("test", wire.EventType("drift", "detected"), "id-whole", "warning", startMS, wire.EventData{
		Model: "churn", Version: "*", Kind: "drift", Policy: "default", Rule: "classic", Episode: "whole", Reference: "ref", WindowMS: 10_000,
		StartMS: startMS - 10_000, EndMS: startMS, Phase: "firing", Rows: 42, ReferenceRows: 546, Drifted: 1, Judged: 2, All: 2, Threshold: 0.2, ShareFire: 0.3, Hops: 1,
	})
	return store.EventRow{
		ID: e.ID, Type: e.Type, Model: "churn", TimeMS: startMS, Body: string(e.Encode()), Episode: "whole", Version: "*", Policy: "default", Reference: "ref",
		WindowMS: 10_000, Kind: "drift", Phase: "firing", Share: 0.5, TopJSON: "[]",
	}
}

// Commands show what versions answer, how that compares, and why an alarm on it starts
// nothing.
func TestPredictions_OnTheCommandLine(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		s := answersScore()
		other := wire.Score{Model: "churn", Version: "4", Reference: "ref", WindowMS: 10_000, EndMS: startMS, State: wire.StateJudged, Rows: 7, Predictions: &wire.Predictions{Rows: 7}}
		silent := wire.Score{Model: "churn", Version: "5", Reference: "ref", WindowMS: 10_000, EndMS: startMS, State: wire.StateEmpty}
		var rows []store.ScoreRow
		for _, x := range []wire.Score{s, other, silent} {
			row := store.ScoreRow{Model: x.Model, Version: x.Version, Reference: x.Reference, WindowMS: x.WindowMS, EndMS: x.EndMS, Rows: int64(x.Rows), Drifted: int64(x.Drifted), Judged: int64(x.Judged), Total: int64(x.All), Body: string(x.Encode())}
			for _, a := range x.Alarms {
				row.AlarmPhase = a.Phase
			}
			rows = append(rows, row)
		}
		if err := r.Store.PutScores(ctx, rows); err != nil {
			t.Fatal(err)
		}
		if err := r.Store.PutEvents(ctx, []store.EventRow{answersEvent(s), inputEvent()}); err != nil {
			t.Fatal(err)
		}
		var list []web.Alarm
		if decode(t, b.must("alarms", "list", "--kind", "prediction", "-o", "json"), &list); len(list) != 1 || list[0].ID != "answers" || list[0].Version != "3" {
			t.Errorf("alarms of the kind: %+v", list)
		}
		for what, c := range map[string]struct {
			args []string
			want []string
		}{
			"list": {[]string{"alarms", "list"}, []string{"prediction"}},
			"show": {[]string{"alarms", "show", "answers"}, []string{
				"prediction of model churn, version 3", "n = 400 against 1000; starts no retrain: answers changed, which does not say that they are worse",
				"score: drifted, PSI 0.500, lower bound 0.375; 0.9 \u2013 1: 12.5 % to 50.0 %", "prediction: stable, PSI 0.062",
			}},
			"explain": {[]string{"explain", "answers"}, []string{
				"churn: the scores of version 3 are not spread as they were in the reference, with the lower bound of PSI above 0.2",
				"n = 400 against reference 1,000", "50 % of the shift is in 0.9 \u2013 1", "an alarm on predictions starts no retrain, for it says that answers changed, not whether they are worse",
				"answers of other versions are not in it", "0.9 \u2013 1: 12.5 % to 50.0 %", "the features of the model, these two among them",
			}},
			"model": {[]string{"models", "show", "churn"}, []string{
				"version 3", "400 rows, mean score 0.625, classes 1 75.0 %, 0 24.8 %", "score drifted, PSI 0.5", "prediction stable", "alarm firing",
				"7 rows", "not compared: the reference holds no answers of this version", "no verdict: no answers in the window",
			}},
		} {
			out := b.must(c.args...)
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%s lacks %q:\n%s", what, want, out)
				}
			}
			if strings.Contains(out, "\x1b") {
				t.Errorf("%s lets a class steer the terminal:\n%q", what, out)
			}
		}
		if code, _, errs := b.run("silence", "add", "--model", "churn", "--kind", "prediction", "--feature", "amount", "--for", "1h", "--reason", "x"); code != cli.Failure || !strings.Contains(errs, "score and prediction") {
			t.Errorf("a silence of an input among answers ends with %d: %s", code, errs)
		}
		b.must("silence", "add", "--model", "churn", "--kind", "prediction", "--feature", "score", "--for", "1h", "--reason", "new campaign")
		if out := b.must("alarms", "show", "answers"); !strings.Contains(out, "nobody is told until then") {
			t.Errorf("the alarm does not show its silence:\n%s", out)
		}
		if out := b.must("alarms", "show", "whole"); strings.Contains(out, "nobody is told") {
			t.Errorf("a silence of predictions mutes drift:\n%s", out)
		}
	})
}
