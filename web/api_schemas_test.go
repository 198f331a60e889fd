package web

import (
	"strings"
	"testing"
)

func TestSchemas_AreServedByName(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) {
		c.Schemas = map[string][]byte{"event": []byte(`{"title":"E"}`), "score": []byte("{}")}
		c.AsyncAPI = []byte(`{"asyncapi":"3.0.0"}`)
	})
	for path, want := range map[string][2]string{
		"/api/v1/schemas/event.json": {"application/schema+json", `{"title":"E"}`},
		"/api/v1/schemas/event":      {"application/schema+json", `{"title":"E"}`},
		"/api/v1/asyncapi.json":      {"application/vnd.aai.asyncapi+json;version=3.0.0", `{"asyncapi":"3.0.0"}`},
	} {
		if w := get(t, f.handler, path); w.Code != 200 || w.Header().Get("Content-Type") != want[0] || w.Body.String() != want[1] {
			t.Errorf("%s: %d %s %s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	}
	if p := decode[Problem](t, get(t, f.handler, "/api/v1/schemas/other.json"), 404); !strings.Contains(p.Detail, "event, score") {
		t.Errorf("%+v, want the names there are", p)
	}
	none := newFixture(t, nil)
	if p := decode[Problem](t, get(t, none.handler, "/api/v1/asyncapi.json"), 404); p.Next == "" {
		t.Errorf("%+v, want what to do", p)
	}
}
