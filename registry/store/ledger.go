package store

import "context"

// LedgerRow counts what became of the records of one source that arrived in one
// stretch of its record clock. Law: the outcomes add up to Records, and
// LastOffset − FirstOffset + 1 = Records + Skipped.
type LedgerRow struct {
	Topic       string
	Incarnation int32
	Part        int32
	ArrivalMS   int64 // start of the stretch
	Through     int64 // offset folded up to, inclusive; the larger one wins
	FirstOffset int64
	LastOffset  int64
	Outcomes
	DeadBy         string // JSON object: reason → records
	LateBy         string // JSON object: model → records
	FutureBy       string
	UnregisteredBy string // JSON object: unknown model → records, a sample of names
}

// Outcomes are the counters of the ledger; each record has one outcome.
type Outcomes struct {
	Records, Skipped                                                          int64
	Accepted, Late, Future, Thinned, Dead, Label, Tick, Unregistered, Aborted int64
}

var (
	ledgerKeys    = []string{"topic", "incarnation", "part", "arrival_ms"}
	ledgerColumns = []string{"through", "first_offset", "last_offset", "records", "skipped", "accepted", "late", "future", "thinned",
		"dead", "label", "tick", "unregistered", "aborted", "dead_by", "late_by", "future_by", "unregistered_by"}
	ledgerUpsert = keepNewer("ledger", ledgerKeys, ledgerColumns, "%s.through")
)

// PutLedger writes rows; of one key the row with the larger Through stays, as rows
// of equal Through are equal.
func (t *Tx) PutLedger(ctx context.Context, rows []LedgerRow) error {
	rows = mergeRows(rows, func(r *LedgerRow) string {
		return joinKey(r.Topic, r.Incarnation, r.Part, r.ArrivalMS)
	}, func(old, add LedgerRow) LedgerRow {
		if add.Through > old.Through {
			return add
		}
		return old
	})
	args := make([][]any, len(rows))
	for i, r := range rows {
		args[i] = []any{
			r.Topic, r.Incarnation, r.Part, r.ArrivalMS, r.Through, r.FirstOffset, r.LastOffset, r.Records, r.Skipped, r.Accepted, r.Late,
			r.Future, r.Thinned, r.Dead, r.Label, r.Tick, r.Unregistered, r.Aborted, r.DeadBy, r.LateBy, r.FutureBy, r.UnregisteredBy,
		}
	}
	return t.insertAll(ctx, ledgerUpsert.head, ledgerUpsert.tail, args, nil)
}

// PutLedger is Tx.PutLedger in a transaction of its own.
func (s *Store) PutLedger(ctx context.Context, rows []LedgerRow) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutLedger(ctx, rows) })
}

// LedgerQuery selects rows of the ledger; a zero field does not restrict.
type LedgerQuery struct {
	Topic  string
	FromMS int64 // arrival, inclusive
	ToMS   int64 // arrival, exclusive
	Limit  int   // default 1,000, at most 100,000
}

// Ledger returns the rows that q selects, newest first.
func (t *Tx) Ledger(ctx context.Context, q LedgerQuery) ([]LedgerRow, error) {
	var b builder
	b.text("SELECT topic, incarnation, part, arrival_ms, through, first_offset, last_offset, records, skipped, accepted, late, future, thinned, dead, label, tick, unregistered, aborted, dead_by, late_by, future_by, unregistered_by FROM ledger")
	q.where(&b)
	b.text(" ORDER BY arrival_ms DESC, topic, incarnation, part LIMIT " + b.arg(clampLimit(q.Limit, 1000, 100_000)))
	var out []LedgerRow
	err := t.rows(ctx, b.sql(), b.args, func(row scanner) error {
		var r LedgerRow
		err := row.Scan(&r.Topic, &r.Incarnation, &r.Part, &r.ArrivalMS, &r.Through, &r.FirstOffset, &r.LastOffset, &r.Records, &r.Skipped, &r.Accepted, &r.Late,
			&r.Future, &r.Thinned, &r.Dead, &r.Label, &r.Tick, &r.Unregistered, &r.Aborted, &r.DeadBy, &r.LateBy, &r.FutureBy, &r.UnregisteredBy)
		out = append(out, r)
		return err
	})
	return out, err
}

// Ledger is Tx.Ledger over a snapshot of its own.
func (s *Store) Ledger(ctx context.Context, q LedgerQuery) ([]LedgerRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]LedgerRow, error) { return t.Ledger(ctx, q) })
}

func (q LedgerQuery) where(b *builder) {
	b.text(" WHERE 1 = 1")
	if q.Topic != "" {
		b.text(" AND topic = " + b.arg(q.Topic))
	}
	if q.FromMS != 0 {
		b.text(" AND arrival_ms >= " + b.arg(q.FromMS))
	}
	if q.ToMS != 0 {
		b.text(" AND arrival_ms < " + b.arg(q.ToMS))
	}
}

// LedgerTotals adds up the rows that q selects; q.Limit is not heeded.
func (t *Tx) LedgerTotals(ctx context.Context, q LedgerQuery) (Outcomes, error) {
	var b builder
	b.text("SELECT ")
	var o Outcomes
	sums := []struct {
		column string
		dest   *int64
	}{
		{"records", &o.Records}, {"skipped", &o.Skipped}, {"accepted", &o.Accepted}, {"late", &o.Late}, {"future", &o.Future}, {"thinned", &o.Thinned},
		{"dead", &o.Dead}, {"label", &o.Label}, {"tick", &o.Tick}, {"unregistered", &o.Unregistered}, {"aborted", &o.Aborted},
	}
	dest := make([]any, len(sums))
	for i, s := range sums {
		if i > 0 {
			b.text(", ")
		}
		// PostgreSQL sums BIGINT to NUMERIC; the cast brings it back.
		b.text("CAST(coalesce(sum(" + s.column + "), 0) AS BIGINT)")
		dest[i] = s.dest
	}
	b.text(" FROM ledger")
	q.where(&b)
	err := t.row(ctx, b.sql(), b.args, dest...)
	return o, err
}

// LedgerTotals is Tx.LedgerTotals over a snapshot of its own.
func (s *Store) LedgerTotals(ctx context.Context, q LedgerQuery) (Outcomes, error) {
	return inRead(ctx, s, func(t *Tx) (Outcomes, error) { return t.LedgerTotals(ctx, q) })
}

// SourceRow is how far one source is.
type SourceRow struct {
	Topic       string
	Incarnation int32
	Part        int32
	UptoMS      int64 // event time up to which nothing more is expected
	SinceMS     int64 // event time from which its results are whole
	Partitions  int32 // of the topic
	Through     int64 // last offset folded
	Control     int64 // last control offset read
	SeenMS      int64 // wall clock of the news
}

var (
	sourceKeys    = []string{"topic", "incarnation", "part"}
	sourceColumns = []string{"upto_ms", "since_ms", "partitions", "through", "control", "seen_ms"}
	sourceUpsert  = keepNewer("sources", sourceKeys, sourceColumns, "(%s.upto_ms, %s.through, %s.seen_ms)")
)

// PutSources writes where sources are; of one source the row with the greatest
// (UptoMS, Through, SeenMS) stays.
func (t *Tx) PutSources(ctx context.Context, rows []SourceRow) error {
	rows = mergeRows(rows, func(r *SourceRow) string { return joinKey(r.Topic, r.Incarnation, r.Part) }, func(old, add SourceRow) SourceRow {
		if tupleAfter([]int64{add.UptoMS, add.Through, add.SeenMS}, "", []int64{old.UptoMS, old.Through, old.SeenMS}, "") {
			return add
		}
		return old
	})
	args := make([][]any, len(rows))
	for i, r := range rows {
		args[i] = []any{r.Topic, r.Incarnation, r.Part, r.UptoMS, r.SinceMS, r.Partitions, r.Through, r.Control, r.SeenMS}
	}
	return t.insertAll(ctx, sourceUpsert.head, sourceUpsert.tail, args, nil)
}

// PutSources is Tx.PutSources in a transaction of its own.
func (s *Store) PutSources(ctx context.Context, rows []SourceRow) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutSources(ctx, rows) })
}

// Sources returns all sources, by topic, incarnation and partition.
func (t *Tx) Sources(ctx context.Context) ([]SourceRow, error) {
	var out []SourceRow
	err := t.rows(ctx, "SELECT topic, incarnation, part, upto_ms, since_ms, partitions, through, control, seen_ms FROM sources ORDER BY topic, incarnation, part", nil, func(row scanner) error {
		var r SourceRow
		err := row.Scan(&r.Topic, &r.Incarnation, &r.Part, &r.UptoMS, &r.SinceMS, &r.Partitions, &r.Through, &r.Control, &r.SeenMS)
		out = append(out, r)
		return err
	})
	return out, err
}

// Sources is Tx.Sources over a snapshot of its own.
func (s *Store) Sources(ctx context.Context) ([]SourceRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]SourceRow, error) { return t.Sources(ctx) })
}

// DeleteLedgerBefore removes the rows that arrived before ms, a batch per
// transaction, and returns how many there were. Totals then begin at ms.
func (s *Store) DeleteLedgerBefore(ctx context.Context, ms int64) (int64, error) {
	return s.deleteBatches(ctx, `DELETE FROM ledger WHERE (topic, incarnation, part, arrival_ms) IN
		(SELECT topic, incarnation, part, arrival_ms FROM ledger WHERE arrival_ms < $1 ORDER BY arrival_ms LIMIT $2)`, ms)
}
