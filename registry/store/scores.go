package store

import (
	"context"
	"slices"
)

// ScoreRow is what the evaluation of one window of a model gave.
type ScoreRow struct {
	Model       string
	Version     string // "*" = all versions together
	Reference   string
	WindowMS    int64
	EndMS       int64 // end of the window, exclusive
	Rows        int64
	Covered     int64 // parts of the input that were there, of Expected
	Expected    int64
	Provisional bool   // made while input was behind
	Revision    int64  // 0, or above for a restated history
	Replayed    bool   // written by a replay, not by live operation
	Moving      bool   // against a reference that moves along beside the model's own
	Segment     string // the part of the traffic that is judged, such as region=eu; "" = all of it
	Drifted     int64  // features drifted, of those judged, of all
	Judged      int64
	Total       int64
	MaxPSI      *float64 // nil where no feature has one
	MaxFeature  string   // the feature of MaxPSI
	AlarmPhase  string   // of the model's alarm after this window
	Body        string   // the score record, canonical JSON; "" where not asked for
}

var (
	scoreKeys    = []string{"model", "version", "reference", "window_ms", "end_ms"}
	scoreColumns = []string{"day", "row_count", "covered", "expected", "provisional", "revision", "drifted", "judged", "total", "max_psi", "max_feature", "alarm_phase", "replayed", "moving", "segment", "body"}
	scoreUpsert  = keepNewer("scores", scoreKeys, scoreColumns, "(%s.revision, 1 - %s.provisional, 1 - %s.replayed, %s.covered, %s.body)")

	latestUpsert = keepNewer("latest_scores", []string{"model", "version", "reference", "window_ms"}, []string{"end_ms", "moving", "segment"}, "%s.end_ms")
)

// PutScores writes rows of at least one window. Of several writings of the same
// window the one with the greatest (revision, final, live, covered, body) stays:
// repeats and any order of arrival end in the same row, a provisional row never
// replaces a final one, nor a replay's one of live operation.
func (t *Tx) PutScores(ctx context.Context, rows []ScoreRow) error {
	for i := range rows {
		if err := checkFinite("max PSI of a score of model "+rows[i].Model, rows[i].MaxPSI); err != nil {
			return err
		}
	}
	rows = mergeRows(rows, func(r *ScoreRow) string {
		return joinKey(r.Model, r.Version, r.Reference, r.WindowMS, r.EndMS)
	}, func(old, add ScoreRow) ScoreRow {
		if add.newerThan(&old) {
			return add
		}
		return old
	})
	args := make([][]any, len(rows))
	for i, r := range rows {
		day, err := dayOf(r.EndMS)
		if err != nil {
			return err
		}
		args[i] = []any{
			r.Model, r.Version, r.Reference, r.WindowMS, r.EndMS, day, r.Rows, r.Covered, r.Expected, bit(r.Provisional), r.Revision,
			r.Drifted, r.Judged, r.Total, r.MaxPSI, r.MaxFeature, r.AlarmPhase, bit(r.Replayed), bit(r.Moving), r.Segment, r.Body,
		}
	}
	if err := t.insertAll(ctx, scoreUpsert.head, scoreUpsert.tail, args, func(i int) int { return len(rows[i].Body) }); err != nil {
		return err
	}
	return t.putLatest(ctx, rows)
}

// putLatest notes for each version, reference and window length which final score
// is the newest.
func (t *Tx) putLatest(ctx context.Context, rows []ScoreRow) error {
	final := slices.DeleteFunc(slices.Clone(rows), func(r ScoreRow) bool { return r.Provisional })
	final = mergeRows(final, func(r *ScoreRow) string { return joinKey(r.Model, r.Version, r.Reference, r.WindowMS) }, func(old, add ScoreRow) ScoreRow {
		if add.EndMS > old.EndMS {
			return add
		}
		return old
	})
	args := make([][]any, len(final))
	for i, r := range final {
		args[i] = []any{r.Model, r.Version, r.Reference, r.WindowMS, r.EndMS, bit(r.Moving), r.Segment}
	}
	return t.insertAll(ctx, latestUpsert.head, latestUpsert.tail, args, nil)
}

// newerThan is the order of the upsert's text.
func (r *ScoreRow) newerThan(o *ScoreRow) bool {
	return tupleAfter(
		[]int64{r.Revision, 1 - bit(r.Provisional), 1 - bit(r.Replayed), r.Covered}, r.Body,
		[]int64{o.Revision, 1 - bit(o.Provisional), 1 - bit(o.Replayed), o.Covered}, o.Body)
}

// tupleAfter tells whether (a…, as) comes after (b…, bs).
func tupleAfter(a []int64, as string, b []int64, bs string) bool {
	if c := slices.Compare(a, b); c != 0 {
		return c > 0
	}
	return as > bs
}

// PutScores is Tx.PutScores in a transaction of its own.
func (s *Store) PutScores(ctx context.Context, rows []ScoreRow) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutScores(ctx, rows) })
}

// Which of a model's references a query is about, where it names none.
const (
	OwnReference     = ""       // the model's own, whichever it was
	MovingReferences = "moving" // those that move along beside it
	AllReferences    = "all"
)

// ScoreQuery selects scores of one model; a zero field does not restrict, but for
// References and Segment. A reference is that of one part of the traffic, or of all of it.
type ScoreQuery struct {
	Model      string // required
	Version    string
	Reference  string
	References string // without Reference: OwnReference, MovingReferences or AllReferences
	Segment    string // a part of the traffic, or AnySegment; "" without Reference: all of the traffic
	WindowMS   int64
	FromMS     int64 // window end, exclusive, as a score at FromMS tells of what was before it
	ToMS       int64 // window end, inclusive
	FinalOnly  bool  // leave provisional rows out
	Newest     bool  // newest first; else oldest first
	NoBody     bool  // leave Body empty: lists and charts of many windows stay light
	Limit      int   // default 1,000, at most 100,000
}

func scoreSelect(noBody bool) string {
	body := "s.body"
	if noBody {
		body = "''"
	}
	return `SELECT s.model, s.version, s.reference, s.window_ms, s.end_ms, s.row_count, s.covered, s.expected, s.provisional, s.revision,
		s.drifted, s.judged, s.total, s.max_psi, s.max_feature, s.alarm_phase, s.replayed, s.moving, s.segment, ` + body + " FROM "
}

// Scores returns the scores that q selects, ordered by window end, then version,
// reference and window length.
func (t *Tx) Scores(ctx context.Context, q ScoreQuery) ([]ScoreRow, error) {
	var b builder
	b.text(scoreSelect(q.NoBody) + "scores s WHERE s.model = " + b.arg(q.Model))
	for _, c := range []struct{ column, value string }{{"s.version", q.Version}, {"s.reference", q.Reference}} {
		if c.value != "" {
			b.text(" AND " + c.column + " = " + b.arg(c.value))
		}
	}
	if q.Reference == "" && q.References != AllReferences {
		b.text(" AND s.moving = " + b.arg(bit(q.References == MovingReferences)))
	}
	switch {
	case q.Segment != "":
		b.text(segmentTest(&b, "s.segment", q.Segment))
	case q.Reference == "":
		b.text(" AND s.segment = ''")
	}
	if q.WindowMS != 0 {
		b.text(" AND s.window_ms = " + b.arg(q.WindowMS))
	}
	if q.FromMS != 0 {
		b.text(" AND s.end_ms > " + b.arg(q.FromMS))
	}
	if q.ToMS != 0 {
		b.text(" AND s.end_ms <= " + b.arg(q.ToMS))
	}
	if q.FinalOnly {
		b.text(" AND s.provisional = 0")
	}
	b.text(" ORDER BY s.end_ms")
	if q.Newest {
		b.text(" DESC")
	}
	b.text(", s.version, s.reference, s.window_ms LIMIT " + b.arg(clampLimit(q.Limit, 1000, 100_000)))
	return t.scoreRows(ctx, &b)
}

// Scores is Tx.Scores over a snapshot of its own.
func (s *Store) Scores(ctx context.Context, q ScoreQuery) ([]ScoreRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]ScoreRow, error) { return t.Scores(ctx, q) })
}

// LatestScores returns, for each version, own reference and window length of the
// model, over all of its traffic, the final score with the latest window end.
func (t *Tx) LatestScores(ctx context.Context, model string) ([]ScoreRow, error) {
	return t.latestScores(ctx, model, false)
}

// LatestMoving is LatestScores against the references that move along.
func (t *Tx) LatestMoving(ctx context.Context, model string) ([]ScoreRow, error) {
	return t.latestScores(ctx, model, true)
}

func (t *Tx) latestScores(ctx context.Context, model string, moving bool) ([]ScoreRow, error) {
	var b builder
	// CROSS JOIN makes SQLite begin with the short table.
	b.text(scoreSelect(false) + `latest_scores m CROSS JOIN scores s
		WHERE s.model = m.model AND s.version = m.version AND s.reference = m.reference AND s.window_ms = m.window_ms AND s.end_ms = m.end_ms
		AND m.model = ` + b.arg(model) + ` AND m.segment = '' AND m.moving = ` + b.arg(bit(moving)) + ` ORDER BY m.version, m.reference, m.window_ms`)
	return t.scoreRows(ctx, &b)
}

// LatestMoving is Tx.LatestMoving over a snapshot of its own.
func (s *Store) LatestMoving(ctx context.Context, model string) ([]ScoreRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]ScoreRow, error) { return t.LatestMoving(ctx, model) })
}

// LatestScores is Tx.LatestScores over a snapshot of its own.
func (s *Store) LatestScores(ctx context.Context, model string) ([]ScoreRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]ScoreRow, error) { return t.LatestScores(ctx, model) })
}

func (t *Tx) scoreRows(ctx context.Context, b *builder) ([]ScoreRow, error) {
	var out []ScoreRow
	err := t.rows(ctx, b.sql(), b.args, func(row scanner) error {
		var r ScoreRow
		var provisional, replayed, moving int64
		err := row.Scan(&r.Model, &r.Version, &r.Reference, &r.WindowMS, &r.EndMS, &r.Rows, &r.Covered, &r.Expected, &provisional, &r.Revision,
			&r.Drifted, &r.Judged, &r.Total, &r.MaxPSI, &r.MaxFeature, &r.AlarmPhase, &replayed, &moving, &r.Segment, &r.Body)
		r.Provisional, r.Replayed, r.Moving = provisional != 0, replayed != 0, moving != 0
		out = append(out, r)
		return err
	})
	return out, err
}

// DeleteScoresBefore removes the scores of all models whose window ended before
// the day began, with what they once replaced, a batch per transaction, and returns
// how many scores there were.
func (s *Store) DeleteScoresBefore(ctx context.Context, day string) (int64, error) {
	if _, err := checkDay(day); err != nil {
		return 0, err
	}
	if _, err := s.deleteBatches(ctx, `DELETE FROM score_revisions WHERE (model, version, reference, window_ms, end_ms, revision) IN
		(SELECT model, version, reference, window_ms, end_ms, revision FROM score_revisions WHERE day < $1 ORDER BY day LIMIT $2)`, day); err != nil {
		return 0, err
	}
	return s.deleteBatches(ctx, `DELETE FROM scores WHERE (model, version, reference, window_ms, end_ms) IN
		(SELECT model, version, reference, window_ms, end_ms FROM scores WHERE day < $1 ORDER BY day LIMIT $2)`, day)
}

// deleteBatches repeats a deletion whose last parameter is the most rows it may
// remove, until it finds none; so other writers get their turn in between.
func (s *Store) deleteBatches(ctx context.Context, query string, args ...any) (total int64, err error) {
	args = append(slices.Clone(args), insertBatch)
	for {
		n, err := inTx(ctx, s, func(t *Tx) (int64, error) { return t.exec(ctx, query, args...) })
		total += n
		if err != nil || n < insertBatch {
			return total, err
		}
	}
}
