package store

import (
	"context"
	"encoding/json"
	"testing"
)

// OutboxRows reads the outbox as "kind ref/version<previous", oldest first.
func OutboxRows(t testing.TB, s *Store) []string {
	t.Helper()
	var out []string
	err := s.Read(context.Background(), func(x *Tx) error {
		return x.rows(context.Background(), "SELECT kind, ref, version, payload FROM outbox ORDER BY id", nil, func(r scanner) error {
			var kind, ref, version, payload string
			if err := r.Scan(&kind, &ref, &version, &payload); err != nil {
				return err
			}
			var p outboxPayload
			if err := json.Unmarshal([]byte(payload), &p); err != nil {
				return err
			}
			out = append(out, kind+" "+ref+"/"+version+"<"+p.Previous)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Exec runs a statement, for tests that spoil a database.
func Exec(t testing.TB, s *Store, query string, args ...any) {
	t.Helper()
	err := s.Tx(context.Background(), func(x *Tx) error {
		_, err := x.exec(context.Background(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// RollbackSchema undoes all migrations.
func RollbackSchema(ctx context.Context, s *Store) error { return s.rollback(ctx) }

// MigrateTo brings an empty database to an earlier version of the schema.
func MigrateTo(ctx context.Context, s *Store, version int64) error {
	if s.d.name() == "postgres" {
		if err := s.createSchema(ctx); err != nil {
			return err
		}
	}
	p, err := s.migrations()
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// RollbackTo undoes the migrations after a version.
func RollbackTo(ctx context.Context, s *Store, version int64) error {
	p, err := s.migrations()
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, version)
	return err
}
