package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

// databases numbers the databases of this test binary.
var databases atomic.Int64

// Each runs f on a fresh, migrated store of every database, as subtests "sqlite"
// and "postgres". Without PostgreSQL's binaries that part is skipped with the
// reason; on CI (CI=true) their absence is a failure.
func Each(t *testing.T, f func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		f(t, OpenURL(t, url))
	})
}

// EachURL is Each for tests that open several stores on one database; the
// database behind url is empty and not migrated.
func EachURL(t *testing.T, f func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		f(t, "sqlite:"+filepath.Join(t.TempDir(), "driftline.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		f(t, Postgres(t))
	})
}

// Open gives a fresh, migrated SQLite store, for tests above the store that need
// one database only.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return OpenURL(t, "sqlite:"+filepath.Join(t.TempDir(), "driftline.db"))
}

// OpenURL opens and migrates the store at url; it is closed when the test ends.
func OpenURL(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), url, store.Options{})
	if err != nil {
		t.Fatalf("open store: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatalf("migrate store: %v", err)
	}
	return s
}

// Postgres gives the URL of a fresh, empty database on this test binary's server.
func Postgres(t testing.TB) string {
	t.Helper()
	if testing.Short() || os.Getenv("DRIFTLINE_SHORT") == "1" {
		t.Skip("short run: SQLite only")
	}
	c, err := shared()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("PostgreSQL for tests: %v", err)
		}
		t.Skipf("PostgreSQL for tests: %v", err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := c.createDatabase(name); err != nil {
		t.Fatalf("create test database %s: %v", name, err)
	}
	return c.url(name)
}

// Main runs the tests, stops the server if one was started, and exits.
func Main(m *testing.M) {
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stop PostgreSQL of the tests:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
