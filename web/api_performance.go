package web

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
)

// Performance is how good a version's answers were over the week that ends with a day.
type Performance struct {
	Model      string   `json:"model"`
	Version    string   `json:"version"`
	Day        string   `json:"day" doc:"Last day of the week, of the predictions' event time, UTC."`
	Kind       string   `json:"kind" enum:"binary,multiclass,regression"`
	FromMS     int64    `json:"from_ms" doc:"Start of the week."`
	ToMS       int64    `json:"to_ms" doc:"End of the week, exclusive."`
	MaturityMS int64    `json:"maturity_ms" doc:"Age at which labels are taken to have come."`
	Mature     bool     `json:"mature" doc:"Labels have had their time; false: they are awaited, and only estimates are here."`
	Days       int      `json:"days" doc:"Days with predictions."`
	Predicted  int64    `json:"predicted"`
	Labelled   int64    `json:"labelled" doc:"Predictions that the realised figures are of."`
	Coverage   *Number  `json:"label_coverage" doc:"labelled ÷ predicted; null while labels are awaited."`
	Beside     []Beside `json:"beside" nullable:"false" doc:"Predictions that no figure is of, and why."`

	Reading string `json:"reading" doc:"not available, harmless, covariate drift, concept drift or calibration drift."`
	Words   string `json:"words" doc:"The reading as a sentence."`

	Figures       []Figure         `json:"figures" nullable:"false"`
	Calibration   []CalibrationBin `json:"calibration" nullable:"false" doc:"Runs of scores with about equally many predictions."`
	PerDay        []DayFigure      `json:"per_day" nullable:"false" doc:"Of a regression."`
	Answers       []AnswerShift    `json:"answers" nullable:"false" doc:"How far scores, predicted classes and labels have moved from the reference days."`
	Learnt        CohortSpan       `json:"learnt" doc:"What the estimates rest on: days whose labels were there before the week began."`
	Estimate      string           `json:"estimate" enum:",plain,balanced" doc:"How the estimates were made: plain, from scores alone; balanced, from labelled rows weighed until their inputs look like the week's; empty where there are none."`
	EstimateWhy   string           `json:"estimate_why" doc:"Why it is not balanced."`
	EstimateRows  int64            `json:"estimate_rows" doc:"Of balanced: labelled rows that were weighed."`
	EstimateWorth *Number          `json:"estimate_worth" doc:"How many rows that count alike they are worth; below 200 there is no estimate."`
	Reference     CohortSpan       `json:"reference" doc:"What the week is held against: the version's first days."`
	Promised      *Promised        `json:"promised" doc:"Of a regression with labels: the week against what the version was promoted with; else null."`
}

// Figure is one measure, or the reason why there is none.
type Figure struct {
	Kind   string  `json:"kind" enum:"realised,estimated,error" doc:"Measured on labels, estimated from the answers alone, or the distance of the two over the same predictions."`
	Metric string  `json:"metric"`
	Class  string  `json:"class" doc:"Of one class, (macro) or (weighted) over classes; empty for the model as a whole."`
	Value  *Number `json:"value"`
	Low    *Number `json:"low" doc:"95 % interval, by days; null where none is known."`
	High   *Number `json:"high"`
	Reason string  `json:"reason" doc:"Why there is no value, or no interval."`
}

// Beside counts predictions that no figure is of.
type Beside struct {
	Why  string `json:"why"`
	Rows int64  `json:"rows"`
}

// CalibrationBin is a run of scores.
type CalibrationBin struct {
	Low       Number `json:"low"`
	High      Number `json:"high" doc:"Exclusive."`
	Rows      int64  `json:"rows"`
	MeanScore Number `json:"mean_score"`
	Share     Number `json:"share" doc:"Of them, how many came true."`
}

// DayFigure is one day of a regression.
type DayFigure struct {
	DayMS  int64   `json:"day_ms"`
	Rows   int64   `json:"rows"`
	IC     *Number `json:"ic" doc:"Spearman's correlation of prediction and label."`
	Spread *Number `json:"spread" doc:"Mean label of the top fifth of predictions less that of the bottom fifth."`
	Reason string  `json:"reason"`
}

// AnswerShift is how far the answers have moved.
type AnswerShift struct {
	Name     string  `json:"name" doc:"score, prediction or label."`
	PSI      *Number `json:"psi"`
	PSILower *Number `json:"psi_lower" doc:"Lower bound, with records taken for independent."`
	Reason   string  `json:"reason"`
}

// CohortSpan names days and labels.
type CohortSpan struct {
	FromMS int64 `json:"from_ms"`
	ToMS   int64 `json:"to_ms"`
	Days   int   `json:"days"`
	Labels int64 `json:"labels"`
}

func spanOf(l cohort.Learnt) CohortSpan {
	return CohortSpan{FromMS: l.FromMS, ToMS: l.ToMS, Days: l.Days, Labels: int64(l.Labels)}
}

func performanceOf(row *store.CohortRow) (Performance, error) {
	var r cohort.Report
	if err := json.Unmarshal([]byte(row.Report), &r); err != nil {
		return Performance{}, fmt.Errorf("report of model %q, version %q, day %s: %w", row.Model, row.Version, row.Day, err)
	}
	p := Performance{
		Model: row.Model, Version: row.Version, Day: row.Day, Kind: r.Kind, FromMS: r.FromMS, ToMS: r.ToMS, MaturityMS: row.MaturityMS, Mature: r.Mature,
		Days: r.Days, Predicted: int64(r.Predicted), Labelled: int64(r.Labelled), Coverage: r.Coverage, Reading: r.Reading, Words: r.Words,
		Beside: []Beside{}, Figures: []Figure{}, Calibration: []CalibrationBin{}, PerDay: []DayFigure{}, Answers: []AnswerShift{},
		Learnt: spanOf(r.Learnt), Reference: spanOf(r.Reference),
		Estimate: r.Estimate, EstimateWhy: r.EstimateWhy, EstimateRows: int64(r.EstimateRows), EstimateWorth: r.EstimateWorth,
		Promised: promisedOf(r.Promised),
	}
	for _, b := range r.Beside {
		p.Beside = append(p.Beside, Beside{b.Why, int64(b.Rows)})
	}
	for _, f := range r.Figures {
		p.Figures = append(p.Figures, Figure(f))
	}
	for _, b := range r.Calibration {
		p.Calibration = append(p.Calibration, CalibrationBin{Low: b.Low, High: b.High, Rows: int64(b.Rows), MeanScore: b.Score, Share: b.Share})
	}
	for _, d := range r.PerDay {
		p.PerDay = append(p.PerDay, DayFigure{DayMS: d.DayMS, Rows: int64(d.Rows), IC: d.IC, Spread: d.Spread, Reason: d.Reason})
	}
	for _, a := range r.Answers {
		p.Answers = append(p.Answers, AnswerShift(a))
	}
	return p, nil
}

// EstimateText says how the estimates were made, "" where there are none.
func (p *Performance) EstimateText() string {
	switch {
	case p.Estimate == cohort.Balanced && p.EstimateWorth != nil:
		return fmt.Sprintf("balanced: %d labelled rows weighed to look like the week's inputs, worth %.0f", p.EstimateRows, *p.EstimateWorth)
	case p.Estimate == cohort.Plain && p.EstimateWhy != "":
		return "plain, from scores alone: " + p.EstimateWhy
	}
	return p.Estimate
}

// Find returns a figure of the model as a whole; one without value where there is none.
func (p *Performance) Find(kind, metric string) Figure {
	for _, f := range p.Figures {
		if f.Kind == kind && f.Metric == metric && f.Class == "" {
			return f
		}
	}
	return Figure{Kind: kind, Metric: metric, Reason: "not computed for this kind of model"}
}

// newestPerformance is the newest report with labels of the champion, and that of a later
// day whose labels are awaited.
func newestPerformance(ctx context.Context, t *store.Tx, model, version string) ([]Performance, error) {
	out := []Performance{}
	if version == "" {
		return out, nil
	}
	mature, awaited, err := t.NewestReports(ctx, model, version, "")
	if err != nil {
		return out, err
	}
	for _, row := range []*store.CohortRow{mature, awaited} {
		if row == nil {
			continue
		}
		p, err := performanceOf(row)
		if err != nil {
			return out, err
		}
		out = append(out, p)
	}
	return out, nil
}

type performanceInput struct {
	ModelPath
	Version string `query:"version" doc:"Default: all."`
	From    string `query:"from" doc:"First day, YYYY-MM-DD."`
	To      string `query:"to" doc:"Day after the last."`
	Mature  bool   `query:"mature" doc:"Leave out weeks whose labels are awaited."`
	Limit   int    `query:"limit" default:"30" minimum:"1" maximum:"1000"`
}

func listPerformance(ctx context.Context, s *server, in *performanceInput) (List[Performance], error) {
	for _, x := range []struct{ key, day string }{{"query.from", in.From}, {"query.to", in.To}} {
		if x.day == "" {
			continue
		}
		if _, err := time.Parse(time.DateOnly, x.day); err != nil {
			return List[Performance]{}, invalid(x.key, x.day, err)
		}
	}
	var rows []store.CohortRow
	err := s.Store.Read(ctx, func(t *store.Tx) error {
		_, err := t.WatchedModel(ctx, in.Model)
		if err != nil {
			return err
		}
		rows, err = t.Cohorts(ctx, store.CohortQuery{
			Model: in.Model, Version: in.Version, From: in.From, To: in.To, Reported: true, Mature: in.Mature, Newest: true, Text: true, Limit: in.Limit + 1,
		})
		return err
	})
	if err != nil {
		return List[Performance]{}, err
	}
	out := make([]Performance, len(rows))
	for i := range rows {
		if out[i], err = performanceOf(&rows[i]); err != nil {
			return List[Performance]{}, err
		}
	}
	return listOf(out, in.Limit), nil
}
