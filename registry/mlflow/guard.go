package mlflow

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// decodeRounds bounds how often a path is percent-decoded before it is judged.
const decodeRounds = 10

// guard judges a request before it reaches the mux, on its raw path: the mux would
// answer some bad paths with a redirect and decode others.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Frame-Options", "SAMEORIGIN")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Driftline-Version", s.DriftlineVersion)
		raw := r.URL.EscapedPath()
		if reason := badPath(raw); reason != "" {
			writeError(w, http.StatusBadRequest, codeInvalid, "Invalid path: "+reason+".")
			return
		}
		if !open(raw) && !s.hostAllowed(r.Host) {
			writeText(w, http.StatusForbidden, "Invalid Host header - possible DNS rebinding attack detected")
			return
		}
		if stateChanging(r.Method) && isAPI(raw) && !s.originAllowed(r) {
			writeText(w, http.StatusForbidden, "Cross-origin request blocked")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// unescape percent-decodes until nothing changes.
func unescape(s string) (string, bool) {
	for range decodeRounds {
		next, err := url.PathUnescape(s)
		if err != nil || next == s {
			return s, true // a lone % is a character like any other
		}
		s = next
	}
	return s, false
}

// badPath says what is wrong with a raw URL path or an artifact path, "" if nothing.
func badPath(raw string) string {
	path, stable := unescape(raw)
	if !stable {
		return "it is encoded too often"
	}
	if !utf8.ValidString(path) {
		return "it is not valid UTF-8"
	}
	for _, r := range path {
		switch {
		case r == '\\':
			return "back-slashes are not allowed"
		case r == '#':
			return "'#' is not allowed"
		case unicode.IsControl(r):
			return "control characters are not allowed"
		}
	}
	for i, part := range strings.Split(path, "/") {
		switch {
		case part == "." || part == "..":
			return "'.' and '..' are not allowed"
		case part == "" && i != 0 && i != strings.Count(path, "/"):
			return "'//' is not allowed"
		}
	}
	return ""
}

// hostAllowed: localhost, loopback and private addresses, and what was configured.
func (s *server) hostAllowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if ip.IsLoopback() || ip.IsPrivate() {
			return true
		}
	}
	for _, allowed := range s.AllowedHosts {
		if allowed == "*" || strings.EqualFold(allowed, host) {
			return true
		}
	}
	return false
}

// originAllowed: no Origin (not a browser), the server's own, or a configured one.
func (s *server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		site := r.Header.Get("Sec-Fetch-Site")
		return site == "" || site == "same-origin" || site == "none"
	}
	for _, allowed := range s.AllowedOrigins {
		if strings.EqualFold(strings.TrimRight(allowed, "/"), origin) {
			return true
		}
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
