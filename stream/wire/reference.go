package wire

import (
	"errors"
	"fmt"

	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
)

// ErrUnknownGrid says that a reference stands on a grid that control does not have.
var ErrUnknownGrid = errors.New("unknown grid")

// Reference is what windows are compared with: immutable counts on a grid, where
// they come from, and per window length the block sums that tell how dependent the
// records are (none, if the rows had no order in time).
type Reference struct {
	Model   string
	Version string // of the model it was made for, "" if none
	Kind    string // training, file, examples, topic, last_good
	FromMS  int64  // event time of the rows, 0 if unknown
	ToMS    int64
	Counts  *sketches.Counts
	Blocks  []*sketches.Blocks
	Early   *EarlyPlan // nil: the model gets no early warning
	Joint   *Joint     // nil: features are not looked at together
	Parts   []Part     // of the model's segments, in their order; none where it has none
	Answers *Answers   // of one version; nil: answers are not compared
}

// EarlyPlan is how a model is warned early: its plan, calibrated on the slots of the
// reference, which stands on the reference's grid.
type EarlyPlan struct {
	Plan *sequential.Plan
	Rows uint64 // most rows that one slot of the calibration held, at least 1
}

// Schemas of a reference with a plan, of one with a joint part, and of one with parts of
// segments or with answers. Without them the record has the bytes, and hence the id, that it always had.
const (
	earlySchema       byte = 2
	jointPartedSchema byte = 3
	segmentedSchema   byte = 4
)

// Encode returns the framed bytes.
func (r Reference) Encode() []byte {
	var e sketches.Encoder
	e.String(r.Model)
	e.String(r.Version)
	e.String(r.Kind)
	e.Varint(r.FromMS)
	e.Varint(r.ToMS)
	encodeID(&e, r.Counts.Grid.ID())
	e.Bytes(r.Counts.EncodeRange(0, len(r.Counts.Grid.Features)))
	encodeBlocks(&e, r.Blocks)
	number := schema
	if r.Early != nil {
		number = earlySchema
	}
	if r.Joint != nil {
		number = jointPartedSchema
	}
	if len(r.Parts) > 0 || r.Answers != nil {
		number = segmentedSchema
	}
	if number >= jointPartedSchema {
		e.Bool(r.Early != nil)
	}
	if r.Early != nil {
		e.Bytes(r.Early.Plan.Encode())
		e.Uvarint(r.Early.Rows)
	}
	if number == segmentedSchema {
		e.Bool(r.Joint != nil)
		e.Bool(r.Answers != nil)
	}
	if r.Joint != nil {
		r.Joint.encode(&e)
	}
	if r.Answers != nil {
		r.Answers.encode(&e)
	}
	if number == segmentedSchema {
		e.Count(len(r.Parts))
		for _, p := range r.Parts {
			p.encode(&e)
		}
	}
	return sketches.Frame(KindReference, number, e.Data())
}

// ID returns the content hash: equal references have equal ids.
func (r Reference) ID() sketches.ID { return sketches.HashFields(r.Encode()) }

// BlocksOf returns the block sums for a window length, nil where there are none.
func (r Reference) BlocksOf(windowMS int64) *sketches.Blocks {
	for _, b := range r.Blocks {
		if b.LengthMS == windowMS {
			return b
		}
	}
	return nil
}

// DecodeReference reads what Encode wrote; grid finds the grid it stands on.
func DecodeReference(b []byte, grid func(model string, id sketches.ID) (*sketches.Grid, bool)) (r Reference, err error) {
	d, s, err := openUpTo(b, KindReference, segmentedSchema, "reference")
	if err != nil {
		return r, err
	}
	r.Model = d.String()
	r.Version = d.String()
	r.Kind = d.String()
	r.FromMS = d.Varint()
	r.ToMS = d.Varint()
	id := decodeID(d)
	counts := d.Bytes()
	blocks := decodeBlocks(d)
	var plan []byte
	if s == earlySchema || s >= jointPartedSchema && d.Bool() {
		plan, r.Early = d.Bytes(), &EarlyPlan{Rows: d.Uvarint()}
	}
	var together jointBytes
	hasJoint := s == jointPartedSchema || s == segmentedSchema && d.Bool()
	hasAnswers := s == segmentedSchema && d.Bool()
	if hasJoint {
		together = decodeJoint(d)
	}
	var answers answersBytes
	if hasAnswers {
		answers = decodeAnswers(d)
	}
	var parts []partBytes
	if s == segmentedSchema {
		if parts = decodeParts(d); len(parts) == 0 && !hasAnswers {
			d.Fail("neither segments nor answers in a record that tells of them")
		}
	}
	if err := d.Finish(); err != nil {
		return r, fmt.Errorf("reference: %w", err)
	}
	g, ok := grid(r.Model, id)
	if !ok {
		return r, fmt.Errorf("reference of model %q: %w %s", r.Model, ErrUnknownGrid, id)
	}
	if r.Counts, err = sketches.DecodeCounts(g, 0, len(g.Features), counts); err != nil {
		return r, fmt.Errorf("reference of model %q: %w", r.Model, err)
	}
	if r.Blocks, err = readBlocks(blocks, r.Counts); err != nil {
		return r, fmt.Errorf("reference of model %q: %w", r.Model, err)
	}
	if r.Early != nil {
		if err := r.Early.read(plan, g); err != nil {
			return r, fmt.Errorf("early warning of the reference of model %q: %w", r.Model, err)
		}
	}
	if hasJoint {
		if r.Joint, err = together.read(g); err != nil {
			return r, fmt.Errorf("joint part of the reference of model %q: %w", r.Model, err)
		}
	}
	if hasAnswers {
		if r.Answers, err = answers.read(); err != nil {
			return r, fmt.Errorf("answers of the reference of model %q: %w", r.Model, err)
		}
	}
	for _, p := range parts {
		part, err := p.read(g)
		if err != nil {
			return r, fmt.Errorf("segment %s of the reference of model %q: %w", p.segment, r.Model, err)
		}
		r.Parts = append(r.Parts, part)
	}
	return r, nil
}

func encodeBlocks(e *sketches.Encoder, blocks []*sketches.Blocks) {
	e.Count(len(blocks))
	for _, b := range blocks {
		e.Bytes(b.Encode())
	}
}

func decodeBlocks(d *sketches.Decoder) (blocks [][]byte) {
	for range d.Count(2) {
		blocks = append(blocks, d.Bytes())
	}
	return blocks
}

// readBlocks decodes block sums, which must stand on the verdict bins of the counts.
func readBlocks(raw [][]byte, counts *sketches.Counts) (blocks []*sketches.Blocks, err error) {
	features := counts.Grid.Features
	for _, b := range raw {
		x, err := sketches.DecodeBlocks(b)
		if err != nil {
			return nil, fmt.Errorf("blocks: %w", err)
		}
		if len(x.Features) != len(features) {
			return nil, fmt.Errorf("%w: blocks of %d features, the grid has %d", sketches.ErrCorrupt, len(x.Features), len(features))
		}
		for i := range x.Features {
			if _, bins := features[i].VerdictBins(&counts.Features[i]); bins != x.Features[i].Bins() {
				return nil, fmt.Errorf("feature %q: %w: blocks on %d bins, the grid has %d", features[i].Name, sketches.ErrCorrupt, x.Features[i].Bins(), bins)
			}
		}
		blocks = append(blocks, x)
	}
	return blocks, nil
}

// read decodes the plan, which must stand on the grid.
func (e *EarlyPlan) read(plan []byte, g *sketches.Grid) (err error) {
	if e.Plan, err = sequential.DecodePlan(plan); err != nil {
		return err
	}
	paths := e.Plan.Paths
	switch {
	case e.Rows == 0:
		return fmt.Errorf("%w: calibrated on no rows", sketches.ErrCorrupt)
	case e.Plan.Grid != g.ID():
		return fmt.Errorf("%w: a plan for grid %s, the reference is on %s", sketches.ErrCorrupt, e.Plan.Grid, g.ID())
	case len(paths) > 0 && paths[len(paths)-1].Feature >= len(g.Features):
		return fmt.Errorf("%w: a plan for feature %d of %d", sketches.ErrCorrupt, paths[len(paths)-1].Feature, len(g.Features))
	}
	return nil
}
