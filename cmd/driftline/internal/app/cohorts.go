package app

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/trainer/gbdt"
)

// CohortSpec is what a model answers, from its configuration. Where the classes cannot
// be known it has a reason instead.
func CohortSpec(m config.Model) cohort.Spec {
	s := cohort.Spec{Kind: m.LabelKind(), Positive: m.Label.Positive, MaturityMS: wholeDays(m.Label.Maturity.Std())}
	named := slices.DeleteFunc(slices.Clone(m.Classes), func(c string) bool { return c == "" })
	slices.Sort(named)
	switch s.Kind {
	case cohort.Binary:
		s.Classes = twoClasses(s.Positive, named)
		if s.Classes == nil {
			s.Reason = fmt.Sprintf("the two classes are not known: label.positive is %q; list it and the other one under classes", s.Positive)
		}
	case cohort.Multiclass:
		s.Positive, s.Classes = "", named
		if len(m.Classes) == 0 && m.Training != nil {
			s.Classes = numberedClasses(m.Training.Params)
		}
		if len(s.Classes) < 2 {
			s.Reason = "the classes are not known: list them under classes"
		}
	default:
		s.Positive = ""
	}
	return s
}

// twoClasses are the positive class and the other one, nil where that is not known.
func twoClasses(positive string, named []string) []string {
	if len(named) == 2 && slices.Contains(named, positive) {
		return named
	}
	for _, pair := range [][]string{{"0", "1"}, {"false", "true"}} {
		if slices.Contains(pair, positive) {
			return pair
		}
	}
	return nil
}

// numberedClasses are those of the built-in trainer: 0 to num_class − 1.
func numberedClasses(params map[string]any) (out []string) {
	p, err := gbdt.ParseParams(params)
	if err != nil || p.NumClass > sketches.MaxClasses {
		return nil
	}
	for i := range p.NumClass {
		out = append(out, strconv.Itoa(i))
	}
	slices.Sort(out)
	return out
}

// counter counts the predictions of one day by version.
type counter struct {
	spec  cohort.Spec
	start int64
	grids map[string]*sketches.Grid // of a regression, by version
	days  map[string]*cohort.Day
	waits map[string]string // versions of a regression without a grid yet, and why
	err   error
}

// newCounter reads the grids that versions are counted on before the day is scanned: a
// transaction reads one thing at a time.
func newCounter(ctx context.Context, t *store.Tx, model string, s cohort.Spec, startMS int64) (*counter, error) {
	c := &counter{spec: s, start: startMS, grids: map[string]*sketches.Grid{}, days: map[string]*cohort.Day{}, waits: map[string]string{}}
	if s.Kind != cohort.Regression {
		return c, nil
	}
	counted, err := t.Cohorts(ctx, store.CohortQuery{Model: model, MaturityMS: &s.MaturityMS, Counted: true})
	if err != nil {
		return nil, err
	}
	for _, row := range counted {
		if c.grids[row.Version] != nil || row.Kind != s.Kind {
			continue
		}
		first, err := t.Cohorts(ctx, store.CohortQuery{Model: model, Version: row.Version, MaturityMS: &s.MaturityMS, From: row.Day, Counted: true, Body: true, Limit: 1})
		if err != nil {
			return nil, err
		}
		days, err := (&keptDays{}).decodeDays(s, model, first)
		if err != nil {
			return nil, err
		}
		c.grids[row.Version] = cohort.GridOf(days)
	}
	return c, nil
}

func cohortRow(e store.ExampleRow) cohort.Row {
	p := e.Prediction
	r := cohort.Row{Class: p.Class}
	if p.Score != nil {
		r.Score, r.HasScore = *p.Score, true
	}
	if e.Label != nil {
		r.Label, r.LabelMS, r.HasLabel = e.Label.Value, e.Label.MS, true
	}
	return r
}

// add counts one prediction.
func (c *counter) add(e store.ExampleRow) {
	v, r := e.Prediction.Version, cohortRow(e)
	if c.spec.Kind == cohort.Regression && c.grids[v] == nil {
		c.waits[v] = fmt.Sprintf("fewer than %d labelled numbers in %d days, from which the cells of predictions and labels are made", cohort.MinGridRows, cohort.ReferenceDays)
		return
	}
	if d := c.day(v); d != nil {
		d.Add(c.spec, r)
	}
}

func (c *counter) day(version string) *cohort.Day {
	d := c.days[version]
	if d == nil && c.err == nil {
		d, c.err = cohort.NewDay(c.spec, c.start, c.grids[version])
		c.days[version] = d
	}
	return d
}

// mostGridRows bounds what a grid is made from: the oldest rows of the weeks.
const mostGridRows = 1 << 17

// settle makes the grids that were missing, from the day and the weeks before it, and
// scans the day again for those versions.
func (c *counter) settle(ctx context.Context, t *store.Tx, model string) error {
	until := c.start + cohort.DayMS + c.spec.MaturityMS
	for _, v := range sortedKeys(c.waits) {
		var known []cohort.Row
		q := store.ExampleQuery{Model: model, Version: v, FromMS: c.start - (cohort.ReferenceDays-1)*cohort.DayMS, ToMS: c.start + cohort.DayMS, LabelledOnly: true, LabelsUntilMS: until}
		err := t.Examples(ctx, q, func(e store.ExampleRow) error {
			if len(known) < mostGridRows {
				known = append(known, cohortRow(e))
			}
			return nil
		})
		if err != nil {
			return err
		}
		grid, err := cohort.Grid(known)
		if err != nil {
			c.waits[v] = "no cells can be made of predictions and labels: " + err.Error()
			continue
		}
		if grid == nil {
			continue // the day is left out, and its reason says so
		}
		delete(c.waits, v)
		c.grids[v] = grid
		day := store.ExampleQuery{Model: model, Version: v, FromMS: c.start, ToMS: c.start + cohort.DayMS, LabelsUntilMS: until}
		err = t.Examples(ctx, day, func(e store.ExampleRow) error {
			if e.Prediction != nil {
				c.add(e)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return c.err
}

// result is a version's day, or why there is none.
func (c *counter) result(version string) (*cohort.Day, string) {
	switch {
	case c.spec.Reason != "":
		return nil, c.spec.Reason
	case c.days[version] != nil:
		return c.days[version], ""
	}
	return nil, c.waits[version]
}

// stored is a day as the database keeps it.
func (c *counter) stored(model, version string, labelClockMS int64) store.CohortRow {
	r := store.CohortRow{
		Model: model, Version: version, Day: dateOf(c.start), MaturityMS: c.spec.MaturityMS, Kind: c.spec.Kind, LabelClockMS: labelClockMS,
	}
	var d *cohort.Day
	if d, r.Reason = c.result(version); d != nil {
		r.Counts, r.Answers = d.Counts(), d.Answers()
	}
	return r
}

func dateOf(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }

// RealiseDay implements historian.PerformanceStore.
func (h *historyStore) RealiseDay(ctx context.Context, m historian.PerformanceModel, startMS, clockMS int64) (out []historian.Realised, err error) {
	err = h.p.Store.Tx(ctx, func(t *store.Tx) error {
		c, err := newCounter(ctx, t, m.Model, m.Cohort, startMS)
		if err != nil {
			return err
		}
		also := c.add
		if m.Cohort.Reason != "" {
			also = nil
		}
		days, err := t.RealisedDayWith(ctx, m.Model, dateOf(startMS), m.Positive, clockMS, also)
		if err != nil {
			return err
		}
		if err := t.PutPerformanceDays(ctx, days); err != nil {
			return err
		}
		if err := c.settle(ctx, t, m.Model); err != nil {
			return err
		}
		out = out[:0]
		var rows []store.CohortRow
		for _, d := range days {
			r := historian.Realised{Version: d.Version, Predicted: d.Predicted, Classed: d.Classed, Correct: d.Correct}
			r.Day, r.Reason = c.result(d.Version)
			if r.Day != nil && d.Version == m.Champion {
				r.Day.Inputs = h.inputsOf(ctx, m, startMS, true)
			}
			out = append(out, r)
			rows = append(rows, c.stored(m.Model, d.Version, clockMS))
		}
		return t.PutCohorts(ctx, rows)
	})
	return out, err
}

// AnswerDay implements historian.PerformanceStore.
func (h *historyStore) AnswerDay(ctx context.Context, m historian.PerformanceModel, startMS int64) (out historian.Realised, found bool, err error) {
	err = h.p.Store.Tx(ctx, func(t *store.Tx) error {
		out, found = historian.Realised{Version: m.Champion}, false
		c, err := newCounter(ctx, t, m.Model, m.Cohort, startMS)
		if err != nil {
			return err
		}
		q := store.ExampleQuery{Model: m.Model, Version: m.Champion, FromMS: startMS, ToMS: startMS + cohort.DayMS}
		err = t.Examples(ctx, q, func(e store.ExampleRow) error {
			if e.Prediction == nil {
				return nil
			}
			found = true
			out.Predicted++
			if m.Cohort.Reason == "" {
				e.Label = nil // awaited: some have come, and those are no fair sample
				c.add(e)
			}
			return nil
		})
		if err != nil || !found {
			return err
		}
		if d := c.days[m.Champion]; d != nil {
			d.Outcomes, d.Numbers = nil, nil
		}
		out.Day, out.Reason = c.result(m.Champion)
		if out.Day == nil && m.Cohort.Reason == "" {
			out.Reason = "no labels have matured yet"
		}
		if out.Day != nil {
			out.Day.Inputs = h.inputsOf(ctx, m, startMS, false)
		}
		row := c.stored(m.Model, m.Champion, 0)
		row.Reason = out.Reason
		return t.PutCohorts(ctx, []store.CohortRow{row})
	})
	return out, found, err
}

// Cohorts implements historian.PerformanceStore: the first days, which a version is held
// against, and the newest. A version that serves for years does not need more memory.
func (h *historyStore) Cohorts(ctx context.Context, m historian.PerformanceModel) ([]cohort.Day, error) {
	q := store.CohortQuery{Model: m.Model, Version: m.Champion, MaturityMS: &m.Cohort.MaturityMS, Body: true}
	var rows []store.CohortRow
	err := h.p.Store.Read(ctx, func(t *store.Tx) error {
		first := q
		first.Counted, first.Limit = true, cohort.ReferenceDays
		var err error
		if rows, err = t.Cohorts(ctx, first); err != nil {
			return err
		}
		newest := q
		newest.Newest, newest.Limit = true, cohort.KeepDays
		others, err := t.Cohorts(ctx, newest)
		for _, r := range slices.Backward(others) {
			if len(rows) == 0 || r.Day > rows[len(rows)-1].Day {
				rows = append(rows, r)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	days, err := h.kept.decodeDays(m.Cohort, m.Model, rows)
	return h.withInputs(ctx, m, days), err
}

// putReports writes what was said of the champion's days.
func putReports(ctx context.Context, t *store.Tx, m historian.PerformanceModel, reports []historian.Reported) error {
	for _, r := range reports {
		body, err := json.Marshal(r.Report)
		if err != nil {
			return fmt.Errorf("report of model %q, day %s: %w", m.Model, dateOf(r.DayMS), err)
		}
		row := store.CohortRow{
			Model: m.Model, Version: m.Champion, Day: dateOf(r.DayMS), MaturityMS: m.Cohort.MaturityMS, Reading: r.Report.Reading, Report: string(body),
		}
		if err := t.PutCohortReport(ctx, row); err != nil {
			return err
		}
	}
	return nil
}
