package ingest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
)

// What other projects' own code makes of the same rows, posted as their loggers post it,
// is written as the same native events.
func TestSamples_OverHTTPGiveTheNativeEvents(t *testing.T) {
	t.Parallel()
	var want map[string]string
	for _, s := range mappingtest.Samples(t) {
		switch s.Name {
		case "native", "cloudevents", "kserve_v1", "kserve_v2":
		default:
			continue // no format of HTTP
		}
		f := newFixture(t, func(c *Config) {
			if s.Name != "native" {
				c.Formats = mappings(t, s.Mapping)
			}
			c.EventsPerSecond = 0
		})
		for i, rec := range s.Records {
			r := httptest.NewRequest(http.MethodPost, "/api/v1/ingest", strings.NewReader(string(rec.Value)))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			for key, value := range rec.Headers.All() {
				r.Header.Set(strings.ReplaceAll(string(key), "_", "-"), string(value))
			}
			if _, binary := rec.Headers.Get("ce_specversion"); s.Name == "cloudevents" && !binary {
				r.Header.Set("Content-Type", mediaCloud) // HTTP says what a topic need not
			}
			w := httptest.NewRecorder()
			f.ServeHTTP(w, r)
			if status := map[bool]int{true: 200, false: 202}[s.Name == "native"]; w.Code != status {
				t.Fatalf("%s, record %d: %d %s", s.Name, i, w.Code, w.Body)
			}
		}
		got := map[string]string{}
		d := event.NewDecoder(event.Limits{})
		for _, rec := range f.log.recs {
			var ev event.Event
			if err := d.Decode(rec.Value, &ev); err != nil {
				t.Fatalf("%s: %v: %s", s.Name, err, rec.Value)
			}
			got[ev.Type.String()+" "+ev.ID] = string(event.Encode(ev))
		}
		if want == nil {
			want = got
		}
		if len(got) != 440 {
			t.Errorf("%s: %d events, want 440", s.Name, len(got))
		}
		for key, text := range want {
			if got[key] != text {
				t.Errorf("%s, %s:\ngot  %s\nwant %s", s.Name, key, got[key], text)
				break
			}
		}
	}
}
