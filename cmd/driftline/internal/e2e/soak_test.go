//go:build soak

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

const soakConfig = `
namespace: soak
broker: {replicas: 1}
topics:
  inputs:
    - {topic: archive.events, role: events}
  input_partitions: 3
stream: {resolution: 5s, slide: 1, windows: [30s, 5m], lateness: 5s, skew: 2s, partitions: 2, idle: off}
policy: {rule: classic, min_rows: 20}
models:
  - {name: alpha}
  - {name: beta}
`

// minutes reads a duration in minutes of the environment.
func minutes(t *testing.T, name string, otherwise float64) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return time.Duration(otherwise * float64(time.Minute))
	}
	m, err := strconv.ParseFloat(text, 64)
	if err != nil || m <= 0 {
		t.Fatalf("%s = %q: want minutes", name, text)
	}
	return time.Duration(m * float64(time.Minute))
}

// Half an hour (DRIFTLINE_SOAK_MINUTES) of events at half of what this machine can
// count with the broker beside it: memory and lag stay where they are. Half an hour has
// ten minutes to warm up; the lines are fitted over the last two thirds.
func TestSoak_MemoryAndLagAreFlat(t *testing.T) {
	long(t)
	span := minutes(t, "DRIFTLINE_SOAK_MINUTES", 30)
	cluster := kafkatest.Start(t, 1)
	brokers := strings.Join(cluster.Brokers(), ",")
	cfg, dir := archiveFiles(t, soakConfig)
	loaded, err := config.Load(config.Layers{File: cfg, Flags: []config.Flag{{Name: "--brokers", Key: "broker.brokers", Value: brokers}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := declare(t, loaded, app.Want{Broker: true}).Close(); err != nil {
		t.Fatal(err)
	}
	l, err := kafka.Dial(kafka.Config{Brokers: cluster.Brokers(), RetryTimeout: time.Minute, Compression: "lz4"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })

	ports := freePorts(t, 2)
	roles := map[string]*process{}
	for i, role := range []string{"collect", "evaluate"} {
		roles[role] = start(t, nil, "run", role, "--config", cfg, "--brokers", brokers, "--data-dir", dir+"-"+role,
			"--artifact-root", dir+"-artifacts", "--ops-listen", "127.0.0.1:"+strconv.Itoa(ports[i]), "--log-level", "warn")
	}
	metrics := fmt.Sprintf("http://127.0.0.1:%d/metrics", ports[0])

	feed := &feeder{rng: rand.New(rand.NewPCG(23, 1)), log: l}
	feed.prepare()
	capacity := feed.capacity(t, metrics)
	rate := capacity / 2
	t.Logf("capacity with the broker and the producer on this machine: %.0f events/s; the soak runs at %.0f for %s", capacity, rate, span)

	seen, err := ends(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	type sample struct{ at, collectKB, evaluateKB, lag float64 }
	var samples []sample
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	fed := make(chan error, 1)
	go func() { fed <- feed.run(ctx, rate) }()
	from := time.Now()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			lag, ok := lagRecords(metrics)
			if !ok {
				continue
			}
			samples = append(samples, sample{
				at: time.Since(from).Seconds(), lag: lag,
				collectKB: float64(residentKB(roles["collect"].cmd.Process.Pid)), evaluateKB: float64(residentKB(roles["evaluate"].cmd.Process.Pid)),
			})
		}
	}
	if err := <-fed; err != nil {
		t.Fatal(err)
	}
	last := samples[len(samples)/3:]
	if len(last) < 10 {
		t.Fatalf("%d samples: too few for a line", len(last))
	}
	seconds := last[len(last)-1].at - last[0].at
	for _, s := range []struct {
		name, unit string
		of         func(sample) float64
		slack      float64 // how much the line may rise over the span
	}{
		{"memory of collect", "KiB", func(s sample) float64 { return s.collectKB }, 16 << 10},
		{"memory of evaluate", "KiB", func(s sample) float64 { return s.evaluateKB }, 16 << 10},
		{"lag", "records", func(s sample) float64 { return s.lag }, 2 * rate},
	} {
		var xs, ys []float64
		peak := 0.0
		for _, x := range last {
			xs, ys = append(xs, x.at), append(ys, s.of(x))
			peak = max(peak, s.of(x))
		}
		slope, mean := line(xs, ys)
		t.Logf("%s: mean %.0f %s, peak %.0f, slope %+.3f per second, so %+.0f over the last %.0f s", s.name, mean, s.unit, peak, slope, slope*seconds, seconds)
		if slope*seconds > s.slack {
			t.Errorf("%s rises by %.0f %s over %.0f s, want at most %.0f", s.name, slope*seconds, s.unit, seconds, s.slack)
		}
	}
	t.Logf("%d events", feed.n)
	late, err := delays(t.Context(), l, seen)
	if err != nil {
		t.Fatal(err)
	}
	bound := soakPane + soakLateness + soakSkew + time.Second
	if len(late) == 0 {
		t.Fatal("no final score came")
	}
	at := func(p int) time.Duration { return late[min(len(late)-1, p*len(late)/100)] }
	t.Logf("from an event to its final score, over %d panes: median %s, p99 %s, most %s; pane + lateness + skew + 1 s is %s", len(late)/100, at(50), at(99), late[len(late)-1], bound)
}

// What soakConfig says.
const (
	soakPane     = 5 * time.Second
	soakLateness = 5 * time.Second
	soakSkew     = 2 * time.Second
)

// ends tells how far the score topic goes.
func ends(ctx context.Context, l log.Log) (to []int64, err error) {
	for p := range int32(2) {
		_, end, err := l.Bounds(ctx, log.Partition{Topic: "driftline.scores", Index: p})
		if err != nil {
			return nil, err
		}
		to = append(to, end)
	}
	return to, nil
}

// delays returns how long events waited for the final score of the shortest window that
// ends with their pane, ascending: a hundred events spread evenly over each pane.
func delays(ctx context.Context, l log.Log, from []int64) ([]time.Duration, error) {
	to, err := ends(ctx, l)
	if err != nil {
		return nil, err
	}
	first := map[string]int64{} // of a model's window: when it was published
	for p := range from {
		for at := from[p]; at < to[p]; {
			b, err := l.Fetch(ctx, log.Partition{Topic: "driftline.scores", Index: int32(p)}, at, time.Second)
			if err != nil {
				return nil, err
			}
			for _, r := range b.Records {
				s, err := wire.DecodeScore(r.Value)
				if err != nil {
					return nil, err
				}
				key := fmt.Sprint(s.Model, s.EndMS)
				if _, ok := first[key]; !ok && !s.Provisional && s.WindowMS == 30_000 {
					first[key] = r.TimeMS - s.EndMS
				}
			}
			at = b.Next
		}
	}
	var all []time.Duration
	for _, behind := range first {
		for i := range 100 {
			all = append(all, time.Duration(behind)*time.Millisecond+soakPane*time.Duration(2*i+1)/200)
		}
	}
	slices.Sort(all)
	return all, nil
}

// line fits y = a + slope·x by least squares.
func line(xs, ys []float64) (slope, mean float64) {
	n := float64(len(xs))
	var sx, sy, sxx, sxy float64
	for i := range xs {
		sx, sy, sxx, sxy = sx+xs[i], sy+ys[i], sxx+xs[i]*xs[i], sxy+xs[i]*ys[i]
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx), sy / n
}

// lagRecords sums the lag of all partitions; false until all three are there.
func lagRecords(url string) (sum float64, ok bool) {
	text, err := get(url)
	if err != nil {
		return 0, false
	}
	partitions := 0
	for _, line := range strings.Split(text, "\n") {
		rest, found := strings.CutPrefix(line, "driftline_stream_lag_records{")
		if !found {
			continue
		}
		if v, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			partitions, sum = partitions+1, sum+v
		}
	}
	return sum, partitions >= 3
}

// feeder writes the same prepared events over and over, stamped by the broker's client
// with the wall clock.
type feeder struct {
	rng    *rand.Rand
	log    *kafka.Log
	values [][]byte
	n      int64
}

func (f *feeder) prepare() {
	for range 5000 {
		ev := event.Event{
			Type: event.TypePrediction, Model: []string{"alpha", "beta"}[f.rng.IntN(2)], Version: "1", ID: strconv.Itoa(len(f.values)),
			HasScore: true, Score: f.rng.Float64(),
		}
		for k, v := range sample(f.rng, 0) {
			ev.Features = append(ev.Features, event.Feature{Name: []string{"x", "y", "colour"}[k], Value: v})
		}
		for k := range 47 { // fifty features, as in the benchmarks
			ev.Features = append(ev.Features, event.Feature{Name: "f" + strconv.Itoa(k), Value: sketches.Number(f.rng.NormFloat64())})
		}
		f.values = append(f.values, event.Encode(ev))
	}
}

func (f *feeder) send(ctx context.Context, n int) error {
	var recs []log.Record
	now := time.Now().UnixMilli()
	for range n {
		recs = append(recs, log.Record{Partition: log.Partition{Topic: "archive.events", Index: int32(f.n % 3)}, TimeMS: now, Value: f.values[f.n%int64(len(f.values))]})
		f.n++
	}
	return f.log.Append(ctx, recs)
}

// capacity writes as fast as it can for a while, waits until all was counted, and
// returns the events a second over the whole.
func (f *feeder) capacity(t *testing.T, metrics string) float64 {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if _, ok := lagRecords(metrics); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("collect shows no lag within two minutes")
		}
	}
	from, before := time.Now(), f.n
	for time.Since(from) < 15*time.Second {
		if err := f.send(t.Context(), 3000); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if lag, ok := lagRecords(metrics); ok && lag == 0 {
			return float64(f.n-before) / time.Since(from).Seconds()
		}
		if time.Now().After(deadline) {
			t.Fatal("collect does not catch up within five minutes")
		}
	}
}

// run writes at a rate until the context ends.
func (f *feeder) run(ctx context.Context, rate float64) error {
	from, sent := time.Now(), 0.0
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if n := int(time.Since(from).Seconds()*rate - sent); n > 0 {
			if err := f.send(ctx, min(n, 3000)); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			sent += float64(min(n, 3000))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
