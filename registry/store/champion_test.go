package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func champ(t *testing.T, s *store.Store, model string) string {
	t.Helper()
	c, err := s.Champion(context.Background(), model)
	if errors.Is(err, store.ErrNotFound) {
		return "none"
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.Version + " by " + c.Act
}

func stagesOf(t *testing.T, s *store.Store, model string) string {
	t.Helper()
	var out []string
	err := s.Read(context.Background(), func(x *store.Tx) error {
		vs, _, err := x.SearchVersions(context.Background(), store.Search{Filter: "name = '" + model + "'", OrderBy: []string{"version_number"}})
		for _, v := range vs {
			out = append(out, v.Stage+strings.Join(v.Aliases, ","))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestChampion_TheLastActWins(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		newModel(t, s, "m", 4)
		step := func(name, champion, stages string, f func(ctx context.Context, x *store.Tx) error) {
			t.Helper()
			tx(t, s, f)
			if got := champ(t, s, "m"); got != champion {
				t.Errorf("%s: champion %q, want %q", name, got, champion)
			}
			if got := stagesOf(t, s, "m"); got != stages {
				t.Errorf("%s: stages %q, want %q", name, got, stages)
			}
		}
		step("nothing yet", "none", "None None None None", func(context.Context, *store.Tx) error { return nil })
		step("our promotion sets stage and alias", "1 by promote", "Productionchampion None None None", func(ctx context.Context, x *store.Tx) error {
			changed, prev, err := x.Promote(ctx, "m", "1", "trainer", "gates passed", 1000)
			if !changed || prev != "" {
				t.Errorf("Promote = %v, %q; want changed, no champion before", changed, prev)
			}
			return err
		})
		step("again changes nothing", "1 by promote", "Productionchampion None None None", func(ctx context.Context, x *store.Tx) error {
			changed, prev, err := x.Promote(ctx, "m", "1", "trainer", "again", 2000)
			if changed || prev != "1" {
				t.Errorf("Promote again = %v, %q; want unchanged", changed, prev)
			}
			return err
		})
		step("a client's stage moves no alias", "2 by stage", "Archivedchampion Production None None", func(ctx context.Context, x *store.Tx) error {
			_, err := x.TransitionStage(ctx, "m", "2", "production", true)
			return err
		})
		step("a client's alias moves no stage", "3 by alias", "Archived Production Nonechampion None", func(ctx context.Context, x *store.Tx) error { return x.SetAlias(ctx, "m", "champion", "3") })
		step("another alias is nothing", "3 by alias", "Archived Production Nonechampion Nonechallenger", func(ctx context.Context, x *store.Tx) error { return x.SetAlias(ctx, "m", "challenger", "4") })
		step("our promotion again", "4 by promote", "Archived Archived None Productionchallenger,champion", func(ctx context.Context, x *store.Tx) error {
			_, prev, err := x.Promote(ctx, "m", "4", "trainer", "", 3000)
			if prev != "3" {
				t.Errorf("champion before = %q, want 3", prev)
			}
			return err
		})
		step("back by one", "3 by rollback", "Archived Archived Productionchampion Archivedchallenger", func(ctx context.Context, x *store.Tx) error {
			to, prev, err := x.Rollback(ctx, "m", "", "ann", "worse", 4000)
			if to != "3" || prev != "4" {
				t.Errorf("Rollback = %s from %s, want 3 from 4", to, prev)
			}
			return err
		})
		step("and one more, not to 4", "2 by rollback", "Archived Productionchampion Archived Archivedchallenger", func(ctx context.Context, x *store.Tx) error {
			_, _, err := x.Rollback(ctx, "m", "", "ann", "worse still", 5000)
			return err
		})
		step("the champion is deleted", "none", "Archived Archived Archivedchallenger", func(ctx context.Context, x *store.Tx) error { return x.DeleteVersion(ctx, "m", "2") })
		want := []string{
			"model.promoted m/1<", "model.promoted m/2<1", "model.promoted m/3<2", "model.promoted m/4<3",
			"model.rolledback m/3<4", "model.rolledback m/2<3", "model.unset m/<2",
		}
		if diff := cmp.Diff(want, store.OutboxRows(t, s)); diff != "" {
			t.Errorf("outbox, one row per change (-want +got):\n%s", diff)
		}
		history, err := s.ChampionHistory(ctx, "m")
		if err != nil || len(history) != len(want) || history[0].SinceMS != 1000 || history[0].Actor != "trainer" {
			t.Errorf("history = %+v, %v", history, err)
		}
		for name, f := range map[string]func(ctx context.Context, x *store.Tx) error{
			"deleted version": func(ctx context.Context, x *store.Tx) error {
				_, _, err := x.Promote(ctx, "m", "2", "a", "", 1)
				return err
			},
			"unknown version": func(ctx context.Context, x *store.Tx) error {
				_, _, err := x.Promote(ctx, "m", "99", "a", "", 1)
				return err
			},
			"unknown model": func(ctx context.Context, x *store.Tx) error {
				_, _, err := x.Promote(ctx, "x", "1", "a", "", 1)
				return err
			},
		} {
			if err := txErr(s, f); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("promote %s = %v, want ErrNotFound", name, err)
			}
		}
		newModel(t, s, "fresh", 1)
		if _, _, err := s.Rollback(ctx, "fresh", "", "ann", ""); !errors.Is(err, store.ErrState) {
			t.Errorf("rollback without history = %v, want ErrState", err)
		}
	})
}

func TestPromote_TogetherWithTheCallersRow(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		newModel(t, s, "m", 2)
		boom := errors.New("the caller's own row failed")
		err := s.Tx(context.Background(), func(x *store.Tx) error {
			if _, _, err := x.Promote(context.Background(), "m", "2", "trainer", "", 1); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatalf("Tx = %v, want the caller's error", err)
		}
		if got := champ(t, s, "m"); got != "none" {
			t.Errorf("champion after the rollback of the transaction = %q, want none", got)
		}
		if got := store.OutboxRows(t, s); len(got) != 0 {
			t.Errorf("outbox = %q, want nothing", got)
		}
	})
}

func TestPromote_RacersLeaveOneChampion(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		newModel(t, s, "m", 5)
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if _, _, err := s.Promote(context.Background(), "m", fmt.Sprint(i+1), "racer", ""); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		production := strings.Count(stagesOf(t, s, "m"), "Production")
		if production != 1 || !strings.Contains(stagesOf(t, s, "m"), "Productionchampion") {
			t.Errorf("stages = %q, want one Production and it has the alias", stagesOf(t, s, "m"))
		}
		if got := store.OutboxRows(t, s); len(got) != 5 {
			t.Errorf("outbox has %d rows, want 5: %q", len(got), got)
		}
	})
}
