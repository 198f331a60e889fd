package store

import (
	"context"
	"slices"
)

// Backfill is one batch of what a replay found for the history.
type Backfill struct {
	Scores []ScoreRow
	Events []EventRow
	// Compare says how far the history says the same as the replay. It may change the
	// replay's row beforehand, so that the parts which are live operation's alone stand.
	Compare func(have ScoreRow, found *ScoreRow) (Likeness, error)
	// Restate makes a final score that differs a new revision; else it is left as it
	// is. Events are not written then: what was told is not untold.
	Restate bool
}

// Likeness is how far two scores of one window agree.
type Likeness uint8

// The three.
const (
	Different Likeness = iota
	Alike              // they counted the same; what was learnt beside it differs
	Same
)

// BackfillCounts say what became of the rows of a replay.
type BackfillCounts struct {
	Written  int64 `json:"written"`  // windows that the history lacked
	Equal    int64 `json:"equal"`    // windows it had so
	Alike    int64 `json:"alike"`    // windows it had with the same counts, left as they are
	Differ   int64 `json:"differ"`   // windows it had otherwise, left as they are
	Restated int64 `json:"restated"` // windows it had otherwise, now a new revision
	Kept     int64 `json:"kept"`     // windows restated before, left as they are

	EventsWritten int64 `json:"events_written"`
	EventsEqual   int64 `json:"events_equal"`
	EventsDiffer  int64 `json:"events_differ"`  // left as they are
	EventsUntold  int64 `json:"events_missing"` // of a restated course, not in the history
}

// Add sums the counts of batches.
func (c *BackfillCounts) Add(o BackfillCounts) {
	c.Written += o.Written
	c.Equal += o.Equal
	c.Alike += o.Alike
	c.Differ += o.Differ
	c.Restated += o.Restated
	c.Kept += o.Kept
	c.EventsWritten += o.EventsWritten
	c.EventsEqual += o.EventsEqual
	c.EventsDiffer += o.EventsDiffer
	c.EventsUntold += o.EventsUntold
}

// Changed reports whether anything was written.
func (c BackfillCounts) Changed() bool { return c.Written+c.Restated+c.EventsWritten > 0 }

type scoreKey struct {
	model, version, reference string
	windowMS, endMS           int64
}

func (r *ScoreRow) key() scoreKey {
	return scoreKey{r.Model, r.Version, r.Reference, r.WindowMS, r.EndMS}
}

// Backfill writes a batch. Scores and events that the history lacks are added, marked
// as a replay's; a provisional score gives way to the final one; a final one stays, or
// is restated. Repeating a batch changes nothing. Alarms, outbox and the readers'
// progress are not touched.
func (t *Tx) Backfill(ctx context.Context, b Backfill) (BackfillCounts, error) {
	c, err := t.backfillScores(ctx, b)
	if err != nil {
		return c, err
	}
	err = t.backfillEvents(ctx, b, &c)
	return c, err
}

func (t *Tx) backfillScores(ctx context.Context, b Backfill) (c BackfillCounts, err error) {
	have, err := t.scoresAt(ctx, b.Scores)
	if err != nil {
		return c, err
	}
	var put []ScoreRow
	var replaced [][]any
	for _, r := range b.Scores {
		r.Replayed, r.Revision = true, bit(b.Restate)
		old, had := have[r.key()]
		if !had || old.Provisional {
			c.Written++
			put = append(put, r)
			continue
		}
		like, err := b.Compare(old, &r)
		switch {
		case err != nil:
			return c, err
		case like == Same:
			c.Equal++
		case like == Alike:
			c.Alike++
		case b.Restate:
			c.Restated++
			r.Revision = old.Revision + 1
			put = append(put, r)
			day, err := dayOf(old.EndMS)
			if err != nil {
				return c, err
			}
			replaced = append(replaced, []any{
				old.Model, old.Version, old.Reference, old.WindowMS, old.EndMS, old.Revision, day, bit(old.Replayed), t.nowMS, old.Body,
			})
		case old.Revision > 0:
			c.Kept++
		default:
			c.Differ++
		}
	}
	err = t.insertAll(ctx, `INSERT INTO score_revisions (model, version, reference, window_ms, end_ms, revision, day, replayed, replaced_ms, body) VALUES`,
		"ON CONFLICT (model, version, reference, window_ms, end_ms, revision) DO NOTHING", replaced, func(i int) int { return len(replaced[i][9].(string)) })
	if err != nil {
		return c, err
	}
	return c, t.PutScores(ctx, put)
}

// scoresAt reads the stored scores of the windows of rows.
func (t *Tx) scoresAt(ctx context.Context, rows []ScoreRow) (map[scoreKey]ScoreRow, error) {
	type span struct{ from, to int64 }
	series := map[scoreKey]span{} // without the end
	wanted := map[scoreKey]bool{}
	for i := range rows {
		k := rows[i].key()
		wanted[k] = true
		k.endMS = 0
		s, had := series[k]
		if !had {
			s = span{rows[i].EndMS, rows[i].EndMS}
		}
		series[k] = span{min(s.from, rows[i].EndMS), max(s.to, rows[i].EndMS)}
	}
	out := make(map[scoreKey]ScoreRow, len(rows))
	for k, s := range series {
		var b builder
		b.text(scoreSelect(false) + "scores s WHERE s.model = " + b.arg(k.model))
		b.text(" AND s.version = " + b.arg(k.version) + " AND s.reference = " + b.arg(k.reference) + " AND s.window_ms = " + b.arg(k.windowMS))
		b.text(" AND s.end_ms >= " + b.arg(s.from) + " AND s.end_ms <= " + b.arg(s.to))
		found, err := t.scoreRows(ctx, &b)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if wanted[r.key()] {
				out[r.key()] = r
			}
		}
	}
	return out, nil
}

func (t *Tx) backfillEvents(ctx context.Context, b Backfill, c *BackfillCounts) error {
	have := map[string]string{}
	for part := range slices.Chunk(b.Events, idChunk) {
		ids := make([]string, len(part))
		for i, e := range part {
			ids[i] = e.ID
		}
		var q builder
		q.text("SELECT id, body FROM drift_events WHERE id IN " + q.list(ids))
		err := t.rows(ctx, q.sql(), q.args, func(r scanner) error {
			var id, body string
			err := r.Scan(&id, &body)
			have[id] = body
			return err
		})
		if err != nil {
			return err
		}
	}
	var put []EventRow
	for _, e := range b.Events {
		body, had := have[e.ID]
		switch {
		case had && body == e.Body:
			c.EventsEqual++
		case b.Restate:
			c.EventsUntold++
		case had:
			c.EventsDiffer++
		default:
			c.EventsWritten++
			e.Replayed = true
			put = append(put, e)
		}
	}
	return t.PutEvents(ctx, put)
}

// ScoreRevision is what a restated score replaced.
type ScoreRevision struct {
	Revision   int64
	Replayed   bool
	ReplacedMS int64
	Body       string
}

// ScoreRevisions returns what a score replaced, oldest first.
func (t *Tx) ScoreRevisions(ctx context.Context, r ScoreRow) ([]ScoreRevision, error) {
	var out []ScoreRevision
	err := t.rows(ctx, `SELECT revision, replayed, replaced_ms, body FROM score_revisions
		WHERE model = $1 AND version = $2 AND reference = $3 AND window_ms = $4 AND end_ms = $5 ORDER BY revision`,
		[]any{r.Model, r.Version, r.Reference, r.WindowMS, r.EndMS}, func(row scanner) error {
			var x ScoreRevision
			var replayed int64
			err := row.Scan(&x.Revision, &replayed, &x.ReplacedMS, &x.Body)
			x.Replayed = replayed != 0
			out = append(out, x)
			return err
		})
	return out, err
}

// ScoreRevisions is Tx.ScoreRevisions over a snapshot of its own.
func (s *Store) ScoreRevisions(ctx context.Context, r ScoreRow) ([]ScoreRevision, error) {
	return inRead(ctx, s, func(t *Tx) ([]ScoreRevision, error) { return t.ScoreRevisions(ctx, r) })
}
