package table

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/sketches"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// fill makes a table with the kinds of columns that feature tables have.
func fill(t *testing.T, url string) {
	t.Helper()
	driver, name := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, name = "sqlite", path
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, text := range []string{
		`CREATE TABLE rows (day DATE, price NUMERIC(12,4), n BIGINT, ok BOOLEAN, name TEXT, x DOUBLE PRECISION)`,
		`INSERT INTO rows VALUES ('2026-01-02', 12.5000, 3, TRUE, 'a', 0.25), ('2026-01-03', 7.125, NULL, FALSE, NULL, -1e300)`,
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadSQL_KindsAndTimes(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		fill(t, url)
		got, err := ReadSQL(t.Context(), Query{URL: url, Text: "SELECT * FROM rows WHERE n IS NULL OR n = $1 ORDER BY day", Args: []any{3}}, Options{Time: "day"})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(got.Names, " ") != "price n ok name x" || len(got.Rows) != 2 {
			t.Fatalf("%v, %d rows", got.Names, len(got.Rows))
		}
		jan2 := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC).UnixMilli()
		if got.Rows[0].TimeMS != jan2 || got.Rows[1].TimeMS != jan2+86_400_000 {
			t.Errorf("times %d, %d", got.Rows[0].TimeMS, got.Rows[1].TimeMS)
		}
		for i, want := range [][]sketches.Value{
			{sketches.Number(12.5), sketches.Number(3), sketches.Bool(true), sketches.String("a"), sketches.Number(0.25)},
			{sketches.Number(7.125), sketches.Null(), sketches.Bool(false), sketches.Null(), sketches.Number(-1e300)},
		} {
			for k := range want {
				if got.Rows[i].Values[k] != want[k] {
					t.Errorf("row %d, %s: %v, want %v", i, got.Names[k], got.Rows[i].Values[k], want[k])
				}
			}
		}
	})
}

// Whatever the text says, nothing is written, and nothing runs for ever.
func TestReadSQL_ReadsOnly(t *testing.T) {
	storetest.EachURL(t, func(t *testing.T, url string) {
		fill(t, url)
		for _, text := range []string{
			"DELETE FROM rows RETURNING n", "INSERT INTO rows (n) VALUES (9) RETURNING n", "SELECT nothing FROM nowhere", "DROP TABLE rows",
			"SELECT n FROM rows; DELETE FROM rows",
		} {
			if _, err := ReadSQL(t.Context(), Query{URL: url, Text: text}, Options{}); !errors.Is(err, ErrDatabase) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s: %v", text, err)
			}
		}
		got, err := ReadSQL(t.Context(), Query{URL: url, Text: "SELECT n, x FROM rows"}, Options{})
		if err != nil || len(got.Rows) != 2 {
			t.Fatalf("rows are gone: %v", err)
		}
		for _, o := range []Options{{Time: "none"}, {Columns: []string{"none"}}, {Time: "x"}} {
			if _, err := ReadSQL(t.Context(), Query{URL: url, Text: "SELECT n, x FROM rows"}, o); !errors.Is(err, ErrFormat) {
				t.Errorf("%+v: %v", o, err)
			}
		}
	})
}

func TestReadSQL_EndsInTime(t *testing.T) {
	url := storetest.Postgres(t)
	from := time.Now()
	_, err := ReadSQL(t.Context(), Query{URL: url, Text: "SELECT pg_sleep(60) AS x", Timeout: 100 * time.Millisecond}, Options{})
	if !errors.Is(err, ErrDatabase) || !strings.Contains(err.Error(), "statement timeout") || time.Since(from) > 30*time.Second {
		t.Errorf("after %s: %v", time.Since(from), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadSQL(ctx, Query{URL: url, Text: "SELECT 1 AS x"}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReadSQL_NeverNamesThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://u:hunter2@127.0.0.1:1/d", "postgres://u:hunter2@127.0.0.1:notaport/d", "mysql://u:hunter2@h/d", "sqlite:" + t.TempDir() + "/none.db", ""} {
		_, err := ReadSQL(t.Context(), Query{URL: url, Text: "SELECT 1"}, Options{})
		if !errors.Is(err, ErrDatabase) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
