package store

import (
	"context"
	"math"
	"slices"
	"strings"
)

// PerformanceDay is how one day's predictions of a version turned out.
type PerformanceDay struct {
	Model     string
	Version   string
	Day       string // of the prediction's event time, YYYY-MM-DD, UTC
	Predicted int64  // predictions
	Labelled  int64  // … of which the label is known

	// Of the labelled ones with a predicted class:
	Classed           int64
	Correct           int64 // class equals label
	Positives         int64 // label is the positive one
	PredictedPositive int64
	TruePositive      int64

	// Of the labelled ones with a score:
	Scored     int64
	ScoreSum   float64
	LogLossSum float64 // nats; scores clipped to [1e-15, 1 − 1e-15]
	BrierSum   float64

	LabelClockMS int64 // label clock at which the day was computed; the later one stays
}

var (
	performanceKeys    = []string{"model", "version", "day"}
	performanceColumns = []string{"predicted", "labelled", "classed", "correct", "positives", "predicted_positive", "true_positive",
		"scored", "score_sum", "log_loss_sum", "brier_sum", "label_clock_ms"}
	performanceUpsert = "INSERT INTO performance_days (" + strings.Join(slices.Concat(performanceKeys, performanceColumns), ", ") + ") VALUES"
	performanceTail   = keepNewer("performance_days", performanceKeys, performanceColumns, "%s.label_clock_ms").tail + " OR excluded.label_clock_ms = performance_days.label_clock_ms"
)

// PutPerformanceDays writes days, each whole; a day computed at an earlier label
// clock does not replace one computed later, one of the same clock does.
func (t *Tx) PutPerformanceDays(ctx context.Context, days []PerformanceDay) error {
	days = mergeRows(days, func(d *PerformanceDay) string { return joinKey(d.Model, d.Version, d.Day) }, func(old, add PerformanceDay) PerformanceDay {
		if add.LabelClockMS >= old.LabelClockMS {
			return add
		}
		return old
	})
	args := make([][]any, len(days))
	for i, d := range days {
		if _, err := checkDay(d.Day); err != nil {
			return err
		}
		for _, v := range []*float64{&d.ScoreSum, &d.LogLossSum, &d.BrierSum} {
			if err := checkFinite("a sum of the performance of model "+d.Model+" on "+d.Day, v); err != nil {
				return err
			}
		}
		args[i] = []any{
			d.Model, d.Version, d.Day, d.Predicted, d.Labelled, d.Classed, d.Correct, d.Positives, d.PredictedPositive, d.TruePositive,
			d.Scored, d.ScoreSum, d.LogLossSum, d.BrierSum, d.LabelClockMS,
		}
	}
	return t.insertAll(ctx, performanceUpsert, performanceTail, args, nil)
}

// PutPerformanceDays is Tx.PutPerformanceDays in a transaction of its own.
func (s *Store) PutPerformanceDays(ctx context.Context, days []PerformanceDay) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutPerformanceDays(ctx, days) })
}

// PerformanceQuery selects days of one model; a zero field does not restrict.
type PerformanceQuery struct {
	Model   string // required
	Version string
	From    string // day, inclusive
	To      string // day, exclusive
}

// PerformanceDays returns the days that q selects, by day and version.
func (t *Tx) PerformanceDays(ctx context.Context, q PerformanceQuery) ([]PerformanceDay, error) {
	var b builder
	b.text("SELECT model, version, day, " + strings.Join(performanceColumns, ", ") + " FROM performance_days WHERE model = " + b.arg(q.Model))
	for _, c := range []struct{ test, value string }{{"version = ", q.Version}, {"day >= ", q.From}, {"day < ", q.To}} {
		if c.value != "" {
			b.text(" AND " + c.test + b.arg(c.value))
		}
	}
	b.text(" ORDER BY day, version")
	var out []PerformanceDay
	err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var d PerformanceDay
		err := r.Scan(&d.Model, &d.Version, &d.Day, &d.Predicted, &d.Labelled, &d.Classed, &d.Correct, &d.Positives, &d.PredictedPositive, &d.TruePositive,
			&d.Scored, &d.ScoreSum, &d.LogLossSum, &d.BrierSum, &d.LabelClockMS)
		out = append(out, d)
		return err
	})
	return out, err
}

// PerformanceDays is Tx.PerformanceDays over a snapshot of its own.
func (s *Store) PerformanceDays(ctx context.Context, q PerformanceQuery) ([]PerformanceDay, error) {
	return inRead(ctx, s, func(t *Tx) ([]PerformanceDay, error) { return t.PerformanceDays(ctx, q) })
}

// scoreClip keeps the log loss of a wrong, certain prediction finite.
const scoreClip = 1e-15

// RealisedDay computes, from the stored examples, how the day's predictions turned
// out: one PerformanceDay per version, by version. positive is the label that
// counts as positive; labels with an event time above labelClockMS are left out.
// Sums run in the order of event time and id, so equal examples give equal bits.
//
// Log loss and Brier score read the score as the probability of the positive label;
// scores outside [0, 1] are left out of Scored.
func (t *Tx) RealisedDay(ctx context.Context, model, day, positive string, labelClockMS int64) ([]PerformanceDay, error) {
	return t.RealisedDayWith(ctx, model, day, positive, labelClockMS, nil)
}

// RealisedDayWith is RealisedDay, and hands each prediction of the day to also, which
// must not use the transaction; nil: to nobody.
func (t *Tx) RealisedDayWith(ctx context.Context, model, day, positive string, labelClockMS int64, also func(ExampleRow)) ([]PerformanceDay, error) {
	from, err := checkDay(day)
	if err != nil {
		return nil, err
	}
	byVersion := make(map[string]*PerformanceDay)
	// A prediction belongs to the day of its example.
	q := ExampleQuery{Model: model, FromMS: from, ToMS: from + 24*60*60*1000, LabelsUntilMS: labelClockMS}
	err = t.Examples(ctx, q, func(e ExampleRow) error {
		if e.Prediction == nil {
			return nil
		}
		d := byVersion[e.Prediction.Version]
		if d == nil {
			d = &PerformanceDay{Model: model, Version: e.Prediction.Version, Day: day, LabelClockMS: labelClockMS}
			byVersion[d.Version] = d
		}
		d.add(e, positive)
		if also != nil {
			also(e)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]PerformanceDay, 0, len(byVersion))
	for _, d := range byVersion {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b PerformanceDay) int { return strings.Compare(a.Version, b.Version) })
	return out, nil
}

// RealisedDay is Tx.RealisedDay over a snapshot of its own.
func (s *Store) RealisedDay(ctx context.Context, model, day, positive string, labelClockMS int64) ([]PerformanceDay, error) {
	return inRead(ctx, s, func(t *Tx) ([]PerformanceDay, error) { return t.RealisedDay(ctx, model, day, positive, labelClockMS) })
}

func (d *PerformanceDay) add(e ExampleRow, positive string) {
	d.Predicted++
	if e.Label == nil {
		return
	}
	d.Labelled++
	isPositive := e.Label.Value == positive
	if class := e.Prediction.Class; class != "" {
		d.Classed++
		d.Correct += bit(class == e.Label.Value)
		d.Positives += bit(isPositive)
		d.PredictedPositive += bit(class == positive)
		d.TruePositive += bit(class == positive && isPositive)
	}
	if p := e.Prediction.Score; p != nil && *p >= 0 && *p <= 1 {
		right, miss := *p, 1-*p
		if !isPositive {
			right, miss = miss, right
		}
		d.Scored++
		d.ScoreSum += *p
		d.LogLossSum -= math.Log(min(max(right, scoreClip), 1-scoreClip))
		d.BrierSum += float64(miss * miss)
	}
}

// PutMachine keeps the state of a named alarm machine.
func (t *Tx) PutMachine(ctx context.Context, name string, state []byte, nowMS int64) error {
	if state == nil {
		state = []byte{}
	}
	_, err := t.exec(ctx, `INSERT INTO alarm_machines (name, state, updated_ms) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET state = excluded.state, updated_ms = excluded.updated_ms`, name, state, nowMS)
	return err
}

// PutMachine is Tx.PutMachine in a transaction of its own.
func (s *Store) PutMachine(ctx context.Context, name string, state []byte, nowMS int64) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutMachine(ctx, name, state, nowMS) })
}

// Machine returns the state of a named alarm machine; found is false if it has none.
func (t *Tx) Machine(ctx context.Context, name string) (state []byte, found bool, err error) {
	err = t.rows(ctx, "SELECT state FROM alarm_machines WHERE name = $1", []any{name}, func(r scanner) error {
		found = true
		return r.Scan(&state)
	})
	return state, found, err
}

// Machine is Tx.Machine over a snapshot of its own.
func (s *Store) Machine(ctx context.Context, name string) (state []byte, found bool, err error) {
	err = s.Read(ctx, func(t *Tx) error {
		state, found, err = t.Machine(ctx, name)
		return err
	})
	return state, found, err
}
