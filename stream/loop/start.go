package loop

import (
	"context"
	"errors"
	"fmt"

	"github.com/driftline/driftline/stream/log"
)

// ErrRemade says that a group's offset lies past the end of its partition: the
// topic was deleted and made again, or acknowledged records were lost.
var ErrRemade = errors.New("committed offset is past the end of the partition")

// First says where a source starts that has no committed offset.
type First uint8

// Oldest starts at the first offset held, Newest at the last record.
const (
	Oldest First = iota
	Newest
)

// Start decides where a run of one source begins (stream.md §3.1). There is no
// special case for first starts, operator resets, expired offsets or truncation:
// only the horizon. −∞ belongs to offset 0 that still exists, never to "the log
// start".
func Start(committed, lo, hi int64, first First, p log.Partition) (Origin, error) {
	o := committed
	if o < 0 {
		o = lo
		if first == Newest && hi > lo {
			o = hi - 1 // one record is needed for a horizon
		}
	}
	gap := int64(0)
	switch {
	case o > hi:
		return Origin{}, fmt.Errorf("start %s: committed offset %d, but the partition ends at %d; if the topic was made again, "+
			"raise its incarnation in the layout, else find out why acknowledged records are missing: %w", p, o, hi, ErrRemade)
	case o < lo:
		gap, o = lo-o, lo
	}
	if o == hi && hi > lo {
		o = hi - 1 // "latest": a record must be read before anything can be claimed
	}
	origin := Origin{Offset: o, LogStart: lo, HorizonMS: Never, GapBefore: gap}
	if o == 0 && lo == 0 {
		origin.HorizonMS = Unset
	}
	return origin, nil
}

// StartAt begins a run by time look-up: everything before the offset found has a
// record time < timeMS, so the horizon is timeMS + skew (stream.md §3.5). Where the
// log was truncated that holds only for what is left of it; for what is gone the first
// record held bounds it, as at any start.
func StartAt(ctx context.Context, l log.Log, p log.Partition, timeMS int64, times Times) (Origin, error) {
	lo, hi, err := l.Bounds(ctx, p)
	if err != nil {
		return Origin{}, fmt.Errorf("bounds of %s: %w", p, err)
	}
	o, err := l.OffsetAt(ctx, p, timeMS)
	if err != nil {
		return Origin{}, fmt.Errorf("offset of %s at %d ms: %w", p, timeMS, err)
	}
	origin := Origin{Offset: o, LogStart: lo, HorizonMS: timeMS + times.SkewMS}
	switch {
	case o == 0 && lo == 0:
		origin.HorizonMS = Unset
	case lo > 0 && o == lo:
		origin.HorizonMS = Never // from the first record
	case lo > 0:
		first, ok, err := firstTime(ctx, l, p, lo, hi)
		if err != nil {
			return Origin{}, err
		}
		if !ok {
			origin.HorizonMS = Never
			break
		}
		origin.HorizonMS = max(timeMS, first+times.DisorderMS) + times.SkewMS
	}
	return origin, nil
}

// firstTime is the time of the first record from lo on that carries one.
func firstTime(ctx context.Context, l log.Log, p log.Partition, lo, hi int64) (ms int64, ok bool, err error) {
	for at := lo; at < hi; {
		b, err := l.Fetch(ctx, p, at, 0)
		if err != nil {
			return 0, false, fmt.Errorf("first record of %s: %w", p, err)
		}
		for _, r := range b.Records {
			if r.TimeMS >= 0 {
				return r.TimeMS, true, nil
			}
		}
		if b.Next <= at {
			return 0, false, nil
		}
		at = b.Next
	}
	return 0, false, nil
}
