package store

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// schemaLock is the advisory lock under which the PostgreSQL schema is created,
// so that two programs that start at once do not race ("dftl" in ASCII).
const schemaLock = 0x6466746c

// migrateWait bounds how long Migrate waits for another program's migration.
const migrateWait = 5 * time.Minute

// Migrate brings the schema to the version this program knows. Several programs may
// run it at once: on PostgreSQL they take turns, on SQLite the first one wins.
//
// Errors: ErrSchemaNewer if the database was migrated by a newer program; then
// nothing is changed.
func (s *Store) Migrate(ctx context.Context) error {
	if s.d.name() == "postgres" {
		if err := s.createSchema(ctx); err != nil {
			return err
		}
	}
	p, err := s.migrations()
	if err != nil {
		return err
	}
	if err := s.refuseNewer(ctx, p); err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		// On SQLite, which has no lock for it, another program may have been first.
		if pending, perr := p.HasPending(ctx); perr == nil && !pending {
			return nil
		}
		return fmt.Errorf("migrate %s schema: %w", s.d.name(), err)
	}
	return nil
}

// CheckSchema tells whether the schema is the one this program knows: nil,
// ErrSchemaOld (run "driftline migrate") or ErrSchemaNewer.
func (s *Store) CheckSchema(ctx context.Context) error {
	p, err := s.migrations()
	if err != nil {
		return err
	}
	if err := s.refuseNewer(ctx, p); err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", mapError(s.d, err))
	}
	if pending {
		return fault(ErrSchemaOld, "the database schema is older than this program; run \"driftline migrate\"")
	}
	return nil
}

func (s *Store) refuseNewer(ctx context.Context, p *goose.Provider) error {
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", mapError(s.d, err))
	}
	sources := p.ListSources()
	if known := sources[len(sources)-1].Version; have > known {
		return fault(ErrSchemaNewer, "the database schema has version %d, this program knows %d; use the newer program", have, known)
	}
	return nil
}

// rollback undoes all migrations; tests hold Up and Down against each other.
func (s *Store) rollback(ctx context.Context) error {
	p, err := s.migrations()
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, 0)
	return err
}

func (s *Store) migrations() (*goose.Provider, error) {
	dir, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectSQLite3
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.d.name() == "postgres" {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, uint64(migrateWait/time.Second)))
		if err != nil {
			return nil, fmt.Errorf("migration lock: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, s.write, dialectFS{dir, s.d}, opts...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

func (s *Store) createSchema(ctx context.Context) error {
	return s.Tx(ctx, func(t *Tx) error {
		if _, err := t.exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(schemaLock)); err != nil {
			return err
		}
		// Asked first: a role without the right to create schemas may use one that is there.
		var n int
		if err := t.row(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", []any{Schema}, &n); err != nil || n > 0 {
			return err
		}
		if _, err := t.exec(ctx, "CREATE SCHEMA "+Schema); err != nil {
			return fmt.Errorf("create schema %s (an administrator may create it beforehand): %w", Schema, err)
		}
		return nil
	})
}

// dialectFS serves the shared migrations in the words of one database.
type dialectFS struct {
	fs.FS
	d dialect
}

// Open implements fs.FS.
func (f dialectFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil || info.IsDir() {
		return file, err
	}
	text, err := fs.ReadFile(f.FS, name)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return &memFile{Reader: bytes.NewReader([]byte(f.d.migration(string(text)))), info: info}, nil
}

// ReadDir implements fs.ReadDirFS.
func (f dialectFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.FS, name) }

type memFile struct {
	*bytes.Reader
	info fs.FileInfo
}

// Stat implements fs.File.
func (f *memFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// Close implements fs.File.
func (f *memFile) Close() error { return nil }
