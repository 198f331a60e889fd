package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

func TestMigrate_IsRepeatableAndChecked(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		ctx := context.Background()
		s, err := store.Open(ctx, url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if s.Dialect() == "postgres" {
			// The schema must be there before its version can be read.
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
		} else if err := s.CheckSchema(ctx); !errors.Is(err, store.ErrSchemaOld) {
			t.Fatalf("CheckSchema on an empty database = %v, want ErrSchemaOld", err)
		}
		for range 2 {
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.CheckSchema(ctx); err != nil {
			t.Fatalf("CheckSchema after Migrate = %v", err)
		}
		if err := store.RollbackSchema(ctx, s); err != nil {
			t.Fatalf("all migrations down: %v", err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatalf("up again after down: %v", err)
		}
		store.Exec(t, s, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)")
		if err := s.Migrate(ctx); !errors.Is(err, store.ErrSchemaNewer) {
			t.Errorf("Migrate on a newer schema = %v, want ErrSchemaNewer", err)
		}
		if err := s.CheckSchema(ctx); !errors.Is(err, store.ErrSchemaNewer) {
			t.Errorf("CheckSchema on a newer schema = %v, want ErrSchemaNewer", err)
		}
	})
}

func TestMigrate_SeveralAtOnce(t *testing.T) {
	t.Parallel()
	storetest.EachURL(t, func(t *testing.T, url string) {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				s, err := store.Open(context.Background(), url, store.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				defer s.Close()
				if err := s.Migrate(context.Background()); err != nil {
					t.Error(err)
				}
				if err := s.CheckSchema(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestOpen_RefusesURLsItCannotServe(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "mysql://h/d", "sqlite:", "sqlite::memory:", ":memory:", "postgres://user:secret@host:bad/db"} {
		_, err := store.Open(context.Background(), url, store.Options{})
		if !errors.Is(err, store.ErrInvalid) {
			t.Errorf("Open(%q) = %v, want ErrInvalid", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q) shows the password: %v", url, err)
		}
	}
	_, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "none", "x.db"), store.Options{})
	if err == nil {
		t.Error("Open in a folder that does not exist succeeded")
	}
}
