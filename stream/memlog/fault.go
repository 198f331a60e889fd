package memlog

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/driftline/driftline/stream/log"
)

// ErrKilled is what a process sees of its own death: the operation that was
// struck, and every later one through the same handle, return it.
var ErrKilled = errors.New("process killed")

// Kind names an I/O boundary.
type Kind uint8

// The boundaries, one per method of log.Log that talks to the broker.
const (
	Fetch Kind = iota
	Append
	Commit
	Committed
	Bounds
	OffsetAt
	Partitions
	CreateTopics
	TopicConfig
	kinds
)

var kindNames = [kinds]string{"fetch", "append", "commit", "committed", "bounds", "offset-at", "partitions", "create-topics", "topic-config"}

// String gives "append".
func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Writes tells whether the operation changes the log.
func (k Kind) Writes() bool { return k == Append || k == Commit || k == CreateTopics }

// Op is one operation as its fault plan sees it.
type Op struct {
	Kind      Kind
	N         int64         // number of the operation in its handle, from 1
	Partition log.Partition // of an append: of its first record; Index −1 where only a topic is meant
	Group     string        // commit, committed
	Offset    int64         // fetch: asked for; commit: to be stored
	Records   []log.Record  // append: what is to be written; not to be changed
}

// String gives "#12 append driftline.panes/0 (3 records)".
func (o Op) String() string {
	s := fmt.Sprintf("#%d %s %s", o.N, o.Kind, o.Partition)
	switch o.Kind {
	case Append:
		s += fmt.Sprintf(" (%d records)", len(o.Records))
	case Fetch:
		s += fmt.Sprintf(" from %d", o.Offset)
	case Commit:
		s += fmt.Sprintf(" %d for %s", o.Offset, o.Group)
	}
	return s
}

// Outcome is what becomes of an operation.
type Outcome uint8

// Outcomes; see the package documentation.
const (
	Pass Outcome = iota
	NotDone
	DoneSaidNo
	KillBefore
	KillAfter
)

var outcomeNames = [...]string{"pass", "not done", "done but said no", "killed before", "killed after"}

// String gives "done but said no".
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// Fault is the verdict on one operation. The zero value lets it pass.
type Fault struct {
	Outcome Outcome
	Err     error // what NotDone and DoneSaidNo return; nil means log.ErrUnreachable
	// Stored cuts an append that is NotDone or KillBefore: so many of its first
	// records are stored nevertheless, as when a producer dies between requests.
	Stored int
	// Limit bounds the records of a fetch that passes, so that batch ends vary;
	// 0 leaves the log's own limit.
	Limit int
}

// Faults decides about each operation of one handle, in order. It is called with
// no lock of the log held, so it may move the clock or act on the log; calls for
// one handle never overlap. It must not use the handle it decides about.
type Faults func(op Op) Fault

// KillAt kills at the n-th operation (from 1), before or after its effect.
func KillAt(n int64, outcome Outcome) Faults {
	return func(op Op) Fault {
		if op.N == n {
			return Fault{Outcome: outcome}
		}
		return Fault{}
	}
}

// Rates gives the share of operations, in [0, 1], that meet each fate. The sum of
// all four must not exceed 1.
type Rates struct {
	NotDone    float64
	DoneSaidNo float64
	KillBefore float64
	KillAfter  float64
	// Cut is the share of NotDone and KillBefore appends that store a random
	// proper part of their records.
	Cut float64
	// MaxFetch, if positive, draws the limit of every fetch from 1 to MaxFetch.
	MaxFetch int
}

// Seeded draws faults from rng at the given rates. The draws depend only on rng and
// on the order of operations, so a run is repeated by its seed.
func Seeded(rng *rand.Rand, r Rates) Faults {
	return func(op Op) Fault {
		var f Fault
		u := rng.Float64()
		for _, c := range []struct {
			share   float64
			outcome Outcome
		}{{r.NotDone, NotDone}, {r.DoneSaidNo, DoneSaidNo}, {r.KillBefore, KillBefore}, {r.KillAfter, KillAfter}} {
			if u < c.share {
				f.Outcome = c.outcome
				break
			}
			u -= c.share
		}
		switch op.Kind {
		case Append:
			cuttable := f.Outcome == NotDone || f.Outcome == KillBefore
			if cuttable && len(op.Records) > 1 && rng.Float64() < r.Cut {
				f.Stored = 1 + rng.IntN(len(op.Records)-1)
			}
		case Fetch:
			if r.MaxFetch > 0 {
				f.Limit = 1 + rng.IntN(r.MaxFetch)
			}
		}
		return f
	}
}
