package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// archiveConfig watches two models on a topic with historical record times, with
// windows short enough that thousands of them fit into a small archive.
const archiveConfig = `
namespace: e2e
broker: {replicas: 1}
topics:
  inputs:
    - {topic: archive.events, role: events, historical: true}
    - {topic: archive.labels, role: labels, historical: true}
  input_partitions: 3
stream:
  resolution: 10s
  slide: 6
  windows: [30s, 5m]
  lateness: 20s
  skew: 10s
  disorder: 60s
  partitions: 2
  idle: off
policy: {rule: classic, min_rows: 20, fire_after: 0.1, resolve_after: 0.2}
models:
  - {name: alpha, features_from: prediction}
  - {name: beta, features_from: prediction, policy: {rule: calibrated, min_effective: 5}}
`

// autoConfig lists no model: they are admitted by their first events.
var autoConfig = archiveConfig[:strings.Index(archiveConfig, "models:")]

const archiveStart = int64(1_700_000_000_000) - 1_700_000_000_000%600_000

// archive writes a data directory whose broker holds control and input, as if
// producers had been at work while Driftline was down. It returns the path of the
// configuration file and the data directory.
func archive(t testing.TB, events int) (cfgPath, dataDir string) {
	t.Helper()
	return archiveOf(t, archiveConfig, events)
}

func archiveOf(t testing.TB, text string, events int) (cfgPath, dataDir string) {
	t.Helper()
	cfgPath, dataDir = archiveFiles(t, text)
	fill(t, cfgPath, events, app.Want{Dir: true, Broker: true},
		config.Flag{Name: "--data-dir", Key: "data_dir", Value: dataDir},
		config.Flag{Name: "--broker-listen", Key: "broker.listen", Value: "127.0.0.1:0"})
	return cfgPath, dataDir
}

func archiveFiles(t testing.TB, text string) (cfgPath, dataDir string) {
	t.Helper()
	dir := t.TempDir()
	cfgPath, dataDir = filepath.Join(dir, "driftline.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(cfgPath, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return cfgPath, dataDir
}

// fill makes the topics and writes control and input; with no events, no ticks either.
func fill(t testing.TB, cfgPath string, events int, want app.Want, flags ...config.Flag) {
	t.Helper()
	loaded, err := config.Load(config.Layers{File: cfgPath, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	p := declare(t, loaded, want)
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := writeArchive(events, func(recs []log.Record) error { return p.Kafka.Append(t.Context(), recs) }); err != nil {
		t.Fatal(err)
	}
}

// declare makes the topics and writes control: layout, models, grids and references.
func declare(t testing.TB, loaded *config.Loaded, want app.Want) *app.Parts {
	t.Helper()
	ctx := t.Context()
	p, err := app.Open(ctx, &loaded.Config, zerolog.Nop(), "test", want)
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(p.CreateTopics(ctx))
	d, err := p.Declare(ctx)
	check(err)
	for _, m := range d.View.Models() { // those that the configuration lists
		model := m.Name
		ref, err := reference.Build(reference.Spec{
			Model: model, Kind: "file", Names: []string{"x", "y", "colour"}, WindowsMS: d.Layout.WindowsMS,
		}, referenceRows())
		check(err)
		g := wire.GridControl{Model: model, Grid: ref.Grid}
		check(p.Publish(ctx, wire.Control{Kind: "grid", ID: model, Seq: 1, Value: g.Encode()}, wire.Control{Kind: "reference", ID: model, Seq: 1, Value: ref.Reference.Encode()}))
	}
	return p
}

func referenceRows() []reference.Row {
	rng := rand.New(rand.NewPCG(7, 7))
	rows := make([]reference.Row, 5000)
	for i := range rows {
		rows[i].Values = sample(rng, 0)
	}
	return rows
}

func sample(rng *rand.Rand, shift float64) []sketches.Value {
	return []sketches.Value{
		sketches.Number(rng.NormFloat64() + shift), sketches.Number(rng.ExpFloat64()),
		sketches.String([]string{"red", "green", "blue"}[rng.IntN(3)]),
	}
}

// writeArchive sends events in order of record time, every tenth with a label, and
// ends with ticks on every partition. The middle third is shifted.
func writeArchive(events int, send func([]log.Record) error) error {
	rng := rand.New(rand.NewPCG(42, 42))
	var recs []log.Record
	names := []string{"x", "y", "colour"}
	at := archiveStart
	for i := range events {
		at += rng.Int64N(100)
		shift := 0.0
		if i > events/3 && i < 2*events/3 {
			shift = 1.5
		}
		ev := event.Event{
			Type: event.TypePrediction, Model: []string{"alpha", "beta"}[rng.IntN(2)], Version: "1", ID: fmt.Sprint(i), HasTime: true,
			TimeMS: at + rng.Int64N(5000) - 4000, HasScore: true, Score: rng.Float64(), Prediction: sketches.Number(float64(rng.IntN(2))), HasPrediction: true,
		}
		for k, v := range sample(rng, shift) {
			ev.Features = append(ev.Features, event.Feature{Name: names[k], Value: v})
		}
		recs = append(recs, log.Record{Partition: log.Partition{Topic: "archive.events", Index: int32(rng.IntN(3))}, TimeMS: at, Value: event.Encode(ev)})
		if i%10 == 0 {
			label := event.Event{Type: event.TypeLabel, Model: ev.Model, ID: ev.ID, HasLabel: true, Label: sketches.Number(1)}
			recs = append(recs, log.Record{Partition: log.Partition{Topic: "archive.labels", Index: int32(rng.IntN(3))}, TimeMS: at, Value: event.Encode(label)})
		}
		if len(recs) >= 2000 {
			if err := send(recs); err != nil {
				return err
			}
			recs = recs[:0]
		}
	}
	if events == 0 {
		return nil
	}
	for _, topic := range []string{"archive.events", "archive.labels"} {
		for p := range int32(3) {
			recs = append(recs, log.Record{Partition: log.Partition{Topic: topic, Index: p}, TimeMS: at + 120_000, Value: []byte(`{"type":"tick"}`)})
		}
	}
	return send(recs)
}

// recorded reads what live operation wrote, deduplicated and sorted.
func recorded(t testing.TB, broker string) []string {
	t.Helper()
	l, err := kafka.Dial(kafka.Config{Brokers: []string{broker}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var lines []replay.Line
	for _, topic := range []string{"driftline.scores", "driftline.drift"} {
		for p := range int32(2) {
			part := log.Partition{Topic: topic, Index: p}
			from, end, err := l.Bounds(t.Context(), part)
			if err != nil {
				t.Fatal(err)
			}
			for from < end {
				b, err := l.Fetch(t.Context(), part, from, time.Second)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range b.Records {
					line, err := replay.ScoreLine(r.Value)
					if topic == "driftline.drift" {
						line, err = replay.EventLine(r.Value)
					}
					if err != nil {
						t.Fatal(err)
					}
					lines = append(lines, line)
				}
				from = b.Next
			}
		}
	}
	var out []string
	for _, l := range replay.Dedupe(lines) {
		out = append(out, string(l.Value))
	}
	return out
}

func lines(b []byte) []string {
	text := strings.TrimSpace(string(b))
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
