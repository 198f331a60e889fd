package monitoring

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// promtool returns the path of promtool, built once per version into the cache of
// the repository; the build takes minutes.
func promtool(t *testing.T) string {
	t.Helper()
	h := sha256.New()
	for _, f := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		h.Write(b)
	}
	path, err := filepath.Abs(filepath.Join(root, ".cache", "tools", hex.EncodeToString(h.Sum(nil))[:16], "promtool"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if testing.Short() {
		t.Skip("promtool is not built yet, which takes minutes: run without -short")
	}
	t.Log("building promtool, once: this takes minutes")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", path, "github.com/prometheus/prometheus/cmd/promtool").CombinedOutput(); err != nil {
		t.Fatalf("build promtool: %v\n%s", err, out)
	}
	return path
}

func TestPromtool_RulesPassTheirUnitTests(t *testing.T) {
	t.Parallel()
	tool := promtool(t)
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", "prometheus-rules.yaml"},
		{"test", "rules", "tests.yaml"},
	} {
		cmd := exec.CommandContext(t.Context(), tool, args...)
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
