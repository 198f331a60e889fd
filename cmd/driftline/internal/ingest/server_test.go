package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
)

const (
	token = "token-of-team-a-0123456789"
	other = "token-of-team-b-0123456789"
)

// broker is a Log that keeps what is appended.
type broker struct {
	mu     sync.Mutex
	recs   []log.Record
	fail   error
	blocks chan struct{} // not nil: Append waits for it or its context
	asked  int
}

func (b *broker) Partitions(context.Context, string) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	return 6, b.fail
}

func (b *broker) Append(ctx context.Context, recs []log.Record) error {
	if b.blocks != nil {
		select {
		case <-b.blocks:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.recs = append(b.recs, recs...)
	return nil
}

type fixture struct {
	*Server
	log     *broker
	results map[string]int
	events  int
	nowMS   int64
	mu      sync.Mutex
}

func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	f := &fixture{log: &broker{}, results: map[string]int{}, nowMS: 1_767_225_600_000}
	cfg := Config{
		Log: f.log, Tokens: map[string]string{"team-a": token, "team-b": other}, Topic: "in", LabelTopic: "labels",
		MaxBody: 1 << 16, MaxEvents: 100, EventsPerSecond: 1000, InFlight: 4, Timeout: time.Second, NowMS: func() int64 { return f.nowMS },
		Count: func(result string, events, _ int) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.results[result]++
			f.events += events
		},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if f.Server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) post(body, contentType string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/ingest", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "query" {
			r.URL.RawQuery = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

const prediction = `{"type":"prediction","model":"churn","version":"3","id":"p1","ts":1767225600000,"features":{"amount":12.5,"plan":"free"},"score":0.25}`

func TestServer_TakesEveryForm(t *testing.T) {
	t.Parallel()
	label := `{"model":"churn","id":"p1","label":1}`
	cloud := func(data string) string {
		return `{"specversion":"1.0","id":"a","source":"/s","type":"t","datacontenttype":"application/json","data":` + data + `}`
	}
	tests := []struct {
		name, body, media string
		headers           []string
		values            []string // written, in order
		status            int
	}{
		{"one object", prediction, "application/json", nil, []string{prediction}, 200},
		{"with charset and space", "\n " + prediction + "\n", "application/json; charset=utf-8", nil, []string{"\n " + prediction + "\n"}, 200},
		{"an array", "[" + prediction + " , " + label + "]", "application/json", nil, []string{prediction, label}, 200},
		{"lines", prediction + "\r\n\n" + label, "application/x-ndjson", nil, []string{prediction, label}, 200},
		{"a structured CloudEvent", cloud(prediction), "application/cloudevents+json", nil, []string{prediction}, 202},
		{"a batch", "[" + cloud(prediction) + "," + cloud(label) + "]", "application/cloudevents-batch+json", nil, []string{prediction, `{"type":"label","model":"churn","id":"p1","label":1}`}, 202},
		{"a binary CloudEvent", prediction, "application/json", []string{"Ce-Specversion", "1.0", "Ce-Id", "x", "Ce-Source", "/s", "Ce-Type", "t"}, []string{prediction}, 202},
		{"base64", `{"specversion":"1.0","id":"a","source":"/s","type":"t","data_base64":"eyJtb2RlbCI6ImNodXJuIiwiaWQiOiJwMSIsImxhYmVsIjoxfQ=="}`, "application/cloudevents+json", nil, []string{`{"type":"label","model":"churn","id":"p1","label":1}`}, 202},
		{"gzip", zipped(prediction), "application/json", []string{"Content-Encoding", "gzip"}, []string{prediction}, 200},
		{"the format named", prediction, "application/json", []string{"query", "format=native"}, []string{prediction}, 200},
	}
	for _, tt := range tests {
		f := newFixture(t, nil)
		w := f.post(tt.body, tt.media, tt.headers...)
		if w.Code != tt.status || w.Header().Get("Driftline-Events") != strconv.Itoa(len(tt.values)) {
			t.Errorf("%s: %d %s, want %d with %d events", tt.name, w.Code, w.Body, tt.status, len(tt.values))
			continue
		}
		if tt.status == 202 && w.Body.Len() > 0 {
			t.Errorf("%s: a body %q, which a CloudEvents broker takes for an event", tt.name, w.Body)
		}
		if tt.status == 200 {
			var a Answer
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || a.Events != len(tt.values) {
				t.Errorf("%s: answer %s, %v", tt.name, w.Body, err)
			}
		}
		var got []string
		for _, r := range f.log.recs {
			got = append(got, string(r.Value))
			want := "in"
			if strings.Contains(string(r.Value), `"label"`) {
				want = "labels"
			}
			if r.Partition.Topic != want || r.TimeMS != log.StampNow || !strings.HasPrefix(string(r.Key), "churn/") {
				t.Errorf("%s: record %+v, key %s; want topic %s, the time of writing, the model in the key", tt.name, r.Partition, r.Key, want)
			}
		}
		if !slices.EqualFunc(got, tt.values, sameEvent) {
			t.Errorf("%s: wrote %q, want %q", tt.name, got, tt.values)
		}
		if f.results[ResultOK] != 1 || f.events != len(tt.values) {
			t.Errorf("%s: counted %v and %d events", tt.name, f.results, f.events)
		}
	}
}

// sameEvent tells whether two texts are the same event.
func sameEvent(a, b string) bool {
	var x, y event.Event
	d, e := event.NewDecoder(event.Limits{}), event.NewDecoder(event.Limits{})
	if d.Decode([]byte(a), &x) != nil || e.Decode([]byte(b), &y) != nil {
		return false
	}
	return bytes.Equal(event.Encode(x), event.Encode(y))
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

func TestServer_RefusesAndWritesNothing(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"type":"feature","model":"m","features":{"a":1}}`+"\n", 101)
	const json, lines = "application/json", "application/x-ndjson"
	tests := []struct {
		name, body, media string
		headers           []string
		status            int
		says              string
	}{
		{"no token", prediction, json, []string{"Authorization", ""}, 401, "Authorization: Bearer"},
		{"a wrong token", prediction, json, []string{"Authorization", "Bearer " + token + "x"}, 401, "not known"},
		{"a token of another scheme", prediction, json, []string{"Authorization", "Basic " + token}, 401, "not known"},
		{"no content type", prediction, "", nil, 415, "Content-Type"},
		{"a form", "a=b", "application/x-www-form-urlencoded", nil, 415, "application/x-ndjson"},
		{"brotli", prediction, json, []string{"Content-Encoding", "br"}, 415, "gzip"},
		{"a format that is not there", prediction, json, []string{"query", "format=avro"}, 415, "cloudevents, native"},
		{"KServe without its reader", `{"instances":[[1,2]]}`, json, []string{"Ce-Specversion", "1.0", "Ce-Type", "org.kubeflow.serving.inference.request"}, 415, "kserve"},
		{"no event", "  ", lines, nil, 400, "none"},
		{"an empty array", "[]", json, nil, 400, "none"},
		{"not JSON", "{", json, nil, 400, `"reason":"not_json"`},
		{"an array cut short", "[" + prediction + ",", json, nil, 400, "not a JSON array"},
		{"something after the array", "[" + prediction + "] x", json, nil, 400, "follows the array"},
		{"the third event bad", prediction + "\n" + prediction + "\n" + `{"type":"label","model":"m","label":1}`, lines, nil, 400, `"index":2,"reason":"no_id"`},
		{"a key twice", `{"model":"m","model":"n","score":1}`, json, nil, 400, `"reason":"duplicate_key"`},
		{"an envelope that is none", `{"id":"x"}`, "application/cloudevents+json", nil, 400, "specversion"},
		{"data twice", `{"specversion":"1.0","id":"a","source":"s","type":"t","data":{},"data_base64":"e30="}`, "application/cloudevents+json", nil, 400, "send one"},
		{"bad data in an envelope", `{"specversion":"1.0","id":"a","source":"s","type":"t","data":{"model":"m"}}`, "application/cloudevents+json", nil, 400, `"reason":"no_type"`},
		{"two ticks", `{"type":"tick"}` + "\n" + `{"type":"tick"}`, lines, nil, 400, "a second tick"},
		{"too many events", many, lines, nil, 413, "more than 100 events"},
		{"a body too large", strings.Repeat(" ", 1<<16+1), json, nil, 413, "more than 65536 bytes"},
		{"a bomb", zipped(strings.Repeat(" ", 1<<22)), json, []string{"Content-Encoding", "gzip"}, 413, "more than 65536 bytes"},
		{"no gzip", prediction, json, []string{"Content-Encoding", "gzip"}, 400, "gzip"},
		{"a truncated gzip", zipped(prediction)[:40], json, []string{"Content-Encoding", "gzip"}, 400, "cannot be read"},
	}
	counted := map[int]string{400: ResultInvalid, 401: ResultUnauthorized, 413: ResultTooLarge, 415: ResultUnsupported}
	for _, tt := range tests {
		f := newFixture(t, nil)
		w := f.post(tt.body, tt.media, tt.headers...)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) || !strings.Contains(w.Body.String(), `"next":`) {
			t.Errorf("%s: %d %s; want %d saying %q and what to do", tt.name, w.Code, w.Body, tt.status, tt.says)
		}
		if len(f.log.recs) > 0 {
			t.Errorf("%s: %d records were written", tt.name, len(f.log.recs))
		}
		if f.results[counted[tt.status]] != 1 || len(f.results) != 1 || f.events != 0 {
			t.Errorf("%s: counted %v, %d events; want one %s", tt.name, f.results, f.events, counted[tt.status])
		}
		if strings.Contains(w.Body.String(), token) {
			t.Errorf("%s: the token stands in the answer", tt.name)
		}
	}
}

func TestServer_ListsBadEventsUpToABound(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	w := f.post(strings.Repeat("{}\n", 20)+prediction, "application/x-ndjson")
	var got Fault
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Events) != faultyEvents || got.More != 4 || !strings.Contains(got.Detail, "20 of 21") {
		t.Errorf("%+v; want %d listed and 4 more", got, faultyEvents)
	}
}

func TestServer_LimitsPerSender(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.EventsPerSecond, c.MaxEvents = 10, 20 })
	ten := strings.Repeat(prediction+"\n", 10)
	for i, want := range []int{200, 200, 429} { // 20 at once, then 10 a second
		if w := f.post(ten, "application/x-ndjson"); w.Code != want {
			t.Errorf("request %d: %d %s, want %d", i, w.Code, w.Body, want)
		} else if want == 429 && w.Header().Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q, want 1", w.Header().Get("Retry-After"))
		}
	}
	if w := f.post(ten, "application/x-ndjson", "Authorization", "Bearer "+other); w.Code != 200 {
		t.Errorf("another sender: %d %s", w.Code, w.Body)
	}
	f.nowMS += 1000
	if w := f.post(ten, "application/x-ndjson"); w.Code != 200 {
		t.Errorf("a second later: %d %s", w.Code, w.Body)
	}
	if f.results[ResultLimited] != 1 || len(f.log.recs) != 40 {
		t.Errorf("counted %v, %d records; want one limited, 40 records", f.results, len(f.log.recs))
	}
}

func TestServer_RequestsAtOneTimeAreBounded(t *testing.T) {
	t.Parallel()
	blocks := make(chan struct{})
	f := newFixture(t, func(c *Config) {
		c.InFlight, c.Timeout = 2, time.Minute
		c.Log.(*broker).blocks = blocks
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if w := f.post(prediction, "application/json"); w.Code != 200 {
				t.Errorf("a request that waits for the brokers: %d %s", w.Code, w.Body)
			}
		})
	}
	for len(f.slots) < 2 {
		runtime.Gosched()
	}
	if w := f.post(prediction, "application/json"); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a third: %d %s, want 429 with Retry-After", w.Code, w.Body)
	}
	close(blocks)
	wg.Wait()
	if w := f.post(prediction, "application/json"); w.Code != 200 {
		t.Errorf("after them: %d %s", w.Code, w.Body)
	}
}

func TestServer_SaysWhenBrokersDoNotAcknowledge(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Timeout = 20 * time.Millisecond
		c.Log.(*broker).blocks = make(chan struct{})
	})
	w := f.post(prediction, "application/json")
	if w.Code != 503 || !strings.Contains(w.Body.String(), "may have been written") || w.Header().Get("Retry-After") == "" {
		t.Errorf("no acknowledgement: %d %s", w.Code, w.Body)
	}
	f = newFixture(t, nil)
	f.log.fail = errors.New("inner words of the broker")
	w = f.post(prediction, "application/json")
	if w.Code != 503 || !strings.Contains(w.Body.String(), "nothing of it was written") || strings.Contains(w.Body.String(), "inner words") {
		t.Errorf("no partitions: %d %s; want what is known and no inner text", w.Code, w.Body)
	}
	f.log.fail = nil
	if w := f.post(prediction, "application/json"); w.Code != 200 {
		t.Errorf("brokers are back: %d %s", w.Code, w.Body)
	}
	f.log.fail = fmt.Errorf("append: %w", log.ErrTooLarge)
	if w := f.post(prediction, "application/json"); w.Code != 413 {
		t.Errorf("too large for the topic: %d %s", w.Code, w.Body)
	}
	if f.results[ResultUnavailable] != 1 || f.results[ResultTooLarge] != 1 || f.results[ResultOK] != 1 {
		t.Errorf("counted %v", f.results)
	}
}

func TestServer_TicksReachEveryPartition(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	if w := f.post(`{"type":"tick"}`, "application/json"); w.Code != 200 || w.Header().Get("Driftline-Events") != "1" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	seen := map[log.Partition]int{}
	for _, r := range f.log.recs {
		seen[r.Partition]++
	}
	if len(seen) != 12 || len(f.log.recs) != 12 {
		t.Errorf("a tick on %d partitions in %d records, want the 12 of both topics", len(seen), len(f.log.recs))
	}
}

// rows is a format of several events a record.
type rows struct{}

func (rows) Read(r *event.Raw) ([]event.Event, error) {
	if id, ok := r.Headers.Get("ce_id"); !ok || string(id) != "req-1" {
		return nil, &event.Reason{Code: event.CodeNoID, Detail: "no ce_id"}
	}
	if ct, ok := r.Headers.Get("content-type"); !ok || string(ct) != "application/json" {
		return nil, &event.Reason{Code: event.CodeWrongType, Detail: "no content type"}
	}
	var out []event.Event
	for i := range len(r.Value) {
		out = append(out, event.Event{Type: event.TypeFeature, Model: "m", ID: fmt.Sprint(i), HasTime: true, TimeMS: r.TimeMS})
	}
	return out, nil
}

func TestServer_FormatsAreTheConfiguredReaders(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Formats = map[string]func() event.Reader{KServe: func() event.Reader { return rows{} }}
	})
	kserve := []string{"Ce-Specversion", "1.0", "Ce-Id", "req-1", "Ce-Source", "http://localhost:9081/", "Ce-Type", "org.kubeflow.serving.inference.request", "Ce-Inferenceservicename", "m"}
	if w := f.post("abc", "application/json", kserve...); w.Code != 202 || len(f.log.recs) != 3 {
		t.Fatalf("%d %s, %d records; want three, one a row", w.Code, w.Body, len(f.log.recs))
	}
	if got := string(f.log.recs[1].Value); got != `{"type":"feature","model":"m","id":"1","ts":"2026-01-01T00:00:00.000Z"}` {
		t.Errorf("written as %s, want a native event", got)
	}
	if w := f.post(strings.Repeat("x", 101), "application/json", kserve...); w.Code != 413 {
		t.Errorf("more rows than events allowed: %d %s", w.Code, w.Body)
	}
	if got := f.Formats(); !slices.Equal(got, []string{"cloudevents", "kserve", "native"}) {
		t.Errorf("formats %v", got)
	}
}

func TestPlace_SpreadsAModelOverItsPartitions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ n, spread, want int }{{6, 0, 6}, {6, 2, 2}, {6, 9, 6}, {1, 3, 1}, {48, 16, 16}} {
		used := map[int32]bool{}
		for i := range 2000 {
			p, key := place("churn", fmt.Sprint("id", i), tt.n, tt.spread)
			q, again := place("churn", fmt.Sprint("id", i), tt.n, tt.spread)
			if p != q || !bytes.Equal(key, again) || p < 0 || int(p) >= tt.n {
				t.Fatalf("place %d, %d of %d", p, q, tt.n)
			}
			used[p] = true
		}
		if len(used) != tt.want {
			t.Errorf("%d of %d partitions used with spread %d, want %d", len(used), tt.n, tt.spread, tt.want)
		}
	}
}

func TestNew_RefusesWhatCannotServe(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "no tokens") || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("an empty configuration: %v; want all faults", err)
	}
}
