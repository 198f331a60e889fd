package web

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
)

//go:embed templates static
var files embed.FS

// page is what a template gets.
type page struct {
	Title   string // of the window, before the product's name
	Nav     string // part of the menu that is marked
	Version string
	NowMS   int64
	Data    any
}

// pageRoutes are the plain pages; all are read-only.
func pageRoutes() []route {
	const v = RoleViewer
	return []route{
		plain("/{$}", v, onPage("fleet", (*server).fleetPage)),
		plain("/models/{model}", v, onPage("model", (*server).modelPage)),
		plain("/alarms", v, onPage("alarms", (*server).alarmsPage)),
		plain("/alarms/{id}", v, onPage("alarm", (*server).alarmPage)),
		plain("/retrains", v, onPage("retrains", (*server).retrainsPage)),
		plain("/retrains/{id}", v, onPage("retrain", (*server).retrainPage)),
		plain("/registry", v, onPage("registry", (*server).registryPage)),
		plain("/registry/{model}", v, onPage("versions", (*server).versionsPage)),
		plain("/experiments", v, onPage("experiments", (*server).experimentsPage)),
		plain("/experiments/{id}", v, onPage("experiment", (*server).experimentPage)),
		plain("/runs/{id}", v, onPage("run", (*server).runPage)),
		plain("/streams", v, onPage("streams", (*server).streamsPage)),
		plain("/static/{file}", v, serveStatic),
	}
}

// onPage makes a handler of a function that gathers a page's data.
func onPage(name string, gather func(*server, context.Context, *http.Request) (page, error)) func(*server) http.HandlerFunc {
	return func(s *server) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			p, err := gather(s, r.Context(), r)
			if err != nil {
				s.errorPage(w, r, s.problem(r.Context(), "page "+name, err))
				return
			}
			s.render(w, r, name, http.StatusOK, p)
		}
	}
}

func noPage(s *server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.errorPage(w, r, &Problem{Status: http.StatusNotFound, Title: "No such page", Detail: "there is nothing at " + r.URL.Path, Next: "start from the list of models"})
	}
}

func (s *server) errorPage(w http.ResponseWriter, r *http.Request, p *Problem) {
	s.render(w, r, "problem", p.Status, page{Title: p.Title, Data: p})
}

// render writes the page whole or not at all.
func (s *server) render(w http.ResponseWriter, r *http.Request, name string, status int, p page) {
	p.Version, p.NowMS = s.Version, s.NowMS()
	var b bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&b, "layout", p); err != nil {
		s.Log.Error().Err(err).Str("page", name).Str("path", r.URL.Path).Msg("page failed")
		http.Error(w, "The page could not be made; the server's log has the cause.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the client may be gone
}

// serveStatic serves the style sheet and the one script.
func serveStatic(s *server) http.HandlerFunc {
	types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		text, err := files.ReadFile("static/" + path.Base(name))
		if err != nil || types[path.Ext(name)] == "" {
			s.errorPage(w, r, &Problem{Status: http.StatusNotFound, Title: "No such file", Detail: "there is no " + name, Next: "start from the list of models"})
			return
		}
		w.Header().Set("Content-Type", types[path.Ext(name)])
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(text) // the client may be gone
	}
}

// parseTemplates reads the layout with each page in a set of its own.
func parseTemplates(nowMS func() int64) (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(functions(nowMS)).ParseFS(files, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	entries, err := files.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	out := map[string]*template.Template{}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		set, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if out[name], err = set.ParseFS(files, "templates/"+e.Name()); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return out, nil
}

// functions are what templates may call.
func functions(nowMS func() int64) template.FuncMap {
	return template.FuncMap{
		"moment": momentText,
		"ago":    func(ms int64) string { return agoText(ms, nowMS()) },
		"span":   spanText,
		"group":  groupText,
		"word":   stateWord,
		"tone":   stateTone,
		"sign":   func(state string) string { return toneShape(stateTone(state)) },
		"seg":    url.PathEscape,
		"plain":  func(kind string) string { return strings.ReplaceAll(kind, "_", " ") },
		"short8": func(id string) string { return id[:min(len(id), 8)] },
		"dec":    decimalsOf,
		"pct":    percentOf,
		"shell":  shellWord,
		"status": func(text string) status { return status(text) },
	}
}

// decimalsOf writes a number that may be missing.
func decimalsOf(v any) string {
	switch x := v.(type) {
	case float64:
		return decimals(x)
	case *float64:
		if x != nil {
			return decimals(*x)
		}
	case nano:
		if y := x.value(); y != nil {
			return decimals(*y)
		}
	}
	return "–"
}

// percentOf writes a share that may be missing.
func percentOf(v any) string {
	switch x := v.(type) {
	case float64:
		return percent(x)
	case *float64:
		if x != nil {
			return percent(*x)
		}
	case nano:
		if y := x.value(); y != nil {
			return percent(*y)
		}
	}
	return "–"
}

// shellWord writes a name so that it can be pasted into a shell as one word.
func shellWord(name string) string {
	plain := name != ""
	for _, r := range name {
		plain = plain && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@", r))
	}
	if plain && name[0] != '-' {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
