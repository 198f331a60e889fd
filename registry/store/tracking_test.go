package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

const root = "mlflow-artifacts:/"

func tx(t *testing.T, s *store.Store, f func(ctx context.Context, x *store.Tx) error) {
	t.Helper()
	ctx := store.WithActor(context.Background(), "ann")
	if err := s.Tx(ctx, func(x *store.Tx) error { return f(ctx, x) }); err != nil {
		t.Fatal(err)
	}
}

// txErr runs f and returns its error.
func txErr(s *store.Store, f func(ctx context.Context, x *store.Tx) error) error {
	ctx := context.Background()
	return s.Tx(ctx, func(x *store.Tx) error { return f(ctx, x) })
}

func newExperiment(t *testing.T, s *store.Store, name string) (id string) {
	t.Helper()
	tx(t, s, func(ctx context.Context, x *store.Tx) (err error) {
		id, err = x.CreateExperiment(ctx, store.NewExperiment{Name: name, Root: root, Tags: []store.Tag{{Key: "team", Value: "a"}}})
		return err
	})
	return id
}

func newRun(t *testing.T, s *store.Store, n store.NewRun) (run store.Run) {
	t.Helper()
	tx(t, s, func(ctx context.Context, x *store.Tx) (err error) {
		run, err = x.CreateRun(ctx, n)
		return err
	})
	return run
}

func TestExperiments_LiveAndDie(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for range 2 {
			if err := s.EnsureDefaultExperiment(ctx, root); err != nil {
				t.Fatal(err)
			}
		}
		id := newExperiment(t, s, "churn")
		if id != "1" {
			t.Errorf("first id = %q, want 1", id)
		}
		run := newRun(t, s, store.NewRun{ExperimentID: id})
		if want := "mlflow-artifacts:/1/" + run.ID + "/artifacts"; run.ArtifactURI != want {
			t.Errorf("artifact URI = %q, want %q", run.ArtifactURI, want)
		}
		err := txErr(s, func(ctx context.Context, x *store.Tx) error {
			_, err := x.CreateExperiment(ctx, store.NewExperiment{Name: "churn", Root: root})
			return err
		})
		if !errors.Is(err, store.ErrExists) || err.Error() != "Experiment(name=churn) already exists." {
			t.Errorf("second experiment of that name = %v, want ErrExists", err)
		}
		tx(t, s, func(ctx context.Context, x *store.Tx) error { return x.DeleteExperiment(ctx, id) })
		if got, err := s.Run(ctx, run.ID); err != nil || got.Stage != store.Deleted {
			t.Errorf("run of a deleted experiment: stage %q, %v; want deleted", got.Stage, err)
		}
		if err := txErr(s, func(ctx context.Context, x *store.Tx) error { return x.DeleteExperiment(ctx, id) }); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("deleted twice = %v, want ErrNotFound", err)
		}
		if err := txErr(s, func(ctx context.Context, x *store.Tx) error { return x.RenameExperiment(ctx, id, "other") }); !errors.Is(err, store.ErrState) {
			t.Errorf("rename of a deleted one = %v, want ErrState", err)
		}
		if err := txErr(s, func(ctx context.Context, x *store.Tx) error {
			return x.LogBatch(ctx, run.ID, store.Batch{Tags: []store.Tag{{Key: "a", Value: "b"}}})
		}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("write to a deleted run = %v, want ErrInvalid", err)
		}
		tx(t, s, func(ctx context.Context, x *store.Tx) error { return x.RestoreExperiment(ctx, id) })
		tx(t, s, func(ctx context.Context, x *store.Tx) error {
			e, err := x.Experiment(ctx, id)
			if e.Stage != store.Active || len(e.Tags) != 1 {
				t.Errorf("restored experiment = %+v", e)
			}
			return err
		})
		// A refused creation took no number.
		if next := newExperiment(t, s, "next"); next != "2" {
			t.Errorf("next id = %q, want 2", next)
		}
	})
}

func TestLogBatch_LatestIsGreatestStepTimeValue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		run := newRun(t, s, store.NewRun{ExperimentID: newExperiment(t, s, "e")})
		batch := store.Batch{
			Metrics: []store.Metric{
				{Key: "loss", Value: 3, Step: 1, TimeMS: 10}, {Key: "loss", Value: 1, Step: 2, TimeMS: 5}, {Key: "loss", Value: 1, Step: 2, TimeMS: 5},
				{Key: "loss", Value: 9, Step: -3, TimeMS: 99},
				{Key: "gap", Value: math.NaN(), Step: 4}, {Key: "top", Value: math.Inf(1)},
			},
			Params: []store.Tag{{Key: "lr", Value: "0.1"}, {Key: "empty", Value: ""}},
			Tags:   []store.Tag{{Key: "mlflow.runName", Value: "renamed"}, {Key: "t", Value: "1"}},
		}
		for range 2 { // repeated: nothing changes
			if err := s.LogBatch(ctx, run.ID, batch); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.LogBatch(ctx, run.ID, store.Batch{Metrics: []store.Metric{{Key: "loss", Value: 7, Step: 1, TimeMS: 1}}}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Run(ctx, run.ID)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, m := range got.Metrics {
			lines = append(lines, fmt.Sprintf("%s=%v@%d/%d [%v,%v]", m.Key, m.Value, m.Step, m.TimeMS, m.Min, m.Max))
		}
		want := []string{"gap=NaN@4/0 [NaN,NaN]", "loss=1@2/5 [1,9]", "top=1.7976931348623157e+308@0/0 [1.7976931348623157e+308,1.7976931348623157e+308]"}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("latest metrics (-want +got):\n%s", diff)
		}
		if got.Name != "renamed" || len(got.Params) != 2 || got.Params[0].Key != "empty" {
			t.Errorf("run = %+v", got)
		}
		err = s.Read(ctx, func(x *store.Tx) error {
			all, next, err := x.MetricHistory(ctx, run.ID, "loss", 2, "")
			if err != nil || len(all) != 2 || next == "" {
				t.Errorf("first page: %d points, token %q, %v", len(all), next, err)
			}
			rest, end, err := x.MetricHistory(ctx, run.ID, "loss", 2, next)
			if err != nil || len(rest) != 2 || end != "" {
				t.Errorf("second page: %d points, token %q, %v", len(rest), end, err)
			}
			if _, _, err := x.MetricHistory(ctx, run.ID, "gap", 2, next); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("another query's token = %v, want ErrInvalid", err)
			}
			sample, err := x.SampledHistory(ctx, []string{run.ID}, "loss", nil, nil, 1)
			if err != nil || len(sample) != 2 || sample[0].Step != -3 || sample[1].Step != 2 {
				t.Errorf("sample = %+v, %v; want the first and the last step", sample, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestLogBatch_IsAllOrNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		run := newRun(t, s, store.NewRun{ExperimentID: newExperiment(t, s, "e")})
		if err := s.LogBatch(ctx, run.ID, store.Batch{Params: []store.Tag{{Key: "p", Value: "1"}}}); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string]store.Batch{
			"a param gets another value":     {Params: []store.Tag{{Key: "new", Value: "1"}, {Key: "p", Value: "2"}}, Tags: []store.Tag{{Key: "new", Value: "1"}}},
			"a param is named twice":         {Params: []store.Tag{{Key: "new", Value: "1"}, {Key: "new", Value: "1"}}},
			"a metric name leaves its place": {Params: []store.Tag{{Key: "new", Value: "1"}}, Metrics: []store.Metric{{Key: "../x"}}},
			"a tag value holds a NUL":        {Params: []store.Tag{{Key: "new", Value: "1"}}, Tags: []store.Tag{{Key: "t", Value: "a\x00b"}}},
			"a metric time is negative":      {Metrics: []store.Metric{{Key: "new", TimeMS: -1}}},
			"there are too many tags":        {Tags: make([]store.Tag, 101)},
		} {
			if err := s.LogBatch(ctx, run.ID, b); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", name, err)
			}
		}
		got, err := s.Run(ctx, run.ID)
		if err != nil || len(got.Params) != 1 || len(got.Tags) != 1 || len(got.Metrics) != 0 {
			t.Errorf("after refused batches: %+v, %v", got, err)
		}
		if err := s.LogBatch(ctx, run.ID, store.Batch{Params: []store.Tag{{Key: "long", Value: strings.Repeat("ä", 7000)}}}); err != nil {
			t.Fatal(err)
		}
		got, err = s.Run(ctx, run.ID)
		if err != nil || len([]rune(got.Params[0].Value)) != 6000 {
			t.Errorf("long param kept %d characters, want 6000 (%v)", len([]rune(got.Params[0].Value)), err)
		}
	})
}

func TestSearchRuns_FiltersAndOrders(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		exp := newExperiment(t, s, "e")
		ids := map[string]string{}
		for i, n := range []string{"Alpha", "beta", "gamma", "delta"} {
			run := newRun(t, s, store.NewRun{ExperimentID: exp, Name: n, StartMS: int64(100 * i), User: "u" + n})
			ids[run.ID] = n
			b := store.Batch{Params: []store.Tag{{Key: "depth", Value: fmt.Sprint(i)}}, Tags: []store.Tag{{Key: "a.b-c d", Value: "100%_" + n}}}
			switch n {
			case "beta":
				b.Metrics = []store.Metric{{Key: "m", Value: math.NaN()}}
			case "Alpha", "gamma":
				b.Metrics = []store.Metric{{Key: "m", Value: float64(i)}}
			}
			if err := s.LogBatch(ctx, run.ID, b); err != nil {
				t.Fatal(err)
			}
			if n == "gamma" {
				tx(t, s, func(ctx context.Context, x *store.Tx) error {
					return x.LogInputs(ctx, run.ID, []store.RunInput{{Dataset: store.Dataset{Name: "d", Digest: "1", SourceType: "s", Source: "{}"}, Tags: []store.Tag{{Key: "mlflow.data.context", Value: "train"}}}}, nil)
				})
			}
		}
		tests := []struct {
			filter string
			order  []string
			want   string
		}{
			{"", nil, "delta gamma beta Alpha"},
			{"", []string{"metrics.m DESC"}, "gamma Alpha beta delta"},
			{"", []string{"metrics.m"}, "Alpha gamma beta delta"},
			{"", []string{"params.depth ASC"}, "Alpha beta gamma delta"},
			{"", []string{"attribute.end_time DESC", "run_name"}, "Alpha beta delta gamma"},
			{"metrics.m >= 1", nil, "gamma"},
			{"metrics.m != 7 and params.depth = '0'", nil, "Alpha"},
			{"params.absent != 'x'", nil, ""},
			{"tags.`a.b-c d` LIKE '100%a'", nil, "delta gamma beta Alpha"},
			{`tag."a.b-c d" = "100%_beta"`, nil, "beta"},
			{"run_name LIKE 'a%'", nil, ""},
			{"run_name ILIKE 'a%'", nil, "Alpha"},
			{"attributes.start_time > 100", nil, "delta gamma"},
			{"start_time <= 100.5", nil, "beta Alpha"},
			{"dataset.name = 'd' AND datasets.context IN ('train','x')", nil, "gamma"},
			{"status = 'RUNNING' AND user_id != 'ubeta'", nil, "delta gamma Alpha"},
			{"run_id IN ('ABC')", nil, ""},
			{"run_id NOT IN ('ABC', 'x')", nil, "delta gamma beta Alpha"},
			{"tags.x = 'a'' OR 1=1 --'", nil, ""},
		}
		for _, tt := range tests {
			err := s.Read(ctx, func(x *store.Tx) error {
				runs, _, err := x.SearchRuns(ctx, []string{exp, "nonsense"}, store.Search{Filter: tt.filter, OrderBy: tt.order})
				var got []string
				for _, r := range runs {
					got = append(got, ids[r.ID])
				}
				if g := strings.Join(got, " "); g != tt.want {
					t.Errorf("filter %q, order %q: %q, want %q", tt.filter, tt.order, g, tt.want)
				}
				return err
			})
			if err != nil {
				t.Errorf("filter %q, order %q: %v", tt.filter, tt.order, err)
			}
		}
		for _, filter := range []string{
			"metrics.m", "metrics.m = ", "metrics.m = 'x'", "params.p = 3", "a OR b", "(run_id = 'x')", "x = 'a'; DROP TABLE runs", "run_id = 'a",
			"metrics.m LIKE 'x'", "run_name IN ()", "status IN ('a')", "foo.bar = 'x'", "metrics.m = 0x10", "params.p > 'a'", "run_id == 'x'", "tags.`x = 'a'", "dataset.size = 'x'",
		} {
			err := s.Read(ctx, func(x *store.Tx) error {
				_, _, err := x.SearchRuns(ctx, []string{exp}, store.Search{Filter: filter})
				return err
			})
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("filter %q = %v, want ErrInvalid", filter, err)
			}
		}
		for _, order := range [][]string{{"metrics.m; DROP TABLE runs"}, {"nothing"}, {"dataset.name"}, {""}, {"r.name"}} {
			err := s.Read(ctx, func(x *store.Tx) error {
				_, _, err := x.SearchRuns(ctx, []string{exp}, store.Search{OrderBy: order})
				return err
			})
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("order %q = %v, want ErrInvalid", order, err)
			}
		}
		// Page by page in the natural order, with runs created between the pages: every
		// run that was there is seen once.
		var seen []string
		for token, first := "", true; first || token != ""; first = false {
			err := s.Read(ctx, func(x *store.Tx) error {
				runs, next, err := x.SearchRuns(ctx, []string{exp}, store.Search{Max: 1, Token: token})
				for _, r := range runs {
					seen = append(seen, ids[r.ID])
				}
				token = next
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			tx(t, s, func(ctx context.Context, x *store.Tx) error {
				run, err := x.CreateRun(ctx, store.NewRun{ExperimentID: exp, StartMS: 1_000_000})
				if err != nil {
					return err
				}
				return x.DeleteRun(ctx, run.ID)
			})
			newRun(t, s, store.NewRun{ExperimentID: exp, Name: "later", StartMS: 2_000_000})
		}
		if got := strings.Join(seen, " "); got != "delta gamma beta Alpha" {
			t.Errorf("pages with runs created between them: %q, want delta gamma beta Alpha", got)
		}
		// Pages of another order: all but one, then the rest; foreign tokens are refused.
		err := s.Read(ctx, func(x *store.Tx) error {
			order := []string{"run_name"}
			first, token, err := x.SearchRuns(ctx, []string{exp}, store.Search{Max: 7, OrderBy: order})
			if err != nil || len(first) != 7 || token == "" {
				t.Errorf("first page: %d, %q, %v", len(first), token, err)
			}
			rest, end, err := x.SearchRuns(ctx, []string{exp}, store.Search{Max: 7, Token: token, OrderBy: order})
			if err != nil || len(rest) != 1 || end != "" {
				t.Errorf("second page: %d, %q, %v", len(rest), end, err)
			}
			for _, bad := range []string{"x", "e30=", "eyJvZmZzZXQiOi0xfQ==", token + "A"} {
				if _, _, err := x.SearchRuns(ctx, []string{exp}, store.Search{Max: 7, Token: bad, OrderBy: order}); !errors.Is(err, store.ErrInvalid) {
					t.Errorf("token %q = %v, want ErrInvalid", bad, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
