package wire

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/driftline/driftline/sketches"
)

// A moving reference is made by the evaluator itself from what a model sent some time
// ago. It stands beside the model's own reference, which stays, and on its grid and
// verdict bins.
const (
	KindTrailing = "trailing" // the span that ended a gap ago
	KindSeasonal = "seasonal" // the same hours of the weeks before
)

// Moves reports whether a kind of reference moves along.
func Moves(kind string) bool { return kind == KindTrailing || kind == KindSeasonal }

// A seasonal reference needs as many weeks at least, and may ask for as many.
const (
	MinSeasonWeeks = 3
	MaxSeasonWeeks = 8
)

// Lengths of moving references, in milliseconds.
const (
	weekMS = int64(7 * 86_400_000)
	hourMS = int64(3_600_000)
	// MaxKeptMS is how far back a model's counts are kept for them, at most.
	MaxKeptMS = 10 * weekMS
	// MaxKept bounds how many slots that may be.
	MaxKept = 1 << 12
)

// Trailing compares windows with the span [end − gap − length, end − gap).
type Trailing struct {
	LengthMS int64   `json:"length_ms"`
	GapMS    int64   `json:"gap_ms"`
	Warn     float64 `json:"warn"`    // PSI
	Drifted  float64 `json:"drifted"` // PSI
}

// Seasonal compares windows with the same hours of as many weeks before.
type Seasonal struct {
	Weeks   int     `json:"weeks"`
	Warn    float64 `json:"warn"`    // PSI
	Drifted float64 `json:"drifted"` // PSI
}

// Moving returns the kinds of moving references that the policy asks for, in order.
func (p Policy) Moving() (kinds []string) {
	if p.Trailing != nil {
		kinds = append(kinds, KindTrailing)
	}
	if p.Seasonal != nil {
		kinds = append(kinds, KindSeasonal)
	}
	return kinds
}

// Against returns the policy with the limits that hold against a kind of reference.
func (p Policy) Against(kind string) Policy {
	switch {
	case kind == KindTrailing && p.Trailing != nil:
		p.Warn, p.Drifted = p.Trailing.Warn, p.Trailing.Drifted
	case kind == KindSeasonal && p.Seasonal != nil:
		p.Warn, p.Drifted = p.Seasonal.Warn, p.Seasonal.Drifted
	}
	return p
}

// MovingID is the identity of a moving reference: what it is made of, not what it holds
// at a moment. Alarms stand on it; the content has a digest of its own.
func (p Policy) MovingID(kind string, fixed sketches.ID) sketches.ID {
	fields := [][]byte{[]byte(kind), fixed[:]}
	switch {
	case kind == KindTrailing && p.Trailing != nil:
		fields = append(fields, number(p.Trailing.LengthMS), number(p.Trailing.GapMS))
	case kind == KindSeasonal && p.Seasonal != nil:
		fields = append(fields, number(int64(p.Seasonal.Weeks)))
	}
	return sketches.HashFields(fields...)
}

// BackMS returns how far before the end of a window its moving references begin, at most;
// 0 without any.
func (p Policy) BackMS(l Layout) (back int64) {
	longest := p.longest(l)
	if t := p.Trailing; t != nil {
		back = t.GapMS + t.LengthMS + l.SlotMS()
	}
	if s := p.Seasonal; s != nil {
		first := (longest + weekMS - 1) / weekMS // weeks that a window reaches into
		back = max(back, longest+(first+int64(s.Weeks)-1)*weekMS+2*l.SeasonMS())
	}
	return back
}

// longest is the longest window that the policy looks at.
func (p Policy) longest(l Layout) int64 {
	if len(p.WindowsMS) == 0 {
		return l.LongestMS()
	}
	return slices.Max(p.WindowsMS)
}

// checkMoving returns the faults of the moving references, by key.
func (p Policy) checkMoving() []error {
	var errs []error
	limits := func(key string, warn, drifted float64) {
		if !(warn > 0 && drifted >= warn) {
			errs = append(errs, fmt.Errorf("policy.%s.warn: %v and policy.%s.drifted: %v, want 0 < warn ≤ drifted", key, warn, key, drifted))
		}
	}
	if t := p.Trailing; t != nil {
		limits(KindTrailing, t.Warn, t.Drifted)
		if t.LengthMS <= 0 || t.GapMS < 0 || t.LengthMS > MaxKeptMS || t.GapMS > MaxKeptMS {
			errs = append(errs, fmt.Errorf("policy.trailing.length: %d ms and policy.trailing.gap: %d ms, want a length above 0, and at most %d ms together", t.LengthMS, t.GapMS, MaxKeptMS))
		}
	}
	if s := p.Seasonal; s != nil {
		limits(KindSeasonal, s.Warn, s.Drifted)
		if s.Weeks < MinSeasonWeeks || s.Weeks > MaxSeasonWeeks {
			errs = append(errs, fmt.Errorf("policy.seasonal.weeks: %d, want %d to %d", s.Weeks, MinSeasonWeeks, MaxSeasonWeeks))
		}
	}
	return errs
}

// CheckLayout returns why the moving references of the policy cannot be made under a
// layout; nil without any.
func (p Policy) CheckLayout(l Layout) error {
	if len(p.Moving()) == 0 {
		return nil
	}
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	slot := l.SlotMS()
	if t := p.Trailing; t != nil {
		if t.LengthMS%slot != 0 || t.GapMS%slot != 0 {
			add("policy.trailing: length %d ms and gap %d ms, must be multiples of stream.slide, %d ms", t.LengthMS, t.GapMS, slot)
		}
		if longest := p.longest(l); t.GapMS < longest {
			add("policy.trailing.gap: %d ms, must be at least the longest window, %d ms: else a window would be compared with itself", t.GapMS, longest)
		}
	}
	if p.Seasonal != nil && l.SeasonMS() == 0 {
		add("policy.seasonal: stream.slide of %d ms neither divides an hour nor is a whole number of hours that divides a week", slot)
	}
	if back := p.BackMS(l); back > MaxKeptMS {
		add("policy.references: they look back %d ms, and counts are kept for %d ms at most: shorten length or gap, take fewer weeks, or judge shorter windows", back, MaxKeptMS)
	}
	if n := l.Kept(); n > MaxKept {
		add("policy.references: stream.slide of %d ms makes %d steps of the %d ms that are kept for them, at most %d: it must be %d ms or longer", slot, n, MaxKeptMS, MaxKept, l.LeastSlotMS())
	}
	return errors.Join(errs...)
}

// SeasonMS is the length of one season of the week: an hour, or the slot where that is
// longer; 0 where slots do not make up hours, or weeks.
func (l Layout) SeasonMS() int64 {
	switch slot := l.SlotMS(); {
	case slot <= 0:
		return 0
	case hourMS%slot == 0:
		return hourMS
	case slot%hourMS == 0 && weekMS%slot == 0:
		return slot
	}
	return 0
}

// keptSpare is how many slots more than can be looked back on are kept: as many as a
// process that died may have gone ahead of its marker.
const keptSpare = 24

// Kept is how many places slots are kept in for moving references.
func (l Layout) Kept() int64 { return MaxKeptMS/l.SlotMS() + keptSpare }

// LeastSlotMS is the shortest slot of which that many can be kept.
func (l Layout) LeastSlotMS() int64 { return MaxKeptMS/(MaxKept-keptSpare) + 1 }

// KeptKey returns the key of a slot that is kept.
func KeptKey(model string, chunk int32, position int64) []byte {
	return []byte(model + "/" + strconv.Itoa(int(chunk)) + "/kept/" + strconv.FormatInt(position, 10))
}

// Kept is a chunk of a model's counts in one slot, kept for moving references.
type Kept struct {
	Model   string
	Chunk   int32
	Number  int64 // of the slot
	Prev    int64 // number of the model's slot kept before it, NoPane if none
	Entries []KeptEntry
}

// KeptEntry is what a slot holds on one grid.
type KeptEntry struct {
	Grid   sketches.ID
	Counts []byte // of the chunk's features
}

// Encode returns the framed bytes.
func (k Kept) Encode() []byte {
	var e sketches.Encoder
	e.String(k.Model)
	e.Varint(int64(k.Chunk))
	e.Varint(k.Number)
	e.Varint(k.Prev)
	e.Count(len(k.Entries))
	for _, x := range k.Entries {
		encodeID(&e, x.Grid)
		e.Bytes(x.Counts)
	}
	return sketches.Frame(KindKept, schema, e.Data())
}

// DecodeKept reads what Encode wrote. Counts are checked by the fold, which has the grid.
func DecodeKept(b []byte) (k Kept, err error) {
	d, err := open(b, KindKept, "kept counts")
	if err != nil {
		return k, err
	}
	k.Model = d.String()
	k.Chunk = decodeInt32(d, "chunk")
	k.Number = d.Varint()
	k.Prev = d.Varint()
	for range d.Count(17) {
		k.Entries = append(k.Entries, KeptEntry{Grid: decodeID(d), Counts: d.Bytes()})
	}
	if k.Chunk < 0 {
		d.Fail("chunk %d", k.Chunk)
	}
	return k, d.Finish()
}

// KindOfMoving is the kind under which the state of moving references stands among alarms.
const KindOfMoving = "moving"

// MovingState is what is known of a model's past for its moving references.
type MovingState struct {
	Since int64 // first slot that was kept
	Out   []Run // slots that never enter one: ascending, apart
}

// Run is a run of slots, both ends included.
type Run struct{ First, Last int64 }

// Encode returns the framed bytes.
func (s MovingState) Encode() []byte {
	var e sketches.Encoder
	e.Varint(s.Since)
	e.Count(len(s.Out))
	for _, r := range s.Out {
		e.Varint(r.First)
		e.Varint(r.Last)
	}
	return sketches.Frame(KindMoving, schema, e.Data())
}

// DecodeMovingState reads what Encode wrote.
func DecodeMovingState(b []byte) (s MovingState, err error) {
	d, err := open(b, KindMoving, "state of moving references")
	if err != nil {
		return s, err
	}
	s.Since = d.Varint()
	for i := range d.Count(2) {
		r := Run{First: d.Varint(), Last: d.Varint()}
		if r.Last < r.First || i > 0 && r.First <= s.Out[i-1].Last {
			d.Fail("run %d … %d out of order", r.First, r.Last)
		}
		s.Out = append(s.Out, r)
	}
	return s, d.Finish()
}

// Mark adds the slots first … last to those that never enter.
func (s *MovingState) Mark(first, last int64) {
	if last < first {
		return
	}
	var out []Run
	for _, r := range s.Out {
		if r.Last+1 < first || r.First > last+1 {
			out = append(out, r)
			continue
		}
		first, last = min(first, r.First), max(last, r.Last)
	}
	i, _ := slices.BinarySearchFunc(out, first, func(r Run, at int64) int { return cmpInt64(r.First, at) })
	s.Out = slices.Insert(out, i, Run{first, last})
}

func cmpInt64(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Trim forgets what lies before a slot.
func (s *MovingState) Trim(since int64) {
	s.Since = max(s.Since, since)
	s.Out = slices.DeleteFunc(s.Out, func(r Run) bool { return r.Last < s.Since })
	if len(s.Out) > 0 {
		s.Out[0].First = max(s.Out[0].First, s.Since)
	}
}

// Has reports whether a slot may enter a reference.
func (s *MovingState) Has(slot int64) bool {
	if slot < s.Since {
		return false
	}
	i, found := slices.BinarySearchFunc(s.Out, slot, func(r Run, at int64) int { return cmpInt64(r.First, at) })
	return !found && (i == 0 || s.Out[i-1].Last < slot)
}
