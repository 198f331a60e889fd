package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

// evaluate is the phase TRAINED → EVALUATED: champion and tested model on the same
// held-out rows, and the gate's checks that need only those.
func (j *job) evaluate(ctx context.Context) error {
	d, err := j.dataset(ctx)
	if err != nil {
		return err
	}
	tested, err := j.testedModel(ctx)
	if err != nil {
		return err
	}
	champion, err := j.champion(ctx)
	if err != nil {
		return err
	}
	in, err := j.gateInput(ctx, d, tested, champion)
	if err != nil {
		return err
	}
	verdict, err := judge.Decide(j.spec.Gate, in)
	if err != nil {
		return refuse("%v", err)
	}
	gates, err := json.Marshal(verdict)
	if err != nil {
		return err
	}
	metrics := runMetrics(verdict, d, j.row)
	report, err := json.MarshalIndent(map[string]any{"challenger": verdict.Challenger, "champion": verdict.Champion, "flips": verdict.Flips}, "", "  ")
	if err != nil {
		return err
	}
	if err := j.put(ctx, "metrics.json", report); err != nil {
		return err
	}
	text := string(gates)
	return j.advance(ctx, store.RetrainEvaluated, store.RetrainPatch{Reason: summary(verdict), GatesJSON: &text}, func(tx *store.Tx, r store.Retrain) error {
		return tx.LogBatch(ctx, r.RunID, store.Batch{Metrics: metrics, Tags: []store.Tag{
			{Key: "driftline.data_window", Value: d.FirstDay + " to " + d.LastDay},
			{Key: "driftline.dataset_sha256", Value: d.SHA256},
		}})
	})
}

// gateInput scores the holdout and collects what the gate must know besides.
func (j *job) gateInput(ctx context.Context, d *dataset, tested *gbdt.Model, champion *Champion) (judge.Input, error) {
	rows := d.holdout()
	challengerScores, err := score(tested, d.Features, rows)
	if err != nil {
		return judge.Input{}, refuse("score the holdout with the challenger: %v", err)
	}
	var championScores []float64
	used := []judge.Used{{What: "the challenger's training rows", Through: d.HoldoutFromDay - 1}}
	if champion != nil {
		if champion.Model.Groups() != tested.Groups() {
			return judge.Input{}, refuse("the champion, version %s, gives %d outputs, the challenger %d: they cannot be compared", champion.Version, champion.Model.Groups(), tested.Groups())
		}
		if championScores, err = score(champion.Model, d.Features, rows); err != nil {
			return judge.Input{}, refuse("score the holdout with the champion, version %s: %v", champion.Version, err)
		}
		if champion.trainedKnown {
			used = append(used, judge.Used{What: "the champion's training rows", Through: champion.trainedThrough})
		}
	}
	last, found, err := j.cfg.Store.LastDecision(ctx, j.row.Model)
	if err != nil {
		return judge.Input{}, err
	}
	if m, ok := manifestOf(last); found && ok {
		used = append(used, judge.Used{What: "the last decision's rows", Through: m.HoldoutThroughDay})
	}
	in := judged(j.spec.Gate.Kind, rows, championScores, challengerScores)
	in.First = champion == nil
	in.BaseRate, in.Used = baseRate(d.train()), used
	smoke, err := smokeCheck(tested, d.Features, rows, challengerScores)
	if err != nil {
		return judge.Input{}, err
	}
	in.Extra = []judge.Check{smoke}
	return in, nil
}

// smokeCheck saves the model, loads it and scores again: what is kept must be what was
// judged.
func smokeCheck(m *gbdt.Model, have []string, rows []row, want []float64) (judge.Check, error) {
	c := judge.Check{Name: "saved_and_loaded", Support: len(rows), Outcome: judge.Pass}
	body, err := modelFile(m)
	if err != nil {
		return c, err
	}
	back, err := gbdt.LoadJSON(bytes.NewReader(body), gbdt.Limits{})
	if err != nil {
		c.Outcome, c.Reason = judge.Fail, fmt.Sprintf("the saved model cannot be loaded: %v", err)
		return c, nil
	}
	got, err := score(back, have, rows)
	if err != nil || !slices.Equal(got, want) {
		c.Outcome, c.Reason = judge.Fail, fmt.Sprintf("the saved model scores otherwise than before (%v)", err)
	}
	return c, nil
}

func decodeDecision(text string, d *judge.Decision) error { return json.Unmarshal([]byte(text), d) }

// summary says the gate's outcome in words.
func summary(d judge.Decision) string {
	text := "gate: " + string(d.Outcome)
	for _, c := range d.Checks {
		if c.Advisory || c.Outcome == judge.Pass || c.Outcome == judge.Skipped {
			continue
		}
		text += "; " + c.Name + " " + string(c.Outcome)
		if c.Value != nil && c.Limit != nil {
			text += fmt.Sprintf(" (%s, limit %s)", short(*c.Value), short(*c.Limit))
		}
		if c.Reason != "" {
			text += ": " + c.Reason
		}
	}
	return text
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

// reportMetrics lists every defined metric of a report; parts of a report give
// "part_metric", as in macro_f1.
func reportMetrics(r *judge.Report) map[string]float64 {
	out := map[string]float64{}
	b, err := json.Marshal(r)
	var kinds map[string]map[string]any
	if err != nil || json.Unmarshal(b, &kinds) != nil {
		return out // a nil report is "null" and has none
	}
	for _, fields := range kinds {
		addMetrics(out, "", fields)
	}
	return out
}

func addMetrics(out map[string]float64, prefix string, fields map[string]any) {
	for name, v := range fields {
		m, ok := v.(map[string]any)
		if !ok {
			continue
		}
		if x, ok := m["value"].(float64); ok {
			out[prefix+name] = x
		} else {
			addMetrics(out, prefix+name+"_", m)
		}
	}
}

// runMetrics are the metrics of the run: those of the tested model by their names,
// the champion's with a prefix, and counts. Their time is that of the row, so that a
// repeated phase writes the same.
func runMetrics(v judge.Decision, d *dataset, r store.Retrain) []store.Metric {
	all := map[string]float64{
		"rows": float64(d.Rows), "train_rows": float64(d.TrainRows), "holdout_rows": float64(d.HoldoutRows), "positive_share": baseRate(d.rows),
	}
	maps.Copy(all, reportMetrics(v.Challenger))
	for name, x := range reportMetrics(v.Champion) {
		all["champion_"+name] = x
	}
	if v.Flips != nil {
		all["flips"] = *v.Flips
	}
	var out []store.Metric
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, store.Metric{Key: name, Value: all[name], TimeMS: max(r.CreatedMS, 0)})
	}
	return out
}
