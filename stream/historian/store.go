package historian

import (
	"context"
	"iter"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// Store is the database as the historian needs it.
type Store interface {
	// Offsets returns the next offset to read per partition.
	Offsets(ctx context.Context) (map[log.Partition]int64, error)
	// Write stores the rows and the offsets in one transaction.
	Write(ctx context.Context, rows Rows, next map[log.Partition]int64) error
	// Outbox returns the oldest rows that are not published yet.
	Outbox(ctx context.Context, limit int) ([]OutboxRow, error)
	// Published marks outbox rows as published.
	Published(ctx context.Context, ids []int64, nowMS int64) error
}

// Rows is what one transaction writes.
type Rows struct {
	Scores    []wire.Score
	Events    []wire.Event
	Examples  []Example
	Ledgers   []wire.Ledger
	Frontiers []wire.Frontier
	Models    []wire.Model
}

func (r *Rows) add(o Rows) {
	r.Scores = append(r.Scores, o.Scores...)
	r.Events = append(r.Events, o.Events...)
	r.Examples = append(r.Examples, o.Examples...)
	r.Ledgers = append(r.Ledgers, o.Ledgers...)
	r.Frontiers = append(r.Frontiers, o.Frontiers...)
	r.Models = append(r.Models, o.Models...)
}

func (r *Rows) len() int {
	return len(r.Scores) + len(r.Events) + len(r.Examples) + len(r.Ledgers) + len(r.Frontiers) + len(r.Models)
}

// each gives the rows one at a time.
func (r *Rows) each() iter.Seq[Rows] {
	return func(yield func(Rows) bool) {
		_ = single(r.Scores, func(x []wire.Score) bool { return yield(Rows{Scores: x}) }) &&
			single(r.Events, func(x []wire.Event) bool { return yield(Rows{Events: x}) }) &&
			single(r.Examples, func(x []Example) bool { return yield(Rows{Examples: x}) }) &&
			single(r.Ledgers, func(x []wire.Ledger) bool { return yield(Rows{Ledgers: x}) }) &&
			single(r.Frontiers, func(x []wire.Frontier) bool { return yield(Rows{Frontiers: x}) }) &&
			single(r.Models, func(x []wire.Model) bool { return yield(Rows{Models: x}) })
	}
}

func single[T any](xs []T, f func([]T) bool) bool {
	for i := range xs {
		if !f(xs[i : i+1]) {
			return false
		}
	}
	return true
}

// Example is one group of an example: exactly one of the three parts is set.
type Example struct {
	Model, ID string
	EventMS   int64
	At        log.Partition
	Offset    int64

	Features   string // JSON object, "" where this record has none
	Segments   string // JSON object of texts beside the features; "" for none
	Prediction *Prediction
	Label      *string
}

// Prediction is what the model answered.
type Prediction struct {
	Version string
	Score   *float64
	Class   string
}

// OutboxRow is one act of an SQL transaction that is to be published.
type OutboxRow struct {
	ID        int64
	Kind      string
	Ref       string
	Version   string
	Payload   string
	CreatedMS int64
}

// Keep says which groups of a model's examples are stored.
type Keep uint8

// The choices of `examples:`.
const (
	KeepNothing Keep = iota
	KeepScores       // predictions and labels, no features
	KeepRows         // all three groups
)
