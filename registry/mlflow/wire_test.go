package mlflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
)

func TestDecode_IsLenientAndThenExact(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	run := h.run("0")
	const seeDocs = " See the API docs for more information about request parameters."
	tests := []struct {
		name, method, path, body string
		want                     string
	}{
		{"a required field is absent", "POST", "experiments/create", `{}`, "Missing value for required parameter 'name'." + seeDocs},
		{"a required field is empty", "POST", "experiments/create", `{"name":""}`, "Missing value for required parameter 'name'." + seeDocs},
		{"there is no body", "POST", "experiments/create", "", "Missing value for required parameter 'name'." + seeDocs},
		{"a text is a number", "POST", "experiments/create", `{"name":3}`, "Invalid value 3 for parameter 'name' supplied: expected a string." + seeDocs},
		{"a text is an object with keys out of order", "POST", "experiments/create", `{"name":{"b":1,"a":[2, 3]}}`, `Invalid value {"a":[2,3],"b":1} for parameter 'name' supplied: expected a string.` + seeDocs},
		{"an integer is a word", "POST", "runs/log-metric", `{"run_id":"` + run + `","key":"m","value":1,"timestamp":"soon"}`, `Invalid value "soon" for parameter 'timestamp' supplied: expected an integer.` + seeDocs},
		{"an integer is a fraction", "POST", "runs/log-metric", `{"run_id":"` + run + `","key":"m","value":1,"timestamp":1.5}`, "Invalid value 1.5 for parameter 'timestamp' supplied: expected an integer." + seeDocs},
		{"a value is a boolean", "POST", "runs/log-metric", `{"run_id":"` + run + `","key":"m","value":true,"timestamp":1}`, "Invalid value true for parameter 'value' supplied: expected a number." + seeDocs},
		{"a metric in a batch", "POST", "runs/log-batch", `{"run_id":"` + run + `","metrics":[{"key":"a","value":1,"timestamp":1},{"key":"b","value":"x","timestamp":1}]}`, `Invalid value "x" for parameter 'metrics[1].value' supplied: expected a number.` + seeDocs},
		{"a list is an object", "POST", "runs/log-batch", `{"run_id":"` + run + `","params":{"a":"b"}}`, `Invalid value {"a":"b"} for parameter 'params' supplied: expected a list of objects.` + seeDocs},
		{"a status nobody knows", "POST", "runs/update", `{"run_id":"` + run + `","status":"DONE"}`, `Invalid value "DONE" for parameter 'status' supplied: expected one of the known names.` + seeDocs},
		{"max_results is zero", "POST", "runs/search", `{"experiment_ids":["0"],"max_results":0}`, "Invalid value 0 for parameter 'max_results' supplied: expected a positive integer." + seeDocs},
	}
	for _, tt := range tests {
		if got := h.refused(400, codeInvalid, tt.method, tt.path, tt.body); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
	for name, body := range map[string]string{
		"integers as text":             `{"run_id":"` + run + `","key":"m1","value":1,"timestamp":"12","step":"3"}`,
		"integers with a zero behind":  `{"run_id":"` + run + `","key":"m2","value":1,"timestamp":12.0,"step":3e0}`,
		"run_uuid, an unknown field":   `{"run_uuid":"` + run + `","key":"m3","value":"1.5","timestamp":12,"step":3,"colour":"red"}`,
		"JSON inside a JSON string":    mustJSON(t, `{"run_id":"`+run+`","key":"m4","value":1,"timestamp":12,"step":3}`),
		"null counts as absent":        `{"run_id":"` + run + `","key":"m5","value":1,"timestamp":12,"step":3,"model_id":null}`,
		"the largest integer survives": `{"run_id":"` + run + `","key":"m6","value":1,"timestamp":9223372036854775807,"step":3}`,
	} {
		if status, text, _ := h.do("POST", "/api/2.0/mlflow/runs/log-metric", body); status != 200 || text != "{}" {
			t.Errorf("%s = %d %s", name, status, text)
		}
	}
	_, text, _ := h.do("GET", "/ajax-api/2.0/mlflow/metrics/get-history?run_id="+run+"&metric_key=m6", "")
	if want := `{"metrics":[{"key":"m6","step":3,"timestamp":9223372036854775807,"value":1}]}`; text != want {
		t.Errorf("history = %s, want %s", text, want)
	}
	// A GET without a query reads its body.
	if got := h.api("GET", "experiments/get", `{"experiment_id":0}`); got["experiment"].(map[string]any)["name"] != "Default" {
		t.Errorf("GET with a body = %v", got)
	}
	for name, body := range map[string]string{"no JSON": "{", "a list": "[]", "a number": "1", "two values": "{}{}", "a string of a string": `"\"{}\""`} {
		if msg := h.refused(400, codeBadRequest, "POST", "experiments/create", body); msg == "" {
			t.Errorf("%s: no text", name)
		}
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestEncode_KeepsZerosAndLeavesOutWhatIsUnset(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	run := h.run("0")
	h.api("POST", "runs/log-batch", `{"run_id":"`+run+`","metrics":[{"key":"n","value":"NaN","timestamp":0},{"key":"i","value":"-Infinity","timestamp":0}],"tags":[{"key":"e","value":""}]}`)
	got := h.api("GET", "runs/get?run_id="+run, "")["run"].(map[string]any)
	if _, ok := got["info"].(map[string]any)["end_time"]; ok {
		t.Errorf("a running run has an end_time: %v", got["info"])
	}
	data := got["data"].(map[string]any)
	if _, ok := data["params"]; ok {
		t.Errorf("an empty list is sent: %v", data)
	}
	want := []any{
		map[string]any{"key": "i", "value": json.Number("-1.7976931348623157e+308"), "timestamp": json.Number("0"), "step": json.Number("0")},
		map[string]any{"key": "n", "value": "NaN", "timestamp": json.Number("0"), "step": json.Number("0")},
	}
	if diff := cmp.Diff(want, data["metrics"]); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if !strings.Contains(fmt.Sprint(data["tags"]), "map[key:e value:]") {
		t.Errorf("an empty tag value is lost: %v", data["tags"])
	}
	for in, want := range map[float64]string{math.NaN(): `"NaN"`, math.Inf(1): `"Infinity"`, math.Inf(-1): `"-Infinity"`, 0.1: "0.1", 1e21: "1e+21"} {
		if raw, err := json.Marshal(double(in)); err != nil || string(raw) != want {
			t.Errorf("double(%v) = %s, %v; want %s", in, raw, err, want)
		}
	}
}

func TestErrors_HaveMLflowsCodes(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	h.api("POST", "experiments/create", `{"name":"e"}`)
	h.api("POST", "registered-models/create", `{"name":"m"}`)
	h.api("POST", "model-versions/create", `{"name":"m","source":"mlflow-artifacts:/1/x/artifacts/model"}`)
	run := h.run("0")
	tests := []struct {
		status             int
		code               string
		method, path, body string
	}{
		{400, codeExists, "POST", "experiments/create", `{"name":"e"}`},
		{400, codeExists, "POST", "registered-models/create", `{"name":"m"}`},
		{404, codeNotFound, "GET", "experiments/get-by-name?experiment_name=none", ""},
		{404, codeNotFound, "GET", "experiments/get?experiment_id=99", ""},
		{404, codeNotFound, "GET", "runs/get?run_id=none", ""},
		{404, codeNotFound, "POST", "runs/delete-tag", `{"run_id":"` + run + `","key":"none"}`},
		{404, codeNotFound, "GET", "registered-models/get?name=none", ""},
		{404, codeNotFound, "GET", "model-versions/get?name=m&version=9", ""},
		{404, codeNotFound, "GET", "logged-models/m-none", ""},
		{400, codeInvalid, "GET", "model-versions/get?name=m&version=one", ""},
		{400, codeInvalid, "GET", "registered-models/alias?name=m&alias=none", ""},
		{400, codeInvalid, "POST", "model-versions/transition-stage", `{"name":"m","version":"1","stage":"Live"}`},
		{500, codeState, "POST", "model-versions/transition-stage", `{"name":"m","version":"1","stage":"Archived","archive_existing_versions":true}`},
		{400, codeInvalid, "GET", "registered-models/search?max_results=1001", ""},
		{400, codeInvalid, "POST", "runs/search", `{"experiment_ids":["0"],"filter":"a OR b"}`},
		{400, codeInvalid, "POST", "runs/search", `{"experiment_ids":["0"],"page_token":"-1"}`},
		{404, codeNoEndpoint, "GET", "nothing/here", ""},
		{404, codeNoEndpoint, "POST", "experiments/get", `{}`},
		{404, codeNoEndpoint, "GET", "experiments/list", ""},
	}
	for _, tt := range tests {
		h.refused(tt.status, tt.code, tt.method, tt.path, tt.body)
	}
	// Silent where MLflow is silent.
	h.api("DELETE", "registered-models/delete-tag", `{"name":"m","key":"none"}`)
	h.api("DELETE", "registered-models/alias", `{"name":"m","alias":"none"}`)
	h.api("DELETE", "model-versions/delete-tag", `{"name":"m","version":"1","key":"none"}`)
}

func TestErrors_ShowNothingInner(t *testing.T) {
	t.Parallel()
	e, loud := answerTo(fmt.Errorf("select x from y at /var/lib: %w", errors.New("pq: secret")))
	if e.status != 500 || e.code != codeInternal || !loud || strings.Contains(e.text, "secret") || strings.Contains(e.text, "select") {
		t.Errorf("answer to an inner error = %+v, loud %v", e, loud)
	}
	e, _ = answerTo(fmt.Errorf("x: %w", store.ErrUnavailable))
	if e.status != http.StatusServiceUnavailable {
		t.Errorf("answer to an absent database = %+v", e)
	}
}

func TestBatch_RepeatedAfterALostAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	run := h.run("0")
	body := `{"run_id":"` + run + `","metrics":[{"key":"a","value":1,"timestamp":1,"step":1}],"params":[{"key":"p","value":"v"}],"tags":[{"key":"t","value":"v"}]}`
	for range 3 {
		h.api("POST", "runs/log-batch", body)
	}
	if got := h.api("GET", "metrics/get-history?run_id="+run+"&metric_key=a", ""); len(got["metrics"].([]any)) != 1 {
		t.Errorf("history after repeats = %v, want one point", got)
	}
	// Refused whole: the good param beside the bad one is not there.
	h.refused(400, codeInvalid, "POST", "runs/log-batch", `{"run_id":"`+run+`","params":[{"key":"q","value":"v"},{"key":"p","value":"other"}]}`)
	if got := fmt.Sprint(h.api("GET", "runs/get?run_id="+run, "")["run"]); strings.Contains(got, "key:q") {
		t.Errorf("half a batch was written: %s", got)
	}
}

func TestHistories_BulkAndSampled(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	a, b := h.run("0"), h.run("0")
	for _, run := range []string{a, b} {
		var ms []string
		for i := range 50 {
			ms = append(ms, fmt.Sprintf(`{"key":"m","value":%d,"timestamp":%d,"step":%d}`, i, i, i))
		}
		h.api("POST", "runs/log-batch", `{"run_id":"`+run+`","metrics":[`+strings.Join(ms, ",")+`]}`)
	}
	got := h.api("GET", "metrics/get-history-bulk?run_id="+a+"&run_id="+b+"&metric_key=m", "")
	if n := len(got["metrics"].([]any)); n != 100 {
		t.Errorf("bulk history has %d points, want 100", n)
	}
	got = h.api("GET", "metrics/get-history-bulk-interval?run_ids="+a+"&run_ids="+b+"&metric_key=m&max_results=5&start_step=10&end_step=40", "")
	var steps []string
	for _, m := range got["metrics"].([]any) {
		steps = append(steps, fmt.Sprint(m.(map[string]any)["step"]))
	}
	if want := "10 17 25 32 40 10 17 25 32 40"; strings.Join(steps, " ") != want {
		t.Errorf("sampled steps = %v, want %s", steps, want)
	}
	h.refused(400, codeInvalid, "GET", "metrics/get-history-bulk-interval?run_ids="+a+"&metric_key=m&start_step=1", "")
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"run_id":"a","metrics":[{"key":"k","value":"NaN","timestamp":1e3}]}`, `"{\"a\":1}"`, `null`, `[[[[`, `{"a":1}x`, "\xff", `{"experiment_ids":[1,"2"]}`, `{"a":"\u0000"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := decodeJSON(body)
		if err != nil {
			var e *apiError
			if !errors.As(err, &e) || e.status != http.StatusBadRequest {
				t.Fatalf("decodeJSON(%q) = %v, want a 400", body, err)
			}
			return
		}
		// Every reader takes every value without a panic, and its errors are 400s.
		for name := range fields {
			for _, read := range []func(c *call){
				func(c *call) { c.need(name) }, func(c *call) { c.text(name) }, func(c *call) { c.integer(name) }, func(c *call) { c.flag(name) },
				func(c *call) { c.enum(name, runStatuses) }, func(c *call) { c.texts(name) }, func(c *call) { c.tags(name) },
				func(c *call) { c.objects(name, func(in *call) { in.metric() }) },
			} {
				c := &call{fields: fields}
				read(c)
				var e *apiError
				if c.err != nil && (!errors.As(c.err, &e) || e.status != http.StatusBadRequest) {
					t.Fatalf("field %q of %q: %v", name, body, c.err)
				}
			}
		}
	})
}
