package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestSilencesAreKeptListedAndEnded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const now = 1_000_000
		for _, name := range []string{"m", "n"} {
			if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: name, SpecJSON: "{}", State: "watching", Automation: "observe"}); err != nil {
				t.Fatal(err)
			}
		}
		ask := store.Silence{Model: "m", Feature: "plan", Kind: "drift", Reason: "new price list", Author: "ada", UntilMS: now + hourMS}
		one, err := s.AddSilence(ctx, ask, now)
		if err != nil {
			t.Fatal(err)
		}
		want := ask
		want.ID, want.CreatedMS = one.ID, now
		if one.ID == "" || cmp.Diff(want, one) != "" {
			t.Fatalf("AddSilence (-want +got):\n%s", cmp.Diff(want, one))
		}
		two, err := s.AddSilence(ctx, store.Silence{Model: "n", Reason: "x", Author: "bob", UntilMS: now + store.MaxSilenceMS}, now+1)
		if err != nil {
			t.Fatal(err)
		}
		list := func(q store.SilenceQuery) string {
			t.Helper()
			rows, err := s.Silences(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, r := range rows {
				out = append(out, map[string]string{one.ID: "one", two.ID: "two"}[r.ID])
			}
			return strings.Join(out, " ")
		}
		for _, c := range []struct {
			name string
			q    store.SilenceQuery
			want string
		}{
			{"all, newest first", store.SilenceQuery{}, "two one"},
			{"of a model", store.SilenceQuery{Model: "m"}, "one"},
			{"that mute now", store.SilenceQuery{ActiveMS: now + hourMS - 1}, "two one"},
			{"one ends by itself", store.SilenceQuery{ActiveMS: now + hourMS}, "two"},
			{"limit", store.SilenceQuery{Limit: 1}, "two"},
		} {
			if got := list(c.q); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}

		ended, err := s.ExpireSilence(ctx, two.ID, "ada", "settled", now+5)
		if err != nil || ended.EndedBy != "ada" || ended.EndedReason != "settled" || ended.EndedMS != now+5 || ended.ActiveAt(now+6) {
			t.Errorf("ExpireSilence = %+v, %v", ended, err)
		}
		if got := list(store.SilenceQuery{ActiveMS: now + 6}); got != "one" {
			t.Errorf("after the end of two %q mutes, want one", got)
		}
		for what, c := range map[string]struct {
			id   string
			at   int64
			want error
		}{
			"ended by a person":  {two.ID, now + 7, store.ErrState},
			"ended by itself":    {one.ID, now + hourMS, store.ErrState},
			"that was never set": {"none", now, store.ErrNotFound},
		} {
			if _, err := s.ExpireSilence(ctx, c.id, "ada", "x", c.at); !errors.Is(err, c.want) {
				t.Errorf("the end of a silence %s = %v, want %v", what, err, c.want)
			}
		}
		var audit []store.AuditRow
		err = s.Read(ctx, func(tx *store.Tx) (err error) {
			audit, err = tx.AuditRows(ctx, store.AuditQuery{Object: "silence:" + two.ID})
			return err
		})
		if err != nil || len(audit) != 2 || audit[0].Action != "silence.expire" || audit[0].Actor != "ada" || audit[1].Action != "silence.add" || audit[1].Actor != "bob" {
			t.Errorf("audit %+v, %v; want who set it and who ended it", audit, err)
		}
	})
}

func TestSilencesWithoutEndOrReasonAreRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const now = 1_000_000
		if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: "m", SpecJSON: "{}", State: "watching", Automation: "observe"}); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name   string
			change func(*store.Silence)
			want   error
		}{
			{"no end", func(x *store.Silence) { x.UntilMS = 0 }, store.ErrInvalid},
			{"an end that is now", func(x *store.Silence) { x.UntilMS = now }, store.ErrInvalid},
			{"an end beyond 90 days", func(x *store.Silence) { x.UntilMS = now + store.MaxSilenceMS + 1 }, store.ErrInvalid},
			{"no reason", func(x *store.Silence) { x.Reason = " \n" }, store.ErrInvalid},
			{"no name", func(x *store.Silence) { x.Author = "" }, store.ErrInvalid},
			{"an unknown kind", func(x *store.Silence) { x.Kind = "noise" }, store.ErrInvalid},
			{"a feature of all features together", func(x *store.Silence) { x.Kind, x.Feature = "joint", "plan" }, store.ErrInvalid},
			{"a feature of predictions that answers do not have", func(x *store.Silence) { x.Kind, x.Feature = "prediction", "plan" }, store.ErrInvalid},
			{"a part of predictions", func(x *store.Silence) { x.Kind, x.Segment = "prediction", "region=eu" }, store.ErrInvalid},
			{"a feature of performance", func(x *store.Silence) { x.Kind, x.Feature = "performance", "plan" }, store.ErrInvalid},
			{"a model that is not watched", func(x *store.Silence) { x.Model = "nobody" }, store.ErrNotFound},
		} {
			x := store.Silence{Model: "m", Reason: "x", Author: "ada", UntilMS: now + 1}
			c.change(&x)
			if _, err := s.AddSilence(ctx, x, now); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		if left, err := s.Silences(ctx, store.SilenceQuery{}); err != nil || len(left) != 0 {
			t.Errorf("refused silences are stored: %+v, %v", left, err)
		}
	})
}

func TestMuteCoversAllThatIsBehindAnAlarm(t *testing.T) {
	t.Parallel()
	const now = 1000
	alarm := store.AlarmRow{Model: "m", Kind: "drift", Phase: "firing", Features: []string{"a", "b"}}
	with := func(change func(*store.AlarmRow)) store.AlarmRow { x := alarm; change(&x); return x }
	on := func(feature, kind string, until int64) store.Silence {
		return store.Silence{Model: "m", Feature: feature, Kind: kind, UntilMS: until}
	}
	tests := []struct {
		name     string
		alarm    store.AlarmRow
		silences []store.Silence
		want     int64
	}{
		{"no silence", alarm, nil, 0},
		{"the whole model", alarm, []store.Silence{on("", "", 1500)}, 1500},
		{"its kind", alarm, []store.Silence{on("", "drift", 1500)}, 1500},
		{"another kind", alarm, []store.Silence{on("", "quality", 1500)}, 0},
		{"another model", alarm, []store.Silence{{Model: "n", UntilMS: 1500}}, 0},
		{"the later end counts", alarm, []store.Silence{on("", "", 1500), on("", "drift", 1800)}, 1800},
		{"one of two features", alarm, []store.Silence{on("a", "", 1500)}, 0},
		{"both features, up to the first end", alarm, []store.Silence{on("a", "", 1500), on("b", "drift", 1300)}, 1300},
		{"both features, one for another kind", alarm, []store.Silence{on("a", "", 1500), on("b", "quality", 1300)}, 0},
		{"features and the whole, up to the later", alarm, []store.Silence{on("a", "", 1500), on("b", "", 1300), on("", "", 1200)}, 1300},
		{"more features than fire", with(func(a *store.AlarmRow) { a.Features = []string{"a"} }), []store.Silence{on("a", "", 1500), on("b", "", 1300)}, 1500},
		{"features that are not known", with(func(a *store.AlarmRow) { a.Features = nil }), []store.Silence{on("a", "", 1500), on("b", "", 1500)}, 0},
		{"a list that is empty", with(func(a *store.AlarmRow) { a.Features = []string{} }), []store.Silence{on("a", "", 1500)}, 0},
		{"an alarm that has ended", with(func(a *store.AlarmRow) { a.Phase = "resolved" }), []store.Silence{on("", "", 1500)}, 0},
		{"a silence at its end", alarm, []store.Silence{on("", "", now)}, 0},
		{"a silence that a person ended", alarm, []store.Silence{{Model: "m", UntilMS: 1500, EndedMS: 900}}, 0},
	}
	for _, tt := range tests {
		got := []store.AlarmRow{tt.alarm}
		got[0].SilencedUntilMS = 77 // of an earlier look
		store.Mute(got, tt.silences, now)
		if got[0].SilencedUntilMS != tt.want {
			t.Errorf("%s: silenced until %d, want %d", tt.name, got[0].SilencedUntilMS, tt.want)
		}
	}
}

func TestAPausedModelsRetrainsAreNotTakenUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for _, name := range []string{"m", "n"} {
			if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: name, SpecJSON: "{}", State: "watching", Automation: "promote"}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.EnqueueRetrain(ctx, store.Retrain{ID: "of-" + name, Model: name, Kind: "alarm", TriggerJSON: "{}", ClockMS: 1}, 10); err != nil {
				t.Fatal(err)
			}
		}
		claim := func() string {
			t.Helper()
			r, found, err := s.ClaimRetrain(ctx, "w", 20, 100)
			if err != nil {
				t.Fatal(err)
			}
			if !found {
				return ""
			}
			if err := s.RenewLease(ctx, r.ID, r.Fence, 20, 0); err != nil {
				t.Fatal(err)
			}
			return r.ID
		}
		if _, err := s.Pause(ctx, "m", "ada", "x", 15); err != nil {
			t.Fatal(err)
		}
		if got := claim(); got != "of-n" {
			t.Errorf("claimed %q while m is paused, want the next one, of-n", got)
		}
		if _, err := s.Pause(ctx, "n", "ada", "x", 15); err != nil {
			t.Fatal(err)
		}
		if got := claim(); got != "" {
			t.Errorf("claimed %q while both are paused", got)
		}
		if _, err := s.Resume(ctx, "m", "ada", "x"); err != nil {
			t.Fatal(err)
		}
		if got := claim(); got != "of-m" {
			t.Errorf("claimed %q after m was resumed, want of-m", got)
		}
	})
}
