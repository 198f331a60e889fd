package mlflow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/artifacts"
)

func TestLocalSources_StayInTheirRunsFolder(t *testing.T) {
	t.Parallel()
	var root string
	h := newServer(t, func(c *Config) {
		root = c.Artifacts.(*artifacts.Disk).Root()
		c.ArtifactRoot = root
	})
	run, other := h.run("0"), h.run("0")
	home := filepath.Join(root, "0", run, "artifacts")
	outside := t.TempDir()
	for _, dir := range []string{filepath.Join(home, "model"), filepath.Join(root, "0", other, "artifacts", "model")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "model", "MLmodel"), []byte("flavors: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(home, "link")); err != nil {
		t.Fatal(err)
	}
	h.api("POST", "registered-models/create", `{"name":"m"}`)
	for _, tt := range []struct {
		name, source, run string
		ok                bool
	}{
		{"its own folder", home + "/model", run, true},
		{"the same as a file URI", "file://" + home + "/model", run, true},
		{"no run is named", home + "/model", "", false},
		{"another run's folder", home + "/model", other, false},
		{"a link that leads out", home + "/link", run, false},
		{"dots that lead out", home + "/../../../..", run, false},
		{"what is not there", home + "/none", run, false},
		{"a folder whose name only begins alike", home + "x", run, false},
		{"anywhere else", outside, run, false},
	} {
		body := mustJSON(t, map[string]string{"name": "m", "source": tt.source, "run_id": tt.run})
		if tt.ok {
			h.api("POST", "model-versions/create", body)
			continue
		}
		if msg := h.refused(400, codeInvalid, "POST", "model-versions/create", body); strings.Contains(msg, outside) {
			t.Errorf("%s: the answer shows a path of the server: %s", tt.name, msg)
		}
	}
	status, text, _ := h.do("GET", "/model-versions/get-artifact?name=m&version=1&path=MLmodel", "")
	if status != 200 || text != "flavors: {}" {
		t.Errorf("artifact of version 1 = %d %q", status, text)
	}
}

func TestArtifactPath_KnowsEveryFormOfTheRoot(t *testing.T) {
	t.Parallel()
	tests := []struct{ root, uri, want string }{
		{"mlflow-artifacts:/", "mlflow-artifacts:/1/r/artifacts", "1/r/artifacts"},
		{"mlflow-artifacts:/", "mlflow-artifacts://host:5000/1/r/artifacts", "1/r/artifacts"},
		{"mlflow-artifacts:/", "http://host/api/2.0/mlflow-artifacts/artifacts/1/r/a%20b", "1/r/a b"},
		{"s3://bucket/prefix", "s3://bucket/prefix/1/r/artifacts", "1/r/artifacts"},
		{"s3://bucket/prefix/", "s3://bucket/prefix/1", "1"},
		{"s3://bucket/prefix?region=x", "s3://bucket/prefix/1/r/artifacts?region=x", "1/r/artifacts"},
		{"s3://bucket/prefix", "s3://bucket/prefix", ""},
		{"s3://bucket/prefix", "s3://bucket/prefixes/1", ""},
		{"s3://bucket/prefix", "s3://other/prefix/1", ""},
		{"mlflow-artifacts:/", "s3://bucket/1", ""},
		{"mlflow-artifacts:/", "mlflow-artifacts:/", ""},
		{"mlflow-artifacts:/", "mlflow-artifacts:/1/../2", ""},
		{"mlflow-artifacts:/", "http://host/elsewhere/1", ""},
		{"mlflow-artifacts:/", "/etc/passwd", ""},
	}
	for _, tt := range tests {
		s := &server{Config{ArtifactRoot: tt.root}}
		got, err := s.artifactPath(tt.uri)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("artifactPath(%q) below %q = %q, %v; want %q", tt.uri, tt.root, got, err, tt.want)
		}
	}
}

// Whatever passes the check, decoded as often as one likes, stays below the root.
func FuzzCleanPath(f *testing.F) {
	for _, seed := range append(evilPaths, "a/b.txt", "100%.txt", "ä ö", "a%20b", "%25%32%65%25%32%65/x") {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, p string) {
		clean, err := cleanPath(p)
		if err != nil || clean == "" {
			return
		}
		for range decodeRounds + 2 {
			if !filepath.IsLocal(clean) || strings.ContainsAny(clean, "\\\x00#") {
				t.Fatalf("cleanPath(%q) let %q through", p, clean)
			}
			next, _ := unescape(clean)
			if next == clean {
				return
			}
			clean = next
		}
		t.Fatalf("cleanPath(%q) let a path through that never ends to decode", p)
	})
}
