package web

import (
	"net/http"
	"testing"
)

func TestAPI_Quick(t *testing.T) {
	f := newFixture(t, nil)
	for _, p := range []string{"/api/v1/status", "/api/v1/models", "/api/v1/models/bike%20demand", "/api/v1/models/bike%20demand/scores", "/api/v1/alarms", "/api/v1/alarms/" + f.alarm, "/api/v1/alarms/" + f.alarm + "/explain",
		"/api/v1/retrains", "/api/v1/retrains/" + f.retrain, "/api/v1/references?model=bike%20demand", "/api/v1/streams", "/api/v1/audit", "/api/v1/openapi.json", "/api/ml/models/growth",
		"/", "/models/bike%20demand", "/alarms", "/alarms/" + f.alarm, "/retrains", "/retrains/" + f.retrain, "/registry", "/registry/bike%20demand", "/runs/" + f.runID, "/experiments", "/experiments/0", "/streams", "/static/style.css"} {
		w := get(t, f.handler, p)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", p, w.Code, w.Body)
		}
		if p == "/api/v1/alarms/"+f.alarm+"/explain" {
			t.Log(w.Body)
		}
	}
}
