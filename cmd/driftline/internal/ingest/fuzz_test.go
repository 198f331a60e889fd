package ingest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/event"
)

// Whatever is sent: one answer, nothing written unless it is 2xx, and what is written
// collect reads as events.
func FuzzServer(f *testing.F) {
	add := func(body, media, ce, encoding string) { f.Add([]byte(body), media, ce, encoding) }
	add(prediction, "application/json", "", "")
	add("["+prediction+","+prediction+"]", "application/json", "", "")
	add(prediction+"\n"+prediction, "application/x-ndjson", "", "")
	add(`{"specversion":"1.0","id":"a","source":"/s","type":"t","data":`+prediction+`}`, "application/cloudevents+json", "", "")
	add(`[{"specversion":"1.0","id":"a","source":"/s","type":"t","data_base64":"e30="}]`, "application/cloudevents-batch+json", "", "")
	add(prediction, "", "1.0", "")
	add(zipped(prediction), "application/json", "", "gzip")
	add(strings.Repeat("[", 5000), "application/json", "", "")
	add(`[{"type":"tick"},]`, "application/json", "", "")
	f.Fuzz(func(t *testing.T, body []byte, media, ce, encoding string) {
		fx := newFixture(t, nil)
		r := httptest.NewRequest(http.MethodPost, "/api/v1/ingest", strings.NewReader(string(body)))
		for name, v := range map[string]string{"Content-Type": media, "Ce-Specversion": ce, "Content-Encoding": encoding, "Authorization": "Bearer " + token} {
			if v != "" {
				r.Header[http.CanonicalHeaderKey(name)] = []string{v}
			}
		}
		w := httptest.NewRecorder()
		fx.ServeHTTP(w, r)
		good := w.Code == http.StatusOK || w.Code == http.StatusAccepted
		if good == (len(fx.log.recs) == 0) {
			t.Errorf("status %d with %d records", w.Code, len(fx.log.recs))
		}
		if w.Code >= 500 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		d := event.NewDecoder(event.Limits{})
		for _, rec := range fx.log.recs {
			var ev event.Event
			if err := d.Decode(rec.Value, &ev); err != nil {
				t.Errorf("written, and collect calls it dead: %v: %.200q", err, rec.Value)
			}
		}
	})
}
