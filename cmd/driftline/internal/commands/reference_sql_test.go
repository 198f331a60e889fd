package commands

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
)

// The rows of a table make the same reference as the file they came from.
func TestReferenceFromSQL_IsThatOfTheSameFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.referenceCSV(3000)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(b.dir, "rows.db")
	exec := sqliteFile(t, name)
	exec("CREATE TABLE rows (" + strings.Join(records[0], ", ") + ")")
	exec("BEGIN")
	for _, r := range records[1:] {
		args := make([]any, len(r))
		for i, x := range r {
			if x != "" {
				args[i] = x
			}
		}
		exec("INSERT INTO rows VALUES (?"+strings.Repeat(", ?", len(r)-1)+")", args...)
	}
	exec("COMMIT")
	// Columns without a type keep text: amounts become numbers in the query.
	query := "sql:SELECT ts, plan, CAST(amount AS REAL) AS amount, label FROM rows"
	text, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	b.write("driftline.yaml", string(text)+"sources: {rows: \"sqlite:"+name+"\"}\n")
	build := func(from string, more ...string) (got built) {
		t.Helper()
		args := append([]string{"reference", "build", "churn", "--from", from, "--time-column", "ts", "--label-column", "label", "--dry-run", "-o", "json"}, more...)
		decode(t, b.must(args...), &got)
		return got
	}
	b.during(func(context.Context, *app.Running) {
		want := build("file:" + path)
		// A reference names its kind, so only what was counted is the same.
		if got := build(query); got.Grid != want.Grid || got.FromMS != want.FromMS || got.ToMS != want.ToMS || got.Rows != 3000 {
			t.Errorf("grid %s of %d rows, the file's is %s", got.Grid, got.Rows, want.Grid)
		}
		if got := build(query, "--database", "rows", "--from-time", "2025-12-31T23:59:00Z"); got.Rows != 1500 {
			t.Errorf("%+v", got)
		}
		for says, args := range map[string][]string{
			`"other" is not under sources:; there are rows`: {"--from", query, "--database", "other"},
			"--database is for sql:QUERY":                   {"--from", "file:" + path, "--database", "rows"},
			"no such table":                                 {"--from", "table:none"},
		} {
			code, _, errs := b.run(append([]string{"reference", "build", "churn", "--dry-run"}, args...)...)
			if code != cli.Usage || !strings.Contains(errs, says) {
				t.Errorf("%v: code %d, %s; want %q", args, code, errs, says)
			}
		}
	})
}
