package driftline_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/driftline/driftline"

// rule says what the packages under dir may use. The rule with the longest dir
// decides; packages under one dir may import each other.
type rule struct {
	dir     string
	ours    []string // folders of this repository that may be imported, with what lies below
	outside []string // if not nil, the only modules that may be imported
	purity  purity
}

// purity is what a package must do without. Each level holds the ones below it.
type purity uint8

const (
	anything purity = iota
	noIO            // no files, network, database, process; no clock; no global random source
	pure            // nor context or logger
)

// rules is the table of packages. A package that is not in it is an error: a new
// one needs a line here, so that its arrows are a decision.
var rules = []rule{
	{dir: "sketches", outside: []string{}, purity: pure},
	{dir: "drift", ours: []string{"sketches"}, outside: []string{"gonum.org/v1/gonum"}, purity: pure},
	{dir: "stream"},
	{dir: "stream/log"},
	{dir: "stream/loop", ours: []string{"stream/log"}},
	{dir: "stream/memlog", ours: []string{"stream/log"}},
	{dir: "stream/kafka", ours: []string{"stream/log"}},
	{dir: "stream/event", ours: []string{"sketches", "drift"}, purity: noIO},
	{dir: "stream/wire", ours: []string{"sketches", "drift"}, purity: noIO},
	{dir: "stream/collect", ours: fold, purity: noIO},
	{dir: "stream/evaluate", ours: fold, purity: noIO},
	{dir: "stream/mapping", ours: []string{"stream/event", "sketches"}, purity: noIO},
	{dir: "stream/mapping/mappingtest", ours: []string{"stream/event", "stream/mapping"}}, // tests only
	{dir: "stream/mapping/schemas", ours: []string{"stream/mapping/avro"}},
	{dir: "stream/replay", ours: fold},
	{dir: "stream/sim", ours: []string{}}, // tests only
	{dir: "stream/historian", ours: []string{"stream/log", "stream/wire", "stream/event", "drift"}},
	{dir: "registry"},
	{dir: "trainer", ours: []string{"registry", "drift", "sketches", "stream/wire", "stream/log"}},
	{dir: "trainer/gbdt", outside: []string{"gonum.org/v1/gonum"}, purity: noIO},
	{dir: "trainer/judge", outside: []string{"gonum.org/v1/gonum"}, purity: noIO},
	{dir: "web", ours: []string{"registry", "drift"}},
	{dir: "web/webtest", ours: []string{"registry", "stream/wire"}},
	{dir: "cmd", ours: []string{"sketches", "drift", "stream", "registry", "trainer", "web"}},
}

var fold = []string{"stream/event", "stream/wire", "stream/loop", "stream/log", "sketches", "drift"}

// homes are the only folders that may import an outside module, in tests too: so
// it can be replaced in one place.
var homes = []struct {
	module string
	dirs   []string
}{
	{"github.com/segmentio/kafka-go", []string{"stream/kafka"}},
	{"github.com/twmb/franz-go", []string{"stream/kafka"}},
	{"github.com/jackc/pgx", []string{"registry/store"}},
	{"modernc.org/sqlite", []string{"registry/store"}},
	{"github.com/pressly/goose", []string{"registry/store"}},
	{"github.com/aws", []string{"registry/artifacts"}},
	{"k8s.io", []string{"trainer/k8s"}},
	{"github.com/stretchr/testify", nil},
	{"C", nil},
}

// banned are the packages of the standard library that each purity does without.
var banned = map[purity][]string{
	noIO: {"os", "net", "database", "syscall", "io/ioutil", "plugin"},
	pure: {"context", "log", "testing"},
}

// names that read a clock or a process-wide random source, by package.
var (
	clockNames = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep"}
	randNames  = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "NewSource", "Rand", "PCG", "ChaCha8", "Zipf", "Source", "Source64"}
)

// source is one Go file of the tree.
type source struct {
	path string // from the root, with slashes
	dir  string
	test bool
	set  *token.FileSet
	file *ast.File
}

func (s source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(pos).Line)
}

// goFiles parses the Go files of the module in fsys: hidden folders, testdata and
// nested modules are left out.
func goFiles(fsys fs.FS) ([]source, error) {
	var all []source
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(fsys, p)
		}
		if path.Ext(p) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, p, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{path: p, dir: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), set: set, file: f})
		return nil
	})
	return all, err
}

// enter returns fs.SkipDir for folders that are not of the module.
func enter(fsys fs.FS, dir string) error {
	if dir == "." {
		return nil
	}
	name := path.Base(dir)
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules" {
		return fs.SkipDir
	}
	if _, err := fs.Stat(fsys, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// under says whether p is dir or lies below it.
func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// ruleOf finds the rule of a folder.
func ruleOf(dir string) (rule, bool) {
	var found rule
	for _, r := range rules {
		if under(dir, r.dir) && len(r.dir) > len(found.dir) {
			found = r
		}
	}
	return found, found.dir != ""
}

// violations checks one file against the tables. Tests may import any folder but
// cmd, for they bring fakes and fixtures; outside modules keep their homes.
func (s source) violations() []string {
	var out []string
	say := func(pos token.Pos, format string, args ...any) {
		out = append(out, s.at(pos)+": "+fmt.Sprintf(format, args...))
	}
	r, known := ruleOf(s.dir)
	if !known && !s.test {
		say(s.file.Package, "folder %s is not in the table of packages", s.dir)
		return out
	}
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			say(spec.Pos(), "import path %s: %v", spec.Path.Value, err)
			continue
		}
		if fault := s.importFault(r, p); fault != "" {
			say(spec.Pos(), "%s", fault)
		}
	}
	if !s.test && r.purity > anything {
		s.sharedState(say)
	}
	return out
}

// importFault says what is wrong with one import, or "".
func (s source) importFault(r rule, p string) string {
	if target, ours := strings.CutPrefix(p, module+"/"); ours {
		switch {
		case under(target, "cmd") && !under(s.dir, "cmd"):
			return fmt.Sprintf("%s imports %s, which nobody may", s.dir, target)
		case s.test || under(target, r.dir):
			return ""
		case !slices.ContainsFunc(r.ours, func(dir string) bool { return under(target, dir) }):
			return fmt.Sprintf("%s must not import %s", r.dir, target)
		}
		return ""
	}
	for _, h := range homes {
		if under(p, h.module) && !slices.ContainsFunc(h.dirs, func(dir string) bool { return under(s.dir, dir) }) {
			return fmt.Sprintf("%s imports %s, which only %v may", s.dir, p, h.dirs)
		}
	}
	if s.test {
		return ""
	}
	if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") {
		if r.outside != nil && !slices.ContainsFunc(r.outside, func(m string) bool { return under(p, m) }) {
			return fmt.Sprintf("%s must not import the outside package %s", r.dir, p)
		}
		return ""
	}
	for level, list := range banned {
		if r.purity >= level && slices.ContainsFunc(list, func(dir string) bool { return under(p, dir) }) {
			return fmt.Sprintf("%s must do without %s", r.dir, p)
		}
	}
	return ""
}

// sharedState finds uses of the clock and of the process-wide random source, also
// as values and under another import name.
func (s source) sharedState(say func(token.Pos, string, ...any)) {
	local := map[string]string{} // name in this file → import path
	for _, spec := range s.file.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		if p != "time" && p != "math/rand" && p != "math/rand/v2" {
			continue
		}
		name := strings.TrimSuffix(p, "/v2")
		name = path.Base(name)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			say(spec.Pos(), "dot import of %s hides what is used of it", p)
		}
		local[name] = p
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch p := local[x.Name]; {
		case p == "time" && slices.Contains(clockNames, sel.Sel.Name):
			say(sel.Pos(), "%s must not read the clock: time.%s", s.dir, sel.Sel.Name)
		case strings.HasPrefix(p, "math/rand") && !slices.Contains(randNames, sel.Sel.Name):
			say(sel.Pos(), "%s must not use the process-wide random source: rand.%s", s.dir, sel.Sel.Name)
		}
		return true
	})
}
