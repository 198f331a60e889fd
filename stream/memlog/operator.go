package memlog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/stream/log"
)

// NowMS returns the log's clock, epoch milliseconds.
func (l *Log) NowMS() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now()
}

// SetNow moves the virtual clock, also backwards.
func (l *Log) SetNow(ms int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nowMS = ms
}

// Advance moves the virtual clock on by ms milliseconds.
func (l *Log) Advance(ms int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nowMS += ms
}

// Create makes a topic outside any process life; an existing one stays as it is.
func (l *Log) Create(t log.Topic) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.create(t)
}

// Write appends outside any process life, as a producer of input does.
func (l *Log) Write(recs ...log.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.check(recs); err != nil {
		return err
	}
	l.store(recs)
	return nil
}

// WriteAborted adds n records of an aborted transaction and its marker: n + 1
// offsets that no fetch returns, n of which a fetch counts in Batch.Aborted.
func (l *Log) WriteAborted(p log.Partition, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, pt, err := l.part(p)
	if err != nil {
		return fmt.Errorf("write aborted records to %w", err)
	}
	for range n {
		pt.aborted = append(pt.aborted, pt.end)
		pt.end++
	}
	pt.end++
	l.wake(pt)
	return nil
}

// WriteBad adds a batch of n records that no fetch can read: it answers *log.BadBatch
// of cause, and goes on behind it when asked to.
func (l *Log) WriteBad(p log.Partition, n int, cause error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, pt, err := l.part(p)
	if err != nil {
		return fmt.Errorf("write a bad batch to %w", err)
	}
	pt.bad = append(pt.bad, badRange{first: pt.end, last: pt.end + int64(n) - 1, n: int64(n), cause: cause})
	pt.end += int64(n)
	l.wake(pt)
	return nil
}

// Truncate drops all records before newStart, as retention does. A newStart at or
// before the present start changes nothing; beyond the end is an error.
func (l *Log) Truncate(p log.Partition, newStart int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, pt, err := l.part(p)
	if err != nil {
		return fmt.Errorf("truncate %w", err)
	}
	if newStart > pt.end {
		return fmt.Errorf("truncate %s to %d, the end is %d: %w", p, newStart, pt.end, log.ErrOutOfRange)
	}
	if newStart <= pt.start {
		return nil
	}
	pt.start = newStart
	pt.setRecords(pt.recs[pt.index(newStart):])
	i, _ := slices.BinarySearch(pt.aborted, newStart)
	pt.aborted = pt.aborted[i:]
	return nil
}

// Compact keeps the last record of each key in every partition, tombstones
// included, and every record without a key. Start and end do not move. A broker
// compacts at a time of its own choice, so a simulation calls this anywhere.
func (l *Log) Compact(topicName string) error {
	return l.compact(topicName, false)
}

// CompactTombstones compacts and also removes records whose last value is nil.
func (l *Log) CompactTombstones(topicName string) error {
	return l.compact(topicName, true)
}

func (l *Log) compact(topicName string, dropTombstones bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topicName]
	if t == nil {
		return fmt.Errorf("compact %s: %w", topicName, log.ErrNoTopic)
	}
	for _, pt := range t.parts {
		last := make(map[string]int64, len(pt.recs))
		for i := range pt.recs {
			if pt.recs[i].Key != nil {
				last[string(pt.recs[i].Key)] = pt.recs[i].Offset
			}
		}
		kept := make([]log.Record, 0, len(last))
		for _, r := range pt.recs {
			if r.Key != nil && (last[string(r.Key)] != r.Offset || (dropTombstones && r.Value == nil)) {
				continue
			}
			kept = append(kept, r)
		}
		pt.setRecords(kept)
	}
	return nil
}

// AddPartitions grows a topic to total partitions; a smaller number is an error.
func (l *Log) AddPartitions(topicName string, total int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topicName]
	if t == nil {
		return fmt.Errorf("add partitions to %s: %w", topicName, log.ErrNoTopic)
	}
	if total < len(t.parts) {
		return fmt.Errorf("add partitions to %s: has %d, asked for %d", topicName, len(t.parts), total)
	}
	for len(t.parts) < total {
		t.parts = append(t.parts, l.newPart())
	}
	return nil
}

// Recreate deletes a topic and makes it again with the same configuration and
// partitions: offsets start at 0. Committed offsets stay, the harder case for a
// reader; DropCommits removes them.
func (l *Log) Recreate(topicName string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.topics[topicName]
	if t == nil {
		return fmt.Errorf("recreate %s: %w", topicName, log.ErrNoTopic)
	}
	for i, old := range t.parts {
		t.parts[i] = l.newPart()
		l.wake(old)
	}
	return nil
}

// SetCommit moves a group's offset as an operator does; −1 removes it.
func (l *Log) SetCommit(group string, p log.Partition, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset < 0 {
		delete(l.commits, groupPartition{group, p})
		return
	}
	l.commits[groupPartition{group, p}] = offset
}

// DropCommits removes all offsets of a group, as their expiry does.
func (l *Log) DropCommits(group string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.commits, func(k groupPartition, _ int64) bool { return k.group == group })
}

// CommitOf returns the group's offset, −1 where there is none, without counting an operation.
func (l *Log) CommitOf(group string, p log.Partition) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.committed(group, p)
}

func (l *Log) committed(group string, p log.Partition) int64 {
	if o, ok := l.commits[groupPartition{group, p}]; ok {
		return o
	}
	return -1
}

// Records returns what a partition holds, shared and not to be changed; nil if it
// does not exist.
func (l *Log) Records(p log.Partition) []log.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, pt, err := l.part(p)
	if err != nil {
		return nil
	}
	return pt.recs[:len(pt.recs):len(pt.recs)]
}

// Ends returns the start and end offsets of a partition, without counting an operation.
func (l *Log) Ends(p log.Partition) (start, end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, pt, err := l.part(p); err == nil {
		return pt.start, pt.end
	}
	return 0, 0
}

// Ops returns how many operations of a kind all handles have begun.
func (l *Log) Ops(k Kind) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k >= kinds {
		return 0
	}
	return l.ops[k]
}
