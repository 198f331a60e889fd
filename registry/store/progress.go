package store

import "context"

// Progress is how far a reader is in one partition: the offset it reads next.
type Progress struct {
	Topic string
	Part  int32
	Next  int64
}

var progressUpsert = keepNewer("progress", []string{"consumer", "topic", "part"}, []string{"next_offset"}, "%s.next_offset")

// PutProgress moves the reader's offsets forward, in the transaction of the rows
// that were read up to there. An offset behind the stored one changes nothing, so
// a reader that lost its partition without noticing takes nothing back.
func (t *Tx) PutProgress(ctx context.Context, consumer string, offsets []Progress) error {
	offsets = mergeRows(offsets, func(p *Progress) string { return joinKey(p.Topic, p.Part) }, func(old, add Progress) Progress {
		if add.Next > old.Next {
			return add
		}
		return old
	})
	args := make([][]any, len(offsets))
	for i, p := range offsets {
		args[i] = []any{consumer, p.Topic, p.Part, p.Next}
	}
	return t.insertAll(ctx, progressUpsert.head, progressUpsert.tail, args, nil)
}

// PutProgress is Tx.PutProgress in a transaction of its own.
func (s *Store) PutProgress(ctx context.Context, consumer string, offsets []Progress) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutProgress(ctx, consumer, offsets) })
}

// Progress returns the reader's offsets, by topic and partition.
func (t *Tx) Progress(ctx context.Context, consumer string) ([]Progress, error) {
	var out []Progress
	err := t.rows(ctx, "SELECT topic, part, next_offset FROM progress WHERE consumer = $1 ORDER BY topic, part", []any{consumer}, func(r scanner) error {
		var p Progress
		err := r.Scan(&p.Topic, &p.Part, &p.Next)
		out = append(out, p)
		return err
	})
	return out, err
}

// Progress is Tx.Progress over a snapshot of its own.
func (s *Store) Progress(ctx context.Context, consumer string) ([]Progress, error) {
	return inRead(ctx, s, func(t *Tx) ([]Progress, error) { return t.Progress(ctx, consumer) })
}

// ResetProgress forgets the reader's offsets of a topic, for one that was deleted
// and made again or is to be read anew.
func (t *Tx) ResetProgress(ctx context.Context, consumer, topic string) error {
	_, err := t.exec(ctx, "DELETE FROM progress WHERE consumer = $1 AND topic = $2", consumer, topic)
	return err
}

// ResetProgress is Tx.ResetProgress in a transaction of its own.
func (s *Store) ResetProgress(ctx context.Context, consumer, topic string) error {
	return s.Tx(ctx, func(t *Tx) error { return t.ResetProgress(ctx, consumer, topic) })
}
