package memlog

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/driftline/driftline/stream/log"
)

// Config says how a log behaves. The zero value is a simulation: virtual time
// starting at 0, no waiting, at most 500 records a fetch.
type Config struct {
	NowMS          int64        // the virtual clock at the start, epoch milliseconds
	Clock          func() int64 // replaces the virtual clock; SetNow and Advance then do nothing
	Block          bool         // Fetch waits for the first record on a timer, as a broker does; for testing/synctest
	MaxFetch       int          // records a fetch returns at most; default 500
	MaxRecordBytes int          // key, value and headers together; default 1 MiB
}

// Log is the broker. All methods are safe for concurrent use.
type Log struct {
	clock          func() int64
	block          bool
	maxFetch       int
	maxRecordBytes int

	mu      sync.Mutex // guards all below; never held while waiting or in a fault plan
	nowMS   int64
	topics  map[string]*topic
	commits map[groupPartition]int64
	changed chan struct{} // closed and replaced by every append to any partition; only in blocking mode
	ops     [kinds]int64
}

type groupPartition struct {
	group string
	p     log.Partition
}

type topic struct {
	config     map[string]string
	beforeMS   int64 // message.timestamp.before.max.ms
	afterMS    int64 // message.timestamp.after.max.ms
	appendTime bool
	compacted  bool
	parts      []*part
}

// part holds one partition. recs never holds two records of one offset, and its
// backing array is only ever appended to or replaced, since batches share it.
type part struct {
	start, end int64
	recs       []log.Record
	aborted    []int64       // offsets of aborted records still held, ascending
	bad        []badRange    // batches that cannot be read, ascending
	high       []int64       // high[i] = largest time of recs[0..i]; rebuilt when the front is cut
	changed    chan struct{} // closed and replaced by every append; only in blocking mode
}

// defaults are the effective values of a topic that sets nothing, as far as
// Driftline reads them.
var defaults = map[string]string{
	"cleanup.policy":                  "delete",
	"retention.ms":                    "604800000",
	"retention.bytes":                 "-1",
	"max.message.bytes":               "1048588",
	"message.timestamp.type":          "CreateTime",
	"message.timestamp.before.max.ms": strconv.FormatInt(math.MaxInt64, 10),
	"message.timestamp.after.max.ms":  strconv.FormatInt(math.MaxInt64, 10),
}

// New makes an empty log.
func New(cfg Config) *Log {
	if cfg.MaxFetch <= 0 {
		cfg.MaxFetch = 500
	}
	if cfg.MaxRecordBytes <= 0 {
		cfg.MaxRecordBytes = 1 << 20
	}
	l := &Log{
		clock: cfg.Clock, block: cfg.Block, maxFetch: cfg.MaxFetch, maxRecordBytes: cfg.MaxRecordBytes,
		nowMS: cfg.NowMS, topics: map[string]*topic{}, commits: map[groupPartition]int64{},
	}
	if l.block {
		l.changed = make(chan struct{})
	}
	return l
}

func (l *Log) now() int64 {
	if l.clock != nil {
		return l.clock()
	}
	return l.nowMS
}

func (l *Log) part(p log.Partition) (*topic, *part, error) {
	t := l.topics[p.Topic]
	if t == nil || p.Index < 0 || int(p.Index) >= len(t.parts) {
		return nil, nil, fmt.Errorf("%s: %w", p, log.ErrNoTopic)
	}
	return t, t.parts[p.Index], nil
}

func (l *Log) newPart() *part {
	pt := &part{}
	if l.block {
		pt.changed = make(chan struct{})
	}
	return pt
}

// create makes one topic unless it exists.
func (l *Log) create(def log.Topic) error {
	if l.topics[def.Name] != nil {
		return nil
	}
	if def.Name == "" {
		return errors.New("create topic: the name is empty")
	}
	if def.Partitions < 1 {
		return fmt.Errorf("create topic %s: %d partitions; want at least 1", def.Name, def.Partitions)
	}
	t := &topic{config: maps.Clone(defaults), beforeMS: math.MaxInt64, afterMS: math.MaxInt64}
	maps.Copy(t.config, def.Config)
	for key, dst := range map[string]*int64{
		"message.timestamp.before.max.ms": &t.beforeMS,
		"message.timestamp.after.max.ms":  &t.afterMS,
	} {
		v, err := strconv.ParseInt(t.config[key], 10, 64)
		if err != nil || v < 0 {
			return fmt.Errorf("create topic %s: %s = %q; want milliseconds ≥ 0", def.Name, key, t.config[key])
		}
		*dst = v
	}
	t.appendTime = t.config["message.timestamp.type"] == "LogAppendTime"
	t.compacted = strings.Contains(t.config["cleanup.policy"], "compact")
	for range def.Partitions {
		t.parts = append(t.parts, l.newPart())
	}
	l.topics[def.Name] = t
	return nil
}

// check refuses what a broker refuses, before anything of the append is stored.
func (l *Log) check(recs []log.Record) error {
	now := l.now()
	for i := range recs {
		r := &recs[i]
		t, pt, err := l.part(r.Partition)
		if err != nil {
			return fmt.Errorf("append to %w", err)
		}
		if n := len(r.Key) + len(r.Value) + len(r.Headers); n > l.maxRecordBytes {
			return fmt.Errorf("append to %s: %d bytes, at most %d: %w", r.Partition, n, l.maxRecordBytes, log.ErrTooLarge)
		}
		if err := log.CheckHeaders(r.Headers); err != nil {
			return fmt.Errorf("append to %s: %w", r.Partition, err)
		}
		if t.compacted && r.Key == nil {
			return fmt.Errorf("append to %s: record without a key on a compacted topic", r.Partition)
		}
		if t.appendTime || r.TimeMS == log.StampNow || r.TimeMS == log.NoTime {
			continue
		}
		if r.TimeMS < 0 {
			return fmt.Errorf("append to %s at offset %d: negative record time %d: %w", r.Partition, pt.end, r.TimeMS, log.ErrTimeBounds)
		}
		// Written as differences of non-negative numbers, so that an unbounded limit cannot overflow.
		if (r.TimeMS > now && r.TimeMS-now > t.afterMS) || (r.TimeMS < now && now-r.TimeMS > t.beforeMS) {
			return fmt.Errorf("append to %s: record time %d, now %d, bounds −%d/+%d ms: %w",
				r.Partition, r.TimeMS, now, t.beforeMS, t.afterMS, log.ErrTimeBounds)
		}
	}
	return nil
}

// store appends records that passed check. Keys, values and headers are copied into one
// array per call, so the caller may use its buffers again.
func (l *Log) store(recs []log.Record) {
	now, size := l.now(), 0
	for i := range recs {
		size += len(recs[i].Key) + len(recs[i].Value) + len(recs[i].Headers)
	}
	arena := make([]byte, 0, size)
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		from := len(arena)
		arena = append(arena, b...)
		return arena[from:len(arena):len(arena)]
	}
	for i := range recs {
		r := recs[i]
		t, pt, _ := l.part(r.Partition)
		r.Offset, r.Key, r.Value = pt.end, keep(r.Key), keep(r.Value)
		if r.Headers = keep(r.Headers); len(r.Headers) > 0 && r.Headers[0] == 0 {
			r.Headers = nil // a list of none
		}
		if t.appendTime || r.TimeMS == log.StampNow {
			r.TimeMS = now
		}
		pt.recs = append(pt.recs, r)
		pt.high = append(pt.high, max(r.TimeMS, pt.lastHigh()))
		pt.end++
		l.wake(pt)
	}
}

func (pt *part) lastHigh() int64 {
	if len(pt.high) == 0 {
		return math.MinInt64
	}
	return pt.high[len(pt.high)-1]
}

// wake tells those who wait that pt has changed.
func (l *Log) wake(pt *part) {
	if l.block {
		close(pt.changed)
		close(l.changed)
		pt.changed, l.changed = make(chan struct{}), make(chan struct{})
	}
}

// badRange is a batch that no fetch can read: n records at offsets first to last.
type badRange struct {
	first, last, n int64
	cause          error
}

// badAt returns the first batch that cannot be read and ends at or behind offset.
func (pt *part) badAt(offset int64) (badRange, bool) {
	for _, b := range pt.bad {
		if b.last >= offset {
			return b, true
		}
	}
	return badRange{}, false
}

// index returns the position of the first record held at or after offset.
func (pt *part) index(offset int64) int {
	i, _ := slices.BinarySearchFunc(pt.recs, offset, func(r log.Record, o int64) int {
		switch {
		case r.Offset < o:
			return -1
		case r.Offset > o:
			return 1
		}
		return 0
	})
	return i
}

// batch answers a fetch; the records are a window on the stored ones.
func (pt *part) batch(from int64, limit int) log.Batch {
	b := log.Batch{Start: pt.start, End: pt.end, Next: pt.end}
	i := pt.index(from)
	held := len(pt.recs)
	if bad, ok := pt.badAt(from); ok {
		held = pt.index(bad.first) // what is good comes first
		b.Next = bad.first
	}
	j := min(i+limit, held)
	if i < j {
		b.Records = pt.recs[i:j:j]
	}
	if j < held {
		b.Next = b.Records[len(b.Records)-1].Offset + 1
	}
	lo, _ := slices.BinarySearch(pt.aborted, from)
	hi, _ := slices.BinarySearch(pt.aborted, b.Next)
	b.Aborted = pt.aborted[lo:hi:hi]
	return b
}

// offsetAt returns the first offset with a time ≥ timeMS, or the end. The first
// record to reach a time is where the running maximum reaches it.
func (pt *part) offsetAt(timeMS int64) int64 {
	i, _ := slices.BinarySearch(pt.high, timeMS)
	if i == len(pt.recs) {
		return pt.end
	}
	return pt.recs[i].Offset
}

// setRecords replaces what is held, after a cut or a compaction.
func (pt *part) setRecords(recs []log.Record) {
	pt.recs = recs
	pt.high = make([]int64, len(recs))
	last := int64(math.MinInt64)
	for i := range recs {
		last = max(last, recs[i].TimeMS)
		pt.high[i] = last
	}
}
