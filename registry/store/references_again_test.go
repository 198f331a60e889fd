package store_test

import (
	"fmt"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// A reference that is put in force again, as by a rollback, is the newest again: who asks
// what is in force takes the newest. One that is it already stays as it is.
func TestReferences_PutInForceAgainIsTheNewest(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for i, step := range []struct {
			id   string
			want string
		}{
			{"g", "g@1"}, {"a", "a@2 g@1"},
			{"a", "a@2 g@1"}, {"g", "a@2 g@1"}, // once more, as after a crash
			{"b", "b@5 a@2 g@1"},
			{"g", "b@5 a@2 g@1"}, {"a", "a@7 b@5 g@1"}, // again
			{"a", "a@7 b@5 g@1"},
			{"b", "b@9 a@7 g@1"},
		} {
			r := store.ReferenceRow{Model: "m", ID: step.id, Kind: "file", GridID: "g", CreatedMS: int64(i + 1), MetaJSON: "{}", Data: []byte{1}}
			added, err := s.AddReference(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			list, err := s.References(ctx, "m")
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, x := range list {
				got += fmt.Sprintf(" %s@%d", x.ID, x.CreatedMS)
			}
			if got != " "+step.want {
				t.Errorf("step %d, %s (added %v):%s, want %s", i, step.id, added, got, step.want)
			}
		}
		late := store.ReferenceRow{Model: "m", ID: "a", Kind: "file", GridID: "g", CreatedMS: 3, MetaJSON: "{}", Data: []byte{1}}
		if _, err := s.AddReference(ctx, late); err != nil {
			t.Fatal(err)
		}
		if list, err := s.References(ctx, "m"); err != nil || list[0].ID != "b" {
			t.Errorf("an earlier time makes %+v the newest, %v", list, err)
		}
	})
}
