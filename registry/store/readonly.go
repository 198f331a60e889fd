package store

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// OpenReadOnly connects to a database of somebody else, postgres://… or sqlite:PATH, so
// that nothing can be written and no statement runs longer than timeout. Nothing is
// asked yet. Errors never name the password.
func OpenReadOnly(url string, timeout time.Duration) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		db, err := sql.Open("sqlite", sqliteFile(path)+fmt.Sprintf("?mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(%d)", sqliteBusy.Milliseconds()))
		if err != nil {
			return nil, fmt.Errorf("open SQLite file %s: %w", path, err)
		}
		return db, nil
	}
	cfg, err := pgx.ParseConfig(url)
	if err != nil { // its text may hold the password
		return nil, fault(ErrInvalid, "database URL: not one of PostgreSQL or SQLite; want postgres://user@host:5432/database or sqlite:PATH")
	}
	cfg.RuntimeParams["default_transaction_read_only"] = "on"
	cfg.RuntimeParams["statement_timeout"] = fmt.Sprint(max(timeout.Milliseconds(), 1))
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "driftline"
	}
	return stdlib.OpenDB(*cfg), nil
}

// sqliteFile is the name that the driver opens a path by.
func sqliteFile(path string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}
