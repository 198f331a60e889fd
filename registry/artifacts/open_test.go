package artifacts_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/artifacts"
)

func TestOpenChoosesByTheFormOfTheRoot(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct{ name, root, want string }{
		{"absolute directory", filepath.Join(dir, "a"), filepath.Join(dir, "a")},
		{"relative directory", "b/c", filepath.Join(dir, "b/c")},
		{"relative directory with a colon", "./b:c", filepath.Join(dir, "b:c")},
		{"file URL", "file://" + dir + "/d%20e", filepath.Join(dir, "d e")},
		{"bucket", "s3://models", "s3://models"},
		{"bucket and prefix", "s3://models/a//b/", "s3://models/a/b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, err := artifacts.Open(t.Context(), c.root, artifacts.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			if st.Root() != c.want {
				t.Errorf("Root = %q, want %q", st.Root(), c.want)
			}
		})
	}
}

func TestOpenRefusesRootsItCannotHonour(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, root, says string }{
		{"empty", " ", "empty"},
		{"unknown scheme", "gs://bucket", `"gs" is not supported`},
		{"proxied root of the tracking server", "mlflow-artifacts:/", "not supported"},
		{"file URL with a host", "file://nas/models", "file:///"},
		{"relative file URL", "file:models", "file:///"},
		{"file URL with a query", "file:///models?x=1", "file:///"},
		{"no bucket", "s3://", "bucket"},
		{"bucket in capitals", "s3://Models/a", "bucket"},
		{"prefix that climbs", "s3://models/../other", ".."},
		{"query", "s3://models/a?versionId=1", "query"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := artifacts.Open(t.Context(), c.root, artifacts.Options{})
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("Open(%q) = %v, want an error that says %q", c.root, err, c.says)
			}
		})
	}
}

func TestTheEndpointComesFromMLflowsVariable(t *testing.T) {
	t.Parallel()
	env := map[string]string{"MLFLOW_S3_ENDPOINT_URL": " http://minio:9000 "}
	opts := artifacts.FromEnv(func(k string) string { return env[k] })
	if opts.S3Endpoint != "http://minio:9000" {
		t.Errorf("S3Endpoint = %q", opts.S3Endpoint)
	}
	_, err := artifacts.Open(t.Context(), "s3://models", artifacts.Options{S3Endpoint: "minio:9000"})
	if err == nil || !strings.Contains(err.Error(), "MLFLOW_S3_ENDPOINT_URL") {
		t.Errorf("endpoint without scheme: %v", err)
	}
}

func TestTwoPrefixesOfOneBucketDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	url := startFakeS3(t)
	whole, prod, production := openS3(t, url, "s3://models"), openS3(t, url, "s3://models/prod"), openS3(t, url, "s3://models/production")
	put(t, prod, "m/x", "prod")
	put(t, production, "m/x", "production")
	if err := prod.Delete(t.Context(), "m"); err != nil {
		t.Fatal(err)
	}
	if got := get(t, production, "m/x"); got != "production" {
		t.Errorf("the other prefix reads %q", got)
	}
	if got := list(t, prod, ""); len(got) != 0 {
		t.Errorf("prod lists %v", got)
	}
	if got := list(t, whole, ""); len(got) != 1 || got[0].Path != "production" {
		t.Errorf("the bucket lists %v, want production", got)
	}
}

func TestAMissingBucketIsNamed(t *testing.T) {
	t.Parallel()
	st := openS3(t, startFakeS3(t), "s3://no-such-bucket/a")
	_, listErr := st.List(t.Context(), "")
	for what, err := range map[string]error{"Put": st.Put(t.Context(), "x", strings.NewReader("1"), 0), "List": listErr} {
		if err == nil || !strings.Contains(err.Error(), "no-such-bucket") {
			t.Errorf("%s = %v, want an error that names the bucket", what, err)
		}
	}
}

func TestListsOfMoreThanOnePageAreWhole(t *testing.T) {
	t.Parallel()
	st := openS3(t, startFakeS3(t), "s3://models/prod")
	const n = 1100 // S3 answers 1,000 at a time
	for i := range n {
		put(t, st, fmt.Sprintf("d/%04d", i), "x")
	}
	if got := list(t, st, "d"); len(got) != n || got[n-1].Path != "1099" {
		t.Errorf("List gave %d entries, want %d", len(got), n)
	}
	if err := st.Delete(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	if got := list(t, st, ""); len(got) != 0 {
		t.Errorf("after Delete: %v", got)
	}
}
