package wire

import (
	"fmt"

	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/sketches"
)

// KindOfPrediction is the kind of alarms and events on what a version answers.
const KindOfPrediction = "prediction"

// Values of Policy.Predictions.
const (
	PredictionsOff   = "off"   // answers are counted and shown, not compared
	PredictionsScore = "score" // windows are compared and shown, without an alarm
)

// Answers is the part of a reference on what one version answered for its rows: scores and
// predicted classes, and the sums of their blocks if the rows had an order in time. Windows
// of this version are compared with it.
type Answers struct {
	Version string
	Scores  *sketches.ScoreCounts
	Blocks  []*sketches.Blocks // on the verdict bins of Counts
	Counts  *sketches.Counts   // Scores on the grid of performance.AnswersGrid
}

// NewAnswers makes the part of a reference, without blocks.
//
// Errors: sketches.ErrEmpty for neither scores nor classes.
func NewAnswers(version string, scores *sketches.ScoreCounts) (*Answers, error) {
	g, err := performance.AnswersGrid(scores)
	if err != nil {
		return nil, err
	}
	return &Answers{Version: version, Scores: scores, Counts: performance.AnswersCounts(g, scores)}, nil
}

// answersBytes is Answers before it is read.
type answersBytes struct {
	version string
	scores  []byte
	blocks  [][]byte
}

func (a *Answers) encode(e *sketches.Encoder) {
	e.String(a.Version)
	e.Bytes(a.Scores.Encode())
	encodeBlocks(e, a.Blocks)
}

func decodeAnswers(d *sketches.Decoder) answersBytes {
	return answersBytes{version: d.String(), scores: d.Bytes(), blocks: decodeBlocks(d)}
}

func (b answersBytes) read() (*Answers, error) {
	scores, err := sketches.DecodeScoreCounts(b.scores)
	if err != nil {
		return nil, err
	}
	a, err := NewAnswers(b.version, scores)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sketches.ErrCorrupt, err)
	}
	a.Blocks, err = readBlocks(b.blocks, a.Counts)
	return a, err
}
