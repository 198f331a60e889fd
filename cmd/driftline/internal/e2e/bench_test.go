package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
)

// BenchmarkDemo_Once runs the whole demo: seconds as its summary says, and the
// resident memory it needed at most. It needs about a minute; run it with
// -benchtime 1x.
func BenchmarkDemo_Once(b *testing.B) {
	needBinary(b)
	for b.Loop() {
		p := start(b, nil, append([]string{"demo", "--data-dir", filepath.Join(b.TempDir(), "data")}, anyPort...)...)
		peak := int64(0)
		for !strings.Contains(p.log(), "Still up") {
			peak = max(peak, residentKB(p.cmd.Process.Pid))
			time.Sleep(100 * time.Millisecond)
			select {
			case err := <-p.done:
				b.Fatalf("the demo ended: %v\n%s", err, p.log())
			default:
			}
		}
		b.ReportMetric(float64(peak)/1024, "peak-MiB")
		b.ReportMetric(secondsTold(b, p.log()), "demo-s")
		if err := p.stop(); err != nil {
			b.Fatal(err)
		}
	}
}

// secondsTold reads "in 43 s." out of what the demo says at its end.
func secondsTold(b *testing.B, text string) float64 {
	i := strings.LastIndex(text, "refused, in ")
	if i < 0 {
		b.Fatalf("the demo does not tell its time:\n%s", text)
	}
	var s float64
	if _, err := fmt.Sscanf(text[i:], "refused, in %g s", &s); err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkAll_Start measures from the start of the process to ready, on an empty
// data directory.
func BenchmarkAll_Start(b *testing.B) {
	needBinary(b)
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "data")
		from := time.Now()
		p := start(b, nil, append([]string{"all", "--data-dir", dir, "--log-level", "warn"}, anyPort...)...)
		p.ready(dir)
		b.ReportMetric(float64(time.Since(from).Milliseconds()), "ready-ms")
		if err := p.stop(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAll_Catchup lets `all` work through a log that was written first, and a
// plain consumer (fetch, encoding/json into a map, nothing counted) read the same
// topic beside it in the same run. events/s is wall time with broker, both folds and
// SQL history in one process; ratio-plain is the plain consumer's rate over it.
func BenchmarkAll_Catchup(b *testing.B) {
	needBinary(b)
	const events = 200_000
	for b.Loop() {
		cfg, dir := archive(b, events)
		from := time.Now()
		p := start(b, nil, append([]string{"all", "--config", cfg, "--data-dir", dir, "--log-level", "warn"}, anyPort...)...)
		r := p.ready(dir)
		ready := time.Since(from)
		metrics := "http://" + r.Ops + "/metrics"
		waitLag(b, metrics, p)
		took := time.Since(from) - ready
		plain := plainRate(b, r.Broker)
		rate := events / took.Seconds()
		b.ReportMetric(rate, "events/s")
		b.ReportMetric(plain/rate, "ratio-plain")
		b.ReportMetric(float64(residentKB(p.cmd.Process.Pid))/1024, "rss-MiB")
		if err := p.stop(); err != nil {
			b.Fatal(err)
		}
	}
}

// waitLag waits until every input partition is read to its end.
func waitLag(b *testing.B, url string, p *process) {
	for deadline := time.Now().Add(10 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		text, err := get(url)
		if err != nil {
			continue
		}
		partitions, behind := 0, 0.0
		for _, line := range strings.Split(text, "\n") {
			if rest, ok := strings.CutPrefix(line, "driftline_stream_lag_records{"); ok {
				v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64)
				if err == nil {
					partitions, behind = partitions+1, behind+v
				}
			}
		}
		if partitions >= 6 && behind == 0 {
			return
		}
	}
	b.Fatalf("not caught up\n%s", p.log())
}

// plainRate reads the archive's events the way everybody would, in events a second.
func plainRate(b *testing.B, broker string) float64 {
	l, err := kafka.Dial(kafka.Config{Brokers: []string{broker}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	n := 0
	from := time.Now()
	for part := range int32(3) {
		at := log.Partition{Topic: "archive.events", Index: part}
		next, end, err := l.Bounds(b.Context(), at)
		if err != nil {
			b.Fatal(err)
		}
		for next < end {
			batch, err := l.Fetch(b.Context(), at, next, time.Second)
			if err != nil {
				b.Fatal(err)
			}
			for _, r := range batch.Records {
				var m map[string]any
				if err := json.Unmarshal(r.Value, &m); err != nil {
					b.Fatal(err)
				}
				n++
			}
			next = batch.Next
		}
	}
	return float64(n) / time.Since(from).Seconds()
}

func residentKB(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || runtime.GOOS != "linux" {
		return 0
	}
	for _, line := range bytes.Split(text, []byte("\n")) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kb, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kb
		}
	}
	return 0
}

func needBinary(b *testing.B) {
	b.Helper()
	if binary == "" {
		b.Skip("the program is not built with -short")
	}
}
