package store

import (
	"strconv"
	"strings"
)

// builder collects a query's text and its bound values. Values from outside go
// through arg only; they never become text.
type builder struct {
	b    strings.Builder
	args []any
}

func (b *builder) text(s string) { b.b.WriteString(s) }

// arg binds v and returns its placeholder.
func (b *builder) arg(v any) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args))
}

// list binds all values and returns "($1,$2)"; values must not be empty.
func (b *builder) list(values []string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = b.arg(v)
	}
	return "(" + strings.Join(marks, ",") + ")"
}

func (b *builder) sql() string { return b.b.String() }

// idChunk bounds the values of one IN list; SQLite takes 32,766, PostgreSQL 65,535.
const idChunk = 1000

// chunks cuts ids into pieces of at most idChunk.
func chunks(ids []string) [][]string {
	var out [][]string
	for len(ids) > idChunk {
		out, ids = append(out, ids[:idChunk]), ids[idChunk:]
	}
	if len(ids) > 0 {
		out = append(out, ids)
	}
	return out
}
