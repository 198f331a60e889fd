package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func openTwice(t *testing.T, url string) [2]*store.Store {
	t.Helper()
	return [2]*store.Store{storetest.OpenURL(t, url), storetest.OpenURL(t, url)}
}

func TestRacingTriggersLeaveOneActiveRetrain(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		stores := openTwice(t, url)
		const models, triggers = 6, 8
		var wg sync.WaitGroup
		for m := range models {
			for i := range triggers {
				for _, s := range stores { // both see every trigger
					wg.Go(func() {
						if _, _, err := s.EnqueueRetrain(context.Background(), trigger(fmt.Sprintf("%d-%d", m, i), fmt.Sprint("m", m)), 1); err != nil {
							t.Errorf("enqueue: %v", err)
						}
					})
				}
			}
		}
		wg.Wait()
		for m := range models {
			rows, err := stores[0].Retrains(t.Context(), store.RetrainQuery{Model: fmt.Sprint("m", m)})
			if err != nil {
				t.Fatal(err)
			}
			count := map[string]int{}
			for _, r := range rows {
				count[r.State]++
				full, err := stores[1].Retrain(t.Context(), r.ID)
				if err != nil || len(full.Steps) != 1 {
					t.Errorf("%s has steps %v, %v; want one", r.ID, full.Steps, err)
				}
			}
			if count["QUEUED"] != 1 || count["COALESCED"] != triggers-1 {
				t.Errorf("model %d: %v, want one QUEUED and %d COALESCED", m, count, triggers-1)
			}
		}
	})
}

func TestRacingTrainersEachGetTheirOwnRetrain(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		stores := openTwice(t, url)
		const n, workers = 40, 6
		for i := range n {
			enqueue(t, stores[0], trigger(fmt.Sprint("r", i), fmt.Sprint("m", i)), int64(i))
		}
		var mu sync.Mutex
		owners := map[string][]string{}
		var wg sync.WaitGroup
		var ready sync.WaitGroup // all are connected, so that they meet at the same rows
		ready.Add(workers)
		for w := range workers {
			wg.Go(func() {
				me := fmt.Sprint("trainer", w)
				var mine []string
				if err := stores[w%2].Ping(context.Background()); err != nil {
					t.Error(err)
				}
				ready.Done()
				ready.Wait()
				for {
					r, found, err := stores[w%2].ClaimRetrain(context.Background(), me, 100, 1000, mine...)
					if err != nil {
						t.Errorf("claim: %v", err)
						return
					}
					if !found {
						return
					}
					mine = append(mine, r.ID)
					mu.Lock()
					owners[r.ID] = append(owners[r.ID], me)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(owners) != n {
			t.Errorf("%d of %d retrains were claimed", len(owners), n)
		}
		for id, who := range owners {
			if len(who) != 1 {
				t.Errorf("%s went to %v", id, who)
			}
		}
	})
}

func TestALeaseIsStolenOnlyWhenItExpiredAndItsOwnerTakesItBackAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		enqueue(t, s, trigger("a", "m"), 1)
		a := claim(t, s, "one", 10)
		if a.ID != "a" || a.Owner != "one" || a.Fence != 1 || a.LeaseUntilMS != 110 || a.Attempts != 1 {
			t.Fatalf("claimed %+v", a)
		}
		if got := claim(t, s, "two", 109); got.ID != "" {
			t.Errorf("another owner got %s before the lease ran out", got.ID)
		}
		if got := claim(t, s, "one", 20, "a"); got.ID != "" {
			t.Errorf("the owner got %s, which it is working on", got.ID)
		}
		back := claim(t, s, "one", 20)
		if back.ID != "a" || back.Fence != 2 {
			t.Errorf("after a restart the owner got %+v", back)
		}
		if err := s.RenewLease(ctx, "a", 2, 100, 100); err != nil {
			t.Fatal(err)
		}
		if err := s.RenewLease(ctx, "a", 1, 100, 100); !errors.Is(err, store.ErrConflict) {
			t.Errorf("renewing with an old fence = %v, want ErrConflict", err)
		}
		if got := claim(t, s, "two", 150); got.ID != "" {
			t.Errorf("another owner got %s in spite of the renewal", got.ID)
		}
		stolen := claim(t, s, "two", 200)
		if stolen.ID != "a" || stolen.Fence != 3 || stolen.Owner != "two" {
			t.Errorf("after the lease ran out: %+v", stolen)
		}
		if _, err := s.AdvanceRetrain(ctx, "a", 2, "QUEUED", "CHECKED", store.RetrainPatch{}, 201); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the former owner's write = %v, want ErrConflict", err)
		}
		if err := s.RenewLease(ctx, "a", 3, 210, 0); err != nil {
			t.Fatal(err)
		}
		if got := claim(t, s, "one", 210); got.ID != "a" {
			t.Error("a lease that was given up is not free")
		}
		if _, _, err := s.ClaimRetrain(ctx, "", 1, 1); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a claim without owner = %v, want ErrInvalid", err)
		}
		if err := s.RenewLease(ctx, "none", 1, 1, 1); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("RenewLease of no row = %v, want ErrNotFound", err)
		}
	})
}

func TestTrainersThatDieLeaveEachPhaseWrittenOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const seed = 17
		rng := rand.New(rand.NewPCG(seed, 1))
		path := append(slices.Clone(toGate), "PROMOTED", "PROBATION")
		for i := range 3 {
			enqueue(t, s, trigger(fmt.Sprint("r", i), fmt.Sprint("m", i)), 1)
		}
		next := func(state string) string { return path[slices.Index(path, state)+1] } // QUEUED → the first
		var zombies []store.Retrain
		for now := int64(10); now < 4000; now += 30 {
			r, found, err := s.ClaimRetrain(t.Context(), fmt.Sprint("t", rng.IntN(3)), now, 100)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if !found {
				continue
			}
			for r.State != "PROBATION" {
				if rng.IntN(3) == 0 {
					zombies = append(zombies, r) // stopped here, and writes later
					break
				}
				if r, err = s.AdvanceRetrain(t.Context(), r.ID, r.Fence, r.State, next(r.State), store.RetrainPatch{}, now); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			if len(zombies) > 0 && rng.IntN(2) == 0 {
				z := zombies[rng.IntN(len(zombies))]
				now, err := s.Retrain(t.Context(), z.ID)
				if err != nil {
					t.Fatal(err)
				}
				_, err = s.AdvanceRetrain(t.Context(), z.ID, z.Fence, z.State, next(z.State), store.RetrainPatch{}, 1)
				if fresh := now.Fence == z.Fence && now.State == z.State; fresh != (err == nil) {
					t.Fatalf("seed %d: a write with fence %d at %s, row has fence %d at %s: %v", seed, z.Fence, z.State, now.Fence, now.State, err)
				}
			}
		}
		for i := range 3 {
			r, err := s.Retrain(t.Context(), fmt.Sprint("r", i))
			if err != nil || r.State != "PROBATION" || len(r.Steps) != 1+len(path) {
				t.Errorf("seed %d: r%d is %s with %d steps (%v), want PROBATION with %d", seed, i, r.State, len(r.Steps), err, 1+len(path))
			}
		}
	})
}
