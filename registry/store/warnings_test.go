package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func warned(id string, ms int64) store.EventRow {
	return store.EventRow{
		ID: id, Type: "dev.driftline.drift.warned.v1", Model: "m", TimeMS: ms, Kind: "early",
		Body: fmt.Sprintf(`{"data":{"version":"*","policy":"p","reference":"r","window_ms":3600000,"since_ms":%d,"detail":{"feature":"amount"}}}`, ms-3*3_600_000),
	}
}

// An early warning opens no episode, but stands in the list between the alarms, can be
// looked up, is muted by a silence of drift, and takes neither notes nor an owner.
func TestEarlyWarningsStandBesideAlarms(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const hour = int64(3_600_000)
		replayed := warned("replayed", 50*hour)
		replayed.Replayed = true
		if err := s.PutEvents(ctx, []store.EventRow{event("old", "detected", 10*hour, "firing", 0), warned("w", 23*hour), event("new", "detected", 30*hour, "firing", 0), replayed}); err != nil {
			t.Fatal(err)
		}
		all := func(q store.AlarmQuery) (ids []string, rows []store.AlarmRow) {
			t.Helper()
			if err := s.Read(ctx, func(x *store.Tx) (err error) {
				rows, err = x.AllAlarms(ctx, q)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				ids = append(ids, r.Episode)
			}
			return ids, rows
		}
		for want, q := range map[string]store.AlarmQuery{
			"[new w old]": {}, "[w]": {Kind: store.KindEarly}, "[new old]": {Kind: "drift"}, "[new w]": {Limit: 2}, "[]": {Model: "other"},
		} {
			if ids, _ := all(q); fmt.Sprint(ids) != want {
				t.Errorf("%+v: %v, want %s", q, ids, want)
			}
		}
		_, rows := all(store.AlarmQuery{Phase: store.PhaseWarned})
		if len(rows) != 1 {
			t.Fatalf("warnings %+v", rows)
		}
		a := rows[0]
		if a.SinceMS != 20*hour || a.LastMS != 23*hour || a.WindowMS != hour || a.Features[0] != "amount" || a.Reference != "r" || a.Kind != "early" {
			t.Errorf("warning %+v", a)
		}
		if !a.Stands(46*hour) || a.Stands(47*hour) {
			t.Error("a warning stands for a day")
		}
		if err := s.Read(ctx, func(x *store.Tx) error {
			if a, err := x.AnyAlarm(ctx, "w"); err != nil || a.Kind != "early" {
				t.Errorf("by its id: %+v, %v", a, err)
			}
			if a, err := x.AnyAlarm(ctx, "new"); err != nil || a.Kind != "drift" {
				t.Errorf("an alarm by its id: %+v, %v", a, err)
			}
			if _, err := x.AnyAlarm(ctx, "nobody"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("an unknown id: %v", err)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"note": s.NoteAlarm(ctx, "w", "ann", "text", 1), "ack": s.AckAlarm(ctx, "w", "ann", 1)} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s on a warning: %v, want ErrInvalid", name, err)
			}
		}
		for kind, want := range map[string]int64{"": 9, "drift": 9, "quality": 0} {
			mute := []store.AlarmRow{a}
			store.Mute(mute, []store.Silence{{Model: "m", Kind: kind, UntilMS: 9}}, 1)
			if mute[0].SilencedUntilMS != want {
				t.Errorf("a silence of %q mutes until %d, want %d", kind, mute[0].SilencedUntilMS, want)
			}
		}
	})
}
