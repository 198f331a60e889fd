package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Options of Open. The zero value is good.
type Options struct {
	// Conns is the size of the pool: readers on SQLite (default 4, beside the one
	// writer), all connections on PostgreSQL (default 10).
	Conns int
	// Now is the wall clock for times the caller does not give; default time.Now.
	Now func() time.Time
}

// Store is an open database. All methods are safe for concurrent use.
type Store struct {
	d           dialect
	write, read *sql.DB // the same pool on PostgreSQL
	now         func() time.Time
}

// txTries bounds how often a transaction is repeated after a serialization
// failure or a deadlock; with the pauses below that is about one second.
const txTries = 6

// Open opens the database at url: "sqlite:PATH", "sqlite:///PATH", a bare path, or
// "postgres://…" ("postgresql+psycopg2://…" is read too). It does not change the
// schema: see Migrate.
//
// Errors: ErrInvalid for a URL that is neither; ErrUnavailable where the database
// does not answer. No error holds the password.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	s := &Store{now: opts.Now}
	if s.now == nil {
		s.now = time.Now
	}
	kind, target, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	if kind == "postgres" {
		s.d = postgresDialect{}
		s.write, err = openPostgres(ctx, target, opts.Conns)
		s.read = s.write
	} else {
		s.d = sqliteDialect{}
		s.write, s.read, err = openSQLite(ctx, target, opts.Conns)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// parseURL tells which database a URL names and what its driver needs.
func parseURL(url string) (kind, target string, err error) {
	scheme, rest, found := strings.Cut(url, ":")
	base, _, _ := strings.Cut(strings.ToLower(scheme), "+") // drop SQLAlchemy's driver name
	switch {
	case url == "":
		return "", "", fault(ErrInvalid, "database URL is empty; want sqlite:PATH or postgres://user@host/database")
	case found && (base == "postgres" || base == "postgresql"):
		return "postgres", base + ":" + rest, nil
	case found && base == "sqlite":
		target = rest
		if after, ok := strings.CutPrefix(rest, "///"); ok {
			target = after // three slashes: relative; four: absolute
		}
	case strings.Contains(url, "://"):
		return "", "", fault(ErrInvalid, "database URL: unknown scheme %q; want sqlite: or postgres://", scheme)
	default:
		target = url
	}
	if target == "" || strings.Contains(target, ":memory:") {
		return "", "", fault(ErrInvalid, "database URL: SQLite needs a file path, readers and writer share it")
	}
	return "sqlite", target, nil
}

// Close closes all connections. Transactions that run are ended with an error.
func (s *Store) Close() error {
	if s.read == s.write {
		return s.write.Close()
	}
	return errors.Join(s.read.Close(), s.write.Close())
}

// Dialect gives "sqlite" or "postgres".
func (s *Store) Dialect() string { return s.d.name() }

// Ping asks the database whether it answers.
func (s *Store) Ping(ctx context.Context) error { return mapError(s.d, s.read.PingContext(ctx)) }

// nowMS is the wall clock in epoch milliseconds.
func (s *Store) nowMS() int64 { return s.now().UnixMilli() }

// Tx runs f in a write transaction and commits it if f returns nil. On SQLite
// writers run one after the other. After a serialization failure or a deadlock f
// runs again, so it must have no effect but through the Tx.
//
// After an error of the commit itself the outcome is unknown to the caller.
func (s *Store) Tx(ctx context.Context, f func(*Tx) error) error {
	for try := 1; ; try++ {
		err := s.run(ctx, s.write, nil, f)
		if err == nil || !retryable(err) || try == txTries {
			return err
		}
		pause := time.Duration(1<<try) * time.Duration(5+rand.IntN(10)) * time.Millisecond
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

// Read runs f over one consistent snapshot; writes through it are refused by the
// database.
func (s *Store) Read(ctx context.Context, f func(*Tx) error) error {
	var opts *sql.TxOptions
	if s.d.name() == "postgres" {
		opts = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return s.run(ctx, s.read, opts, f)
}

func (s *Store) run(ctx context.Context, db *sql.DB, opts *sql.TxOptions, f func(*Tx) error) (err error) {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", mapError(s.d, err))
	}
	defer func() {
		if err != nil {
			// A rollback that fails leaves nothing behind: the connection is dropped.
			_ = tx.Rollback()
		}
	}()
	done := false
	defer func() {
		if !done { // f panicked: free the connection, then go on panicking
			_ = tx.Rollback()
		}
	}()
	err = f(&Tx{tx: tx, d: s.d, nowMS: s.nowMS()})
	done = true
	if err != nil {
		return mapError(s.d, err)
	}
	if err = tx.Commit(); err != nil {
		return fmt.Errorf("commit transaction: %w", mapError(s.d, err))
	}
	return nil
}

// inTx runs f in a write transaction and hands on its value.
func inTx[T any](ctx context.Context, s *Store, f func(*Tx) (T, error)) (T, error) {
	var out T
	err := s.Tx(ctx, func(t *Tx) (err error) {
		out, err = f(t)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}

// inRead is inTx for reading.
func inRead[T any](ctx context.Context, s *Store, f func(*Tx) (T, error)) (T, error) {
	var out T
	err := s.Read(ctx, func(t *Tx) (err error) {
		out, err = f(t)
		return err
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}
