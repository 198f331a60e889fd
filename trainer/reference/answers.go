package reference

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Answer is what a version answered once.
type Answer struct {
	TimeMS   int64 // event time; 0 where AnswersSpec.Ordered is false
	Version  string
	Score    float64 // 0 without HasScore
	HasScore bool
	Class    string // predicted, "" for none
}

// AnswersSpec says what to make of answers.
type AnswersSpec struct {
	Version   string   // whose answers are taken; "": those of the version with most of them
	Classes   []string // that the stream counts apart
	WindowsMS []int64  // lengths for which block sums are made
	Ordered   bool     // answers carry event times
	MinRows   int      // default 100
}

// Answers makes the part of a reference that windows of one version are compared with. why
// says in words why there is none; an error says that classes cannot be used.
func Answers(spec AnswersSpec, all []Answer) (a *wire.Answers, why string, err error) {
	version := spec.Version
	if version == "" {
		version = mostAnswers(all)
	}
	mine := make([]Answer, 0, len(all))
	for _, x := range all {
		if x.Version == version {
			mine = append(mine, x)
		}
	}
	if need := cmp.Or(spec.MinRows, defaultAnswers); len(mine) < need {
		return nil, fmt.Sprintf("%d answers of version %q, at least %d are needed", len(mine), version, need), nil
	}
	scores, err := sketches.NewScoreCounts(spec.Classes)
	if err != nil {
		return nil, "", err
	}
	for _, x := range mine {
		scores.Add(x.Score, x.HasScore, x.Class)
	}
	a, err = wire.NewAnswers(version, scores)
	if errors.Is(err, sketches.ErrEmpty) {
		return nil, fmt.Sprintf("%d answers of version %q, none with a score between 0 and 1 or a class", len(mine), version), nil
	}
	if err != nil || !spec.Ordered {
		return a, "", err
	}
	slices.SortStableFunc(mine, func(x, y Answer) int { return cmp.Compare(x.TimeMS, y.TimeMS) })
	rows, same := make([]Row, len(mine)), map[answerKind][]sketches.Value{}
	for i, x := range mine {
		k := x.kind()
		if same[k] == nil {
			same[k] = performance.AnswersRow(a.Counts.Grid, spec.Classes, x.Score, x.HasScore, x.Class)
		}
		rows[i] = Row{TimeMS: x.TimeMS, Values: same[k]}
	}
	for _, w := range spec.WindowsMS {
		b, err := Blocks(a.Counts.Grid, a.Counts, rows, w)
		if err != nil {
			return nil, "", fmt.Errorf("blocks of answers: %w", err)
		}
		if b != nil {
			a.Blocks = append(a.Blocks, b)
		}
	}
	return a, "", nil
}

// answerKind is what answers that count alike have in common: they share their values, of
// which there may be millions.
type answerKind struct {
	cell  int // of the score; below 0 where there is none
	class string
}

func (x Answer) kind() answerKind {
	k := answerKind{class: x.Class}
	switch {
	case !x.HasScore:
		k.cell = -1
	case math.IsNaN(x.Score):
		k.cell = -2
	case x.Score < 0 || x.Score > 1:
		k.cell = -3
	default:
		k.cell = sketches.ScoreCell(x.Score)
	}
	return k
}

// defaultAnswers is the least number of answers.
const defaultAnswers = 100

// mostAnswers is the version with most answers, of equals the last by name.
func mostAnswers(all []Answer) (version string) {
	n := map[string]int{}
	for _, x := range all {
		n[x.Version]++
	}
	for _, v := range slices.Sorted(maps.Keys(n)) {
		if n[v] >= n[version] {
			version = v
		}
	}
	return version
}
