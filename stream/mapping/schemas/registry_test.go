package schemas_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
	"github.com/driftline/driftline/stream/mapping/schemas"
)

// fake answers as Confluent's registry does, by its API reference.
type fake struct {
	texts   map[string]string // answers by path
	refuse  atomic.Int32      // this many requests are answered with 503 first
	asked   atomic.Int32
	login   string // wanted Authorization
	handler func(w http.ResponseWriter, r *http.Request) bool
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked.Add(1)
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	if f.handler != nil && f.handler(w, r) {
		return
	}
	if f.login != "" && r.Header.Get("Authorization") != f.login {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"error_code":401,"message":"Unauthorized"}`)
		return
	}
	if f.refuse.Add(-1) >= 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	path := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	if text, ok := f.texts[path]; ok {
		fmt.Fprint(w, text)
		return
	}
	w.WriteHeader(http.StatusNotFound)
	code := 40403
	if strings.HasPrefix(path, "/subjects") {
		code = 40402
	}
	fmt.Fprintf(w, `{"error_code":%d,"message":"Schema not found"}`, code)
}

// wrapped is an answer with a schema.
func wrapped(schema string, more ...string) string {
	text, _ := json.Marshal(schema)
	return `{` + strings.Join(append(more, `"schema":`+string(text)), ",") + `}`
}

func open(t *testing.T, f *fake, change func(*schemas.Config)) *schemas.Registry {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	cfg := schemas.Config{URL: s.URL, Pause: func(context.Context) error { return nil }}
	if change != nil {
		change(&cfg)
	}
	r, err := schemas.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestRegistry_ReadsTheSample(t *testing.T) {
	t.Parallel()
	f := &fake{texts: map[string]string{}}
	for id, text := range mappingtest.SchemaTexts(t) {
		f.texts[fmt.Sprintf("/schemas/ids/%d", id)] = wrapped(text)
	}
	r := open(t, f, nil)
	if err := r.Prepare(t.Context(), 7, 8, 7); err != nil {
		t.Fatal(err)
	}
	if err := r.Prepare(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	if n := f.asked.Load(); n != 2 {
		t.Errorf("asked %d times for two ids, want 2", n)
	}
	reader, err := mapping.New(mapping.Config{Mapping: mapping.Mapping{Format: mapping.Avro}, Schemas: r})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range mappingtest.Samples(t) {
		if s.Name != "avro" {
			continue
		}
		for i := range s.Records {
			if _, err := reader.Read(&s.Records[i].Raw); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRegistry_OutOfReachIsNoAnswer(t *testing.T) {
	t.Parallel()
	sample := wrapped(`"string"`)
	tests := []struct {
		name    string
		handler func(w http.ResponseWriter, r *http.Request) bool
	}{
		{"503", func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }},
		{"404 of a proxy", func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(404)
			fmt.Fprint(w, "no such page")
			return true
		}},
		{"a login page", func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, "<html>"); return true }},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
			return true
		}},
		{"too much", func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, `{"schema":"`+strings.Repeat("x", 5<<20)+`"}`)
			return true
		}},
		{"401", func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(401); return true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var broken atomic.Bool
			broken.Store(true)
			f := &fake{texts: map[string]string{"/schemas/ids/3": sample}}
			f.handler = func(w http.ResponseWriter, r *http.Request) bool { return broken.Load() && tt.handler(w, r) }
			r := open(t, f, nil)
			if err := r.Prepare(t.Context(), 3); !errors.Is(err, schemas.ErrUnreachable) {
				t.Fatalf("Prepare = %v, want ErrUnreachable", err)
			}
			if _, known := r.Schema(3); known {
				t.Fatal("a registry without an answer made a schema known")
			}
			broken.Store(false)
			if err := r.Prepare(t.Context(), 3); err != nil {
				t.Fatalf("after it came back: %v", err)
			}
			if _, known := r.Schema(3); !known {
				t.Fatal("the schema is not known after the registry came back")
			}
		})
	}
}

func TestRegistry_AnUnknownIdIsAskedForThreeTimes(t *testing.T) {
	t.Parallel()
	f := &fake{}
	r := open(t, f, nil)
	for range 2 {
		if err := r.Prepare(t.Context(), 99); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.asked.Load(); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	reader, err := mapping.New(mapping.Config{Mapping: mapping.Mapping{Format: mapping.Avro}, Schemas: r})
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Read(&event.Raw{Value: []byte{0, 0, 0, 0, 99, 2}})
	var reason *event.Reason
	if !errors.As(err, &reason) || reason.Code != event.CodeUnknownSchema {
		t.Errorf("Read = %v, want unknown_schema", err)
	}
	// A follower that lags: not there at first, then it is.
	late := &fake{texts: map[string]string{"/schemas/ids/5": wrapped(`"string"`)}}
	var n atomic.Int32
	late.handler = func(w http.ResponseWriter, _ *http.Request) bool {
		if n.Add(1) < 3 {
			w.WriteHeader(404)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema 5 not found"}`)
			return true
		}
		return false
	}
	r = open(t, late, nil)
	if err := r.Prepare(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if _, known := r.Schema(5); !known {
		t.Error("a schema that came late is unknown")
	}
}

func TestRegistry_References(t *testing.T) {
	t.Parallel()
	f := &fake{texts: map[string]string{
		"/schemas/ids/1": wrapped(`{"type":"record","name":"a.Row","fields":[{"name":"features","type":"b.Inputs"},{"name":"model","type":"string"}]}`,
			`"references":[{"name":"b.Inputs","subject":"inputs/v","version":4}]`),
		"/subjects/inputs%2Fv/versions/4?deleted=true": wrapped(`{"type":"record","name":"Inputs","namespace":"b","fields":[{"name":"x","type":"c.X"}]}`,
			`"references":[{"name":"c.X","subject":"x","version":1}]`),
		"/subjects/x/versions/1?deleted=true":    wrapped(`{"type":"fixed","name":"c.X","size":2,"logicalType":"decimal","precision":4,"scale":1}`),
		"/schemas/ids/2":                         wrapped(`{"type":"record","name":"R","fields":[{"name":"x","type":"Gone"}]}`, `"references":[{"name":"Gone","subject":"gone","version":1}]`),
		"/schemas/ids/3":                         wrapped(`syntax = "proto3";`, `"schemaType":"PROTOBUF"`),
		"/schemas/ids/4":                         wrapped(`{"type":"record"`),
		"/schemas/ids/5":                         wrapped(`"string"`, `"references":[{"name":"loop","subject":"loop","version":1}]`),
		"/subjects/loop/versions/1?deleted=true": wrapped(`{"type":"record","name":"L","fields":[]}`, `"references":[{"name":"loop","subject":"loop","version":1}]`),
	}}
	r := open(t, f, nil)
	if err := r.Prepare(t.Context(), 1, 2, 3, 4, 5); err != nil {
		t.Fatal(err)
	}
	reader, err := mapping.New(mapping.Config{Mapping: mapping.Mapping{Format: mapping.Avro}, Schemas: r})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := reader.Read(&event.Raw{Value: []byte{0, 0, 0, 0, 1, 0xff, 0x85, 2, 'm'}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(event.Encode(rows[0])); got != `{"type":"feature","model":"m","features":{"x":-12.3}}` {
		t.Errorf("got %s", got)
	}
	for id := byte(2); id <= 4; id++ {
		_, err := reader.Read(&event.Raw{Value: []byte{0, 0, 0, 0, id, 0}})
		var reason *event.Reason
		if !errors.As(err, &reason) || reason.Code != event.CodeWrongSchema {
			t.Errorf("schema %d: %v, want wrong_schema", id, err)
		}
	}
}

func TestRegistry_Login(t *testing.T) {
	t.Parallel()
	f := &fake{login: "Basic dTpw", texts: map[string]string{"/schemas/ids/1": wrapped(`"string"`)}}
	if err := open(t, f, func(c *schemas.Config) { c.Username, c.Password = "u", "p" }).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	f.login = "Bearer tok"
	if err := open(t, f, func(c *schemas.Config) { c.Token = "tok" }).Prepare(t.Context(), 1); err != nil {
		t.Error(err)
	}
	err := open(t, f, func(c *schemas.Config) { c.Username, c.Password = "u", "hunter2" }).Ping(t.Context())
	if !errors.Is(err, schemas.ErrUnreachable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong login: %v", err)
	}
}

func TestConfig_Check(t *testing.T) {
	t.Parallel()
	tests := []struct {
		cfg  schemas.Config
		want string // "" if it passes
	}{
		{schemas.Config{URL: "https://registry:8081/api/ccompat/v7", Token: "t"}, ""},
		{schemas.Config{URL: "http://registry:8081"}, ""},
		{schemas.Config{URL: "http://127.0.0.1:8081", Username: "u"}, ""},
		{schemas.Config{URL: "http://registry:8081", Username: "u"}, "plain http"},
		{schemas.Config{URL: "http://u:secret@registry:8081"}, "a login in the URL"},
		{schemas.Config{URL: "ftp://u:secret@registry"}, "want http"},
		{schemas.Config{URL: "registry:8081"}, "want http"},
		{schemas.Config{URL: ""}, "want http"},
		{schemas.Config{URL: "https://registry?x=1"}, "no query"},
	}
	for _, tt := range tests {
		err := tt.cfg.Check()
		switch {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("Check(%+v) = %v, want %q", tt.cfg, err, tt.want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("Check shows the password: %v", err)
		}
	}
}

func TestRegistry_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	f := &fake{}
	hold := make(chan struct{})
	f.handler = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
		return true
	}
	defer close(hold)
	r := open(t, f, func(c *schemas.Config) { c.Timeout = time.Minute })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Prepare(ctx, 1) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Prepare = %v, want the context's error", err)
	}
}
