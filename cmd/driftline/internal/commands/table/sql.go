package table

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
)

// ErrDatabase marks a database that cannot be reached or a query that it refuses.
var ErrDatabase = errors.New("database")

// DefaultStatementTimeout bounds one query.
const DefaultStatementTimeout = 10 * time.Minute

// Query is a question to a database of somebody else: it is opened for reading only.
type Query struct {
	URL     string // postgres://… or sqlite:PATH
	Text    string // one SELECT
	Args    []any  // $1, $2, … (SQLite: ?1, …)
	Timeout time.Duration
}

// ReadSQL reads the rows of a query as Read does those of a file. Numbers of any kind
// become numbers, times and dates epoch milliseconds, text and UUIDs strings; other
// types have no value that a feature may have.
//
// Errors: ErrDatabase, which never names the password; ErrFormat for columns.
func ReadSQL(ctx context.Context, q Query, o Options) (t *Table, err error) {
	db, err := store.OpenReadOnly(q.URL, cmp.Or(q.Timeout, DefaultStatementTimeout))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDatabase, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("%w: connect: %w", ErrDatabase, err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	rows, err := tx.QueryContext(ctx, q.Text, q.Args...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDatabase, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDatabase, err)
	}
	p, err := o.choose("query", columns)
	if err != nil {
		return nil, err
	}
	t = &Table{Names: p.names}
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDatabase, err)
	}
	cells, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	same := newTexts(len(columns))
	for n := 1; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("%w: row %d: %w", ErrDatabase, n, err)
		}
		r := Row{Values: make([]sketches.Value, len(p.index))}
		if p.time >= 0 {
			if r.TimeMS, err = sqlTime(cells[p.time]); err != nil {
				return nil, fmt.Errorf("%w: query: row %d: column %s: %w", ErrFormat, n, columns[p.time], err)
			}
		}
		for i, from := range p.index {
			r.Values[i] = sqlValue(cells[from], types[from].DatabaseTypeName(), func(s string) string { return same.of(from, s) })
		}
		for d, from := range p.segments {
			r.In = within(o.Members, r.In, d, sqlValue(cells[from], types[from].DatabaseTypeName(), strings.Clone))
		}
		if err := t.add("query", o, r); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDatabase, err)
	}
	return t, nil
}

func sqlTime(v any) (int64, error) {
	switch x := v.(type) {
	case time.Time:
		return x.UnixMilli(), nil
	case int64:
		return x, nil
	case string:
		return ParseTime(x)
	case []byte:
		return ParseTime(string(x))
	case nil:
		return 0, errors.New("null; every row needs a time")
	}
	return 0, fmt.Errorf("%T is no time", v)
}

// sqlValue reads a cell of a declared type: decimals of PostgreSQL come as text, booleans
// of SQLite as numbers.
func sqlValue(v any, declared string, same func(string) string) sketches.Value {
	switch x := v.(type) {
	case nil:
		return sketches.Null()
	case int64:
		if declared == "BOOLEAN" {
			return sketches.Bool(x != 0)
		}
		return sketches.Number(float64(x))
	case float64:
		return sketches.Number(x)
	case bool:
		return sketches.Bool(x)
	case time.Time:
		return sketches.Number(float64(x.UnixMilli()))
	case []byte:
		return sketches.String(same(string(x)))
	case string:
		if n, ok := number(x); ok && declared == "NUMERIC" {
			return sketches.Number(n)
		}
		return sketches.String(same(x))
	}
	return sketches.Wrong()
}
