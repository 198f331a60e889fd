package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func event(episode, id string, ms int64, phase string, level int64) store.EventRow {
	return store.EventRow{
		ID: episode + "-" + id, Type: "dev.driftline.drift." + id + ".v1", Model: "m", TimeMS: ms, Body: fmt.Sprintf(`{"id":%q}`, id),
		Episode: episode, Version: "*", Policy: "p", Reference: "r", WindowMS: dayMS, Kind: "drift", Phase: phase,
		Level: level, Share: float64(ms%10) / 10, TopJSON: fmt.Sprintf(`["f%d"]`, ms), Features: []string{fmt.Sprintf("f%d", ms)},
	}
}

func TestAnEpisodeIsTheSameInAnyOrderOfItsEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for seed := range uint64(30) {
			rng := rand.New(rand.NewPCG(seed, 5))
			ep := fmt.Sprint("ep", seed)
			events := []store.EventRow{
				event(ep, "detected", 101, "firing", 0), event(ep, "worsened", 102, "firing", 2), event(ep, "ongoing", 103, "firing", 1),
				event(ep, "last", 105, "firing", 1), event(ep, "resolved", 105, "resolved", 1),
			}
			events[4].QualityOpen = true
			// Ids are hashes: they sort in any order.
			for i, id := range []string{"9", "3", "2", "8", "1"} {
				events[i].ID = ep + "-" + id
			}
			shuffled(rng, events, func(part []store.EventRow) {
				if err := s.PutEvents(t.Context(), part); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			})
			got, err := s.Alarm(t.Context(), ep)
			if err != nil {
				t.Fatal(err)
			}
			want := store.AlarmRow{
				Episode: ep, Model: "m", Version: "*", Policy: "p", Reference: "r", WindowMS: dayMS, Kind: "drift", Phase: "resolved",
				SinceMS: 101, LastMS: 105, ResolvedMS: 105, Level: 2, Share: 0.5, TopJSON: `["f105"]`, Features: []string{"f105"}, QualityOpen: true, LastEvent: ep + "-1",
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d (-want +got):\n%s", seed, d)
			}
			list, err := s.Events(t.Context(), store.EventQuery{Episode: ep, Oldest: true})
			if err != nil || len(list) != 5 || list[0].ID != ep+"-9" || list[0].Body != `{"id":"detected"}` {
				t.Fatalf("seed %d: events %+v, %v", seed, list, err)
			}
		}
	})
}

func TestAlarmsAndEventsAreSelected(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		quality := event("q", "detected", 300, "firing", 0)
		quality.Kind, quality.Type = "quality", "dev.driftline.quality.detected.v1"
		other := event("o", "detected", 200, "firing", 0)
		other.Model, other.Version, other.WindowMS = "n", "7", hourMS
		loose := store.EventRow{ID: "loose", Type: "dev.driftline.drift.stale.v1", Model: "m", TimeMS: 400, Body: "{}"}
		err := s.PutEvents(ctx, []store.EventRow{
			event("a", "detected", 100, "firing", 0), event("a", "resolved", 150, "resolved", 0), event("b", "detected", 250, "firing", 1), quality, other, loose,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name string
			q    store.AlarmQuery
			want string
		}{
			{"all, newest first", store.AlarmQuery{}, "q b o a"},
			{"of a model", store.AlarmQuery{Model: "n"}, "o"},
			{"firing", store.AlarmQuery{Model: "m", Phase: "firing"}, "q b"},
			{"of a kind", store.AlarmQuery{Kind: "quality"}, "q"},
			{"of a version", store.AlarmQuery{Version: "7"}, "o"},
			{"of a window", store.AlarmQuery{WindowMS: hourMS}, "o"},
			{"not ended before", store.AlarmQuery{FromMS: 151}, "q b o"},
			{"ended at", store.AlarmQuery{FromMS: 150}, "q b o a"},
			{"begun before", store.AlarmQuery{ToMS: 200}, "a"},
			{"of all of the traffic", store.AlarmQuery{Model: "m", Kind: "drift", Phase: "firing", Whole: true}, "b"},
			{"limit", store.AlarmQuery{Limit: 1}, "q"},
		} {
			got, err := s.Alarms(ctx, c.q)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, a := range got {
				ids = append(ids, a.Episode)
			}
			if strings.Join(ids, " ") != c.want {
				t.Errorf("%s: %v, want %s", c.name, ids, c.want)
			}
		}
		for _, c := range []struct {
			name string
			q    store.EventQuery
			want string
		}{
			{"newest first", store.EventQuery{Model: "m", Limit: 2}, "loose q-detected"},
			{"oldest first", store.EventQuery{Oldest: true, Limit: 2}, "a-detected a-resolved"},
			{"of a type", store.EventQuery{Type: "dev.driftline.drift.stale.v1"}, "loose"},
			{"from inclusive, to exclusive", store.EventQuery{FromMS: 150, ToMS: 250, Oldest: true}, "a-resolved o-detected"},
		} {
			got, err := s.Events(ctx, c.q)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, e := range got {
				ids = append(ids, e.ID)
			}
			if strings.Join(ids, " ") != c.want {
				t.Errorf("events %s: %v, want %s", c.name, ids, c.want)
			}
		}
		for model, want := range map[string]bool{"m": true, "n": false} {
			if got, err := s.QualityOpen(ctx, model); err != nil || got != want {
				t.Errorf("QualityOpen(%s) = %v, %v; want %v", model, got, err, want)
			}
		}
		done := event("q", "resolved", 350, "resolved", 0)
		done.Kind = "quality"
		if err := s.PutEvents(ctx, []store.EventRow{done}); err != nil {
			t.Fatal(err)
		}
		if open, err := s.QualityOpen(ctx, "m"); err != nil || open {
			t.Errorf("QualityOpen after it was resolved = %v, %v", open, err)
		}
		bad := event("x", "detected", 1, "burning", 0)
		if err := s.PutEvents(ctx, []store.EventRow{bad}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("an unknown phase: %v, want ErrInvalid", err)
		}
	})
}

func TestAcknowledgementsAndNotesOutliveLaterEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if err := s.PutEvents(ctx, []store.EventRow{event("a", "detected", 100, "firing", 0)}); err != nil {
			t.Fatal(err)
		}
		for _, by := range []string{"ada", "bob"} {
			if err := s.AckAlarm(ctx, "a", by, 7); err != nil {
				t.Fatal(err)
			}
		}
		for i, text := range []string{"upstream changed units", "fixed at the source"} {
			if err := s.NoteAlarm(ctx, "a", "bob", text, int64(8+i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.PutEvents(ctx, []store.EventRow{event("a", "resolved", 200, "resolved", 0)}); err != nil {
			t.Fatal(err)
		}
		a, err := s.Alarm(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		notes := []store.AlarmNote{{AtMS: 8, Author: "bob", Text: "upstream changed units"}, {AtMS: 9, Author: "bob", Text: "fixed at the source"}}
		if a.AckBy != "ada" || a.AckMS != 7 || a.Phase != "resolved" || cmp.Diff(notes, a.Notes) != "" {
			t.Errorf("alarm = %+v", a)
		}
		for what, err := range map[string]error{
			"ack": s.AckAlarm(ctx, "none", "ada", 1), "note": s.NoteAlarm(ctx, "none", "ada", "x", 1),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of an unknown alarm = %v, want ErrNotFound", what, err)
			}
		}
		for _, text := range []string{" \n", strings.Repeat("x", 10_001)} {
			if err := s.NoteAlarm(ctx, "a", "ada", text, 1); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("a note of %d bytes = %v, want ErrInvalid", len(text), err)
			}
		}
		if _, err := s.Alarm(ctx, "none"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Alarm(none) = %v, want ErrNotFound", err)
		}
		var audit []store.AuditRow
		err = s.Read(ctx, func(tx *store.Tx) (err error) {
			audit, err = tx.AuditRows(ctx, store.AuditQuery{Object: "alarm:a"})
			return err
		})
		if err != nil || len(audit) != 3 || audit[2].Action != "alarm.ack" || audit[2].Actor != "ada" {
			t.Errorf("audit rows %+v, %v; want one acknowledgement and two notes", audit, err)
		}
	})
}
