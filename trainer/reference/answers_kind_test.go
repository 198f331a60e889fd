package reference

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/driftline/driftline/drift/performance"
)

// Answers of one kind share their values, and none has those of another.
func TestAnswers_ThatShareValuesHaveTheSame(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 9))
	scores := []float64{0, 1, math.NaN(), -0.1, 1.1, math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 0.0005, 0.0015, 0.9995}
	var all []Answer
	for i := range 6000 {
		score := r.Float64()
		if i%3 == 0 {
			score = scores[r.IntN(len(scores))]
		}
		all = append(all, Answer{TimeMS: int64(i) * 1000, Score: score, HasScore: i%7 != 0, Class: []string{"", "0", "1", "x"}[r.IntN(4)]})
	}
	spec := AnswersSpec{Classes: []string{"", "0", "1"}, WindowsMS: []int64{60_000}, Ordered: true}
	a, why, err := Answers(spec, all)
	if err != nil || a == nil || len(a.Blocks) != 1 {
		t.Fatalf("%v, %q, %v", a, why, err)
	}
	rows := make([]Row, len(all))
	for i, x := range all {
		rows[i] = Row{TimeMS: x.TimeMS, Values: performance.AnswersRow(a.Counts.Grid, spec.Classes, x.Score, x.HasScore, x.Class)}
	}
	want, err := Blocks(a.Counts.Grid, a.Counts, rows, 60_000)
	if err != nil || !reflect.DeepEqual(a.Blocks[0], want) {
		t.Errorf("blocks differ from those of values of their own, %v", err)
	}
}
