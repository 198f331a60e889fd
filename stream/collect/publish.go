package collect

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Due reports whether a pane has closed since the last cycle.
func (s *Source) Due() bool {
	u, ok := s.tracker.Unfinished()
	return ok && (!s.hasClosed || u > s.closed)
}

// Publish returns the next cycle: dead letters and partials, then the frontier, then
// the commit.
func (s *Source) Publish(partitions int, promiseMS int64) (loop.Cycle, error) {
	u, ok := s.tracker.Unfinished()
	limit := int64(math.MinInt64)
	upto := loop.Unset
	if ok {
		limit, upto = u, s.times.Start(u)
	}
	if promiseMS != loop.Unset && promiseMS > upto {
		upto = promiseMS
		limit = s.times.Pane(promiseMS)
	}
	if s.cfg.Restate != nil { // nothing is counted beyond, so nothing is claimed
		upto = min(upto, s.times.End(s.cfg.Restate.To))
	}
	s.publishing = u
	partials, err := s.partials(limit)
	if err != nil {
		return loop.Cycle{}, err
	}
	c := loop.Cycle{
		Stages: []loop.Stage{
			{What: "dead letters", Records: s.dead},
			{What: "partials", Records: partials},
			{What: "frontiers", Records: s.frontiers(upto, partitions)},
		},
		Commit: -1,
	}
	if ok {
		if offset, may := s.tracker.Commit(s.commitPane(u)); may {
			c.Commit = offset
		}
	}
	s.mutate(&c, u, ok)
	return c, nil
}

// Published drops what the last cycle made durable.
func (s *Source) Published() {
	s.dead = nil
	u, ok := s.tracker.Unfinished()
	if !ok || s.publishing > u {
		return
	}
	u = s.publishing
	s.forget()
	for p := range s.open {
		if p < u {
			delete(s.open, p)
		}
	}
	for p := range s.arrivals {
		if p < u {
			delete(s.arrivals, p)
		}
	}
	maps.DeleteFunc(s.deadSeen, func(k deadKey, _ int) bool { return k.pane < u })
	s.tracker.Forget(s.commitPane(u))
	s.closed, s.hasClosed = u, true
}

func (s *Source) frontiers(upto int64, partitions int) []log.Record {
	f := wire.Frontier{
		Source: s.cfg.Source, Fold: s.cfg.Fold, UptoMS: upto, SinceMS: s.tracker.Horizon(),
		Partitions: int32(max(partitions, int(s.cfg.Source.Partition)+1)), Through: s.tracker.Through(), Control: s.control,
	}
	value := f.Encode()
	recs := make([]log.Record, s.cfg.Layout.PanesPartitions)
	for q := range recs {
		recs[q] = s.record(int32(q), "_frontier", value)
	}
	return recs
}

func (s *Source) record(q int32, key string, value []byte) log.Record {
	return log.Record{Partition: log.Partition{Topic: s.cfg.PanesTopic, Index: q}, TimeMS: log.StampNow, Key: []byte(key), Value: value}
}

// partials encodes the panes before limit, in order of pane, model, version, grid
// and chunk.
func (s *Source) partials(limit int64) ([]log.Record, error) {
	var recs []log.Record
	through := s.tracker.Through()
	for _, p := range slices.Sorted(maps.Keys(s.open)) {
		if p >= limit {
			break
		}
		cfg := s.cfg
		cfg.Fold = s.view.Fold(p).Number
		for _, x := range s.open[p].partials(cfg, p, through) {
			recs = append(recs, s.record(wire.Home(x.ID.Model, int(s.cfg.Layout.PanesPartitions)), x.ID.Model, x.Encode()))
		}
	}
	home := wire.Home(s.cfg.Source.String(), int(s.cfg.Layout.PanesPartitions))
	for _, p := range slices.Sorted(maps.Keys(s.arrivals)) {
		if p >= limit {
			break
		}
		l := *s.arrivals[p]
		l.Through = through
		var sum uint64
		for _, n := range l.Outcomes {
			sum += n
		}
		if sum != l.Records || uint64(l.Last-l.First+1) != l.Records+l.Skipped {
			return nil, fmt.Errorf("ledger of %s, pane %d does not add up: %d records, %d outcomes, offsets %d to %d, %d skipped",
				s.cfg.Source, p, l.Records, sum, l.First, l.Last, l.Skipped)
		}
		recs = append(recs, s.record(home, "_source", l.Encode()))
	}
	return recs, nil
}
