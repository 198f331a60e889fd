package mlflow

import (
	"errors"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/driftline/driftline/registry/store"
)

// proxyScheme is the scheme of artifacts that go through this server.
const proxyScheme = "mlflow-artifacts"

// proxyPath is the part of an old-style http root after which artifact paths begin.
const proxyPath = "/api/2.0/mlflow-artifacts/artifacts/"

// scheme splits a URI's scheme off, lower case; "" = a local path.
func scheme(uri string) (name, rest string) {
	before, after, found := strings.Cut(uri, ":")
	if !found || before == "" || strings.Contains(before, "/") {
		return "", uri
	}
	if len(before) == 1 { // C:\ on Windows
		return "", uri
	}
	return strings.ToLower(before), after
}

// checkURI refuses what could lead out of the place a URI names, in path and query,
// however often it is encoded.
func checkURI(uri string) error {
	bad := func(why string) error {
		return invalid("Invalid URI: " + why + ". Use a plain location without '..', '#', ';' or control characters.")
	}
	plain, stable := unescape(uri)
	if !stable {
		return bad("it is encoded too often")
	}
	_, rest := scheme(plain)
	for _, r := range plain {
		switch {
		case r == '#' || r == ';':
			return bad("fragments and parameters are not allowed")
		case r == '\\':
			return bad("back-slashes are not allowed")
		case unicode.IsControl(r):
			return bad("control characters are not allowed")
		}
	}
	p, query, _ := strings.Cut(rest, "?")
	for _, part := range strings.FieldsFunc(query, func(r rune) bool { return r == '/' || r == '=' || r == '&' || r == '?' }) {
		if part == ".." {
			return bad("'..' is not allowed")
		}
	}
	p = strings.TrimPrefix(p, "//") // of an authority
	for part := range strings.SplitSeq(p, "/") {
		if part == ".." {
			return bad("'..' is not allowed")
		}
	}
	if clean := path.Clean("/" + p); clean != "/"+strings.Trim(p, "/") {
		return bad("the path is not in its normal form")
	}
	return nil
}

// checkLocation judges an artifact_location that a client names: only below an
// allowed prefix, so that it cannot overlap other experiments' artifacts.
func (s *server) checkLocation(location string) error {
	if err := checkURI(location); err != nil {
		return err
	}
	for _, allowed := range s.AllowedLocations {
		if below(location, allowed) {
			return nil
		}
	}
	return invalid("Invalid artifact_location: this server only takes locations below the prefixes its operator allows. Leave it out to use the default.")
}

// below tells whether uri is prefix or lies under it.
func below(uri, prefix string) bool {
	uri, prefix = strings.TrimRight(uri, "/"), strings.TrimRight(prefix, "/")
	return uri == prefix || strings.HasPrefix(uri, prefix+"/")
}

// checkSource judges the source of a new version. There is no exemption, neither
// for prompts nor for admins. The server never reads from where it points unless
// that is below its own artifact root.
func (c *call) checkSource(n store.NewVersion) error {
	refuse := func(why string) error {
		return invalid("Invalid model version source: " + why + ". To use a local path as a model version source, the run_id or model_id request parameter has to be specified and the path has to be inside its artifact directory.")
	}
	kind, rest := scheme(n.Source)
	if kind == "" || kind == "file" {
		return c.checkLocalSource(n, rest, refuse)
	}
	if err := checkURI(n.Source); err != nil {
		return err
	}
	switch kind {
	case "runs":
		return invalid("Invalid model version source: runs:/ locations are resolved by the client before they are registered.")
	case proxyScheme:
		if _, err := c.s.artifactPath(n.Source); err != nil {
			return refuse("it names nothing below the artifact root")
		}
	}
	return nil
}

// checkLocalSource: after symbolic links are resolved, the path must lie in the
// artifact directory of the run or logged model.
func (c *call) checkLocalSource(n store.NewVersion, p string, refuse func(string) error) error {
	home, err := c.homeOf(n)
	if err != nil {
		return err
	}
	kind, dir := scheme(home)
	if home == "" || kind != "" && kind != "file" {
		return refuse("local paths are not allowed")
	}
	if err := checkURI(n.Source); err != nil {
		return err
	}
	source, err1 := realPath(p)
	inside, err2 := realPath(dir)
	if errors.Join(err1, err2) != nil || !below(source, inside) {
		return refuse("the path is not there")
	}
	return nil
}

// homeOf gives the artifact URI of the run or logged model of a version, or "".
func (c *call) homeOf(n store.NewVersion) (string, error) {
	if n.RunID != "" {
		run, err := c.Run(c.ctx, n.RunID)
		return run.ArtifactURI, err
	}
	if n.ModelID != "" {
		m, err := c.LoggedModel(c.ctx, n.ModelID)
		return m.ArtifactURI, err
	}
	return "", nil
}

func realPath(p string) (string, error) {
	for strings.HasPrefix(p, "//") { // file:///x
		p = p[1:]
	}
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// artifactPath gives the path below the artifact root that a URI stands for. An
// error means that this server does not serve it.
func (s *server) artifactPath(uri string) (string, error) {
	refused := invalid("Invalid artifact location: it is not below the artifact root of this server.")
	if err := checkURI(uri); err != nil {
		return "", err
	}
	uri, _, _ = strings.Cut(uri, "?")
	kind, rest := scheme(uri)
	var p string
	switch kind {
	case proxyScheme:
		if after, ok := strings.CutPrefix(rest, "//"); ok { // with an authority
			_, p, _ = strings.Cut(after, "/")
			break
		}
		p = strings.TrimLeft(rest, "/")
	case "http", "https":
		_, after, ok := strings.Cut(rest, proxyPath)
		if !ok {
			return "", refused
		}
		p = after
	default:
		root, _, _ := strings.Cut(s.ArtifactRoot, "?")
		if rootKind, _ := scheme(root); rootKind == proxyScheme || !below(uri, root) {
			return "", refused
		}
		p = strings.Trim(strings.TrimPrefix(uri, strings.TrimRight(root, "/")), "/")
	}
	plain, err := url.PathUnescape(p)
	if err != nil {
		plain = p
	}
	if plain = strings.Trim(plain, "/"); plain == "" {
		return "", refused
	}
	return plain, nil
}
