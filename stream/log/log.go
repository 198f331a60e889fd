package log

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// NoTime is the timestamp of a record that carries none.
const NoTime int64 = -1

// StampNow as Record.TimeMS asks the log to put its own clock on an appended record.
const StampNow int64 = -1 << 63

// Errors that callers branch on; test with errors.Is.
var (
	ErrNoTopic     = errors.New("topic does not exist")
	ErrOutOfRange  = errors.New("offset out of range")
	ErrTimeBounds  = errors.New("record time outside the topic's bounds")
	ErrTooLarge    = errors.New("record too large")
	ErrLost        = errors.New("partition or generation lost")
	ErrUnreachable = errors.New("broker unreachable")
)

// Partition addresses one partition of one topic.
type Partition struct {
	Topic string
	Index int32
}

// String gives "topic/3".
func (p Partition) String() string { return fmt.Sprintf("%s/%d", p.Topic, p.Index) }

// Record is one record, read or to be appended. On append Offset is ignored and
// Partition.Index is used as it stands: no client partitioner ever chooses.
type Record struct {
	Partition Partition
	Offset    int64
	TimeMS    int64 // epoch milliseconds, NoTime, or StampNow on append
	Key       []byte
	Value     []byte
	Headers   []byte // as a record batch encodes them, see CheckHeaders and event.Headers; nil for none
}

// Batch is the answer to one Fetch, or a piece of one in a Session.
type Batch struct {
	Records []Record // ascending offsets, all ≥ the offset asked for
	Next    int64    // offset to ask for next: past the last record and past what was skipped
	Start   int64    // first offset the partition still holds
	End     int64    // high watermark: one past the last readable record
	Aborted []int64  // offsets of records that were left out because their transaction was aborted, ascending
}

// Topic is what CreateTopics needs to know.
type Topic struct {
	Name       string
	Partitions int
	Replicas   int               // 0 = the broker's default, 1 on one node
	Config     map[string]string // broker keys, e.g. cleanup.policy
}

// Log is the broker as Driftline sees it. Implementations: memlog (in memory,
// virtual time, faults) and kafka (kafka-go, against Apache Kafka or the embedded
// broker). All methods are safe for concurrent use.
//
// Append returns after all records are durable. After an error the caller must
// not assume either outcome: append again, readers keep the larger through.
type Log interface {
	// Partitions returns how many partitions the topic has, or ErrNoTopic.
	Partitions(ctx context.Context, topic string) (int, error)
	// Bounds returns the first offset held and the high watermark.
	Bounds(ctx context.Context, p Partition) (start, end int64, err error)
	// OffsetAt returns the first offset whose record time is ≥ timeMS, or the end.
	OffsetAt(ctx context.Context, p Partition, timeMS int64) (int64, error)
	// Fetch returns records from offset on, waiting at most wait for the first
	// one; an empty batch is no error. ErrOutOfRange if from is not held.
	Fetch(ctx context.Context, p Partition, from int64, wait time.Duration) (Batch, error)
	// Session returns a reader of many partitions at once that keeps its buffers; Close it.
	Session() Session
	// Append writes records, in order per partition.
	Append(ctx context.Context, recs []Record) error
	// Committed returns the group's offset, or −1 where there is none.
	Committed(ctx context.Context, group string, p Partition) (int64, error)
	// Commit stores the group's offset.
	Commit(ctx context.Context, group string, p Partition, offset int64) error
	// CreateTopics makes the topics that do not exist; existing ones stay as they are.
	CreateTopics(ctx context.Context, topics []Topic) error
	// TopicConfig returns the effective configuration of a topic.
	TopicConfig(ctx context.Context, topic string) (map[string]string, error)
	// Close frees connections; a closed log answers ErrUnreachable.
	Close() error
}
