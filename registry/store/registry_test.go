package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// newModel registers a model with n versions.
func newModel(t *testing.T, s *store.Store, name string, n int) {
	t.Helper()
	tx(t, s, func(ctx context.Context, x *store.Tx) error {
		if _, err := x.CreateModel(ctx, name, "", nil); err != nil {
			return err
		}
		for i := range n {
			if _, err := x.CreateVersion(ctx, store.NewVersion{Name: name, Source: fmt.Sprintf("mlflow-artifacts:/1/run%d/artifacts/model", i+1), RunID: fmt.Sprintf("run%d", i+1)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestVersions_AreDenseUnderConcurrency(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		newModel(t, s, "m", 0)
		const workers, each = 6, 8
		var wg sync.WaitGroup
		var mu sync.Mutex
		var got []string
		for range workers {
			wg.Go(func() {
				for range each {
					err := s.Tx(context.Background(), func(x *store.Tx) error {
						v, err := x.CreateVersion(context.Background(), store.NewVersion{Name: "m", Source: "s3://b/x"})
						if err != nil {
							return err
						}
						mu.Lock()
						defer mu.Unlock()
						got = append(got, fmt.Sprintf("%03s", v.Version))
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		slices.Sort(got)
		for i, v := range got {
			if want := fmt.Sprintf("%03d", i+1); v != want {
				t.Fatalf("versions %v are not 1…%d", got, workers*each)
			}
		}
	})
}

func TestVersions_ADeletedNumberIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		newModel(t, s, "m", 3)
		tx(t, s, func(ctx context.Context, x *store.Tx) error {
			if err := x.SetAlias(ctx, "m", "best", "3"); err != nil {
				return err
			}
			if err := x.DeleteVersion(ctx, "m", "3"); err != nil {
				return err
			}
			v, err := x.CreateVersion(ctx, store.NewVersion{Name: "m", Source: "models:/m/2"})
			if v.Version != "4" || v.Location != "mlflow-artifacts:/1/run2/artifacts/model" {
				t.Errorf("next version = %+v, want 4 at the place of version 2", v)
			}
			return err
		})
		for name, f := range map[string]func(ctx context.Context, x *store.Tx) error{
			"get":    func(ctx context.Context, x *store.Tx) error { _, err := x.Version(ctx, "m", "3"); return err },
			"delete": func(ctx context.Context, x *store.Tx) error { return x.DeleteVersion(ctx, "m", "3") },
			"tag": func(ctx context.Context, x *store.Tx) error {
				return x.SetVersionTag(ctx, "m", "3", store.Tag{Key: "a"})
			},
			"set alias": func(ctx context.Context, x *store.Tx) error { return x.SetAlias(ctx, "m", "a", "3") },
		} {
			if err := txErr(s, f); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of a deleted version = %v, want ErrNotFound", name, err)
			}
		}
		if err := txErr(s, func(ctx context.Context, x *store.Tx) error { _, err := x.VersionByAlias(ctx, "m", "best"); return err }); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("alias of a deleted version = %v, want ErrInvalid", err)
		}
	})
}

func TestModels_RenameAndDelete(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		newModel(t, s, "old name", 2)
		newModel(t, s, "taken", 0)
		tx(t, s, func(ctx context.Context, x *store.Tx) error {
			if err := x.SetVersionTag(ctx, "old name", "1", store.Tag{Key: "k", Value: "v"}); err != nil {
				return err
			}
			_, _, err := x.Promote(ctx, "old name", "1", "ann", "", 5)
			return err
		})
		if err := txErr(s, func(ctx context.Context, x *store.Tx) error {
			_, err := x.RenameModel(ctx, "old name", "taken")
			return err
		}); !errors.Is(err, store.ErrExists) {
			t.Errorf("rename onto a taken name = %v, want ErrExists", err)
		}
		tx(t, s, func(ctx context.Context, x *store.Tx) error {
			_, err := x.RenameModel(ctx, "old name", "new")
			return err
		})
		m, err := s.Model(ctx, "new")
		if err != nil || len(m.Latest) != 2 || len(m.Aliases) != 1 || champ(t, s, "new") != "1 by promote" {
			t.Errorf("renamed model = %+v, %v, champion %s", m, err, champ(t, s, "new"))
		}
		v, err := s.Version(ctx, "new", "1")
		if err != nil || len(v.Tags) != 1 {
			t.Errorf("renamed version = %+v, %v", v, err)
		}
		tx(t, s, func(ctx context.Context, x *store.Tx) error { return x.DeleteModel(ctx, "new") })
		if _, err := s.Model(ctx, "new"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleted model = %v, want ErrNotFound", err)
		}
		for _, name := range []string{"", "a/b", "a:b", "%61dmin", "a\nb", strings.Repeat("x", 300)} {
			if err := txErr(s, func(ctx context.Context, x *store.Tx) error { _, err := x.CreateModel(ctx, name, "", nil); return err }); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("model name %q = %v, want ErrInvalid", name, err)
			}
		}
		newModel(t, s, "spaces and.dots work", 1)
		for _, alias := range []string{"", "latest", "LATEST", "v12", "a b", "ä"} {
			if err := txErr(s, func(ctx context.Context, x *store.Tx) error {
				return x.SetAlias(ctx, "spaces and.dots work", alias, "1")
			}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("alias %q = %v, want ErrInvalid", alias, err)
			}
		}
	})
}

func TestAudit_OneRowPerCall(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		newModel(t, s, "m", 1)
		tx(t, s, func(ctx context.Context, x *store.Tx) error {
			_, err := x.TransitionStage(ctx, "m", "1", "Staging", false)
			return err
		})
		if _, _, err := s.Promote(context.Background(), "m", "1", "trainer", "gates passed"); err != nil {
			t.Fatal(err)
		}
		rows, err := s.AuditRows(context.Background(), store.AuditQuery{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range rows {
			got = append(got, r.Actor+" "+r.Action+" "+r.Object)
		}
		want := []string{"trainer model.promote model:m/1", "ann version.stage model:m/1", "ann version.create model:m/1", "ann model.create model:m"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("audit, newest first (-want +got):\n%s", diff)
		}
		if want := `{"aliases":null,"stage":"Staging"}`; rows[0].Before != want {
			t.Errorf("before = %s, want %s", rows[0].Before, want)
		}
	})
}

func TestPrompts_StayOutOfSearches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		newModel(t, s, "model", 1)
		tx(t, s, func(ctx context.Context, x *store.Tx) error {
			_, err := x.CreateModel(ctx, "prompt", "", []store.Tag{{Key: "mlflow.prompt.is_prompt", Value: "true"}, {Key: "k", Value: "v"}})
			return err
		})
		for filter, want := range map[string]string{
			"": "model",
			"tags.`mlflow.prompt.is_prompt` = 'true'":                    "prompt",
			"tags.`mlflow.prompt.is_prompt` != 'false' AND tags.k = 'v'": "prompt",
			"tags.`mlflow.prompt.is_prompt` != 'true'":                   "model",
			"tags.`mlflow.prompt.is_prompt` = 'false'":                   "model",
			"name ILIKE '%MO%'":                                          "model",
			"name LIKE '%MO%'":                                           "",
		} {
			err := s.Read(context.Background(), func(x *store.Tx) error {
				ms, _, err := x.SearchModels(context.Background(), store.Search{Filter: filter})
				var got []string
				for _, m := range ms {
					got = append(got, m.Name)
				}
				if g := strings.Join(got, " "); g != want {
					t.Errorf("filter %q: %q, want %q", filter, g, want)
				}
				return err
			})
			if err != nil {
				t.Errorf("filter %q: %v", filter, err)
			}
		}
	})
}

func TestLoggedModels_SearchByDatasetAndMetric(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		exp := newExperiment(t, s, "e")
		run := newRun(t, s, store.NewRun{ExperimentID: exp})
		names := map[string]string{}
		for i, n := range []string{"one", "two", "three"} {
			tx(t, s, func(ctx context.Context, x *store.Tx) error {
				m, err := x.CreateLoggedModel(ctx, store.NewLoggedModel{ExperimentID: exp, Name: n, SourceRunID: run.ID, Params: []store.Tag{{Key: "p", Value: n}}})
				if err != nil {
					return err
				}
				names[m.ID] = n
				if n == "three" {
					return nil
				}
				if _, err := x.FinishLoggedModel(ctx, m.ID, store.ModelReady); err != nil {
					return err
				}
				if err := x.LogOutputs(ctx, run.ID, []store.RunModel{{ModelID: m.ID}}); err != nil {
					return err
				}
				return x.LogBatch(ctx, run.ID, store.Batch{Metrics: []store.Metric{{Key: "auc", Value: float64(i), Step: int64(i), ModelID: m.ID, DatasetName: "d" + n, DatasetDigest: "g"}}})
			})
		}
		tests := []struct {
			name string
			q    store.LoggedSearch
			want string
		}{
			{"all, by name", store.LoggedSearch{Order: []store.LoggedOrder{{Field: "name"}}}, "one three two"},
			{"by metric", store.LoggedSearch{Order: []store.LoggedOrder{{Field: "metrics.auc", Desc: true}}}, "two one three"},
			{"metric clause", store.LoggedSearch{Search: store.Search{Filter: "metrics.auc > 0.5"}}, "two"},
			{"dataset", store.LoggedSearch{Datasets: []store.DatasetFilter{{Name: "done", Digest: "g"}}}, "one"},
			{"metric on a dataset", store.LoggedSearch{Search: store.Search{Filter: "metrics.auc >= 0"}, Datasets: []store.DatasetFilter{{Name: "dtwo"}}}, "two"},
			{"status", store.LoggedSearch{Search: store.Search{Filter: "status = 'PENDING' AND params.p IN ('three')"}}, "three"},
		}
		for _, tt := range tests {
			tt.q.ExperimentIDs = []string{exp}
			err := s.Read(context.Background(), func(x *store.Tx) error {
				ms, _, err := x.SearchLoggedModels(context.Background(), tt.q)
				var got []string
				for _, m := range ms {
					got = append(got, names[m.ID])
				}
				if g := strings.Join(got, " "); g != tt.want {
					t.Errorf("%s: %q, want %q", tt.name, g, tt.want)
				}
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		got, err := s.Run(context.Background(), run.ID)
		if err != nil || len(got.ModelsOut) != 2 {
			t.Fatalf("run's outputs = %+v, %v", got.ModelsOut, err)
		}
		// A version from a logged model is its run's, and the model says so, once.
		id := got.ModelsOut[0].ModelID
		newModel(t, s, "m", 0)
		tx(t, s, func(ctx context.Context, x *store.Tx) error {
			v, err := x.CreateVersion(ctx, store.NewVersion{Name: "m", Source: "models:/" + id})
			if err != nil {
				return err
			}
			if v.RunID != run.ID || v.ModelID != id || v.Location != "mlflow-artifacts:/1/models/"+id+"/artifacts" {
				t.Errorf("version from a logged model = %+v", v)
			}
			twice := `[{"name":"m","version":"1"},{"name":"m","version":"1"}]`
			if err := x.SetLoggedModelTags(ctx, id, []store.Tag{{Key: "mlflow.modelVersions", Value: twice}}); err != nil {
				return err
			}
			m, err := x.LoggedModel(ctx, id)
			want := store.LoggedModel{Tags: []store.Tag{{Key: "mlflow.modelVersions", Value: `[{"name":"m","version":"1"}]`}}, Registrations: []store.Registration{{Name: "m", Version: "1"}}}
			if diff := cmp.Diff(want.Tags, m.Tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.Registrations, m.Registrations); diff != "" {
				t.Errorf("registrations (-want +got):\n%s", diff)
			}
			return err
		})
	})
}
