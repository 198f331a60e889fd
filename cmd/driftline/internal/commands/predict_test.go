package commands

import (
	"bytes"
	"context"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/gbdt"
)

// twoVersions registers two versions of the model churn, both of XGBoost's own file.
func (b *bench) twoVersions(model []byte) {
	b.t.Helper()
	ctx := b.t.Context()
	cfg, err := config.Load(config.Layers{File: b.file})
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := app.Open(ctx, &cfg.Config, zerolog.Nop(), "test", app.Want{Dir: true, Store: true, Artifacts: true})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := p.Artifacts.Put(ctx, "churn/model.json", bytes.NewReader(model), 0); err != nil {
		b.t.Fatal(err)
	}
	err = p.Store.Tx(ctx, func(t *store.Tx) error {
		if _, err := t.CreateModel(ctx, "churn", "", nil); err != nil {
			return err
		}
		return two(ctx, t)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func two(ctx context.Context, t *store.Tx) error {
	for range 2 {
		if _, err := t.CreateVersion(ctx, store.NewVersion{Name: "churn", Source: "mlflow-artifacts:/churn"}); err != nil {
			return err
		}
	}
	return nil
}

func TestPredict_ScoresWithTheChampion(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../../../trainer/gbdt/testdata/xgboost_3.2.0_binary.json")
	if err != nil {
		t.Fatal(err)
	}
	model, err := gbdt.LoadJSON(bytes.NewReader(raw), gbdt.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.twoVersions(raw)
	if code, _, errs := b.run("predict", "churn", "--features", "{}"); code != cli.Failure || !strings.Contains(errs, `model "churn" has no champion; driftline models promote`) {
		t.Errorf("without a champion it ends with %d: %s", code, errs)
	}
	b.must("models", "promote", "churn", "1", "--reason", "first")
	b.must("models", "promote", "churn", "2", "--reason", "second")
	var want [1]float64
	if err := model.Predict([]float32{0.1, float32(math.NaN()), 1, float32(math.NaN())}, want[:]); err != nil {
		t.Fatal(err)
	}
	var got prediction
	decode(t, b.must("predict", "churn", "--features", `{"x2": true, "x0": 0.1, "x3": null, "extra": 5}`, "-o", "json"), &got)
	if got.Version != "2" || got.Score == nil || *got.Score != want[0] || strings.Join(got.Missing, ",") != "x1" || strings.Join(got.Ignored, ",") != "extra" {
		t.Errorf("prediction %+v; want version 2, score %v, x1 missing, extra ignored", got, want[0])
	}
	if class := map[bool]string{true: "1", false: "0"}[want[0] >= 0.5]; got.Class != class {
		t.Errorf("class %q at score %v, want %q", got.Class, want[0], class)
	}
	b.must("models", "rollback", "churn", "--reason", "back")
	decode(t, b.must("predict", "churn", "--features", "{}", "-o", "json"), &got)
	if got.Version != "1" {
		t.Errorf("after a rollback version %s answers, want 1", got.Version)
	}
	for text, says := range map[string]string{`{"x0": "high"}`: "x0 is a string", "[1]": "not one JSON object", "": "needs --features"} {
		if code, _, errs := b.run("predict", "churn", "--features", text); code != cli.Usage || !strings.Contains(errs, says) {
			t.Errorf("features %q end with %d: %s; want %q", text, code, errs, says)
		}
	}
}
