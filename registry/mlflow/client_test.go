package mlflow

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// TestRealClient runs a plain MLflow script with the real Python client. The
// Python that has MLflow is named by DRIFTLINE_MLFLOW_PYTHON.
func TestRealClient(t *testing.T) {
	t.Parallel()
	python := os.Getenv("DRIFTLINE_MLFLOW_PYTHON")
	if python == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("DRIFTLINE_MLFLOW_PYTHON must name a Python with mlflow-skinny")
		}
		t.Skip("DRIFTLINE_MLFLOW_PYTHON names no Python with mlflow-skinny")
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		h := serverOn(t, s, nil)
		cmd := exec.CommandContext(t.Context(), python, "testdata/plain_client.py")
		cmd.Env = append(os.Environ(), "MLFLOW_TRACKING_URI="+h.URL, "MLFLOW_HTTP_REQUEST_MAX_RETRIES=0", "MLFLOW_DISABLE_TELEMETRY=true",
			"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR=false", "GIT_PYTHON_REFRESH=quiet", "HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "all good") {
			t.Fatalf("the client failed: %v\n%s", err, out)
		}
		t.Logf("%d checks", strings.Count(string(out), "\nok ")+1)
	})
}
