package collect

import (
	"fmt"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

var _ loop.SourceFold = (*Source)(nil)

// Bad counts the records of a batch that cannot be read as dead, by the number in its
// header, with one dead letter for all of them. No clock moves: the times inside are not
// known, and a bomb must not decide what is late.
func (s *Source) Bad(b *log.BadBatch) {
	if s.tracker.Through() < b.First-1 {
		s.Skip(b.First, 0)
	}
	l := s.ledger()
	before := s.tracker.Through()
	s.tracker.Skip(b.Last + 1)
	n := min(b.Records, b.Last-before) // those before the offset asked for were read by an earlier run
	if l == nil || n <= 0 {
		return
	}
	if l.Records == 0 && l.Skipped == 0 {
		l.First = before + 1
	}
	l.Records += uint64(n)
	l.Skipped += uint64(b.Last - before - n)
	l.Outcomes[wire.Dead] += uint64(n)
	l.Last = b.Last
	s.countDead(l, log.Record{Partition: b.Partition, Offset: b.First, TimeMS: log.NoTime}, &event.Reason{
		Code:   event.CodeUnreadable,
		Detail: fmt.Sprintf("a batch of %d records, offsets %d to %d: %v", n, b.First, b.Last, b.Err),
	})
	l.DeadBy[string(event.CodeUnreadable)] += uint64(n - 1) // countDead took it for one
}
