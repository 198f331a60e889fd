package collect

import (
	"math"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Config fixes one source's fold.
type Config struct {
	Source     wire.Source
	Layout     wire.Layout
	Fold       int32 // of ledgers and frontiers; that of partials stands in control
	PanesTopic string
	DeadTopic  string // "": dead letters are counted only
	Limits     event.Limits
	Quota      Quota
	Reader     event.Reader // nil: native JSON under Limits
	Grids      *wire.Grids  // shared by the sources of a process; nil: each decodes its own
	// Restate makes the fold of a restating replay; nil: the live one.
	Restate *Restate
	Mutant  loop.Mutant // tests only
}

// Restate counts events of any lateness, but only those of the panes From to To: what
// a restating replay holds in memory until its sources end. Events from the future are
// refused as ever. With a Model only that model is counted. Such a fold keeps no ledger
// and writes no dead letters: what became of each record was told when it was read live.
type Restate struct {
	From, To int64
	Model    string // "" for all
}

// holds reports whether the fold counts the model into the pane.
func (r *Restate) holds(model string, pane int64) bool {
	return r == nil || pane >= r.From && pane <= r.To && (r.Model == "" || r.Model == model)
}

// Source is fold 1 for one source. It implements loop.SourceFold.
type Source struct {
	cfg     Config
	times   loop.Times
	tracker *loop.Tracker
	view    *wire.View
	control int64 // offset of the control topic read so far
	reader  event.Reader
	raw     event.Raw
	ev      *event.Event // what the record under way says
	thin    thinning
	most    int // panes held at once

	panes   span // of event time, by the last event
	routes  [routes]route
	orders  map[orderKey]*order
	names   map[string]string // names of models, in memory of their own
	buffers *sketches.Buffers
	adder   *joint.Adder // of joint sums; nil until a pane has some

	open     map[int64]*pane        // by pane of event time
	arrivals map[int64]*wire.Ledger // by pane of the record clock
	arrival  *wire.Ledger           // the ledger of the pane the clock stood in last; nil: look
	clocks   span                   // that pane
	early    *wire.Ledger           // counted while the clock was unset
	dead     []log.Record           // dead letters of the next cycle
	deadSeen map[deadKey]int

	closed     int64 // u of the last cycle
	hasClosed  bool
	publishing int64 // u of the cycle under way
}

// bufferBytes is what a source may use for rows that are not counted yet.
const bufferBytes = 4 << 20

// span is a pane with its bounds, so that the next time in it needs no division.
type span struct{ from, to, pane int64 } // epoch ms, [from, to)

func (s *span) of(times loop.Times, ms int64) int64 {
	if ms < s.from || ms >= s.to {
		s.pane = times.Pane(ms)
		s.from, s.to = times.Start(s.pane), times.End(s.pane)
	}
	return s.pane
}

// noPane is the arrival pane of what is counted while the clock is unset.
const noPane int64 = math.MinInt64

type deadKey struct {
	pane   int64
	reason string
}

// New starts the fold of a source at origin.
func New(cfg Config, origin loop.Origin) *Source {
	times := Times(cfg.Layout)
	return &Source{
		cfg:      cfg,
		times:    times,
		tracker:  loop.NewTracker(times, origin, cfg.Mutant),
		view:     wire.NewSharedView(wire.CollectSide, cfg.Grids),
		reader:   reader(cfg),
		most:     cfg.Quota.panes(cfg.Layout),
		orders:   map[orderKey]*order{},
		names:    map[string]string{},
		buffers:  sketches.NewBuffers(bufferBytes),
		open:     map[int64]*pane{},
		arrivals: map[int64]*wire.Ledger{},
		deadSeen: map[deadKey]int{},
	}
}

func reader(cfg Config) event.Reader {
	if cfg.Reader != nil {
		return cfg.Reader
	}
	return event.NewDecoder(cfg.Limits)
}

// Times returns the lengths of a layout as package loop wants them.
func Times(l wire.Layout) loop.Times {
	return loop.Times{PaneMS: l.PaneMS, LatenessMS: l.LatenessMS, SkewMS: l.SkewMS, DisorderMS: l.DisorderMS}
}

// Skip says that offsets below next hold no readable record, aborted of them for
// the transaction they belonged to.
func (s *Source) Skip(next, aborted int64) {
	hole := next - 1 - s.tracker.Through() - aborted
	l := s.ledger()
	s.tracker.Skip(next)
	if l == nil {
		return
	}
	l.Skipped += uint64(max(0, hole))
	l.Records += uint64(aborted)
	l.Outcomes[wire.Aborted] += uint64(aborted)
	l.Last = next - 1
}

// ledger returns the ledger of the pane the clock stands in, or nil where this run
// may not build that pane.
func (s *Source) ledger() *wire.Ledger {
	if s.cfg.Restate != nil {
		return nil
	}
	clock := s.tracker.Clock()
	if s.arrival != nil && clock < s.clocks.to { // the clock never runs back
		return s.arrival
	}
	if clock == loop.Unset {
		if s.early == nil {
			s.early = s.newLedger(noPane)
		}
		return s.early
	}
	p := s.clocks.of(s.times, clock)
	if !s.tracker.Builds(p) {
		s.early = nil
		return nil
	}
	l := s.arrivals[p]
	if l == nil {
		l = s.newLedger(p)
		if s.early != nil {
			l, s.early = s.early, nil
			l.Pane = p
			s.adoptDead(p)
		}
		s.arrivals[p] = l
	}
	s.arrival = l
	return l
}

func (s *Source) newLedger(p int64) *wire.Ledger {
	first := s.tracker.Through() + 1
	return &wire.Ledger{Source: s.cfg.Source, Fold: s.cfg.Fold, Pane: p, First: first, Last: first - 1}
}

// Apply folds one record.
func (s *Source) Apply(r log.Record) {
	if s.tracker.Through() < r.Offset-1 {
		s.tracker.Skip(r.Offset)
	}
	before := s.tracker.Through()
	s.tracker.See(r.Offset, r.TimeMS)
	outcome, reason := s.fold(r)
	l := s.ledger()
	if l == nil {
		return
	}
	if l.Records == 0 && l.Skipped == 0 {
		l.First = before + 1
	}
	l.Last = r.Offset
	l.Records++
	l.Outcomes[outcome]++
	switch outcome {
	case wire.Dead:
		s.countDead(l, r, reason)
	case wire.Unregistered:
		s.addName(&l.Unregistered, s.ev.Model)
		if s.ev.Type == event.TypeFeature {
			s.addName(&l.RowsOnly, s.ev.Model)
		}
	case wire.Late:
		bump(&l.LateBy, s.stable(s.ev.Model))
	case wire.Future:
		bump(&l.FutureBy, s.stable(s.ev.Model))
	}
}

// fold judges a record and counts it if it is accepted. The order of the cases is
// the order of P3.
func (s *Source) fold(r log.Record) (wire.Outcome, *event.Reason) {
	if r.TimeMS < 0 {
		return wire.Dead, &event.Reason{Code: event.CodeNoTime, Detail: "the record carries no timestamp; let the producer or the broker set one"}
	}
	if s.thinned(r) {
		return wire.Thinned, nil
	}
	s.raw = event.Raw{Key: r.Key, Value: r.Value, Headers: r.Headers, TimeMS: r.TimeMS}
	rows, err := s.reader.Read(&s.raw)
	if err != nil {
		return wire.Dead, asReason(err)
	}
	ev := &rows[0]
	s.ev = ev
	switch ev.Type {
	case event.TypeTick:
		return wire.Tick, nil
	case event.TypeLabel:
		return wire.Label, nil
	}
	ts := r.TimeMS
	if ev.HasTime {
		ts = ev.TimeMS
	}
	p := s.panes.of(s.times, ts)
	if s.thinnedIn(p) {
		return wire.Thinned, nil
	}
	if !s.routes[place(ev, p)].serves(ev, p) {
		if _, ok := s.view.Model(ev.Model, p); !ok {
			return wire.Unregistered, nil
		}
	}
	if s.cfg.Restate == nil && s.tracker.Late(ts) {
		return wire.Late, nil
	}
	if s.tracker.Future(ts) {
		return wire.Future, nil
	}
	if s.cfg.Restate.holds(ev.Model, p) {
		for i := range rows {
			if to, ok := s.route(&rows[i], p, r.Offset); ok {
				to.count(&rows[i], s.buffers)
			}
		}
	}
	return wire.Accepted, nil
}

func (s *Source) pane(p, offset int64) *pane {
	o := s.open[p]
	if o == nil {
		o = newPane(offset, s.cfg.Quota.versions())
		s.open[p] = o
	}
	return o
}

// forget drops what was looked up: control or the open panes have changed.
func (s *Source) forget() {
	s.routes = [routes]route{}
	s.arrival = nil
}

// Through returns the last offset folded, −1 before the first.
func (s *Source) Through() int64 { return s.tracker.Through() }
