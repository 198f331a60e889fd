package evaluate

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Topics are the names of the topics this fold writes to and reads from.
type Topics struct{ Panes, State, Scores, Drift, Control string }

// Admission says what becomes of models that are not declared.
type Admission struct {
	Auto      bool
	MaxModels int // admitted at most, declared ones included
	// Room reports whether so many models more, of which nothing but rows and scores is
	// counted, fit into memory beside those of the view; nil: yes.
	Room func(v *wire.View, more int) bool
}

// Config fixes one partition's fold.
type Config struct {
	Layout    wire.Layout
	Partition int32 // of the panes topic, hence of state, scores and drift too
	Namespace string
	Fold      int32
	Topics    Topics
	Grids     *wire.Grids // shared by the folds of a process; nil: each decodes its own
	MaxRun    int         // panes one cycle may cover, bounded by the ring; 0: as many as are useful
	// MaxPending is how many panes that are not final are held merged; 0: as many as
	// are useful, < 0: all, for a reader that cannot read again.
	MaxPending int
	Admission  Admission
	Policy     wire.Policy // for models that have none of their own
	// Past is what is known of the time before, for a replay that begins in the middle;
	// nil: the fold begins at the beginning, or loads its state.
	Past   *wire.Past
	Mutant loop.Mutant // tests only
	// SlotBytes is how much a slot's record may take before segments are written to a
	// further one; 0: wire.SlotBytes.
	SlotBytes int
	WeekMS    int64 // what learnt volume repeats with; 0: seven days, tests have shorter ones
}

// Validate returns why the configuration cannot be used.
func (c Config) Validate() error {
	if err := c.Layout.Validate(); err != nil {
		return err
	}
	if err := c.Policy.CheckLayout(c.Layout); err != nil {
		return err
	}
	if c.MaxRun > maxRun(c.Layout) {
		return fmt.Errorf("run of %d panes: the ring holds %d panes, so that a run may be %d at most", c.MaxRun, c.Layout.Ring0(), maxRun(c.Layout))
	}
	return nil
}

// maxRun is the longest run of panes one cycle may cover. A crash before its marker
// leaves up to run slots ahead in the ring, so each ring must hold its longest
// window, the run, and one more.
func maxRun(l wire.Layout) int {
	fine := l.Ring0() - min(2*l.SlotPanes, l.LongestMS()/l.PaneMS) - 1
	coarse := (l.Ring1() - l.LongestMS()/l.SlotMS() - 1) * l.SlotPanes
	return int(max(1, min(fine, coarse)))
}

// Stats count what happened on the way; for metrics, never for results.
type Stats struct {
	LatePartials   uint64 // for a pane that was final already
	LateDiffering  uint64 // of those, with other cells than were counted: an axiom broke
	LateUnverified uint64 // of those, for a pane so old that it cannot be told
	Contradicted   uint64 // partials that gave a pane other cells before it was final: a promise broke
	Reread         uint64 // records applied again to merge panes that were passed over
	Obsolete       uint64 // partials counted in a way that control has replaced for their pane
	WrongFold      uint64 // partials counted in a way that control does not know
	Undecodable    uint64
	LostSlots      uint64 // ring slots and coverage records that were missing at a load: their windows end with coverage below one
	RebuiltSlots   uint64 // that a load did not find and made again from what the panes topic still holds
	NotAdmitted    uint64 // models that found no room: one for each name and load
	ControlRefused int
}

// Fold is fold 2 for one partition. It implements loop.PanesFold.
type Fold struct {
	cfg     Config
	view    *wire.View
	control int64 // offset of the control topic read so far
	table   *table
	pending map[int64]*pending
	open    int   // of them, that are merged
	filling int   // of these, that are being read again
	applied int64 // last offset that was applied; −1: none
	until   int64 // last offset to read again; −1: reading ahead
	ahead   int64 // where reading ahead goes on
	models  map[string]*model
	cover   [2]map[int64]wire.Coverage // by ring
	loaded  *loaded                    // between Load and Resume, where a marker was found
	// uncovered are the numbers whose coverage record a load did not find, by ring.
	uncovered [2]map[int64]bool
	repairs   []log.Record // slots made again, of the next cycle
	summed    uint64       // how many
	keptLost  uint64       // slots kept for moving references that a load did not find
	scratch   drift.Scratch

	first    int64 // first pane that was ever final
	next     int64 // newest pane that is final, published or queued
	started  bool  // first and next are set
	settled  bool  // from now on only a claim can make a pane final
	done     int64
	hasDone  bool
	at       int64 // offset of the record that made done final
	loadedAt int64 // at of the marker that was loaded; −1: none
	resume   int64
	intent   int64 // last pane that a cycle of an earlier process may have published; NoPane: none
	queue    []final
	running  []final                       // the run of the cycle under way
	digests  map[int64]map[partialKey]seen // of the newest done panes
	joined   bool                          // what cfg.Past says is in force

	effective   map[string]int64 // control key → pane from which it counts
	unapplied   []wire.Control   // evaluate-side control without a pane yet
	toApply     []log.Record     // applied records of the next cycle
	provisional int64            // newest pane of the last provisional scores
	admitted    map[string]bool  // names written or seen
	wanted      map[string]wire.Model
	noRoom      map[string]bool // names that were not admitted
	stats       Stats
}

// final is a pane that is final and waits to be published.
type final struct {
	pane    int64
	at      int64
	table   []wire.SourceClaims
	covered wire.Coverage
}

// New returns an empty fold.
func New(cfg Config) *Fold {
	if cfg.MaxPending == 0 {
		cfg.MaxPending = pendingPanes
	}
	if cfg.SlotBytes == 0 {
		cfg.SlotBytes = wire.SlotBytes
	}
	if cfg.MaxRun == 0 {
		cfg.MaxRun = min(runPanes, maxRun(cfg.Layout))
	}
	return &Fold{
		cfg: cfg, view: wire.NewSharedView(wire.EvaluateSide, cfg.Grids), table: newTable(cfg.Layout),
		pending: map[int64]*pending{}, models: map[string]*model{},
		cover: [2]map[int64]wire.Coverage{{}, {}}, uncovered: [2]map[int64]bool{{}, {}},
		loadedAt: -1, at: -1, intent: wire.NoPane, digests: map[int64]map[partialKey]seen{},
		applied: -1, until: -1, provisional: wire.NoPane,
		effective: map[string]int64{}, admitted: map[string]bool{}, wanted: map[string]wire.Model{}, noRoom: map[string]bool{},
	}
}

// Stats returns the counters so far.
func (f *Fold) Stats() Stats {
	f.stats.ControlRefused = f.view.Refused
	return f.stats
}

// Done returns the last pane whose marker is acknowledged.
func (f *Fold) Done() (int64, bool) { return f.done, f.hasDone }

// Apply folds one record of the panes topic.
func (f *Fold) Apply(r log.Record) error {
	again := r.Offset <= f.applied
	f.applied = max(f.applied, r.Offset)
	if again {
		f.stats.Reread++
	}
	if !f.take(r, again) && !again {
		f.stats.Undecodable++
	}
	claim := wire.Kind(r.Value) == wire.KindFrontier
	if !again && r.Offset >= f.loadedAt && (claim || !f.settled) { // at the marker's own record more panes may be final than its run held
		f.finalise(r.Offset)
		f.settled = f.started
	}
	return nil
}

// take folds what the record says; false if it cannot be decoded.
func (f *Fold) take(r log.Record, again bool) bool {
	switch wire.Kind(r.Value) {
	case wire.KindPartial:
		p, err := wire.DecodePartial(r.Value)
		if err != nil {
			return false
		}
		f.partial(p, r.Offset, again)
	case wire.KindLedger:
		l, err := wire.DecodeLedger(r.Value)
		if err != nil {
			return false
		}
		f.ledger(l, r.Offset, again)
	case wire.KindFrontier:
		if again {
			return true
		}
		fr, err := wire.DecodeFrontier(r.Value)
		if err != nil {
			return false
		}
		if fr.Fold == f.cfg.Fold && r.Offset > f.loadedAt {
			f.table.merge(fr)
		}
	default:
		_, err := wire.Peek(r.Value)
		return err == nil
	}
	return true
}

// finalise queues every pane that the claims so far make final. It is called once
// per record, so that where a pane becomes final is a position of the log.
func (f *Fold) finalise(at int64) {
	if !f.started {
		upto, ok := f.table.upto(0)
		if !ok {
			return
		}
		first, found := int64(math.MaxInt64), false
		for p := range f.pending {
			if f.end(p) <= upto {
				first, found = min(first, p), true
			}
		}
		if first, found = f.begins(first, found, upto); !found {
			return
		}
		f.first, f.next, f.started = f.told(first), first-1, true
	}
	var table []wire.SourceClaims // as of this record, shared by the panes that it makes final
	for {
		p := f.next + 1
		need := f.view.CollectSince(p)
		upto, ok := f.table.upto(need)
		if !ok || f.end(p) > upto {
			return
		}
		if table == nil {
			table = f.table.snapshot()
		}
		covered, expected := f.table.coverage(p, need)
		f.next = p
		f.queue = append(f.queue, final{pane: p, at: at, covered: wire.Coverage{Number: p, Covered: covered, Expected: expected}, table: table})
	}
}

func (f *Fold) end(pane int64) int64 { return (pane + 1) * f.cfg.Layout.PaneMS }

// Final returns how many panes wait and how many one cycle may hold.
func (f *Fold) Final() (waiting, run int) { return f.ready(), f.cfg.MaxRun }

// addPartial adds a partial. Integer addition in any order gives the same numbers, so
// the order of sources does not matter.
func (f *Fold) addPartial(c *cell, p wire.Partial) error {
	if p.ID.Grid.IsZero() {
		e := c.entry(key{version: p.ID.Version})
		e.rows += p.Rows
		if len(p.Scores) == 0 {
			return nil
		}
		s, err := sketches.DecodeScoreCounts(p.Scores)
		if err != nil {
			return err
		}
		if e.scores == nil {
			e.scores = s
			return nil
		}
		return e.scores.Merge(s)
	}
	g, ok := f.view.Grid(p.ID.Model, p.ID.Grid)
	if !ok {
		return fmt.Errorf("model %q: unknown grid %s", p.ID.Model, p.ID.Grid)
	}
	from, to := wire.ChunkRange(int(p.ID.Chunk), len(g.Grid.Features))
	if from >= to {
		return fmt.Errorf("model %q: chunk %d of %d features", p.ID.Model, p.ID.Chunk, len(g.Grid.Features))
	}
	counts, err := sketches.DecodeCounts(g.Grid, from, to, p.Counts)
	if err != nil {
		return err
	}
	sums, err := decodeJoint(g, p.Joint)
	if err != nil {
		return err
	}
	e := c.entry(key{grid: p.ID.Grid, segment: p.ID.Segment})
	if err := e.add(g.Grid, counts, p.ID.Chunk); err != nil {
		return err
	}
	return e.addJoint(sums, false)
}
