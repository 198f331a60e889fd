package driftline_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// glossary are the words that one may use; docs/concepts.md must explain each.
var glossary = []string{
	"model", "feature", "window", "reference", "alarm", "incident", "drift event", "early warning", "moving reference", "exclusion", "silence", "pause", "retrain", "gate", "version", "champion", "lag",
	"record", "record clock", "tick", "late", "future", "final", "hop", "coverage", "grid", "cell", "atom", "current", "verdict",
	"cohort", "realised", "estimated", "concept drift", "covariate drift", "calibration drift",
	"episode", "trigger", "run", "challenger", "artifact", "lineage",
	"pane", "partial", "frontier", "through", "slot", "horizon", "record-high", "done marker",
}

func TestDocs_ConceptsExplainEveryWord(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/concepts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range glossary {
		if n := strings.Count(string(text), "\n- **"+word+"** — "); n != 1 {
			t.Errorf("docs/concepts.md explains %q %d times, want once", word, n)
		}
	}
}

// mdLink is a link of Markdown: its target stands in the first group.
var mdLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// deadLinks returns the relative links of the Markdown files in fsys that lead nowhere.
func deadLinks(fsys fs.FS) ([]string, error) {
	var out []string
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(fsys, p)
		}
		if path.Ext(p) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		for n, line := range strings.Split(string(text), "\n") {
			for _, m := range mdLink.FindAllStringSubmatch(line, -1) {
				u, err := url.Parse(m[1])
				if err == nil && (u.IsAbs() || u.Path == "") {
					continue
				}
				if err == nil {
					_, err = fs.Stat(fsys, path.Join(path.Dir(p), u.Path))
				}
				if err != nil {
					out = append(out, p+":"+strconv.Itoa(n+1)+": "+m[1])
				}
			}
		}
		return nil
	})
	return out, err
}

func TestDocs_LinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	dead, err := deadLinks(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range dead {
		t.Error("dead link:", link)
	}
}

func TestDocs_TheLinkCheckBites(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"README.md":   {Data: []byte("[a](docs/a.md) [web](https://example.org/x) [b](docs/b.md#c)\n[here](#x)\n")},
		"docs/a.md":   {Data: []byte("[up](../README.md) [folder](adr/) [gone](gone.md)\n")},
		"docs/adr/1x": {Data: []byte("x")},
	}
	got, err := deadLinks(tree)
	if err != nil {
		t.Fatal(err)
	}
	if want := "README.md:1: docs/b.md#c docs/a.md:1: gone.md"; strings.Join(got, " ") != want {
		t.Errorf("dead links %q, want %q", got, want)
	}
}

// TestDocs_EveryModuleHasItsReason holds the imports of the tree against
// docs/dependencies.md.
func TestDocs_EveryModuleHasItsReason(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("`([a-z0-9.-]+\\.[a-z]+/[^`]+)`").FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	files, err := goFiles(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]string{}
	for _, f := range files {
		for _, spec := range f.file.Imports {
			p, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(p, "/")
			if !strings.Contains(first, ".") || under(p, module) {
				continue
			}
			known := false
			for _, m := range listed {
				known = known || under(p, m)
			}
			if !known {
				missing[p] = f.at(spec.Pos())
			}
		}
	}
	for p, at := range missing {
		t.Errorf("%s: %s does not stand in docs/dependencies.md", at, p)
	}
	if len(listed) < 15 {
		t.Errorf("only %d modules are read from docs/dependencies.md, want at least 15", len(listed))
	}
}

func TestDocs_EveryDecisionIsListed(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("docs/adr/README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("docs/adr/[0-9]*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no decisions found: %v", err)
	}
	for _, p := range pages {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(list), "("+filepath.Base(p)+")") {
			t.Errorf("docs/adr/README.md does not list %s", p)
		}
		for _, part := range []string{"# " + filepath.Base(p)[:4] + " ", "\n## Context\n", "\n## Decision\n", "\n## Rejected\n", "\n## Consequence\n"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %q", p, strings.TrimSpace(part))
			}
		}
	}
}
