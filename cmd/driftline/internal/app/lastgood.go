package app

import (
	"context"
	"fmt"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer"
	"github.com/driftline/driftline/trainer/reference"
)

// alarmPage is how many alarms are read at a time.
const alarmPage = 10_000

// LastGood gathers what is known of a model since the version that serves was promoted, all
// but exclusions. nowMS is the wall clock.
//
// Errors: store.ErrNotFound for a model that no version serves for.
func (p *Parts) LastGood(ctx context.Context, m config.Model, days int, nowMS int64) (reference.LastGood, error) {
	l := reference.LastGood{Days: days}
	err := p.Store.Read(ctx, func(t *store.Tx) error {
		champion, err := t.Champion(ctx, m.Name)
		if err != nil {
			return err
		}
		l.Version = champion.Version
		if l.PromotedMS, err = p.servesSince(ctx, t, champion); err != nil {
			return err
		}
		if l.UntilMS, err = judgedUntil(ctx, t, m.Name, nowMS); err != nil {
			return err
		}
		if l.Alarms, err = alarmSpans(ctx, t, m.Name, l.PromotedMS, alarmPage); err != nil {
			return err
		}
		l.Known, err = knownDays(ctx, t, CohortSpec(m), m.Name, champion.Version)
		return err
	})
	if err == nil && CohortSpec(m).Kind != cohort.Regression { // of which no accuracy is promised
		l.Promise, err = promisedAccuracy(ctx, p.Store, m.Name, l.Version)
	}
	return l, err
}

// servesSince is the event time from which a version serves. Where the times of all events
// are historical the wall clock says nothing: a retrain's own clock does.
func (p *Parts) servesSince(ctx context.Context, t *store.Tx, c store.Champion) (int64, error) {
	for _, in := range p.Cfg.Topics.Inputs {
		if in.Role == "events" && !in.Historical {
			return c.SinceMS, nil
		}
	}
	if c.Actor != trainer.Actor || c.Act != store.ActPromote {
		return c.SinceMS, nil
	}
	rows, err := t.Retrains(ctx, store.RetrainQuery{Model: c.Model, Version: c.Version, Limit: 1})
	if err != nil || len(rows) == 0 {
		return c.SinceMS, err
	}
	return rows[0].ClockMS, nil
}

// judgedUntil is the event time up to which windows of the model are judged: of days after
// it nobody knows whether an alarm fires. Where nothing was ever judged that is now.
func judgedUntil(ctx context.Context, t *store.Tx, model string, nowMS int64) (int64, error) {
	rows, err := t.LatestScores(ctx, model)
	if err != nil || len(rows) == 0 {
		return nowMS, err
	}
	end := rows[0].EndMS
	for _, r := range rows {
		end = max(end, r.EndMS)
	}
	return min(end, nowMS), nil
}

// alarmSpans are the alarms of a model that were open at or after a time, of every kind and
// against every reference: each from the begin of the window that it fired on. They are read
// page by page.
func alarmSpans(ctx context.Context, t *store.Tx, model string, fromMS int64, page int) (out []reference.BadSpan, err error) {
	q := store.AlarmQuery{Model: model, FromMS: fromMS, Limit: page}
	for {
		rows, err := t.Alarms(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, a := range rows {
			what := a.Name()
			if a.Segment != "" {
				what += " of " + a.Segment
			}
			s := reference.BadSpan{FromMS: a.SinceMS - a.WindowMS, ToMS: a.ResolvedMS, Name: fmt.Sprintf("alarm %.8s (%s)", a.Episode, what)}
			if s.ToMS == 0 {
				s.ToMS = reference.OpenEnd
			}
			out = append(out, s)
		}
		if len(rows) < page {
			return out, nil
		}
		oldest := rows[len(rows)-1].SinceMS
		if q.ToMS == oldest+1 {
			return nil, fmt.Errorf("model %q has more than %d alarms that began at %d ms", model, page, oldest)
		}
		q.ToMS = oldest + 1 // those of the same time come twice, which changes nothing
	}
}

// knownDays are the days of a version whose labels have matured.
func knownDays(ctx context.Context, t *store.Tx, s cohort.Spec, model, version string) (out []reference.KnownDay, err error) {
	days, err := t.PerformanceDays(ctx, store.PerformanceQuery{Model: model, Version: version})
	if err != nil {
		return nil, err
	}
	reports, err := t.Cohorts(ctx, store.CohortQuery{Model: model, Version: version, MaturityMS: &s.MaturityMS, Reported: true, Mature: true})
	if err != nil {
		return nil, err
	}
	readings := map[string]string{}
	for _, r := range reports {
		readings[r.Day] = r.Reading
	}
	for _, d := range days {
		at, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			return nil, fmt.Errorf("performance of model %q, version %q: %w", model, version, err)
		}
		if d.LabelClockMS < at.UnixMilli()+cohort.DayMS+s.MaturityMS {
			continue // counted under a shorter maturity
		}
		k := reference.KnownDay{StartMS: at.UnixMilli(), Labelled: d.Labelled, Classed: d.Classed, Right: d.Correct}
		if s.Kind == cohort.Regression {
			k.Classed, k.Right = 0, 0
		}
		if k.Week, err = weekOf(readings[d.Day]); err != nil {
			return nil, fmt.Errorf("performance of model %q, version %q, day %s: %w", model, version, d.Day, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// weekOf says whether a reading is of a week that did worse than the version's first days.
func weekOf(text string) (reference.Week, error) {
	if text == "" {
		return reference.WeekUnread, nil
	}
	var r performance.Reading
	if err := r.UnmarshalText([]byte(text)); err != nil {
		return reference.WeekUnread, err
	}
	switch r {
	case performance.Harmless, performance.Recalibrate:
		return reference.WeekFine, nil
	case performance.Covariate, performance.Concept:
		return reference.WeekWorse, nil
	}
	return reference.WeekUnread, nil
}

// promisedAccuracy is that of a version's run, nil if none was logged.
func promisedAccuracy(ctx context.Context, s *store.Store, model, version string) (*float64, error) {
	p, err := promised(ctx, s, model, version)
	if x, ok := p.Figures["accuracy"]; ok && err == nil {
		return &x, nil
	}
	return nil, err
}
