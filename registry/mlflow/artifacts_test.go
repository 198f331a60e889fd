package mlflow

import (
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

func TestArtifacts_StreamListAndRange(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	run := h.run("0")
	base := "/api/2.0/mlflow-artifacts/artifacts/0/" + run + "/artifacts/"
	for name, body := range map[string]string{"b.txt": "0123456789", "dir/a.bin": "xy", "dir/deep/c": "z"} {
		if status, text, _ := h.do("PUT", base+name, body, "Content-Type", "text/plain"); status != 200 || text != "{}" {
			t.Fatalf("PUT %s = %d %s", name, status, text)
		}
	}
	for path, want := range map[string]string{
		"/api/2.0/mlflow/artifacts/list?run_id=" + run:                                `{"files":[{"file_size":10,"is_dir":false,"path":"b.txt"},{"is_dir":true,"path":"dir"}],"root_uri":"mlflow-artifacts:/0/` + run + `/artifacts"}`,
		"/api/2.0/mlflow/artifacts/list?run_uuid=" + run + "&path=dir":                `{"files":[{"file_size":2,"is_dir":false,"path":"dir/a.bin"},{"is_dir":true,"path":"dir/deep"}],"root_uri":"mlflow-artifacts:/0/` + run + `/artifacts"}`,
		"/api/2.0/mlflow/artifacts/list?run_id=" + run + "&path=b.txt":                `{"root_uri":"mlflow-artifacts:/0/` + run + `/artifacts"}`,
		"/api/2.0/mlflow-artifacts/artifacts?path=0/" + run + "/artifacts/dir":        `{"files":[{"file_size":2,"is_dir":false,"path":"a.bin"},{"is_dir":true,"path":"deep"}]}`,
		"/ajax-api/2.0/mlflow-artifacts/artifacts?path=0%2f" + run + "%2fartifacts/x": `{}`,
	} {
		if status, text, _ := h.do("GET", path, ""); status != 200 || text != want {
			t.Errorf("GET %s = %d\n got %s\nwant %s", path, status, text, want)
		}
	}
	status, text, header := h.do("GET", "/get-artifact?run_uuid="+run+"&path=b.txt", "", "Range", "bytes=2-4")
	if status != 206 || text != "234" || header.Get("Content-Range") != "bytes 2-4/10" {
		t.Errorf("range = %d %q %s", status, text, header.Get("Content-Range"))
	}
	h.api("POST", "registered-models/create", `{"name":"m"}`)
	h.api("POST", "model-versions/create", `{"name":"m","source":"mlflow-artifacts:/0/`+run+`/artifacts/dir","run_id":"`+run+`"}`)
	if status, text, _ := h.do("GET", "/model-versions/get-artifact?name=m&version=1&path=deep/c", ""); status != 200 || text != "z" {
		t.Errorf("version's artifact = %d %q", status, text)
	}
	if status, _, _ := h.do("DELETE", base+"dir", ""); status != 200 {
		t.Errorf("DELETE of a folder = %d", status)
	}
	if status, _, _ := h.do("GET", base+"dir/a.bin", ""); status != 404 {
		t.Errorf("GET of a deleted artifact = %d, want 404", status)
	}
	status, text, _ = h.do("POST", "/api/2.0/mlflow-artifacts/mpu/create/0/x", `{"path":"x","num_parts":1}`)
	if status != 501 || !strings.Contains(text, `"message":"Multipart upload is not supported for the current artifact repository`) {
		t.Errorf("multipart = %d %s", status, text)
	}
	rows, err := h.store.AuditRows(t.Context(), store.AuditQuery{Object: "artifact:0/" + run + "/artifacts/b.txt"})
	if err != nil || len(rows) != 1 || rows[0].Action != "artifact.put" {
		t.Errorf("audit of an upload = %+v, %v", rows, err)
	}
}

func TestServer_HealthAndVersion(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	for path, want := range map[string]string{"/health": "OK", "/version": "3.3.0"} {
		if status, text, _ := h.do("GET", path, ""); status != 200 || text != want {
			t.Errorf("GET %s = %d %q, want %q", path, status, text, want)
		}
	}
}

func TestRuns_LogModelHistoryAppends(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	run := h.run("0")
	model := `{\"artifact_path\":\"m\",\"flavors\":{},\"utc_time_created\":\"now\",\"run_id\":\"` + run + `\"}`
	for range 2 {
		h.api("POST", "runs/log-model", `{"run_id":"`+run+`","model_json":"`+model+`"}`)
	}
	h.refused(400, codeInvalid, "POST", "runs/log-model", `{"run_id":"`+run+`","model_json":"{}"}`)
	r, err := h.store.Run(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range r.Tags {
		if tag.Key == tagModelHistory && strings.Count(tag.Value, "artifact_path") == 2 {
			return
		}
	}
	t.Errorf("tags = %v, want a history of two models", r.Tags)
}
