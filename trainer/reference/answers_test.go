package reference

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

const answerDay = int64(86_400_000)

// answered are answers of two versions over 10 days, version 2 with twice as many.
func answered(rng *rand.Rand, n int) (all []Answer) {
	for i := range n {
		x := rng.Float64()
		a := Answer{TimeMS: int64(i) * 10 * answerDay / int64(n), Version: fmt.Sprint(min(2, 1+i%3)), Score: x, HasScore: i%10 > 0, Class: "0"}
		if x > 0.7 {
			a.Class = "1"
		}
		all = append(all, a)
	}
	return all
}

// The part holds the answers of one version and the blocks of every length that fits, and
// the order in which they were read does not matter.
func TestAnswers_OfOneVersion(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 7))
	all := answered(rng, 3000)
	spec := AnswersSpec{Classes: wire.DefaultClasses, WindowsMS: []int64{answerDay, 7 * answerDay}, Ordered: true}
	a, why, err := Answers(spec, all)
	if err != nil || why != "" || a == nil {
		t.Fatalf("%v, %q, %v", a, why, err)
	}
	if a.Version != "2" || a.Scores.Rows != 2000 || a.Counts.Rows != 2000 || len(a.Counts.Features) != 2 {
		t.Errorf("version %q with %d rows, %d features", a.Version, a.Scores.Rows, len(a.Counts.Features))
	}
	if len(a.Blocks) != 1 || a.Blocks[0].LengthMS != answerDay || a.Blocks[0].Features[0].J != 8 {
		t.Fatalf("blocks %+v, want 8 whole days: the first and the tenth are none, and no week fits twice", a.Blocks)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	b, _, err := Answers(spec, all)
	if err != nil {
		t.Fatal(err)
	}
	g, c := rebuilt(t, 500)
	was, is := wire.Reference{Model: "m", Kind: "topic", Counts: c, Answers: a}, wire.Reference{Model: "m", Kind: "topic", Counts: c, Answers: b}
	if was.ID() != is.ID() {
		t.Error("the order of answers changes the reference")
	}
	got, err := wire.DecodeReference(was.Encode(), func(string, sketches.ID) (*sketches.Grid, bool) { return g, true })
	if err != nil || got.Answers.Version != "2" || !got.Answers.Scores.Equal(a.Scores) {
		t.Errorf("read back: %v", err)
	}
	spec.Version = "1"
	if a, _, _ := Answers(spec, all); a == nil || a.Version != "1" || a.Scores.Rows != 1000 {
		t.Errorf("of version 1: %+v", a)
	}
}

func rebuilt(t *testing.T, n int) (*sketches.Grid, *sketches.Counts) {
	t.Helper()
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = float64(i)
	}
	f, err := sketches.NewNumeric("x", xs)
	if err != nil {
		t.Fatal(err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		t.Fatal(err)
	}
	c := sketches.NewCounts(g)
	for _, x := range xs {
		c.AddRow()
		c.Add(0, sketches.Number(x))
	}
	return g, c
}

func TestAnswers_SayWhyThereAreNone(t *testing.T) {
	t.Parallel()
	spec := AnswersSpec{Classes: wire.DefaultClasses}
	outside := make([]Answer, 200)
	for i := range outside {
		outside[i] = Answer{Score: 7, HasScore: true}
	}
	for _, c := range []struct {
		all  []Answer
		want string
	}{
		{nil, `0 answers of version "", at least 100`},
		{answered(rand.New(rand.NewPCG(1, 1)), 120), `80 answers of version "2"`},
		{outside, "none with a score between 0 and 1 or a class"},
	} {
		a, why, err := Answers(spec, c.all)
		if a != nil || err != nil || !strings.Contains(why, c.want) {
			t.Errorf("%v, %q, %v; want %q", a, why, err, c.want)
		}
	}
	if _, _, err := Answers(AnswersSpec{Classes: []string{"a", "a"}}, answered(rand.New(rand.NewPCG(1, 1)), 300)); err == nil {
		t.Error("classes that stand twice are taken")
	}
	a, why, err := Answers(spec, answered(rand.New(rand.NewPCG(1, 1)), 300))
	if err != nil || why != "" || a.Blocks != nil || a.Counts.Grid.Features[0].Name != performance.ScoreFeature {
		t.Errorf("without an order: %+v, %q, %v", a, why, err)
	}
}
