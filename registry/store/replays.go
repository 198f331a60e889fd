package store

import "context"

// Replay is a replay into the history that was begun and has not ended.
type Replay struct {
	ID        string
	Counts    string // what was done so far, as its owner writes it
	StartedMS int64
	UpdatedMS int64
	Places    []ReplayPlace // by partition
}

// ReplayPlace is how far a replay is in one partition: what ends at or before AtMS is
// written, State is what it goes on with.
type ReplayPlace struct {
	Part  int32
	AtMS  int64
	State string
}

// PutReplay notes, in the transaction of the rows, how far a replay is.
func (t *Tx) PutReplay(ctx context.Context, r Replay) error {
	_, err := t.exec(ctx, `INSERT INTO replays (id, counts, started_ms, updated_ms) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE SET counts = excluded.counts, updated_ms = excluded.updated_ms`, r.ID, r.Counts, t.nowMS, t.nowMS)
	if err != nil {
		return err
	}
	for _, p := range r.Places {
		_, err := t.exec(ctx, `INSERT INTO replay_places (replay, part, at_ms, state) VALUES ($1, $2, $3, $4)
			ON CONFLICT (replay, part) DO UPDATE SET at_ms = excluded.at_ms, state = excluded.state`, r.ID, p.Part, p.AtMS, p.State)
		if err != nil {
			return err
		}
	}
	return nil
}

// Replay returns a replay that was stopped, with its places; found is false where
// there is none of the id.
func (t *Tx) Replay(ctx context.Context, id string) (r Replay, found bool, err error) {
	err = t.rows(ctx, "SELECT counts, started_ms, updated_ms FROM replays WHERE id = $1", []any{id}, func(row scanner) error {
		found = true
		return row.Scan(&r.Counts, &r.StartedMS, &r.UpdatedMS)
	})
	if err != nil || !found {
		return r, false, err
	}
	r.ID = id
	err = t.rows(ctx, "SELECT part, at_ms, state FROM replay_places WHERE replay = $1 ORDER BY part", []any{id}, func(row scanner) error {
		var p ReplayPlace
		err := row.Scan(&p.Part, &p.AtMS, &p.State)
		r.Places = append(r.Places, p)
		return err
	})
	return r, true, err
}

// Replay is Tx.Replay over a snapshot of its own.
func (s *Store) Replay(ctx context.Context, id string) (r Replay, found bool, err error) {
	err = s.Read(ctx, func(t *Tx) (err error) { r, found, err = t.Replay(ctx, id); return err })
	return r, found, err
}

// DeleteReplay forgets a replay that has ended or is to begin anew.
func (t *Tx) DeleteReplay(ctx context.Context, id string) error {
	_, err := t.exec(ctx, "DELETE FROM replays WHERE id = $1", id)
	return err
}

// DeleteReplaysBefore forgets replays that nobody has gone on with since ms, wall
// clock, and returns how many there were.
func (s *Store) DeleteReplaysBefore(ctx context.Context, ms int64) (int64, error) {
	return s.deleteBatches(ctx, "DELETE FROM replays WHERE id IN (SELECT id FROM replays WHERE updated_ms < $1 ORDER BY id LIMIT $2)", ms)
}

// AlarmScores returns, per window length, the final scores of every model that ended at
// endMS[window] and may carry alarms or early warnings: those over all versions, and those
// of versions whose answers were compared. Of a
// restated score these are still live operation's: restating leaves them as they were.
func (t *Tx) AlarmScores(ctx context.Context, endMS map[int64]int64) ([]ScoreRow, error) {
	var out []ScoreRow
	for window, end := range endMS {
		var b builder
		b.text(scoreSelect(false) + "scores s WHERE (s.version = '*' OR s.total > 0) AND s.provisional = 0")
		b.text(" AND s.window_ms = " + b.arg(window) + " AND s.end_ms = " + b.arg(end))
		day, err := dayOf(end)
		if err != nil {
			return nil, err
		}
		b.text(" AND s.day = " + b.arg(day)) // the index by day finds them
		rows, err := t.scoreRows(ctx, &b)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// AlarmScores is Tx.AlarmScores over a snapshot of its own.
func (s *Store) AlarmScores(ctx context.Context, endMS map[int64]int64) ([]ScoreRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]ScoreRow, error) { return t.AlarmScores(ctx, endMS) })
}
