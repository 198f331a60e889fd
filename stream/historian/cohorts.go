package historian

import (
	"context"
	"slices"

	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/drift/performance/cohort"
)

// series is the champion's counted days while they are stepped, oldest first.
type series struct {
	m       PerformanceModel
	days    []cohort.Day
	reports []Reported // newest last, one per day at most
}

func (f *Performance) series(ctx context.Context, m PerformanceModel) (*series, error) {
	if s := f.loaded[m.Model]; s != nil && s.m.Champion == m.Champion {
		return s, nil
	}
	s := &series{m: m}
	if m.Cohort.Reason == "" {
		var err error
		if s.days, err = f.Store.Cohorts(ctx, m); err != nil {
			return nil, err
		}
	}
	if f.loaded != nil {
		f.loaded[m.Model] = s
	}
	return s, nil
}

// realised puts a realised day in and reports the window that ends with it; nil where
// the champion made no predictions on that day.
func (s *series) realised(dayMS int64, days []Realised) *cohort.Report {
	i := slices.IndexFunc(days, func(d Realised) bool { return d.Version == s.m.Champion })
	if i < 0 {
		return nil
	}
	return s.report(dayMS, days[i])
}

// report puts a day in and reports the window that ends with it.
func (s *series) report(start int64, d Realised) *cohort.Report {
	if d.Day == nil {
		return s.keep(start, unavailable(s.m.Cohort, start, d.Reason))
	}
	at, found := slices.BinarySearchFunc(s.days, start, func(d cohort.Day, ms int64) int { return int(d.StartMS/dayMS - ms/dayMS) })
	if found {
		s.days[at] = *d.Day
	} else {
		s.days = slices.Insert(s.days, at, *d.Day)
	}
	r, err := cohort.Read(s.m.Cohort, s.days, start)
	if err != nil { // of counts that do not fit together; history goes on, and the report says so
		return s.keep(start, unavailable(s.m.Cohort, start, err.Error()))
	}
	s.days[at].Concept = r.Reading == ConceptDrift
	return s.keep(start, r)
}

// ConceptDrift is the reading after which a day is not learnt from.
var ConceptDrift = performance.Concept.String()

func (s *series) keep(start int64, r cohort.Report) *cohort.Report {
	s.reports = append(s.reports, Reported{DayMS: start, Report: r})
	return &r
}

// unavailable is the report of a day of which nothing could be counted.
func unavailable(m cohort.Spec, start int64, reason string) cohort.Report {
	return cohort.Report{
		Kind: m.Kind, FromMS: start - (cohort.WindowDays-1)*dayMS, ToMS: start + dayMS, Figures: []cohort.Figure{},
		Reading: cohort.NotAvailable, Words: cohort.NotAvailable + ": " + reason,
	}
}

// estimate reports days that the predictions have passed and whose labels are awaited.
func (f *Performance) estimate(ctx context.Context, clockMS int64) error {
	return f.each(ctx, func(m PerformanceModel) error {
		st, ok, err := f.state(ctx, m)
		if err != nil || !ok {
			return err
		}
		st.AnswersMS = max(st.AnswersMS, st.NextMS)
		if st.AnswersMS+dayMS > clockMS {
			return nil
		}
		series, err := f.series(ctx, m)
		if err != nil {
			return err
		}
		for ; st.AnswersMS+dayMS <= clockMS; st.AnswersMS += dayMS {
			d, found, err := f.Store.AnswerDay(ctx, m, st.AnswersMS)
			if err != nil {
				return err
			}
			if found {
				series.report(st.AnswersMS, d)
			}
		}
		return f.save(ctx, m, st, nil, series.reports)
	})
}

// tell adds to an event what the report knows of the fall. Keys whose figure is not
// available are null, and the reason stands beside them.
func tell(detail map[string]any, r *cohort.Report) {
	detail["reading"], detail["words"] = r.Reading, r.Words
	detail["label_coverage"] = r.Coverage
	if r.Estimate != "" {
		detail["estimate"] = r.Estimate
	}
	main, ok := detail["metric"].(string)
	if !ok {
		main = cohort.Main(r.Kind)
	}
	for _, kind := range []string{cohort.Realised, cohort.Estimated, cohort.Error} {
		f, ok := r.Find(kind, main)
		if !ok {
			continue
		}
		key := kind
		if kind == cohort.Error {
			key = "estimate_error"
		}
		detail[key] = f.Value
		if f.Low != nil {
			detail[key+"_low"], detail[key+"_high"] = f.Low, f.High
		}
		if f.Reason != "" {
			detail[key+"_reason"] = f.Reason
		}
	}
}
