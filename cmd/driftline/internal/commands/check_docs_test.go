package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
)

// checkExamples are the command lines of docs/check.md of one kind of block, without
// "driftline"; files are put into dir.
func checkExamples(t *testing.T, kind, dir string) (lines [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh "+kind+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "driftline" || words[1] != "check" {
				t.Fatalf("%q is no check", line)
			}
			for i, w := range words {
				if filepath.Ext(w) != "" && !strings.Contains(w, ":") {
					words[i] = filepath.Join(dir, w)
				}
			}
			lines = append(lines, words[1:])
		}
	}
	return lines
}

func TestDocs_ChecksOfFilesRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyAs := func(from, name, head string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := strings.Cut(string(text), "\n")
		if err := os.WriteFile(filepath.Join(dir, name), []byte(head+"\n"+body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	copyAs(csvRows(t, "a.csv", 3000, 1, 0), "train.csv", "at,a,b,colour")
	copyAs(csvRows(t, "b.csv", 600, 2, 0), "last-week.csv", "at,a,b,colour")
	copyAs(csvRows(t, "c.csv", 3000, 3, 0), "rows.csv", "date,a,b,target")
	lines := checkExamples(t, "files", dir)
	if len(lines) < 2 {
		t.Fatalf("%d examples of files in docs/check.md", len(lines))
	}
	for _, args := range lines {
		if code, out, errs := runCheck(t, nil, args[1:]...); code != cli.OK && code != cli.Drift {
			t.Errorf("%v ends with %d:\n%s%s", args, code, out, errs)
		}
	}
	for _, name := range []string{"drift.json", "drift.html"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// documented runs the examples of docs/check.md beside a deployment.
func (b *bench) documented() {
	b.t.Helper()
	if err := os.Rename(b.plainCSV(), filepath.Join(b.dir, "today.csv")); err != nil {
		b.t.Fatal(err)
	}
	lines := checkExamples(b.t, "live", b.dir)
	if len(lines) < 4 {
		b.t.Fatalf("%d examples beside a deployment in docs/check.md", len(lines))
	}
	for _, args := range lines {
		if code, out, errs := b.run(args...); code != cli.OK && code != cli.Drift {
			b.t.Errorf("%v ends with %d:\n%s%s", args, code, out, errs)
		}
	}
}
