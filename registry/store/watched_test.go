package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestWatchedModelsAreInsertedAndChanged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := store.WithActor(t.Context(), "ada")
		b := store.WatchedModel{Name: "b", SpecJSON: `{"features":["x"]}`, State: "learning", Automation: "observe", CreatedMS: 5, UpdatedMS: 5}
		a := store.WatchedModel{Name: "a", SpecJSON: "{}", State: "watching", Automation: "promote", CreatedMS: 6, UpdatedMS: 6}
		for _, m := range []store.WatchedModel{b, a, b} {
			if err := s.PutWatchedModel(ctx, m); err != nil {
				t.Fatal(err)
			}
		}
		b.State, b.UpdatedMS = "watching", 9
		changed := b
		changed.CreatedMS = 9
		if err := s.PutWatchedModel(ctx, changed); err != nil {
			t.Fatal(err)
		}
		got, err := s.WatchedModels(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.WatchedModel{a, b}, got); d != "" {
			t.Errorf("WatchedModels (-want +got):\n%s", d)
		}
		if m, err := s.WatchedModel(ctx, "b"); err != nil || m != b {
			t.Errorf("WatchedModel(b) = %+v, %v", m, err)
		}
		if _, err := s.WatchedModel(ctx, "c"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("WatchedModel(c) = %v, want ErrNotFound", err)
		}
		if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: "now", State: "learning", Automation: "retrain"}); err != nil {
			t.Fatal(err)
		}
		if m, err := s.WatchedModel(ctx, "now"); err != nil || m.CreatedMS == 0 || m.UpdatedMS != m.CreatedMS {
			t.Errorf("times that were not given: %+v, %v", m, err)
		}
		for name, m := range map[string]store.WatchedModel{
			"no name": {State: "watching", Automation: "retrain"}, "new and paused": {Name: "x", State: "paused", Automation: "retrain"}, "state": {Name: "x", State: "asleep", Automation: "retrain"}, "automation": {Name: "x", State: "watching", Automation: "full"},
		} {
			if err := s.PutWatchedModel(ctx, m); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", name, err)
			}
		}
		var audit []store.AuditRow
		err = s.Read(ctx, func(tx *store.Tx) (err error) {
			audit, err = tx.AuditRows(ctx, store.AuditQuery{Object: "watched:b"})
			return err
		})
		if err != nil || len(audit) != 2 || audit[0].Actor != "ada" {
			t.Errorf("audit = %+v, %v; want one row per change, none for a repeat", audit, err)
		}
	})
}

func TestAPauseOutlivesSettingsThatAreWrittenAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		m := store.WatchedModel{Name: "m", SpecJSON: "{}", State: "learning", Automation: "promote", CreatedMS: 5, UpdatedMS: 5}
		put := func(change func(*store.WatchedModel)) {
			t.Helper()
			again := m
			change(&again)
			if err := s.PutWatchedModel(ctx, again); err != nil {
				t.Fatal(err)
			}
		}
		want := func(state, by, reason string, ms int64) {
			t.Helper()
			got, err := s.WatchedModel(ctx, "m")
			if err != nil || got.State != state || got.PausedBy != by || got.PausedReason != reason || got.PausedMS != ms {
				t.Fatalf("%+v, %v; want %s, paused by %q at %d: %q", got, err, state, by, ms, reason)
			}
			list, err := s.WatchedModels(ctx)
			if err != nil || len(list) != 1 || list[0] != got {
				t.Fatalf("the list has %+v, %v; want %+v", list, err, got)
			}
		}
		act := func(what string, changed bool, err error, want bool) {
			t.Helper()
			if err != nil || changed != want {
				t.Fatalf("%s: changed %v, %v; want %v", what, changed, err, want)
			}
		}
		put(func(*store.WatchedModel) {})
		changed, err := s.Resume(ctx, "m", "ada", "nothing is paused")
		act("resume", changed, err, false)
		changed, err = s.Pause(ctx, "m", "ada", "labels are wrong", 70)
		act("pause", changed, err, true)
		changed, err = s.Pause(ctx, "m", "bob", "me too", 80)
		act("second pause", changed, err, false)
		want("paused", "ada", "labels are wrong", 70)

		put(func(*store.WatchedModel) {})                                         // as at every start
		put(func(m *store.WatchedModel) { m.State, m.SpecJSON = "paused", "[]" }) // as settings that were read and are written back
		want("paused", "ada", "labels are wrong", 70)
		changed, err = s.Resume(ctx, "m", "bob", "labels are mended")
		act("resume", changed, err, true)
		want("learning", "", "", 0)

		for what, err := range map[string]error{
			"pause":  func() error { _, err := s.Pause(ctx, "nobody", "ada", "x", 1); return err }(),
			"resume": func() error { _, err := s.Resume(ctx, "nobody", "ada", "x"); return err }(),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of an unknown model = %v, want ErrNotFound", what, err)
			}
		}
		for _, reason := range []string{" ", strings.Repeat("x", 1001)} {
			if _, err := s.Pause(ctx, "m", "ada", reason, 1); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("a pause for %d bytes of reason = %v, want ErrInvalid", len(reason), err)
			}
		}
		var actions []string
		err = s.Read(ctx, func(tx *store.Tx) error {
			rows, err := tx.AuditRows(ctx, store.AuditQuery{Object: "watched:m"})
			for _, r := range rows {
				actions = append(actions, r.Action+" "+r.Actor+" "+r.Before+r.After)
			}
			return err
		})
		wantActions := []string{
			`watch.resume bob {"by":"ada","reason":"labels are wrong"}{"reason":"labels are mended"}`,
			`watch.put unknown {"automation":"promote","spec":"{}","state":"learning"}{"automation":"promote","spec":"[]","state":"learning"}`,
			`watch.pause ada {"reason":"labels are wrong"}`,
			`watch.put unknown {"automation":"promote","spec":"{}","state":"learning"}`,
		}
		if d := cmp.Diff(wantActions, actions); err != nil || d != "" {
			t.Errorf("audit, newest first (-want +got), %v:\n%s", err, d)
		}
	})
}

// Before there were pauses with a reason, the state alone could say it.
func TestAModelThatWasPausedStaysSoWhenTheSchemaIsBroughtUp(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		ctx := t.Context()
		s, err := store.Open(ctx, url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := store.MigrateTo(ctx, s, 3); err != nil {
			t.Fatal(err)
		}
		for _, state := range []string{"paused", "learning"} {
			store.Exec(t, s, "INSERT INTO watched_models (name, spec, state, automation, created_ms, updated_ms) VALUES ($1, '{}', $1, 'observe', 5, 6)", state)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if m, err := s.WatchedModel(ctx, "learning"); err != nil || m.State != "learning" || m.PausedMS != 0 {
			t.Errorf("a model that was not paused: %+v, %v", m, err)
		}
		if m, err := s.WatchedModel(ctx, "paused"); err != nil || m.State != "paused" || m.PausedMS != 6 || m.PausedReason == "" {
			t.Errorf("a model that was paused: %+v, %v", m, err)
		}
		if _, err := s.Resume(ctx, "paused", "ada", "x"); err != nil {
			t.Fatal(err)
		}
		if m, err := s.WatchedModel(ctx, "paused"); err != nil || m.State != "watching" {
			t.Errorf("after resuming: %+v, %v", m, err)
		}
	})
}

func TestReferencesAreKeptOnceAndWhole(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		data := bytes.Repeat([]byte{0, 1, 0xff}, 1<<20) // 3 MB, not text
		ref := store.ReferenceRow{Model: "m", ID: "r1", Version: "3", Kind: "training", GridID: "g", Rows: 1000, FromMS: 1, ToMS: 2, CreatedMS: 3, MetaJSON: "{}", Data: data}
		for i, want := range []bool{true, false} {
			again := ref
			again.Kind = []string{"training", "file"}[i]
			if added, err := s.AddReference(ctx, again); err != nil || added != want {
				t.Fatalf("AddReference = %v, %v; want %v", added, err, want)
			}
		}
		got, err := s.Reference(ctx, "m", "r1")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Data, data) {
			t.Errorf("Data has %d bytes that differ from the %d stored", len(got.Data), len(data))
		}
		head := ref
		head.Data, got.Data = nil, nil
		if d := cmp.Diff(head, got); d != "" {
			t.Errorf("Reference (-want +got):\n%s", d)
		}
		newer, other := ref, ref
		newer.ID, newer.CreatedMS, newer.Data = "r2", 4, []byte("x")
		other.Model = "n" // the same content for another model
		for _, r := range []store.ReferenceRow{newer, other} {
			if added, err := s.AddReference(ctx, r); err != nil || !added {
				t.Fatalf("AddReference = %v, %v", added, err)
			}
		}
		newer.Data, ref.Data = nil, nil
		list, err := s.References(ctx, "m")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.ReferenceRow{newer, ref}, list); d != "" {
			t.Errorf("References (-want +got):\n%s", d)
		}
		if _, err := s.Reference(ctx, "n", "r2"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another model's reference = %v, want ErrNotFound", err)
		}
		for name, size := range map[string]int{"empty": 0, "too large": store.MaxReference + 1} {
			bad := ref
			bad.ID, bad.Data = name, make([]byte, size)
			if _, err := s.AddReference(ctx, bad); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", name, err)
			}
		}
	})
}
