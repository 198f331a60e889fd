package metrics

import (
	"context"
	"math"

	"github.com/driftline/driftline/registry/store"
)

// outcomeNames are the values of the label result, with where their number stands.
var outcomeNames = []struct {
	name string
	of   func(store.Outcomes) int64
}{
	{"accepted", func(o store.Outcomes) int64 { return o.Accepted }},
	{"late", func(o store.Outcomes) int64 { return o.Late }},
	{"future", func(o store.Outcomes) int64 { return o.Future }},
	{"thinned", func(o store.Outcomes) int64 { return o.Thinned }},
	{"dead", func(o store.Outcomes) int64 { return o.Dead }},
	{"label", func(o store.Outcomes) int64 { return o.Label }},
	{"tick", func(o store.Outcomes) int64 { return o.Tick }},
	{"unregistered", func(o store.Outcomes) int64 { return o.Unregistered }},
	{"aborted", func(o store.Outcomes) int64 { return o.Aborted }},
}

// tally follows the ledger, whose rows are few lately and many in all. It adds up
// only what arrived since a cut and remembers the rest:
//
//	count = settled + Σ rows from the cut on
//
// The cut stays settleMS behind the slowest source, so that rows before it do not
// change any more. Counts begin at zero with the process, as Prometheus expects of
// a counter: what retention deletes can then never look like a fall.
type tally struct {
	started bool
	cutMS   int64
	settled map[string]map[string]int64 // by topic and result; holds −(what was there at the start)
	shown   map[string]map[string]int64 // last shown: a counter never falls
}

// settleMS is how far behind the slowest source rows are taken for settled.
const settleMS = 3600 * 1000

// ledger is what tally reads.
type ledger interface {
	LedgerTotals(ctx context.Context, q store.LedgerQuery) (store.Outcomes, error)
}

// read brings the counts up to date; topics are the input topics, sources where
// they stand. After an error nothing has changed.
func (t *tally) read(ctx context.Context, l ledger, topics []string, sources []store.SourceRow) (map[string]map[string]int64, error) {
	cut := cutOf(sources)
	next := tally{started: true, cutMS: cut, settled: map[string]map[string]int64{}, shown: map[string]map[string]int64{}}
	for _, topic := range topics {
		newer, err := l.LedgerTotals(ctx, store.LedgerQuery{Topic: topic, FromMS: cut})
		if err != nil {
			return nil, err
		}
		var moved store.Outcomes // between the old cut and the new one
		sign := int64(1)
		if t.started && cut != t.cutMS {
			from, to := t.cutMS, cut
			if cut < t.cutMS { // a source came up that stands further back
				from, to, sign = cut, t.cutMS, -1
			}
			if moved, err = l.LedgerTotals(ctx, store.LedgerQuery{Topic: topic, FromMS: from, ToMS: to}); err != nil {
				return nil, err
			}
		}
		next.settled[topic], next.shown[topic] = map[string]int64{}, map[string]int64{}
		for _, o := range outcomeNames {
			settled := t.settled[topic][o.name] + sign*o.of(moved)
			if !t.started {
				settled = -o.of(newer)
			}
			next.settled[topic][o.name] = settled
			next.shown[topic][o.name] = max(t.shown[topic][o.name], settled+o.of(newer))
		}
	}
	*t = next
	return t.shown, nil
}

// cutOf returns the arrival time before which rows are settled; 0 restricts nothing.
func cutOf(sources []store.SourceRow) int64 {
	slowest := int64(math.MaxInt64)
	for _, s := range sources {
		if s.UptoMS > 0 { // else it has no record yet
			slowest = min(slowest, s.UptoMS)
		}
	}
	if slowest == math.MaxInt64 {
		return 0
	}
	return max(0, slowest-settleMS)
}
