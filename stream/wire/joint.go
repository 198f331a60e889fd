package wire

import (
	"fmt"

	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// KindOfJoint is the kind of alarms and events on all features together.
const KindOfJoint = "joint"

// jointSchema is the schema of partials, slots and grids with a part for all features
// together. Without one they have the bytes that they always had.
const jointSchema byte = 2

// Values of Policy.Joint.
const (
	JointOff   = "off"   // features are not looked at together
	JointScore = "score" // windows are judged and shown, without an alarm; also ""
	JointAlarm = "alarm" // and an alarm steps with them
)

// Joint is the part of a reference on all features together.
type Joint struct {
	Sums *joint.Sums // of all its rows; they name their embedding
	Laws []JointLaw  // by length of window, ascending
}

// JointLaw is what windows of one length are judged by.
type JointLaw struct {
	WindowMS int64
	StepMS   int64             // length of a pane of the law: an alarm hop where the window is a multiple of it
	Law      *multivariate.Law // nil: there is none, and Why says why
	Why      string
}

// Of returns the law for windows of a length.
func (j *Joint) Of(windowMS int64) (l JointLaw, ok bool) {
	for _, l := range j.Laws {
		if l.WindowMS == windowMS {
			return l, true
		}
	}
	return l, false
}

func (j *Joint) encode(e *sketches.Encoder) {
	e.Bytes(j.Sums.Embedding.Encode())
	e.Bytes(j.Sums.Encode())
	e.Count(len(j.Laws))
	for _, l := range j.Laws {
		e.Varint(l.WindowMS)
		e.Varint(l.StepMS)
		e.String(l.Why)
		if l.Why == "" {
			e.Bytes(l.Law.Encode())
		}
	}
}

// jointBytes is Joint before it is read.
type jointBytes struct {
	embedding, sums []byte
	laws            []lawBytes
}

type lawBytes struct {
	JointLaw
	law []byte
}

func decodeJoint(d *sketches.Decoder) (b jointBytes) {
	b.embedding, b.sums = d.Bytes(), d.Bytes()
	for range d.Count(4) {
		l := lawBytes{JointLaw: JointLaw{WindowMS: d.Varint(), StepMS: d.Varint(), Why: d.String()}}
		if l.Why == "" {
			l.law = d.Bytes()
		}
		if n := len(b.laws); l.StepMS <= 0 || l.WindowMS < l.StepMS || n > 0 && b.laws[n-1].WindowMS >= l.WindowMS {
			d.Fail("law %d is for windows of %d ms in steps of %d ms", n, l.WindowMS, l.StepMS)
		}
		b.laws = append(b.laws, l)
	}
	return b
}

// read decodes the part, which must stand on the grid.
func (b jointBytes) read(g *sketches.Grid) (*Joint, error) {
	e, err := decodeEmbedding(b.embedding, g)
	if err != nil {
		return nil, err
	}
	j := &Joint{}
	if j.Sums, err = joint.DecodeSums(e, b.sums); err != nil {
		return nil, err
	}
	for _, l := range b.laws {
		if l.Why == "" {
			if l.Law, err = multivariate.DecodeLaw(l.law); err != nil {
				return nil, fmt.Errorf("windows of %d ms: %w", l.WindowMS, err)
			}
			for _, p := range l.Law.Paths {
				if int64(p.Panes) != l.WindowMS/l.StepMS {
					return nil, fmt.Errorf("%w: a law for windows of %d steps, they are %d ms of %d ms each", sketches.ErrCorrupt, p.Panes, l.WindowMS, l.StepMS)
				}
			}
		}
		j.Laws = append(j.Laws, l.JointLaw)
	}
	return j, nil
}

// decodeEmbedding reads an embedding, which must be one of the grid.
func decodeEmbedding(b []byte, g *sketches.Grid) (*joint.Embedding, error) {
	e, err := joint.Decode(b)
	if err != nil {
		return nil, err
	}
	if e.Grid != g.ID() {
		return nil, fmt.Errorf("%w: an embedding of grid %s, not %s", sketches.ErrCorrupt, e.Grid, g.ID())
	}
	for _, c := range e.Coordinates {
		if c.Feature >= len(g.Features) || len(c.Table) != g.Features[c.Feature].Cells()+2 {
			return nil, fmt.Errorf("%w: an embedding that does not fit feature %d of %d", sketches.ErrCorrupt, c.Feature, len(g.Features))
		}
	}
	return e, nil
}

// JointVerdict is what a score says about all features together. Statistics are int64
// nano-units.
type JointVerdict struct {
	Verdict string `json:"verdict"` // stable, drifted or insufficient
	Reason  string `json:"reason,omitempty"`
	N       uint64 `json:"n"` // reference rows
	M       uint64 `json:"m"` // window rows
	// Distance is the squared distance of the mean embeddings, an effect size.
	Distance *int64 `json:"distance"`
	// Score is the largest of Parts on the scale of a standard normal variable, Limit what
	// it is held against, and FalseAlarms how many a month the limit lets through.
	Score       *int64 `json:"score"`
	Limit       *int64 `json:"limit"`
	FalseAlarms *int64 `json:"false_alarms"`
	Path        string `json:"path,omitempty"` // whose score it is
	// Parts are all statistics; Features and Pairs say what changed most, where it drifted.
	Parts    []JointPart    `json:"parts,omitempty"`
	Features []JointFeature `json:"features,omitempty"`
	Pairs    []JointPair    `json:"pairs,omitempty"`
}

// JointPart is one statistic of a window.
type JointPart struct {
	Name  string `json:"name"` // distance, location, spread, correlation or pair
	Value *int64 `json:"value"`
	Score *int64 `json:"score"`
}

// JointFeature is what changed of one feature, in standard errors of independent rows.
type JointFeature struct {
	Name    string `json:"name"`
	Shift   *int64 `json:"shift"`   // of its mean
	Spread  *int64 `json:"spread"`  // of its variance
	Pair    *int64 `json:"pair"`    // of its correlation with another feature, the largest
	Witness *int64 `json:"witness"` // its share of what tells window and reference apart
}

// JointPair is a change of the rank correlation of two features.
type JointPair struct {
	A      string `json:"a"`
	B      string `json:"b"`
	Ref    *int64 `json:"ref"`
	Cur    *int64 `json:"cur"`
	Change *int64 `json:"change"` // in standard errors of independent rows
}

// Detail returns the verdict as the detail of an event.
func (v *JointVerdict) Detail() map[string]any { return map[string]any{"joint": v} }
