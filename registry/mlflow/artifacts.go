package mlflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
)

// cleanPath judges an artifact path from a query or a URL, decoded once. The empty
// path is the root of what is asked; a second decoding would give it a meaning
// that no check here has seen, so badPath decodes until nothing changes.
func cleanPath(p string) (string, error) {
	p = strings.TrimSuffix(p, "/")
	if p == "" {
		return "", nil
	}
	plain, _ := unescape(p)
	if reason := badPath(p); reason != "" {
		return "", invalid("Invalid path: " + reason + ".")
	}
	if strings.HasPrefix(plain, "/") || len(plain) > 1 && plain[1] == ':' {
		return "", invalid("Invalid path: it must be relative.")
	}
	return p, nil
}

// listing answers with the entries of dir; below is put before their names.
func (s *server) listing(w http.ResponseWriter, r *http.Request, dir, below string, root string) {
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
	defer cancel()
	entries, err := s.Artifacts.List(ctx, dir)
	if err != nil {
		s.fail(w, r, fmt.Errorf("list artifacts of %q: %w", dir, err))
		return
	}
	files := each(entries, func(e artifacts.Entry) any {
		out := object{"path": path.Join(below, e.Path), "is_dir": e.IsDir}
		if !e.IsDir {
			out["file_size"] = e.Size
		}
		return out
	})
	writeJSON(w, http.StatusOK, object{}.set("root_uri", root).list("files", files))
}

// send streams one artifact as a download, never as a page of this site.
func (s *server) send(w http.ResponseWriter, r *http.Request, p string) {
	body, info, err := s.Artifacts.Open(r.Context(), p)
	if err != nil {
		s.fail(w, r, fmt.Errorf("open artifact %q: %w", p, err))
		return
	}
	defer func() { _ = body.Close() }() // only read
	noDeadlines(w)
	name := path.Base(p)
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	changed := time.UnixMilli(info.ModMS)
	if seeker, ok := body.(io.ReadSeeker); ok {
		http.ServeContent(w, r, "", changed, seeker) // Range and conditions
		return
	}
	h.Set("Content-Length", strconv.FormatInt(info.Size, 10))
	h.Set("Last-Modified", changed.UTC().Format(http.TimeFormat))
	if _, err := io.Copy(w, body); err != nil {
		s.Log.Warn().Str("path", p).Err(err).Msg("artifact download broke off")
	}
}

// noDeadlines lets a large transfer take the time it needs: deadlines of the whole
// server would cut it. Writers that know no deadlines have none to lift.
func noDeadlines(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{})
	_ = c.SetWriteDeadline(time.Time{})
}

// textTypes are extensions that are shown as text; nothing is guessed from content
// or from the machine's tables.
const textTypes = " txt log err cfg conf cnf cf ini properties prop hocon toml yaml yml xml json js py py3 csv tsv md rst "

var otherTypes = map[string]string{
	"html": "text/html", "htm": "text/html", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "svg": "image/svg+xml",
	"webp": "image/webp", "pdf": "application/pdf", "zip": "application/zip", "gz": "application/gzip", "parquet": "application/vnd.apache.parquet",
}

func contentType(name string) string {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	switch {
	case name == "MLmodel" || name == "MLproject", ext != "" && strings.Contains(textTypes, " "+ext+" "):
		return "text/plain"
	case otherTypes[ext] != "":
		return otherTypes[ext]
	}
	return "application/octet-stream"
}

// home looks up an artifact URI in a read transaction and gives its path.
func (s *server) home(r *http.Request, uri func(ctx context.Context, t *store.Tx) (string, error)) (root, dir string, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
	defer cancel()
	err = s.Store.Read(ctx, func(t *store.Tx) (err error) {
		root, err = uri(ctx, t)
		return err
	})
	if err != nil {
		return "", "", err
	}
	dir, err = s.artifactPath(root)
	return root, dir, err
}

func runHome(r *http.Request) func(context.Context, *store.Tx) (string, error) {
	return func(ctx context.Context, t *store.Tx) (string, error) {
		q := r.URL.Query()
		id := q.Get("run_id")
		if id == "" {
			id = q.Get("run_uuid")
		}
		if id == "" {
			return "", missing("run_id")
		}
		run, err := t.Run(ctx, id)
		return run.ArtifactURI, err
	}
}

func loggedHome(r *http.Request) func(context.Context, *store.Tx) (string, error) {
	return func(ctx context.Context, t *store.Tx) (string, error) {
		m, err := t.LoggedModel(ctx, r.PathValue("id"))
		return m.ArtifactURI, err
	}
}

func versionHome(r *http.Request) func(context.Context, *store.Tx) (string, error) {
	return func(ctx context.Context, t *store.Tx) (string, error) {
		name, version := r.URL.Query().Get("name"), r.URL.Query().Get("version")
		if name == "" {
			return "", missing("name")
		}
		if version == "" {
			return "", missing("version")
		}
		v, err := t.Version(ctx, name, version)
		return place(v), err
	}
}

// listIn answers a listing below a home, with paths relative to it.
func (s *server) listIn(w http.ResponseWriter, r *http.Request, arg string, uri func(context.Context, *store.Tx) (string, error)) {
	below, err := cleanPath(r.URL.Query().Get(arg))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	root, dir, err := s.home(r, uri)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.listing(w, r, path.Join(dir, below), below, root)
}

// fileIn sends a file below a home.
func (s *server) fileIn(w http.ResponseWriter, r *http.Request, arg string, uri func(context.Context, *store.Tx) (string, error)) {
	file, err := cleanPath(r.URL.Query().Get(arg))
	if err == nil && file == "" {
		err = missing(arg)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	_, dir, err := s.home(r, uri)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.send(w, r, path.Join(dir, file))
}

func (s *server) listRun(w http.ResponseWriter, r *http.Request) { s.listIn(w, r, "path", runHome(r)) }

func (s *server) fileOfRun(w http.ResponseWriter, r *http.Request) {
	s.fileIn(w, r, "path", runHome(r))
}

func (s *server) fileOfVersion(w http.ResponseWriter, r *http.Request) {
	s.fileIn(w, r, "path", versionHome(r))
}

func (s *server) listLoggedModel(w http.ResponseWriter, r *http.Request) {
	s.listIn(w, r, "artifact_directory_path", loggedHome(r))
}

func (s *server) fileOfLoggedModel(w http.ResponseWriter, r *http.Request) {
	s.fileIn(w, r, "artifact_file_path", loggedHome(r))
}

// proxyList lists below the artifact root. The root itself would show everything:
// that is for admins.
func (s *server) proxyList(w http.ResponseWriter, r *http.Request) {
	dir, err := cleanPath(r.URL.Query().Get("path"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if dir == "" {
		if err := s.Authorize(r, RoleAdmin); err != nil {
			s.refuse(w, r, err)
			return
		}
	}
	s.listing(w, r, dir, "", "")
}

// proxied gives the path of a proxy route; the root is never meant.
func (s *server) proxied(w http.ResponseWriter, r *http.Request) (string, bool) {
	p, err := cleanPath(r.PathValue("path"))
	if err == nil && p == "" {
		err = invalid("Invalid path: the artifact root itself cannot be read, written or deleted.")
	}
	if err != nil {
		s.fail(w, r, err)
		return "", false
	}
	return p, true
}

func (s *server) proxyGet(w http.ResponseWriter, r *http.Request) {
	if p, ok := s.proxied(w, r); ok {
		s.send(w, r, p)
	}
}

func (s *server) proxyPut(w http.ResponseWriter, r *http.Request) {
	p, ok := s.proxied(w, r)
	if !ok {
		return
	}
	if r.ContentLength > s.MaxArtifact {
		s.fail(w, r, artifacts.ErrTooLarge)
		return
	}
	noDeadlines(w)
	if err := s.Artifacts.Put(r.Context(), p, r.Body, s.MaxArtifact); err != nil {
		s.fail(w, r, fmt.Errorf("store artifact %q: %w", p, err))
		return
	}
	s.audited(w, r, "artifact.put", p)
}

func (s *server) proxyDelete(w http.ResponseWriter, r *http.Request) {
	p, ok := s.proxied(w, r)
	if !ok {
		return
	}
	if err := s.Artifacts.Delete(r.Context(), p); err != nil && !errors.Is(err, artifacts.ErrNotFound) {
		s.fail(w, r, fmt.Errorf("delete artifact %q: %w", p, err))
		return
	}
	s.audited(w, r, "artifact.delete", p)
}

// audited leaves the audit row of an artifact call and answers {}.
func (s *server) audited(w http.ResponseWriter, r *http.Request, action, p string) {
	err := s.Store.Tx(r.Context(), func(t *store.Tx) error {
		return t.Audit(r.Context(), action, "artifact:"+p, nil, nil)
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, empty)
}

// noMultipart answers in the words on which clients fall back to a plain PUT.
func noMultipart(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotImplemented, codeNotDone, "Multipart upload is not supported for the current artifact repository. Use a plain PUT.")
}
