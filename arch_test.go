// Package driftline_test holds the tests of the house as a whole: which package may
// import which, what words users see, and whether the documents hold together.
package driftline_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// architecture returns all violations in a tree.
func architecture(t *testing.T, fsys fs.FS) []string {
	t.Helper()
	files, err := goFiles(fsys)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		out = append(out, f.violations()...)
	}
	return out
}

func TestArchitecture_EveryImportIsAllowed(t *testing.T) {
	t.Parallel()
	for _, v := range architecture(t, os.DirFS(".")) {
		t.Error(v)
	}
}

func TestArchitecture_SeesTheWholeTree(t *testing.T) {
	t.Parallel()
	files, err := goFiles(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, f := range files {
		met[f.dir] = true
	}
	for _, dir := range []string{".", "sketches", "stream/log", "stream/event"} {
		if !met[dir] {
			t.Errorf("no Go file of %s was looked at", dir)
		}
	}
}

func TestArchitecture_TheCheckBites(t *testing.T) {
	t.Parallel()
	const ours = `import _ "` + module + `/`
	tests := []struct {
		name string
		path string
		body string
		want string // part of the one violation; "" for none
	}{
		{"drift may use sketches", "drift/a.go", ours + `sketches"`, ""},
		{"drift may use gonum", "drift/a.go", `import _ "gonum.org/v1/gonum/stat/distuv"`, ""},
		{"sketches may not use drift", "sketches/a.go", ours + `drift"`, "sketches must not import drift"},
		{"sketches may not use gonum", "sketches/a.go", `import _ "gonum.org/v1/gonum/mathext"`, "outside package gonum.org"},
		{"drift may not use the stream", "drift/a.go", ours + `stream/wire"`, "drift must not import stream/wire"},
		{"the rule holds in subfolders", "drift/deep/a.go", ours + `stream/log"`, "drift must not import stream/log"},
		{"the log knows nobody", "stream/log/a.go", ours + `sketches"`, "stream/log must not import sketches"},
		{"a suite under the log may use the log", "stream/log/logtest/a.go", ours + `stream/log"`, ""},
		{"kafka may use the log", "stream/kafka/a.go", ours + `stream/log"`, ""},
		{"kafka may not use events", "stream/kafka/a.go", ours + `stream/event"`, "stream/kafka must not import stream/event"},
		{"collect may use events", "stream/collect/a.go", ours + `stream/event"`, ""},
		{"collect may not use evaluate", "stream/collect/a.go", ours + `stream/evaluate"`, "stream/collect must not import stream/evaluate"},
		{"collect may not use kafka", "stream/collect/a.go", ours + `stream/kafka"`, "stream/collect must not import stream/kafka"},
		{"historian may not use the registry", "stream/historian/a.go", ours + `registry/store"`, "stream/historian must not import registry/store"},
		{"the registry knows only itself", "registry/mlflow/a.go", ours + `registry/store"`, ""},
		{"the registry does not know drift", "registry/store/a.go", ours + `drift"`, "registry must not import drift"},
		{"the trainer may use the store", "trainer/a.go", ours + `registry/store"`, ""},
		{"the trainer may not use web", "trainer/a.go", ours + `web"`, "trainer must not import web"},
		{"the learner knows nobody", "trainer/gbdt/a.go", ours + `drift"`, "trainer/gbdt must not import drift"},
		{"the trainer may use the learner", "trainer/a.go", ours + `trainer/gbdt"`, ""},
		{"web may not use the stream", "web/a.go", ours + `stream/log"`, "web must not import stream/log"},
		{"cmd may use all", "cmd/driftline/a.go", ours + `stream/collect"`, ""},
		{"nobody may use cmd", "web/a.go", ours + `cmd/driftline"`, "which nobody may"},
		{"nor may a test", "web/a_test.go", ours + `cmd/driftline"`, "which nobody may"},
		{"a test may use any other folder", "stream/collect/a_test.go", ours + `stream/memlog"`, ""},
		{"a folder that is not in the table", "helpers/a.go", ``, "helpers is not in the table"},
		{"the root holds only tests", "a.go", ``, "folder . is not in the table"},
		{"a folder beside a listed one", "streams/a.go", ``, "streams is not in the table"},

		{"kafka-go at home", "stream/kafka/a.go", `import _ "github.com/segmentio/kafka-go/protocol"`, ""},
		{"kafka-go elsewhere", "cmd/driftline/a.go", `import _ "github.com/segmentio/kafka-go"`, "which only [stream/kafka] may"},
		{"kafka-go in a test elsewhere", "stream/collect/a_test.go", `import _ "github.com/segmentio/kafka-go"`, "which only [stream/kafka] may"},
		{"the embedded broker elsewhere", "cmd/driftline/a.go", `import _ "github.com/twmb/franz-go/pkg/kfake"`, "which only [stream/kafka] may"},
		{"PostgreSQL at home", "registry/store/a.go", `import _ "github.com/jackc/pgx/v5/stdlib"`, ""},
		{"PostgreSQL elsewhere", "trainer/a.go", `import _ "github.com/jackc/pgx/v5"`, "which only [registry/store] may"},
		{"SQLite elsewhere", "registry/mlflow/a.go", `import _ "modernc.org/sqlite"`, "which only [registry/store] may"},
		{"the AWS SDK at home", "registry/artifacts/a.go", `import _ "github.com/aws/aws-sdk-go-v2/service/s3"`, ""},
		{"the AWS SDK elsewhere", "registry/store/a.go", `import _ "github.com/aws/aws-sdk-go-v2/config"`, "which only [registry/artifacts] may"},
		{"the cluster elsewhere", "trainer/a.go", `import _ "k8s.io/client-go/kubernetes"`, "which only [trainer/k8s] may"},
		{"testify", "drift/a_test.go", `import _ "github.com/stretchr/testify/require"`, "which only [] may"},
		{"cgo", "cmd/driftline/a.go", `import "C"`, "which only [] may"},

		{"a file in sketches", "sketches/a.go", `import _ "os"`, "sketches must do without os"},
		{"a context in drift", "drift/a.go", `import _ "context"`, "drift must do without context"},
		{"a logger in drift", "drift/a.go", `import _ "log/slog"`, "drift must do without log/slog"},
		{"a context in collect", "stream/collect/a.go", `import _ "context"`, ""},
		{"the network in collect", "stream/collect/a.go", `import _ "net/http"`, "stream/collect must do without net/http"},
		{"a database in evaluate", "stream/evaluate/a.go", `import _ "database/sql"`, "stream/evaluate must do without database/sql"},
		{"a file in a test of collect", "stream/collect/a_test.go", `import _ "os"`, ""},
		{"the clock in evaluate", "stream/evaluate/a.go", "import \"time\"\nvar x = time.Now()", "must not read the clock: time.Now"},
		{"the clock as a value", "stream/evaluate/a.go", "import \"time\"\nvar x = time.Now", "must not read the clock: time.Now"},
		{"the clock under another name", "drift/a.go", "import clock \"time\"\nvar x = clock.Since", "must not read the clock: time.Since"},
		{"the clock by dot import", "sketches/a.go", "import . \"time\"\nvar x = Now()", "dot import of time"},
		{"durations are no clock", "drift/a.go", "import \"time\"\nvar x = 2 * time.Hour", ""},
		{"the clock where it is allowed", "stream/loop/a.go", "import \"time\"\nvar x = time.Now()", ""},
		{"the shared random source", "trainer/gbdt/a.go", "import \"math/rand/v2\"\nvar x = rand.IntN(3)", "random source: rand.IntN"},
		{"a seeded random source", "trainer/gbdt/a.go", "import \"math/rand/v2\"\nvar x = rand.New(rand.NewPCG(1, 2))", ""},

		{"testdata is not looked at", "drift/testdata/a.go", `import _ "os"`, ""},
		{"hidden folders are not looked at", ".tools/a.go", ``, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := architecture(t, fstest.MapFS{tt.path: {Data: []byte("package a\n" + tt.body + "\n")}})
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("%s: violations %q, want none", tt.path, got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want) || !strings.HasPrefix(got[0], tt.path+":")):
				t.Errorf("%s: violations %q, want one with %q", tt.path, got, tt.want)
			}
		})
	}
	nested := fstest.MapFS{
		"deploy/test/go.mod": {Data: []byte("module x\n")},
		"deploy/test/a.go":   {Data: []byte("package a\n")},
	}
	if got := architecture(t, nested); len(got) > 0 {
		t.Errorf("a nested module is looked at: %q", got)
	}
}
