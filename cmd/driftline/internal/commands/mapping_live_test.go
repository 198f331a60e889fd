package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
	"github.com/driftline/driftline/stream/wire"
)

// registryOf answers with the schemas of the Avro sample once it is up.
func registryOf(t *testing.T, up *atomic.Bool, asked *atomic.Int32) string {
	t.Helper()
	texts := mappingtest.SchemaTexts(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var id uint32
		if _, err := fmt.Sscanf(r.URL.Path, "/schemas/ids/%d", &id); err != nil || texts[id] == "" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": texts[id]})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

const mappedSettings = `
namespace: test
data_dir: %s
http: {listen: "127.0.0.1:0"}
ops: {listen: "127.0.0.1:0"}
broker: {listen: "127.0.0.1:0", sync_writes: false}
schema_registry: {url: "%s"}
topics:
  inputs: [{topic: ml.avro, role: events, historical: true, format: avro, mapping: {drop: [trace]}}]
  input_partitions: 1
stream: {resolution: 60s, slide: 10, windows: [10m], lateness: 60s, skew: 60s, disorder: 60s, partitions: 1}
models:
  - {name: acis, features_from: prediction, examples: rows}
`

// TestAvroTopic_WaitsForItsRegistry runs every role on a topic of Avro records while the
// registry is down: nothing is counted, and once it is up everything is, exactly once.
func TestAvroTopic_WaitsForItsRegistry(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a deployment")
	}
	var up atomic.Bool
	var asked atomic.Int32
	b := &bench{t: t, dir: t.TempDir()}
	b.file = b.write("driftline.yaml", fmt.Sprintf(mappedSettings, filepath.Join(b.dir, "data"), registryOf(t, &up, &asked)))
	part := log.Partition{Topic: "ml.avro"}
	b.during(func(ctx context.Context, r *app.Running) {
		var recs []log.Record
		last := int64(0)
		for _, s := range mappingtest.Samples(t) {
			if s.Name != "avro" {
				continue
			}
			for _, x := range s.Records {
				last = max(last, x.TimeMS)
				recs = append(recs, log.Record{Partition: part, TimeMS: x.TimeMS, Value: x.Value})
			}
		}
		// An id that nobody has registered, and records that move the clock on.
		recs = append(recs, log.Record{Partition: part, TimeMS: last, Value: []byte{0, 0, 0, 1, 0, 7}})
		for step := range int64(3) {
			recs = append(recs, log.Record{Partition: part, TimeMS: last + 600_000 + step*60_000, Value: []byte("end")})
		}
		if err := r.Kafka.Append(ctx, recs); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, "the registry is asked", func() bool { return asked.Load() >= 6 })
		if n := r.Progress.Sources()[part].Next; n != 0 {
			t.Errorf("records were counted up to offset %d while the registry was down", n)
		}
		if code, _, errs := b.run("mapping", "test", "--topic", "ml.avro"); code != cli.Usage || !strings.Contains(errs, "schema registry") {
			t.Errorf("mapping test without the registry ends with %d: %s", code, errs)
		}
		up.Store(true)
		await(ctx, t, "everything is counted", func() bool {
			ms, ok := r.Progress.DoneMS(1)
			return ok && ms >= last+600_000
		})
		got := ledgerOf(ctx, t, r)
		// Of the dead ones, the last two stand in minutes that are not over yet.
		if got[wire.Accepted] != 440 || got[wire.Dead] != 2 {
			t.Errorf("outcomes %v, want 440 accepted and 2 dead", got)
		}
		// Requests and predictions meet in the examples.
		await(ctx, t, "220 whole examples are stored", func() bool {
			whole := 0
			err := r.Store.Examples(ctx, store.ExampleQuery{Model: "acis", WithFeatures: true}, func(e store.ExampleRow) error {
				if e.Features != nil && e.Prediction != nil {
					whole++
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return whole == 220
		})
		out := b.must("mapping", "test", "--topic", "ml.avro", "--records", "10", "-o", "json")
		if !strings.Contains(out, string(event.CodeUnknownSchema)) {
			t.Errorf("mapping test does not tell of the unknown schema:\n%s", out)
		}
		if out := b.must("mapping", "infer", "--topic", "ml.avro"); !strings.Contains(out, "format: avro") {
			t.Errorf("mapping infer:\n%s", out)
		}
		var doctor report
		_, text, _ := b.run("doctor", "--json")
		decode(t, text, &doctor)
		state := map[string]string{}
		for _, c := range doctor.Checks {
			state[c.Name] = c.State + ": " + c.Found + " " + c.Mend
		}
		for name, want := range map[string]string{
			"schema registry": "ok", "records of ml.avro": "warn",
			"features of acis": "fail: 0 prediction events and", // they come in feature events
		} {
			if !strings.HasPrefix(state[name], want) {
				t.Errorf("doctor, %s: %q, want %q", name, state[name], want)
			}
		}
	})
}

// await waits for a condition, as long as the deployment runs.
func await(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ledgerOf sums the outcomes that were published, the newest of each piece.
func ledgerOf(ctx context.Context, t *testing.T, r *app.Running) (sum [16]uint64) {
	t.Helper()
	newest := map[int64]wire.Ledger{}
	p := log.Partition{Topic: r.Topics().Panes}
	_, end, err := r.Kafka.Bounds(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < end; {
		b, err := r.Kafka.Fetch(ctx, p, at, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			if kind, err := wire.Peek(rec.Value); err != nil || kind != wire.KindLedger {
				continue
			}
			l, err := wire.DecodeLedger(rec.Value)
			if err != nil {
				t.Fatal(err)
			}
			if old, had := newest[l.Pane]; !had || l.Through >= old.Through {
				newest[l.Pane] = l
			}
		}
		at = b.Next
	}
	for _, l := range newest {
		for i, n := range l.Outcomes {
			sum[i] += n
		}
	}
	return sum
}

func TestDoctor_FeaturesInBothKindsOfEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		by         map[event.Type]int
		state      string
		partOfMend string
	}{
		{"predictions alone", map[event.Type]int{event.TypePrediction: 5}, stateOK, ""},
		{"both", map[event.Type]int{event.TypePrediction: 5, event.TypeFeature: 5}, stateWarn, "not counted"},
		{"only the other", map[event.Type]int{event.TypeFeature: 5}, stateFail, "features_from: feature"},
	}
	for _, tt := range tests {
		cfg, err := config.Load(config.Layers{})
		if err != nil {
			t.Fatal(err)
		}
		d := &doctor{cfg: cfg}
		d.features(carried{"m": tt.by})
		if len(d.checks) != 1 || d.checks[0].State != tt.state || !strings.Contains(d.checks[0].Mend, tt.partOfMend) {
			t.Errorf("%s: %+v, want %s with %q", tt.name, d.checks, tt.state, tt.partOfMend)
		}
	}
}
