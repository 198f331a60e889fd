package app

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/historian"
)

// mostKeptDays bounds the days that are kept decoded: 48 kB each, of two classes. Those
// of other kinds can be a hundred times as large and are not kept.
const mostKeptDays = 64

// keptDays are counts that were decoded before. While history is caught up with, the
// days of a champion are read twice for each new one, and their bytes stay the same. The
// database is asked all the same, so what is here is never older than what is there.
type keptDays struct {
	days  map[keptKey]keptDay
	round int // of decodeDays
}

type keptKey struct{ model, version, day string }

type keptDay struct {
	spec            cohort.Spec
	counts, answers []byte
	day             cohort.Day
	round           int // in which it was asked for last
}

// decode is cohort.Decode of a row, or what it gave before. The day is shared: whoever
// adds up counts does so in a copy.
func (k *keptDays) decode(s cohort.Spec, r store.CohortRow, grid *sketches.Grid) (cohort.Day, error) {
	key := keptKey{r.Model, r.Version, r.Day}
	old, found := k.days[key]
	if found && slices.Equal(old.spec.Classes, s.Classes) && old.spec.Positive == s.Positive && bytes.Equal(old.counts, r.Counts) && bytes.Equal(old.answers, r.Answers) {
		old.round = k.round
		k.days[key] = old
		return old.day, nil
	}
	at, err := time.Parse(time.DateOnly, r.Day)
	if err != nil {
		return cohort.Day{}, fmt.Errorf("day of model %q, version %q: %w", r.Model, r.Version, err)
	}
	d, err := cohort.Decode(s, at.UnixMilli(), r.Counts, r.Answers, grid)
	if err != nil {
		return d, fmt.Errorf("counts of model %q, version %q, day %s: %w", r.Model, r.Version, r.Day, err)
	}
	if s.Kind == cohort.Binary && (found || len(k.days) < mostKeptDays) {
		if k.days == nil {
			k.days = map[keptKey]keptDay{}
		}
		k.days[key] = keptDay{spec: s, counts: r.Counts, answers: r.Answers, day: d, round: k.round}
	}
	return d, nil
}

// decodeDays reads stored days of a model and this kind; those of which nothing was
// counted are left out. What was kept of the model and is not asked for any more goes.
func (k *keptDays) decodeDays(s cohort.Spec, model string, rows []store.CohortRow) ([]cohort.Day, error) {
	k.round++
	var out []cohort.Day
	for _, r := range rows {
		if r.Kind != s.Kind || len(r.Counts)+len(r.Answers) == 0 {
			continue
		}
		d, err := k.decode(s, r, cohort.GridOf(out))
		if err != nil {
			return nil, err
		}
		if d.Mature() || d.Scores != nil || d.Predictions != nil {
			d.Concept = r.Reading == historian.ConceptDrift
			out = append(out, d)
		}
	}
	for key, d := range k.days {
		if key.model == model && d.round != k.round {
			delete(k.days, key)
		}
	}
	return out, nil
}
