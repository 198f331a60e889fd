package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka/kafkatest"
)

const ingestToken = "end-to-end-token-0123456789"

const ingestConfig = kcatConfig + `
ingest: {enabled: true, max_events: 150, timeout: 2s, events_per_second: 0}
`

var tokenEnv = []string{"DRIFTLINE_INGEST_TOKENS={e2e: " + ingestToken + "}"}

// post sends events and returns status and answer.
func post(t *testing.T, url, media, body string, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/ingest", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+ingestToken)
	req.Header.Set("Content-Type", media)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	c := http.Client{Timeout: 30 * time.Second}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// eventually asks again until ok or the limit is over.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-tick.C {
		if ok() {
			return
		}
	}
	t.Errorf("%s: not within %s", what, limit)
}

// Events that came over HTTP, in every form, reach a score; each is counted once, and
// what was refused is not there.
func TestIngest_EventsOverHTTPReachAScore(t *testing.T) {
	long(t)
	dir := t.TempDir()
	cfg, data, csv := filepath.Join(dir, "driftline.yaml"), filepath.Join(dir, "data"), filepath.Join(dir, "ref.csv")
	write(t, cfg, ingestConfig)
	write(t, csv, referenceCSV(2000))
	p := start(t, tokenEnv, append([]string{"all", "--config", cfg, "--data-dir", data, "--log-level", "warn"}, anyPort...)...)
	r := p.ready(data)
	if out, errs, err := output(t, time.Minute, tokenEnv, "reference", "build", "alpha", "--from", "file:"+csv, "--config", cfg, "--data-dir", data); err != nil {
		t.Fatalf("reference build: %v\n%s%s", err, out, errs)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	id := 0
	event := func() string {
		id++
		return fmt.Sprintf(`{"type":"prediction","model":"alpha","version":"7","id":"h%d","features":{"x":%.6f,"y":%.6f},"score":%.3f}`, id, rng.NormFloat64()+3, rng.NormFloat64()-3, rng.Float64())
	}
	events := func(n int, sep string, wrap func(string) string) string {
		var all []string
		for range n {
			all = append(all, wrap(event()))
		}
		return strings.Join(all, sep)
	}
	plain := func(s string) string { return s }
	cloud := func(s string) string {
		return `{"specversion":"1.0","id":"c","source":"/e2e","type":"prediction","data":` + s + `}`
	}
	for _, x := range []struct {
		media, body string
		headers     []string
		want        int
	}{
		{"application/json", event(), nil, 200},
		{"application/json", "[" + events(149, ",", plain) + "]", nil, 200},
		{"application/x-ndjson", events(149, "\n", plain), nil, 200},
		{"application/cloudevents-batch+json", "[" + events(100, ",", cloud) + "]", nil, 202},
		{"application/json", event(), []string{"Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/e2e", "Ce-Type", "prediction"}, 202},
		{"application/json", event(), []string{"Authorization", "Bearer " + ingestToken + "x"}, 401},
		{"application/x-ndjson", event() + "\n{}", nil, 400},
		{"application/x-ndjson", events(151, "\n", plain), nil, 413},
		{"text/plain", event(), nil, 415},
	} {
		if code, text := post(t, r.HTTP, x.media, x.body, x.headers...); code != x.want {
			t.Errorf("%s of %d bytes: %d %s, want %d", x.media, len(x.body), code, text, x.want)
		}
	}
	scored := ""
	eventually(t, 90*time.Second, "a score of 400 rows", func() bool {
		for _, line := range strings.Split(topicText(t, r.Broker, "driftline.scores", 1), "\n") {
			var s struct {
				Model, Version, State string
				Rows                  int
			}
			if json.Unmarshal([]byte(line), &s) == nil && s.Model == "alpha" && s.Version == "*" && s.State == "judged" && s.Rows == 400 {
				scored = line
			}
		}
		return scored != ""
	})
	if scored == "" {
		t.Fatalf("scores: %.2000s\n%s", topicText(t, r.Broker, "driftline.scores", 1), p.log())
	}
	shown, err := get("http://" + strings.TrimPrefix(r.Ops, "http://") + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"driftline_ingest_events_total 400\n", `driftline_ingest_requests_total{result="ok"} 5`, `driftline_ingest_requests_total{result="unauthorized"} 1`,
		`driftline_ingest_requests_total{result="invalid"} 1`, `driftline_ingest_requests_total{result="too_large"} 1`, `driftline_ingest_requests_total{result="unsupported"} 1`,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("metrics lack %s", strings.TrimSpace(want))
		}
	}
	if strings.Contains(p.log()+shown, ingestToken) {
		t.Error("the token stands in log or metrics")
	}
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, p.log())
	}
}

// Role serve alone on Apache Kafka: while the broker is down senders get 503, and
// whatever was acknowledged is in the topic.
func TestIngest_BrokerDownIsSaidAndNothingAcknowledgedIsLost(t *testing.T) {
	long(t)
	cluster := kafkatest.Start(t, 1)
	dir := t.TempDir()
	cfg, data := filepath.Join(dir, "driftline.yaml"), filepath.Join(dir, "data")
	write(t, cfg, "topics: {inputs: [{topic: ml.events}], input_partitions: 1}\nbroker: {replicas: 1, brokers: ["+cluster.Brokers()[0]+"]}\ningest: {enabled: true, timeout: 1s}\n")
	ports := freePorts(t, 2)
	args := []string{"run", "serve", "--config", cfg, "--data-dir", data, "--listen", "127.0.0.1:" + strconv.Itoa(ports[0]), "--ops-listen", "127.0.0.1:" + strconv.Itoa(ports[1]), "--log-level", "warn"}
	if _, errs, err := output(t, time.Minute, tokenEnv, args...); err == nil || !strings.Contains(errs, "driftline topics create") {
		t.Errorf("serve without its topic: %v\n%s; want it to say how to make it", err, errs)
	}
	if _, errs, err := output(t, time.Minute, tokenEnv, "topics", "create", "--config", cfg); err != nil {
		t.Fatalf("topics create: %v\n%s", err, errs)
	}
	p := start(t, tokenEnv, args...)
	url := p.ready(data).HTTP
	acked := map[string]bool{}
	n := 0
	send := func() int {
		n++
		id := fmt.Sprintf("k%d", n)
		code, _ := post(t, url, "application/json", `{"type":"prediction","model":"m","id":"`+id+`","score":0.5}`)
		if code == 200 {
			acked[id] = true
		}
		return code
	}
	for range 20 {
		if code := send(); code != 200 {
			t.Fatalf("status %d while the broker is up\n%s", code, p.log())
		}
	}
	cluster.Kill(0)
	for range 3 {
		if code, text := post(t, url, "application/json", `{"type":"prediction","model":"m","id":"lost","score":0.5}`); code != 503 || !strings.Contains(text, `"next":`) {
			t.Errorf("broker killed: %d %s, want 503 and what to do", code, text)
		}
	}
	cluster.Restart(0)
	eventually(t, time.Minute, "events are taken again", func() bool { return send() == 200 })
	text := topicText(t, cluster.Brokers()[0], "ml.events", 1)
	for id := range acked {
		if !strings.Contains(text, `"id":"`+id+`"`) {
			t.Errorf("event %s was acknowledged and is not in the topic", id)
		}
	}
	if len(acked) < 21 {
		t.Errorf("%d events acknowledged, want 21 or more", len(acked))
	}
}
