package store_test

import (
	"bytes"
	"errors"
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
		if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: "now", State: "paused", Automation: "retrain"}); err != nil {
			t.Fatal(err)
		}
		if m, err := s.WatchedModel(ctx, "now"); err != nil || m.CreatedMS == 0 || m.UpdatedMS != m.CreatedMS {
			t.Errorf("times that were not given: %+v, %v", m, err)
		}
		for name, m := range map[string]store.WatchedModel{
			"no name": {State: "paused", Automation: "retrain"}, "state": {Name: "x", State: "asleep", Automation: "retrain"}, "automation": {Name: "x", State: "paused", Automation: "full"},
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
