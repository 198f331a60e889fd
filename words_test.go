package driftline_test

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// innerWords stay inside: what users read speaks of windows, resolution and slide.
var innerWords = regexp.MustCompile(`(?i)(?:^|[^a-z])(panes?|partials?|frontiers?|slots?|horizons?|record-highs?|done[ _-]markers?)(?:[^a-z]|$)`)

// allowedTexts are texts of cmd that may hold such a word, each with its reason.
var allowedTexts = map[string]string{
	"panes": "a key of the summary of demo --once, kept stable for scripts",
}

// topicName is the stable name of a topic, which operators meet in their broker.
var topicName = regexp.MustCompile(`driftline\.panes\b`)

// metricName is a text that is the name of a metric.
var metricName = regexp.MustCompile(`^driftline_[a-z0-9_]+$`)

// innerWord returns the first inner word of a text for users, or "".
func innerWord(text string) string {
	m := innerWords.FindStringSubmatch(topicName.ReplaceAllString(text, ""))
	if m == nil {
		return ""
	}
	return m[1]
}

// wordFaults finds inner words where users read: in texts of cmd, in names of
// metrics anywhere, in templates of pages and in the reference configuration.
func wordFaults(fsys fs.FS) ([]string, error) {
	files, err := goFiles(fsys)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range files {
		if !f.test {
			out = append(out, f.wordFaults()...)
		}
	}
	for _, dir := range []string{"web/templates", "deploy/config"} {
		if _, err := fs.Stat(fsys, dir); err != nil {
			continue // not every tree has pages
		}
		err := fs.WalkDir(fsys, dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(fsys, p)
			if err != nil {
				return err
			}
			lines := bufio.NewScanner(bytes.NewReader(text))
			for n := 1; lines.Scan(); n++ {
				if w := innerWord(lines.Text()); w != "" {
					out = append(out, p+":"+strconv.Itoa(n)+": inner word "+strconv.Quote(w))
				}
			}
			return lines.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// wordFaults finds inner words in the texts of one file; import paths and struct
// tags are no texts.
func (s source) wordFaults() []string {
	var out []string
	inCmd := under(path.Clean(s.dir), "cmd")
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Field:
			n.Tag = nil
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return false
			}
			text, err := strconv.Unquote(n.Value)
			if err != nil || allowedTexts[text] != "" || !inCmd && !metricName.MatchString(text) {
				return false
			}
			if w := innerWord(text); w != "" {
				out = append(out, s.at(n.Pos())+": inner word "+strconv.Quote(w)+" in "+strconv.Quote(text))
			}
		}
		return true
	})
	return out
}

func TestWords_UsersNeverReadInnerOnes(t *testing.T) {
	t.Parallel()
	faults, err := wordFaults(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}

func TestWords_TheCheckBites(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		path string
		text string
		want string // the word, or "" for none
	}{
		{"help of a command", "cmd/driftline/a.go", `var x = "print the open panes"`, "panes"},
		{"a flag with a dash", "cmd/driftline/a.go", `var x = "pane-length"`, "pane"},
		{"a key with an underscore", "cmd/driftline/a.go", "var x = `slot_size`", "slot"},
		{"capital letters", "cmd/driftline/a.go", `var x = "Horizon unset"`, "Horizon"},
		{"two words", "cmd/driftline/a.go", `var x = "wrote the done marker"`, "done marker"},
		{"beside the name of a topic", "cmd/driftline/a.go", `var x = "the pane topic driftline.panes"`, "pane"},
		{"the name of a topic alone", "cmd/driftline/a.go", `var x = "reading driftline.panes"`, ""},
		{"a word that only begins so", "cmd/driftline/a.go", `var x = "a panel, partially slotted"`, ""},
		{"the stable key of the summary", "cmd/driftline/a.go", `var x = "panes"`, ""},
		{"an import path and a tag", "cmd/driftline/a.go", "import _ \"x/slot\"\ntype x struct { A int `json:\"slot\"` }", ""},
		{"a test of cmd", "cmd/driftline/a_test.go", `var x = "slot"`, ""},
		{"a text inside", "stream/collect/a.go", `var x = "pane closed"`, ""},
		{"the name of a metric inside", "stream/collect/a.go", `var x = "driftline_collect_open_panes"`, "panes"},
		{"a template", "web/templates/a.html", `<p>frontier age</p>`, "frontier"},
		{"the reference configuration", "deploy/config/driftline.yaml", `slot: 60`, "slot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := tt.text
			if strings.HasSuffix(tt.path, ".go") {
				text = "package a\n" + text + "\n"
			}
			got, err := wordFaults(fstest.MapFS{tt.path: {Data: []byte(text)}})
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("faults %q, want none", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], strconv.Quote(tt.want))):
				t.Errorf("faults %q, want one with %q", got, tt.want)
			}
		})
	}
}
