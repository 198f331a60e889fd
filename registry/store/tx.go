package store

import (
	"context"
	"database/sql"
	"strings"
	"unicode/utf8"
)

// Tx is one transaction. It is used by one goroutine at a time and is worthless
// once the function it was handed to has returned.
type Tx struct {
	tx    *sql.Tx
	d     dialect
	nowMS int64 // wall clock at the start of the transaction
}

// scanner is a row as scan functions see it.
type scanner interface{ Scan(dest ...any) error }

// exec runs a statement and returns how many rows it changed.
func (t *Tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := checkArgs(args); err != nil {
		return 0, err
	}
	res, err := t.tx.ExecContext(ctx, t.d.rebind(query), args...)
	if err != nil {
		return 0, mapError(t.d, err)
	}
	n, err := res.RowsAffected()
	return n, mapError(t.d, err)
}

// row runs a query that yields one row into dest; ErrNotFound if there is none.
func (t *Tx) row(ctx context.Context, query string, args []any, dest ...any) error {
	if err := checkArgs(args); err != nil {
		return err
	}
	return mapError(t.d, t.tx.QueryRowContext(ctx, t.d.rebind(query), args...).Scan(dest...))
}

// rows runs a query and calls scan once per row. scan must not use the Tx: on
// PostgreSQL the connection is busy until the last row is read.
func (t *Tx) rows(ctx context.Context, query string, args []any, scan func(scanner) error) error {
	if err := checkArgs(args); err != nil {
		return err
	}
	rows, err := t.tx.QueryContext(ctx, t.d.rebind(query), args...)
	if err != nil {
		return mapError(t.d, err)
	}
	defer func() { _ = rows.Close() }() // what went wrong, rows.Err tells
	for rows.Next() {
		if err := scan(rows); err != nil {
			return mapError(t.d, err)
		}
	}
	return mapError(t.d, rows.Err())
}

// insertBatch bounds the rows of one multi-row statement.
const insertBatch = 500

// insertRows inserts rows of equal length in statements of at most insertBatch
// rows: head is "INSERT INTO t (a, b) VALUES", tail what follows the values. With
// ON CONFLICT DO UPDATE no two rows of a batch may have the same key.
func (t *Tx) insertRows(ctx context.Context, head, tail string, rows [][]any) error {
	for len(rows) > 0 {
		n := min(len(rows), insertBatch)
		cols := len(rows[0])
		args := make([]any, 0, n*cols)
		for _, r := range rows[:n] {
			args = append(args, r...)
		}
		if _, err := t.exec(ctx, head+" "+numbered(n, cols, 1)+" "+tail, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// checkArgs refuses text that PostgreSQL could not keep, so that both databases
// hold the same.
func checkArgs(args []any) error {
	for _, a := range args {
		switch v := a.(type) {
		case string:
			if err := checkText(v); err != nil {
				return err
			}
		case *string:
			if v != nil {
				if err := checkText(*v); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func checkText(s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return fault(ErrInvalid, "text holds a NUL character, which cannot be stored")
	}
	if !utf8.ValidString(s) {
		return fault(ErrInvalid, "text is not valid UTF-8")
	}
	return nil
}
