package trainer

import (
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/trainer/gbdt"
)

// The model directory loads in MLflow by its two flavors and scores as it does here.
func TestModelDirectory_LoadsInMLflow(t *testing.T) {
	t.Parallel()
	python := os.Getenv("DRIFTLINE_MLFLOW_PYTHON")
	if python == "" {
		t.Skip("DRIFTLINE_MLFLOW_PYTHON names no Python with mlflow, xgboost and pandas")
	}
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import mlflow.xgboost, xgboost, pandas, scipy").CombinedOutput(); err != nil {
		t.Skipf("that Python has not all of mlflow, xgboost, pandas and scipy: %.300s", out)
	}
	w, _ := started(t, storetest.Open(t))
	v, err := w.store.Version(w.ctx, testModel, "1")
	w.check(err)
	from, err := artifactPath(v.Source, "mlflow-artifacts:/")
	w.check(err)
	dir := t.TempDir()
	for _, name := range []string{"MLmodel", "model.json", "requirements.txt"} {
		r, _, err := w.art.Open(w.ctx, from+"/"+name)
		w.check(err)
		body, err := io.ReadAll(r)
		w.check(err)
		w.check(r.Close())
		w.check(os.WriteFile(filepath.Join(dir, name), body, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/load_model.py", dir)
	cmd.Env = append(os.Environ(), "MLFLOW_DISABLE_TELEMETRY=true", "GIT_PYTHON_REFRESH=quiet", "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("MLflow cannot load the model: %v\n%s", err, out)
	}
	c, err := w.trainer("x").models.Champion(w.ctx, testModel)
	w.check(err)
	nan := float32(math.NaN())
	want, err := c.Model.PredictMatrix(gbdt.Matrix{Rows: 5, Names: []string{"a", "b"}, X: []float32{0.1, 0.2, 0.4, 0.7, 0.6, 0.3, 0.9, nan, nan, 0.8}})
	w.check(err)
	_, line, found := strings.Cut(string(out), "scores ")
	got := strings.Fields(line)
	if !found || len(got) < 5 {
		t.Fatalf("output %q", out)
	}
	for i, g := range got[:5] {
		x, err := strconv.ParseFloat(g, 64)
		w.check(err)
		if math.Abs(x-want[i]) > 1e-6 {
			t.Errorf("row %d: MLflow scores %v, we %v", i, x, want[i])
		}
	}
}
