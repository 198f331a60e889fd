package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
)

// An early warning opens no episode: it is one event. Lists show it beside alarms all the
// same, as a row of its own kind and phase with the event's id.
const (
	KindEarly   = "early"
	PhaseWarned = "warned"

	warnedType = "dev.driftline.drift.warned.v1"
)

// WarningStandsMS is how long an early warning stands after its event, in event time, and
// is notified of: a day, by which windows have had their say; convention.
const WarningStandsMS = 86_400_000

// Stands tells whether an early warning still stands at a time, in event time.
func (a *AlarmRow) Stands(ms int64) bool {
	return a.Phase == PhaseWarned && ms < a.LastMS+WarningStandsMS
}

// Warnings returns early warnings of live operation as alarms, newest first: begun where
// the evidence begins, ended with the event. Of q it reads Model, Kind, Phase, FromMS, ToMS
// and Limit; of a part of the traffic there are none.
func (t *Tx) Warnings(ctx context.Context, q AlarmQuery) ([]AlarmRow, error) {
	if q.Kind != "" && q.Kind != KindEarly || q.Phase != "" && q.Phase != PhaseWarned || q.Segment != "" {
		return nil, nil
	}
	events, err := t.Events(ctx, EventQuery{Model: q.Model, Type: warnedType, FromMS: q.FromMS, ToMS: q.ToMS, Limit: clampLimit(q.Limit, 100, 10_000)})
	var out []AlarmRow
	for i := range events {
		if !events[i].Replayed {
			out = append(out, warningOf(&events[i]))
		}
	}
	return out, err
}

// AllAlarms returns episodes and early warnings together, newest first.
func (t *Tx) AllAlarms(ctx context.Context, q AlarmQuery) ([]AlarmRow, error) {
	rows, err := t.Alarms(ctx, q)
	if err != nil {
		return nil, err
	}
	warnings, err := t.Warnings(ctx, q)
	rows = append(rows, warnings...)
	slices.SortStableFunc(rows, func(a, b AlarmRow) int {
		return cmp.Or(cmp.Compare(b.SinceMS, a.SinceMS), cmp.Compare(a.Episode, b.Episode))
	})
	return rows[:min(len(rows), clampLimit(q.Limit, 100, 10_000))], err
}

// AnyAlarm returns one episode with its notes, or one early warning, or ErrNotFound.
func (t *Tx) AnyAlarm(ctx context.Context, id string) (AlarmRow, error) {
	a, err := t.Alarm(ctx, id)
	if !errors.Is(err, ErrNotFound) {
		return a, err
	}
	e, found, readErr := t.Warning(ctx, id)
	if readErr != nil || !found {
		return a, cmp.Or(readErr, err)
	}
	return warningOf(&e), nil
}

// episodeOnly says of an id without episode whether it is that of an early warning.
func (t *Tx) episodeOnly(ctx context.Context, id string, err error) error {
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	if _, found, readErr := t.Warning(ctx, id); readErr != nil || !found {
		return cmp.Or(readErr, err)
	}
	return fault(ErrInvalid, "%s is an early warning, which nobody needs to take up and which keeps no notes; write them to the alarm that follows it", id)
}

// Warning returns the event of an early warning, false where id names none.
func (t *Tx) Warning(ctx context.Context, id string) (e EventRow, found bool, err error) {
	err = t.rows(ctx, "SELECT id, type, model, episode, time_ms, replayed, body FROM drift_events WHERE id = $1 AND type = $2", []any{id, warnedType}, func(r scanner) error {
		var replayed int64
		found = true
		err := r.Scan(&e.ID, &e.Type, &e.Model, &e.Episode, &e.TimeMS, &replayed, &e.Body)
		e.Replayed = replayed != 0
		return err
	})
	return e, found, err
}

// warningOf is an event of a warning as an alarm. A body that cannot be read leaves what
// the columns say.
func warningOf(e *EventRow) AlarmRow {
	var body struct {
		Data struct {
			Version     string `json:"version"`
			Policy      string `json:"policy"`
			Reference   string `json:"reference"`
			WindowMS    int64  `json:"window_ms"`
			SinceMS     int64  `json:"since_ms"`
			QualityOpen bool   `json:"quality_open"`
			Detail      struct {
				Feature string `json:"feature"`
			} `json:"detail"`
		} `json:"data"`
	}
	a := AlarmRow{Episode: e.ID, Model: e.Model, Version: "*", Kind: KindEarly, Phase: PhaseWarned, SinceMS: e.TimeMS, LastMS: e.TimeMS, ResolvedMS: e.TimeMS, LastEvent: e.ID}
	if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
		return a
	}
	d := body.Data
	a.Version, a.Policy, a.Reference, a.WindowMS, a.QualityOpen = cmp.Or(d.Version, "*"), d.Policy, d.Reference, d.WindowMS, d.QualityOpen
	if d.SinceMS > 0 {
		a.SinceMS = d.SinceMS
	}
	if d.Detail.Feature != "" {
		a.Features = []string{d.Detail.Feature}
	}
	return a
}
