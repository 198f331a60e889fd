package log

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Ask names a partition to read and the offset to go on from.
type Ask struct {
	Partition Partition
	From      int64
}

// Answer is one piece of what a session fetched: a run of records of one partition, or
// why there is none.
type Answer struct {
	Ask   int // index in the asks of the fetch
	Batch     // Next tells where the partition goes on, also where there are no records
	Err   error
}

// Session reads many partitions for one reader, with buffers that it uses again: each
// leader is asked for all its partitions in one request, each record batch is
// decompressed once, and in steady state nothing is allocated per record.
//
// A session belongs to one goroutine, but for Close.
type Session interface {
	// Fetch asks for records of all partitions named, waiting at most wait for the
	// first one, and forgets what the last fetch left unread. asks must stay as they are
	// until the next Fetch. No partition is named twice.
	//
	// Its error says that nothing could be asked at all; else Next tells about each ask.
	Fetch(ctx context.Context, asks []Ask, wait time.Duration) error

	// Next returns the next piece of what was fetched; ok is false after the last. Each
	// ask is answered at least once. Pieces of one ask are neighbours, and their offsets
	// ascend without overlap; an ask with an error has no piece after it.
	//
	// Records, keys, values and headers stay until the next call of Next, Fetch or
	// Close: whoever wants to keep them copies them.
	//
	// Errors of an ask: ErrOutOfRange, ErrNoTopic, *BadBatch, or ErrAgain where asking
	// again may help and nothing else is to be done.
	Next() (a Answer, ok bool)

	// Close frees what the session holds.
	Close() error
}

// ErrAgain is behind the error of an ask that was not answered for a reason that may
// pass: the leader moved or cannot be reached, a batch was damaged on the way. The
// session knows how long to leave a broker alone; its reader just asks again.
var ErrAgain = errors.New("not answered yet")

// ErrBatch is behind the error of a fetch that cannot go on: a batch whose CRC stays
// wrong over several connections, or one that expands beyond the limit. errors.As with
// *BadBatch tells where it ends, so that a reader may count its records as dead and go
// on behind it; a log never skips by itself.
var ErrBatch = errors.New("record batch cannot be read")

// BadBatch names a batch that cannot be read.
type BadBatch struct {
	Partition Partition
	First     int64 // first offset asked for that lies in it
	Last      int64 // last offset; equal to First − 1 where the header itself cannot be trusted
	Records   int64 // as its header says, those before First included; 0 where it cannot be trusted
	Err       error
}

// Error implements error.
func (e *BadBatch) Error() string {
	return fmt.Sprintf("%s offsets %d to %d, %d records: %v", e.Partition, e.First, e.Last, e.Records, e.Err)
}

// Unwrap gives ErrBatch and the cause.
func (e *BadBatch) Unwrap() []error { return []error{ErrBatch, e.Err} }
