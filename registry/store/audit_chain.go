package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
)

// sealBatch bounds the rows sealed in one transaction.
const sealBatch = 500

// auditHash chains a row to the one before: SHA-256 over the hash before and the
// row's fields, each led by its length, so that no two rows give the same bytes.
func auditHash(before string, seq int64, a AuditRow) string {
	h := sha256.New()
	var n [8]byte
	number := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	text := func(s string) {
		number(int64(len(s)))
		h.Write([]byte(s))
	}
	text(before)
	number(seq)
	number(a.ID)
	number(a.AtMS)
	for _, s := range []string{a.Actor, a.Action, a.Object, a.Before, a.After} {
		text(s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// SealAudit takes all audit rows that are not yet in the chain into it and returns
// how many. Rows are sealed after their transactions and not in them, because a
// chain in the writing path would make all writers wait for each other. A row can
// be changed unseen until it is sealed: seal often.
func (s *Store) SealAudit(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := inTx(ctx, s, func(t *Tx) (int, error) { return t.sealAudit(ctx) })
		total += n
		if err != nil || n < sealBatch {
			return total, err
		}
	}
}

func (t *Tx) sealAudit(ctx context.Context) (int, error) {
	// The counter's row is the lock among sealers.
	if _, err := t.exec(ctx, "UPDATE counters SET value = value WHERE name = 'audit'"); err != nil {
		return 0, err
	}
	seq, head, err := t.auditHead(ctx)
	if err != nil {
		return 0, err
	}
	var rows []AuditRow
	err = t.rows(ctx, `SELECT id, at_ms, actor, action, object, before_json, after_json FROM audit WHERE seq IS NULL ORDER BY id LIMIT $1`, []any{sealBatch}, func(r scanner) error {
		var a AuditRow
		err := r.Scan(&a.ID, &a.AtMS, &a.Actor, &a.Action, &a.Object, &a.Before, &a.After)
		rows = append(rows, a)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, a := range rows {
		seq++
		head = auditHash(head, seq, a)
		if _, err := t.exec(ctx, "UPDATE audit SET seq = $1, hash = $2 WHERE id = $3", seq, head, a.ID); err != nil {
			return 0, err
		}
	}
	_, err = t.exec(ctx, "UPDATE counters SET value = $1 WHERE name = 'audit'", seq)
	return len(rows), err
}

// auditHead gives the number and the hash of the last sealed row; 0 and "" if none.
func (t *Tx) auditHead(ctx context.Context) (seq int64, hash string, err error) {
	if err := t.row(ctx, "SELECT value FROM counters WHERE name = 'audit'", nil, &seq); err != nil || seq == 0 {
		return 0, "", err
	}
	err = t.row(ctx, "SELECT hash FROM audit WHERE seq = $1", []any{seq}, &hash)
	if errors.Is(err, ErrNotFound) {
		err = fault(ErrConflict, "The last sealed audit row, number %d, is gone.", seq)
	}
	return seq, hash, err
}

// AuditCheck is what VerifyAudit found.
type AuditCheck struct {
	Sealed   int64  // rows in the chain
	Unsealed int64  // rows not yet in it
	Head     string // hash of the last row: kept elsewhere, it proves the chain up to here
	BrokenAt int64  // number of the first row that is wrong, 0 = none
	Reason   string // what is wrong with it
}

// VerifyAudit reads the chain from its start and says where it is broken: a row
// changed, a row gone from the middle, or rows gone from the end. Whoever can write
// to the whole database can also write a new chain: compare Head with one kept
// elsewhere.
func (s *Store) VerifyAudit(ctx context.Context) (AuditCheck, error) {
	return inRead(ctx, s, func(t *Tx) (AuditCheck, error) {
		var c AuditCheck
		var last int64
		if err := t.row(ctx, "SELECT value FROM counters WHERE name = 'audit'", nil, &last); err != nil {
			return c, err
		}
		if err := t.row(ctx, "SELECT count(*) FROM audit WHERE seq IS NULL", nil, &c.Unsealed); err != nil {
			return c, err
		}
		err := t.rows(ctx, `SELECT seq, hash, id, at_ms, actor, action, object, before_json, after_json FROM audit WHERE seq IS NOT NULL ORDER BY seq`, nil, func(r scanner) error {
			var a AuditRow
			var seq int64
			var hash string
			if err := r.Scan(&seq, &hash, &a.ID, &a.AtMS, &a.Actor, &a.Action, &a.Object, &a.Before, &a.After); err != nil || c.BrokenAt != 0 {
				return err
			}
			switch {
			case seq != c.Sealed+1:
				c.BrokenAt, c.Reason = c.Sealed+1, "the row is gone"
			case auditHash(c.Head, seq, a) != hash:
				c.BrokenAt, c.Reason = seq, fmt.Sprintf("the row with id %d was changed", a.ID)
			default:
				c.Sealed, c.Head = seq, hash
			}
			return nil
		})
		if err == nil && c.BrokenAt == 0 && c.Sealed != last {
			c.BrokenAt, c.Reason = c.Sealed+1, fmt.Sprintf("the chain should have %d rows", last)
		}
		return c, err
	})
}
