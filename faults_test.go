package driftline_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	testFunc = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
)

// Every row of docs/faults.md and docs/architecture.md names tests that exist.
func TestDocs_FaultsNameTheirTests(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	files, err := goFiles(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !f.test {
			continue
		}
		text, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			have[string(m[1])] = true
		}
	}
	rows := 0
	for _, page := range []string{"docs/faults.md", "docs/architecture.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(text), "\n") {
			named := testName.FindAllStringSubmatch(line, -1)
			for _, m := range named {
				if !have[m[1]] {
					t.Errorf("%s:%d: there is no test %s", page, n+1, m[1])
				}
			}
			if page != "docs/faults.md" || !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| fault |") || strings.HasPrefix(line, "| M") || strings.HasPrefix(line, "| rule |") {
				continue
			}
			if rows++; len(named) == 0 {
				t.Errorf("%s:%d: a fault without a test: %s", page, n+1, line)
			}
		}
	}
	if rows < 45 {
		t.Errorf("docs/faults.md lists %d faults, want at least 45", rows)
	}
}
