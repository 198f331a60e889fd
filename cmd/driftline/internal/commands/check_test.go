package commands

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
)

// runCheck runs one command line in an environment of its own.
func runCheck(t *testing.T, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &cli.App{Build: cli.Build{Version: "test"}, In: strings.NewReader(""), Out: &o, Err: &e, Env: env}
	code = a.Execute(t.Context(), append([]string{"check"}, args...), func(a *cli.App) []*cobra.Command { return []*cobra.Command{Check(a)} })
	return code, o.String(), e.String()
}

// csvRows writes n rows an hour apart up to the end of 2026-03-31.
func csvRows(t *testing.T, name string, n int, seed uint64, mean float64) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 9))
	var b strings.Builder
	b.WriteString("ts,a,b,colour\n")
	at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(n) * time.Hour)
	for range n {
		fmt.Fprintf(&b, "%s,%.6f,%.6f,%s\n", at.Format(time.RFC3339), mean+rng.NormFloat64(), rng.ExpFloat64(), []string{"red", "green"}[rng.IntN(2)])
		at = at.Add(time.Hour)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck_CodesAndReports(t *testing.T) {
	t.Parallel()
	ref, same, moved, few := csvRows(t, "ref.csv", 3000, 1, 0), csvRows(t, "same.csv", 600, 2, 0), csvRows(t, "moved.csv", 600, 3, 2), csvRows(t, "few.csv", 12, 4, 0)
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		says  string // on standard output
		fails string // on standard error
	}{
		{"no drift", []string{"--reference", ref, "--current", same, "--label-column", "ts"}, 0, "Retraining needed: NO", ""},
		{"drift", []string{"--reference", ref, "--current", moved, "--label-column", "ts"}, 3, "Retraining needed: YES", ""},
		{"drift that must not end a pipeline", []string{"--reference", ref, "--current", moved, "--label-column", "ts", "--exit-zero"}, 0, "Retraining needed: YES", ""},
		{"a higher threshold", []string{"--reference", ref, "--current", moved, "--label-column", "ts", "--alert-threshold", "0.5"}, 0, "Drift ratio: 33.33%", ""},
		{"too little data", []string{"--reference", "file:" + ref, "--current", few, "--label-column", "ts"}, 4, "UNKNOWN", "12 rows"},
		{"days of one file", []string{"--reference", ref, "--time-column", "ts", "--rule", "classic"}, 0, "(asked for 2026-03-25T00:00:00Z to 2026-04-01T00:00:00Z", ""},
		{"as ACIS", []string{"--reference", ref, "--current", moved, "--label-column", "ts", "--compat", "acis"}, 3, "Drift ratio: 50.00%", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			report, page := filepath.Join(t.TempDir(), "r.json"), filepath.Join(t.TempDir(), "r.html")
			args := append(c.args, "--report", report)
			if !strings.HasPrefix(c.name, "as ACIS") {
				args = append(args, "--report", page)
			}
			code, out, errs := runCheck(t, nil, args...)
			if code != c.code || !strings.Contains(out, c.says) || !strings.Contains(errs, c.fails) {
				t.Errorf("code %d, want %d\n%s\n%s", code, c.code, out, errs)
			}
			b, err := os.ReadFile(report)
			var x map[string]any
			if err != nil || json.Unmarshal(b, &x) != nil {
				t.Fatalf("report: %v", err)
			}
			if strings.HasPrefix(c.name, "as ACIS") {
				if x["summary"].(map[string]any)["drift_detected"] != true {
					t.Errorf("%s", b)
				}
				return
			}
			if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("</html>")) {
				t.Errorf("page: %v", err)
			}
		})
	}
}

func TestCheck_RefusesWithEveryFault(t *testing.T) {
	t.Parallel()
	ref := csvRows(t, "ref.csv", 100, 1, 0)
	for _, c := range []struct {
		args []string
		says []string
	}{
		{nil, []string{"--reference: missing", "--current: missing"}},
		{[]string{"--reference", ref}, []string{"--current: missing"}},
		{[]string{"--reference", "none.csv", "--current", ref}, []string{"none.csv"}},
		{[]string{"--reference", ref, "--current", ref, "--time-column", "when"}, []string{`no column "when"`, "ts, a, b, colour"}},
		{[]string{"--reference", ref, "--current", ref, "--as-of", "now", "--alert-threshold", "2", "--rule", "mine", "--compat", "x", "--report", "r.pdf"},
			[]string{"--as-of: needs", "--alert-threshold: 2", "--rule: \"mine\"", "--compat: \"x\"", "--report: r.pdf"}},
		{[]string{"--reference", "SELECT 1", "--current", ref}, []string{"no database to ask"}},
		{[]string{"--model", "m", "--data-dir", filepath.Join(t.TempDir(), "none")}, []string{"no deployment", "none", "--data-dir"}},
		{[]string{"--model", "m", "--current", ref, "--data-dir", filepath.Join(t.TempDir(), "none")}, []string{"no deployment"}},
		{[]string{"--strategy", "growth", "--reference", ref}, []string{"--strategy: names the rows by itself"}},
		{[]string{"--reference", ref, "--current", ref, "--compat", "acis", "--report", "r.html"}, []string{"the report is JSON"}},
	} {
		code, _, errs := runCheck(t, nil, c.args...)
		if code != 2 {
			t.Errorf("%v: code %d", c.args, code)
		}
		for _, s := range c.says {
			if !strings.Contains(errs, s) {
				t.Errorf("%v: no %q in %s", c.args, s, errs)
			}
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"SELECT 1": "SELECT 1", "with x as (select 1)\nselect * from x": "with x as (select 1)\nselect * from x", "sql: TABLE t": "TABLE t",
		"table:s.rows": `SELECT * FROM "s"."rows"`, `table:a"; DROP TABLE b`: `SELECT * FROM "a""; DROP TABLE b"`, "file:select.csv": "", "selected.csv": "",
	} {
		if got, ok := query(source); got != want || ok != (want != "") {
			t.Errorf("query(%q) = %q, %v; want %q", source, got, ok, want)
		}
	}
}

// sqliteFile makes a database and returns how to fill it.
func sqliteFile(t *testing.T, name string) (exec func(text string, args ...any)) {
	t.Helper()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1) // transactions span calls
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatal(err)
		}
	}
}

// ACIS's own command line, on a table like its own: features by day and ticker, labels that
// are not there yet, a strategy beside it that must not be read.
func TestCheck_Strategy(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "acis.db")
	exec := sqliteFile(t, name)
	exec("CREATE TABLE ml_training_features (ticker TEXT, date DATE, strategy TEXT, pe REAL, momentum REAL, size INTEGER, target_return REAL)")
	rng := rand.New(rand.NewPCG(5, 6))
	exec("BEGIN")
	for day := range 120 {
		for ticker := range 40 {
			shift := 0.0
			if day >= 113 {
				shift = 3
			}
			for strategy, moves := range map[string]float64{"growth": shift, "value": 0} {
				exec("INSERT INTO ml_training_features VALUES (?, ?, ?, ?, ?, ?, NULL)", fmt.Sprint("T", ticker),
					time.Date(2026, 1, 1+day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), strategy, moves+rng.NormFloat64(), rng.NormFloat64(), rng.IntN(1000))
			}
		}
	}
	exec("COMMIT")
	env := []string{"DATABASE_URL=sqlite:" + name}
	report := filepath.Join(t.TempDir(), "r.json")
	code, out, errs := runCheck(t, env, "--strategy", "growth", "--alert-threshold", "0.3", "--as-of", "2026-05-01", "--report", report)
	if code != 3 || !strings.Contains(out, "Features analyzed: 3\n") || !strings.Contains(out, "3600 rows") || !strings.Contains(out, "280 rows") {
		t.Errorf("code %d\n%s\n%s", code, out, errs)
	}
	if b, err := os.ReadFile(report); err != nil || !bytes.Contains(b, []byte(`"model":"acis_growth_classifier"`)) && !bytes.Contains(b, []byte(`"model": "acis_growth_classifier"`)) {
		t.Errorf("report: %v\n%.300s", err, b)
	}
	if code, out, errs := runCheck(t, env, "--strategy", "value", "--as-of", "2026-05-01"); code != 0 || !strings.Contains(out, "Drift ratio: 0.00%") {
		t.Errorf("another strategy: code %d\n%s\n%s", code, out, errs)
	}
	// A view that nobody refreshes: as of now there is nothing to judge.
	if code, _, errs := runCheck(t, env, "--strategy", "growth"); code != 4 || !strings.Contains(errs, "2026-04-30T00:00:00Z") {
		t.Errorf("a stale table: code %d, %s", code, errs)
	}
	if code, _, errs := runCheck(t, env, "--strategy", "none"); code != 4 || !strings.Contains(errs, "0 rows") {
		t.Errorf("no such strategy: code %d, %s", code, errs)
	}
}
