package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
)

// The real MLflow client finds the version that the demo promoted, downloads it, and
// real XGBoost predicts with it what the Go scorer predicted, to 1e-6; and a plain
// training script logs, registers and promotes against the same server.
func TestMLflow_RealClientFindsWhatTheDemoPromoted(t *testing.T) {
	long(t)
	mlflow, xgb := os.Getenv("DRIFTLINE_MLFLOW_PYTHON"), os.Getenv("DRIFTLINE_XGB_PYTHON")
	needs(t, mlflow != "" && xgb != "", "a Python with mlflow-skinny and xgboost (DRIFTLINE_MLFLOW_PYTHON, DRIFTLINE_XGB_PYTHON)")
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, nil, append([]string{"demo", "--data-dir", data}, anyPort...)...)
	r := p.ready(data)
	p.until("Still up", 8*time.Minute)

	out := filepath.Join(t.TempDir(), "model")
	python(t, mlflow, r.HTTP, "testdata/client.py", out)
	events := filepath.Join(t.TempDir(), "events.json")
	write(t, events, topicText(t, r.Broker, "bikeshare.predictions", 2))
	python(t, xgb, r.HTTP, "testdata/score.py", out, events)
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log())
	}
}

// topicText returns all values of a topic, a line each.
func topicText(t *testing.T, broker, topic string, partitions int32) string {
	t.Helper()
	l, err := kafka.Dial(kafka.Config{Brokers: []string{broker}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var b strings.Builder
	for p := range partitions {
		part := log.Partition{Topic: topic, Index: p}
		from, end, err := l.Bounds(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		for from < end {
			batch, err := l.Fetch(t.Context(), part, from, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range batch.Records {
				b.Write(r.Value)
				b.WriteByte('\n')
			}
			from = batch.Next
		}
	}
	return b.String()
}

// until waits for a text on standard error.
func (p *process) until(text string, limit time.Duration) {
	p.t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if strings.Contains(p.log(), text) {
			return
		}
		select {
		case err := <-p.done:
			p.done <- err
			p.t.Fatalf("ended before %q: %v\n%s", text, err, p.log())
		default:
		}
	}
	p.t.Fatalf("no %q after %s\n%s", text, limit, p.log())
}

func python(t *testing.T, interpreter, uri, script string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, append([]string{script}, args...)...)
	cmd.Env = environ("MLFLOW_TRACKING_URI="+uri, "MLFLOW_HTTP_REQUEST_MAX_RETRIES=2", "MLFLOW_ENABLE_ASYNC_LOGGING=false")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	t.Logf("%s", out)
}
