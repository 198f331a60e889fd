package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	// batchBytes bounds the text of one multi-row statement, beside insertBatch
	// rows: score records of models with thousands of features are large.
	batchBytes = 4 << 20

	// sqliteParams bounds the parameters of one statement on SQLite, whose driver
	// looks each one up by a walk over all: the cost grows with their square. Many
	// small statements cost little there, as no network lies between.
	sqliteParams = 400
)

// mergeRows brings rows of equal key together with merge and sorts them by key. An
// upsert needs the first, because no statement may touch a row twice; the order
// keeps concurrent writers from waiting for each other in a circle.
func mergeRows[T any](rows []T, key func(*T) string, merge func(old, add T) T) []T {
	at := make(map[string]int, len(rows))
	out := make([]T, 0, len(rows))
	for i := range rows {
		k := key(&rows[i])
		if j, ok := at[k]; ok {
			out[j] = merge(out[j], rows[i])
			continue
		}
		at[k] = len(out)
		out = append(out, rows[i])
	}
	slices.SortFunc(out, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
	return out
}

// joinKey makes one string of the parts of a key; stored text holds no NUL.
func joinKey(parts ...any) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte(0)
		}
		fmt.Fprint(&b, p)
	}
	return b.String()
}

// insertAll writes all rows, in statements of a size that suits the database. size
// gives the bytes of a row's long text; nil where no row has one.
func (t *Tx) insertAll(ctx context.Context, head, tail string, rows [][]any, size func(i int) int) error {
	most := insertBatch
	if len(rows) > 0 && t.d.name() == "sqlite" {
		most = max(1, sqliteParams/len(rows[0]))
	}
	start, sum := 0, 0
	for i := range rows {
		n := 0
		if size != nil {
			n = size(i)
		}
		if i > start && (sum+n > batchBytes || i-start == most) {
			if err := t.insertRows(ctx, head, tail, rows[start:i]); err != nil {
				return err
			}
			start, sum = i, 0
		}
		sum += n
	}
	return t.insertRows(ctx, head, tail, rows[start:])
}

// upsert is the text of an upsert: head names the columns, tail says what wins.
type upsert struct{ head, tail string }

// keepNewer builds an upsert on table that keeps, whole, the row with the greater
// value of order, an expression in which "%s." stands for the side ("excluded." or
// the table's name).
func keepNewer(table string, keys, columns []string, order string) upsert {
	newer := strings.ReplaceAll(order, "%s.", "excluded.") + " > " + strings.ReplaceAll(order, "%s.", table+".")
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + " = excluded." + c
	}
	return upsert{
		head: "INSERT INTO " + table + " (" + strings.Join(slices.Concat(keys, columns), ", ") + ") VALUES",
		tail: "ON CONFLICT (" + strings.Join(keys, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ") + " WHERE " + newer,
	}
}

// Times that a day of four-digit year can hold.
var (
	minTimeMS = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	maxTimeMS = time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
)

// dayOf is the day of an event time, UTC, as text that sorts like the time.
func dayOf(ms int64) (string, error) {
	if ms < minTimeMS || ms > maxTimeMS {
		return "", fault(ErrInvalid, "time %d ms is outside the years 1 to 9999", ms)
	}
	return time.UnixMilli(ms).UTC().Format(time.DateOnly), nil
}

// checkDay refuses text that is not YYYY-MM-DD and returns the day's first ms.
func checkDay(day string) (int64, error) {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0, fault(ErrInvalid, "day %q: want YYYY-MM-DD", day)
	}
	return at.UnixMilli(), nil
}

// checkFinite refuses what one of the databases could not keep.
func checkFinite(what string, v *float64) error {
	if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
		return fault(ErrInvalid, "%s is %v; only finite numbers are stored", what, *v)
	}
	return nil
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// placeholders returns "$1, $2, …, $n".
func placeholders(n int) string {
	return strings.Trim(strings.ReplaceAll(numbered(1, n, 1), ",", ", "), "()")
}
