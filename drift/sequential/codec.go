package sequential

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// Schemas of the frames of this package.
const (
	planSchema  = 1
	trackSchema = 1
)

// Encode returns the canonical bytes of a plan, a frame of kind
// sketches.FrameSequentialPlan:
//
//	grid id | threshold | cooldown | report
//	| paths: step of feature, kind, effect, bin, scale, handicap
func (p *Plan) Encode() []byte {
	var e sketches.Encoder
	e.Raw(p.Grid[:])
	e.Varint(p.Threshold)
	e.Uvarint(uint64(p.Cooldown))
	p.Report.encode(&e)
	e.Count(len(p.Paths))
	last := 0
	for _, q := range p.Paths {
		e.Uvarint(uint64(q.Feature - last))
		last = q.Feature
		e.Byte(byte(q.Kind))
		e.Float64(q.Effect)
		e.Uvarint(uint64(q.Bin))
		e.Uvarint(uint64(q.Scale))
		e.Uvarint(uint64(q.Handicap))
	}
	return sketches.Frame(sketches.FrameSequentialPlan, planSchema, e.Data())
}

// ID is the hash of the plan's bytes; states carry it.
func (p *Plan) ID() sketches.ID { return sketches.HashFields(p.Encode()) }

// DecodePlan reads what Encode wrote, and nothing else.
//
// Errors: sketches.ErrNotFrame, ErrChecksum, ErrSchema, ErrCorrupt; ErrBadPlan.
func DecodePlan(b []byte) (*Plan, error) {
	body, err := sketches.UnframeAs(b, sketches.FrameSequentialPlan, planSchema, "sequential plan")
	if err != nil {
		return nil, err
	}
	d := sketches.NewDecoder(body)
	p := &Plan{}
	copy(p.Grid[:], d.Raw(len(p.Grid)))
	p.Threshold = d.Varint()
	p.Cooldown = uint32(d.UpTo(math.MaxUint32))
	p.Report.decode(d)
	n := d.Count(13)
	last := uint64(0)
	for i := 0; i < n && d.Err() == nil; i++ {
		last += d.UpTo(sketches.MaxFeatures)
		q := Path{Feature: int(last), Kind: Kind(d.Byte()), Effect: d.Float64()}
		q.Bin = int(d.UpTo(sketches.MaxVerdictBins))
		q.Scale = int64(d.UpTo(limit))
		q.Handicap = int64(d.UpTo(limit))
		p.Paths = append(p.Paths, q)
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("sequential plan: %w", err)
	}
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("sequential plan: %w", err)
	}
	return p, nil
}

// Encode returns the canonical bytes of a track, a frame of kind
// sketches.FrameSequentialState:
//
//	plan id | depth | number of kept panes | state before them | per kept pane: increments
//	state: panes, alarms, quiet | per path: sum, and age if the sum is above 0
func (t *Track) Encode() []byte {
	var e sketches.Encoder
	id := t.plan.ID()
	e.Raw(id[:])
	e.Count(t.cap)
	e.Count(t.n)
	start := &t.base
	if t.cap == 0 {
		start = &t.now
	}
	e.Uvarint(start.Panes)
	e.Uvarint(start.Alarms)
	e.Uvarint(uint64(start.Quiet))
	for i, s := range start.Sums {
		e.Uvarint(uint64(s))
		if s > 0 {
			e.Uvarint(uint64(start.Age[i]))
		}
	}
	for i := range t.n {
		for _, x := range t.at(i) {
			e.Varint(x)
		}
	}
	return sketches.Frame(sketches.FrameSequentialState, trackSchema, e.Data())
}

// DecodeTrack reads what Encode wrote for this plan, and nothing else.
//
// Errors: sketches.ErrNotFrame, ErrChecksum, ErrSchema, ErrCorrupt; ErrBadState for a
// state of another plan.
func DecodeTrack(p *Plan, b []byte) (*Track, error) {
	body, err := sketches.UnframeAs(b, sketches.FrameSequentialState, trackSchema, "sequential state")
	if err != nil {
		return nil, err
	}
	d := sketches.NewDecoder(body)
	var id sketches.ID
	copy(id[:], d.Raw(len(id)))
	if d.Err() == nil && id != p.ID() {
		return nil, fmt.Errorf("sequential state: %w: it is of plan %s, want %s", ErrBadState, id, p.ID())
	}
	depth := int(d.UpTo(MaxKept))
	kept := int(d.UpTo(uint64(depth)))
	if d.Err() == nil && kept*len(p.Paths) > d.Left() {
		d.Fail("%d kept panes of %d paths, %d bytes left", kept, len(p.Paths), d.Left())
	}
	if d.Err() != nil {
		return nil, fmt.Errorf("sequential state: %w", d.Err())
	}
	t := NewTrack(p, depth)
	s := &t.base
	s.Panes, s.Alarms = d.Uvarint(), d.Uvarint()
	s.Quiet = uint32(d.UpTo(uint64(p.Cooldown)))
	for i := range s.Sums {
		s.Sums[i] = int64(d.UpTo(limit))
		if s.Sums[i] > 0 {
			s.Age[i] = uint32(d.UpTo(math.MaxUint32))
		}
		if s.Sums[i] > 0 && (s.Age[i] == 0 || s.Sums[i]-p.Paths[i].Handicap >= p.Threshold) || s.Sums[i] > 0 && s.Quiet > 0 {
			d.Fail("path %d: sum %d of age %d in a cooldown of %d", i, s.Sums[i], s.Age[i], s.Quiet)
		}
	}
	if s.Alarms > s.Panes || s.Panes > math.MaxUint64-MaxKept {
		d.Fail("%d alarms in %d panes", s.Alarms, s.Panes)
	}
	t.from, t.n = s.Panes, kept
	for i := range kept {
		for j := range t.at(i) {
			x := d.Varint()
			if x < -limit || x > limit {
				d.Fail("increment %d", x)
			}
			t.at(i)[j] = x
		}
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("sequential state: %w", err)
	}
	t.replay(0)
	return t, nil
}
