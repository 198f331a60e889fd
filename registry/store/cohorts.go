package store

import (
	"context"
	"fmt"
	"strings"
)

// CohortRow is the predictions of one version and day with the labels that had come at
// the maturity.
type CohortRow struct {
	Model        string
	Version      string
	Day          string // of the prediction's event time, YYYY-MM-DD, UTC
	MaturityMS   int64
	Kind         string // binary, multiclass or regression
	LabelClockMS int64  // label clock at which it was counted; 0 while labels are awaited
	Counts       []byte // nil while labels are awaited, and where nothing could be counted
	Answers      []byte // what there is without labels
	Reason       string // why nothing could be counted
	Reading      string // what the week that ended with the day was read as, "" for not yet
	Report       string // of that week, JSON; "" for none
}

const cohortUpsert = `INSERT INTO performance_cohorts (model, version, day, maturity_ms, kind, label_clock_ms, counts, answers, reason) VALUES`

// cohortTail keeps what was counted at the later label clock; of the same clock the
// new one. The report of another count stays until the next one is written.
const cohortTail = `ON CONFLICT (model, version, day, maturity_ms) DO UPDATE SET kind = excluded.kind, label_clock_ms = excluded.label_clock_ms,
	counts = excluded.counts, answers = excluded.answers, reason = excluded.reason
	WHERE excluded.label_clock_ms >= performance_cohorts.label_clock_ms`

// PutCohorts writes what was counted of days, without reports. Errors: ErrInvalid for a
// day that is none.
func (t *Tx) PutCohorts(ctx context.Context, rows []CohortRow) error {
	rows = mergeRows(rows, func(r *CohortRow) string { return joinKey(r.Model, r.Version, r.Day, r.MaturityMS) }, func(old, add CohortRow) CohortRow {
		if add.LabelClockMS >= old.LabelClockMS {
			return add
		}
		return old
	})
	args := make([][]any, len(rows))
	for i, r := range rows {
		if _, err := checkDay(r.Day); err != nil {
			return err
		}
		args[i] = []any{r.Model, r.Version, r.Day, r.MaturityMS, r.Kind, r.LabelClockMS, r.Counts, r.Answers, r.Reason}
	}
	return t.insertAll(ctx, cohortUpsert, cohortTail, args, func(i int) int { return len(rows[i].Counts) + len(rows[i].Answers) })
}

// PutCohortReport writes the report of the week that ended with a day that was counted.
// Errors: ErrNotFound.
func (t *Tx) PutCohortReport(ctx context.Context, r CohortRow) error {
	n, err := t.exec(ctx, `UPDATE performance_cohorts SET reading = $1, report = $2 WHERE model = $3 AND version = $4 AND day = $5 AND maturity_ms = $6`,
		r.Reading, r.Report, r.Model, r.Version, r.Day, r.MaturityMS)
	if err == nil && n == 0 {
		err = fault(ErrNotFound, "day %s of model %q, version %q, was not counted", r.Day, r.Model, r.Version)
	}
	return err
}

// CohortQuery selects days of one model; a zero field does not restrict.
type CohortQuery struct {
	Model      string // required
	Version    string
	MaturityMS *int64
	From       string // day, inclusive
	To         string // day, exclusive
	Counted    bool   // only days with counts
	Reported   bool   // only days with a report
	Mature     bool   // only days whose labels had come
	Awaited    bool   // only days whose labels had not
	Newest     bool   // newest first
	Limit      int
	// Body asks for counts and answers, Text for the report; they are large.
	Body, Text bool
}

// Cohorts returns the days that q selects, by day and version.
func (t *Tx) Cohorts(ctx context.Context, q CohortQuery) ([]CohortRow, error) {
	var b builder
	body, text := "NULL, NULL", "''"
	if q.Body {
		body = "counts, answers"
	}
	if q.Text {
		text = "report"
	}
	b.text("SELECT model, version, day, maturity_ms, kind, label_clock_ms, reason, reading, " + text + ", " + body + " FROM performance_cohorts WHERE model = " + b.arg(q.Model))
	for _, c := range []struct{ test, value string }{{"version = ", q.Version}, {"day >= ", q.From}, {"day < ", q.To}} {
		if c.value != "" {
			b.text(" AND " + c.test + b.arg(c.value))
		}
	}
	if q.MaturityMS != nil {
		b.text(" AND maturity_ms = " + b.arg(*q.MaturityMS))
	}
	if q.Counted {
		b.text(" AND counts IS NOT NULL")
	}
	if q.Reported {
		b.text(" AND report <> ''")
	}
	if q.Mature {
		b.text(" AND label_clock_ms > 0")
	}
	if q.Awaited {
		b.text(" AND label_clock_ms = 0")
	}
	order := ""
	if q.Newest {
		order = " DESC"
	}
	b.text(strings.ReplaceAll(" ORDER BY day@, version@, maturity_ms@", "@", order))
	if q.Limit > 0 {
		b.text(" LIMIT " + b.arg(q.Limit))
	}
	var out []CohortRow
	err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var c CohortRow
		err := r.Scan(&c.Model, &c.Version, &c.Day, &c.MaturityMS, &c.Kind, &c.LabelClockMS, &c.Reason, &c.Reading, &c.Report, &c.Counts, &c.Answers)
		out = append(out, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("counted days of model %q: %w", q.Model, err)
	}
	return out, nil
}

// Cohorts is Tx.Cohorts over a snapshot of its own.
func (s *Store) Cohorts(ctx context.Context, q CohortQuery) ([]CohortRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]CohortRow, error) { return t.Cohorts(ctx, q) })
}

// NewestReports returns the newest report with labels, and the one of a later day whose
// labels are awaited; nil for none. to, a day, is exclusive, "" for no limit.
func (t *Tx) NewestReports(ctx context.Context, model, version, to string) (mature, awaited *CohortRow, err error) {
	q := CohortQuery{Model: model, Version: version, To: to, Reported: true, Newest: true, Limit: 1, Text: true, Mature: true}
	rows, err := t.Cohorts(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) > 0 {
		mature = &rows[0]
		q.From = mature.Day
	}
	q.Mature, q.Awaited = false, true
	later, err := t.Cohorts(ctx, q)
	if err == nil && len(later) > 0 && (mature == nil || later[0].Day > mature.Day) {
		awaited = &later[0]
	}
	return mature, awaited, err
}

// DeleteCohortsBefore removes counted days before day, a batch per transaction, and
// returns how many there were.
func (s *Store) DeleteCohortsBefore(ctx context.Context, day string) (int64, error) {
	if _, err := checkDay(day); err != nil {
		return 0, err
	}
	return s.deleteBatches(ctx, `DELETE FROM performance_cohorts WHERE (model, version, day, maturity_ms) IN
		(SELECT model, version, day, maturity_ms FROM performance_cohorts WHERE day < $1 ORDER BY day LIMIT $2)`, day)
}
