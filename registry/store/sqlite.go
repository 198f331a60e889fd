package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	sqliteBusy    = 10 * time.Second // how long a statement waits for another process's lock
	sqliteReaders = 4                // pooled read connections where Options name none
)

type sqliteDialect struct{}

func (sqliteDialect) name() string { return "sqlite" }

// rebind writes $12 as ?12, outside string literals and quoted names.
func (sqliteDialect) rebind(query string) string {
	if !strings.Contains(query, "$") {
		return query
	}
	out := []byte(query)
	var quote byte
	for i, c := range out {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '$':
			out[i] = '?'
		}
	}
	return string(out)
}

func (sqliteDialect) classify(err error) (error, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil, false
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return ErrExists, false
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return ErrConflict, false
	case sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.SQLITE_CONSTRAINT_DATATYPE:
		return ErrInvalid, false
	}
	switch e.Code() & 0xff { // primary code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrUnavailable, true
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return ErrUnavailable, false
	case sqlite3.SQLITE_TOOBIG:
		return ErrInvalid, false
	}
	return nil, false
}

func (sqliteDialect) migration(text string) string {
	return replaceWords(text, map[string]string{"AUTOID": "INTEGER PRIMARY KEY AUTOINCREMENT"})
}

func (sqliteDialect) like(expr, param string, fold bool) string {
	return likeExpr(expr, param, "", fold) // case_sensitive_like is on, see openSQLite
}

// openSQLite opens one writer connection and a pool of readers on the file.
func openSQLite(ctx context.Context, path string, readers int) (write, read *sql.DB, err error) {
	// The file may hold user names and tags: not for other users of the machine.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open SQLite file: %w (the folder must exist and be writable)", err)
	}
	if err := f.Close(); err != nil {
		return nil, nil, fmt.Errorf("open SQLite file %s: %w", path, err)
	}
	if readers <= 0 {
		readers = sqliteReaders
	}
	common := fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=foreign_keys(1)&_pragma=case_sensitive_like(1)", sqliteBusy.Milliseconds())
	base := sqliteFile(path) + "?" + common
	write, err = sql.Open("sqlite", base+"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return nil, nil, fmt.Errorf("open SQLite file %s: %w", path, err)
	}
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	write.SetConnMaxIdleTime(0)
	if err := write.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open SQLite file %s: %w", path, err), write.Close())
	}
	read, err = sql.Open("sqlite", base+"&_pragma=query_only(1)&_txlock=deferred")
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open SQLite file %s: %w", path, err), write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return write, read, nil
}
