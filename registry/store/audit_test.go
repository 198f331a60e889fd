package store_test

import (
	"context"
	"sync"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestAuditChain_ShowsWhatWasTouched(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, query string
		at          int64
	}{
		{"nothing", "UPDATE audit SET action = action", 0},
		{"a row changed", "UPDATE audit SET actor = 'somebody else' WHERE seq = 3", 3},
		{"a hash changed", "UPDATE audit SET hash = 'x' WHERE seq = 2", 2},
		{"a row gone", "DELETE FROM audit WHERE seq = 4", 4},
		{"the last rows gone", "DELETE FROM audit WHERE seq >= 5", 5},
		{"the first row gone", "DELETE FROM audit WHERE seq = 1", 1},
		{"all rows gone", "DELETE FROM audit", 1},
		{"two rows swapped", "UPDATE audit SET object = CASE seq WHEN 2 THEN 'model:c' ELSE 'model:b' END WHERE seq IN (2, 3)", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := storetest.Open(t)
			ctx := context.Background()
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				newModel(t, s, name, 0)
			}
			if n, err := s.SealAudit(ctx); err != nil || n != 6 {
				t.Fatalf("SealAudit = %d, %v; want 6", n, err)
			}
			store.Exec(t, s, tt.query)
			got, err := s.VerifyAudit(ctx)
			if err != nil || got.BrokenAt != tt.at {
				t.Errorf("VerifyAudit = %+v, %v; want broken at %d", got, err, tt.at)
			}
		})
	}
}

func TestAuditChain_SealersMayRace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for _, name := range []string{"a", "b", "c", "d"} {
			newModel(t, s, name, 3)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := s.SealAudit(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		first, err := s.VerifyAudit(ctx)
		if err != nil || first.Sealed != 16 || first.Unsealed != 0 || first.BrokenAt != 0 {
			t.Fatalf("VerifyAudit = %+v, %v; want 16 sealed rows", first, err)
		}
		newModel(t, s, "later", 0)
		if n, err := s.SealAudit(ctx); err != nil || n != 1 {
			t.Errorf("SealAudit = %d, %v; want 1", n, err)
		}
		second, err := s.VerifyAudit(ctx)
		if err != nil || second.Sealed != 17 || second.Head == first.Head {
			t.Errorf("VerifyAudit = %+v, %v; want 17 rows and a new head", second, err)
		}
	})
}
