package web

import (
	"net/http"
	"testing"
)

func TestIngest_IsOffUntilItIsGiven(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	p := decode[Problem](t, send(t, f.handler, http.MethodPost, ingestPath, "{}", nil), 404)
	if p.Next == "" || p.Title != "No events are taken here" {
		t.Errorf("%+v, want what to do", p)
	}
}

// Users and roles mean nothing to senders: the handler alone decides, also where nobody
// else would be let in; the host name is checked all the same.
func TestIngest_ItsHandlerDecides(t *testing.T) {
	t.Parallel()
	served := 0
	f := newFixture(t, func(c *Config) {
		c.Authorize = func(*http.Request, string) error { t.Error("a user's role was asked for"); return nil }
		c.Ingest = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			served++
			w.WriteHeader(http.StatusUnauthorized)
		})
	})
	far := func(r *http.Request) {
		r.RemoteAddr = "192.168.1.7:1234"
		r.Header.Set("Content-Type", "application/cloudevents+json")
	}
	if w := send(t, f.handler, http.MethodPost, ingestPath, "{}", far); w.Code != 401 || served != 1 {
		t.Errorf("status %d, served %d times; want the handler's own answer", w.Code, served)
	}
	w := send(t, f.handler, http.MethodPost, ingestPath, "{}", func(r *http.Request) { r.Host = "evil.example.org" })
	if w.Code != 403 || served != 1 {
		t.Errorf("a foreign host name: %d, served %d times", w.Code, served)
	}
	if w := get(t, f.handler, ingestPath); w.Code != 404 || served != 1 {
		t.Errorf("GET: %d, served %d times", w.Code, served)
	}
}

func TestIngest_IsDescribed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	doc := decode[struct {
		Paths map[string]map[string]struct {
			Security  []map[string][]string
			Responses map[string]any
		}
		Components struct {
			SecuritySchemes map[string]struct{ Scheme string }
			Schemas         map[string]any
		}
	}](t, get(t, f.handler, "/api/v1/openapi.json"), 200)
	op := doc.Paths[ingestPath]["post"]
	if len(op.Security) != 1 || op.Security[0]["sender"] == nil || doc.Components.SecuritySchemes["sender"].Scheme != "bearer" {
		t.Errorf("security %v of %v, want a bearer token", op.Security, doc.Components.SecuritySchemes)
	}
	for _, status := range []string{"200", "202", "400", "401", "413", "415", "429", "503"} {
		if op.Responses[status] == nil {
			t.Errorf("answer %s is not described", status)
		}
	}
	if doc.Components.Schemas["IngestProblem"] == nil || doc.Components.Schemas["EventFault"] == nil {
		t.Error("the problem is not described")
	}
}
