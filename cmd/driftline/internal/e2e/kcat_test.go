package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kcatConfig makes windows final within seconds of silence: short steps, and a broker
// that refuses records older than five seconds.
const kcatConfig = `
broker: {timestamp_before_max: 5s, timestamp_after_max: 1s}
stream: {resolution: 1s, slide: 5, windows: [10s], lateness: 2s, skew: 1s, partitions: 1}
policy: {rule: classic, min_rows: 20, fire_after: 0}
models:
  - {name: alpha}
`

// A foreign Kafka client sends events once and falls silent; its events reach a score
// and a drift event without further traffic, and the client reads both.
func TestKcat_EventsReachAScoreAndADriftEventWithoutFurtherTraffic(t *testing.T) {
	long(t)
	needs(t, onPath("kcat"), "kcat")
	dir := t.TempDir()
	cfg, data, csv := filepath.Join(dir, "driftline.yaml"), filepath.Join(dir, "data"), filepath.Join(dir, "ref.csv")
	write(t, cfg, kcatConfig)
	write(t, csv, referenceCSV(2000))
	p := start(t, nil, append([]string{"all", "--config", cfg, "--data-dir", data, "--log-level", "warn"}, anyPort...)...)
	r := p.ready(data)
	if out, errs, err := output(t, time.Minute, nil, "reference", "build", "alpha", "--from", "file:"+csv, "--config", cfg, "--data-dir", data); err != nil {
		t.Fatalf("reference build: %v\n%s%s", err, out, errs)
	}

	rng := rand.New(rand.NewPCG(3, 4))
	var events bytes.Buffer
	for i := range 400 {
		fmt.Fprintf(&events, `{"type":"prediction","model":"alpha","version":"7","id":"k%d","features":{"x":%.6f,"y":%.6f},"score":%.3f}`+"\n",
			i, rng.NormFloat64()+3, rng.NormFloat64()-3, rng.Float64())
	}
	kcat(t, &events, "-P", "-b", r.Broker, "-t", "ml.predictions", "-p", "0", "-z", "lz4")

	var scored, drifted string
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline) && (scored == "" || drifted == ""); time.Sleep(time.Second) {
		for _, line := range strings.Split(kcat(t, nil, "-C", "-b", r.Broker, "-t", "driftline.scores", "-e", "-q"), "\n") {
			var s struct {
				Model, Version, State string
				Rows                  int
			}
			if json.Unmarshal([]byte(line), &s) == nil && s.Model == "alpha" && s.Version == "*" && s.State == "judged" && s.Rows == 400 {
				scored = line
			}
		}
		for _, line := range strings.Split(kcat(t, nil, "-C", "-b", r.Broker, "-t", "driftline.drift", "-e", "-q"), "\n") {
			if strings.Contains(line, "dev.driftline.drift.detected.v1") {
				drifted = line
			}
		}
	}
	if scored == "" || drifted == "" {
		t.Fatalf("after 90 s: score %q, drift event %q\n%s", scored, drifted, p.log())
	}
	var ev struct {
		SpecVersion, Subject string
		Data                 struct {
			Drifted, Judged int
		}
	}
	if err := json.Unmarshal([]byte(drifted), &ev); err != nil || ev.SpecVersion != "1.0" || ev.Subject != "models/alpha" || ev.Data.Drifted != 2 || ev.Data.Judged != 2 {
		t.Errorf("drift event: %v, %+v", err, ev)
	}
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log())
	}
}

func kcat(t *testing.T, in *bytes.Buffer, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kcat", args...)
	if in != nil {
		cmd.Stdin = in
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kcat %v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

func referenceCSV(n int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("x,y\n")
	for range n {
		fmt.Fprintf(&b, "%.6f,%.6f\n", rng.NormFloat64(), rng.NormFloat64())
	}
	return b.String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
