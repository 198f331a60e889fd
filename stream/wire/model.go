package wire

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// Model admits a model from a pane on. Before that pane its records are unregistered.
type Model struct {
	Name         string
	FromPane     int64
	FeaturesFrom string   // event type whose features are counted: "prediction" or "feature"
	Classes      []string // predicted classes that are counted apart, fixed when the model is first admitted
}

// DefaultClasses are counted apart where a model declares none; "" is no prediction.
var DefaultClasses = []string{"", "0", "1", "false", "true"}

// ScoreBytes is the most memory that the scores of one version take: a row of cells
// per class, and one for the others.
func (m Model) ScoreBytes() int64 {
	classes := len(m.Classes)
	if classes == 0 {
		classes = len(DefaultClasses)
	}
	return int64(classes+1) * (8*sketches.ScoreCells + 128)
}

// Encode returns the framed bytes.
func (m Model) Encode() []byte {
	var e sketches.Encoder
	e.String(m.Name)
	e.Varint(m.FromPane)
	e.String(m.FeaturesFrom)
	e.Count(len(m.Classes))
	for _, c := range m.Classes {
		e.String(c)
	}
	return sketches.Frame(KindModel, schema, e.Data())
}

// DecodeModel reads what Encode wrote.
func DecodeModel(b []byte) (m Model, err error) {
	d, err := open(b, KindModel, "model")
	if err != nil {
		return m, err
	}
	m.Name = d.String()
	m.FromPane = d.Varint()
	m.FeaturesFrom = d.String()
	for range d.Count(1) {
		m.Classes = append(m.Classes, d.String())
	}
	if _, err := sketches.NewScoreCounts(m.Classes); err != nil {
		d.Fail("classes of model %q: %v", m.Name, err)
	}
	if m.Name == "" {
		d.Fail("a model without a name")
	}
	if m.FeaturesFrom != "prediction" && m.FeaturesFrom != "feature" {
		d.Fail("features_from is %q, want prediction or feature", m.FeaturesFrom)
	}
	return m, d.Finish()
}

// GridControl puts a grid in force for a model from a pane on.
type GridControl struct {
	Model    string
	FromPane int64
	Grid     *sketches.Grid
	// Joint is how all features are looked at together, nil: they are not. A grid has one
	// embedding at most; a second record of the same grid may bring it later.
	Joint *joint.Embedding
	// Segments are counted apart from the pane on, none where it names none: the record of a
	// grid with the largest pane, of equal panes the last, says it for all panes after.
	Segments Segments
}

// Encode returns the framed bytes.
func (g GridControl) Encode() []byte {
	var e sketches.Encoder
	e.String(g.Model)
	e.Varint(g.FromPane)
	e.Bytes(g.Grid.Encode())
	number := schema
	switch {
	case len(g.Segments) > 0:
		number = segmentSchema
		e.Bool(g.Joint != nil)
	case g.Joint != nil:
		number = jointSchema
	}
	if g.Joint != nil {
		e.Bytes(g.Joint.Encode())
	}
	if len(g.Segments) > 0 {
		g.Segments.encode(&e)
	}
	return sketches.Frame(KindGrid, number, e.Data())
}

// DecodeGridControl reads what Encode wrote.
func DecodeGridControl(b []byte) (g GridControl, err error) {
	d, s, err := openUpTo(b, KindGrid, segmentSchema, "grid")
	if err != nil {
		return g, err
	}
	g.Model = d.String()
	g.FromPane = d.Varint()
	body := d.Bytes()
	var embedding []byte
	hasJoint := s == jointSchema || s == segmentSchema && d.Bool()
	if hasJoint {
		embedding = d.Bytes()
	}
	if s == segmentSchema {
		if g.Segments = decodeSegments(d); len(g.Segments) == 0 {
			d.Fail("no segments in a record that tells of them")
		}
	}
	if err := d.Finish(); err != nil {
		return g, err
	}
	if g.Grid, err = sketches.DecodeGrid(body); err != nil {
		return g, fmt.Errorf("grid of model %q: %w", g.Model, err)
	}
	if hasJoint {
		if g.Joint, err = decodeEmbedding(embedding, g.Grid); err != nil {
			return g, fmt.Errorf("grid of model %q: %w", g.Model, err)
		}
	}
	return g, nil
}
