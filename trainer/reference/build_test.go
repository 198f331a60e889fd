package reference_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

const (
	hourMS = int64(3_600_000)
	dayMS  = 24 * hourMS
)

// hourly makes rows of two numbers, x uniform on [lo, lo+1).
func hourly(n int, lo float64) []reference.Row {
	r := rand.New(rand.NewPCG(3, 4))
	rows := make([]reference.Row, n)
	for i := range rows {
		rows[i] = reference.Row{TimeMS: int64(i) * hourMS, Values: []sketches.Value{sketches.Number(lo + r.Float64()), sketches.Number(r.NormFloat64())}}
	}
	return rows
}

func spec() reference.Spec {
	return reference.Spec{Model: "m", Version: "1", Kind: "training", Names: []string{"x", "y"}, WindowsMS: []int64{dayMS}, Ordered: true}
}

func build(t *testing.T, s reference.Spec, rows []reference.Row) reference.Result {
	t.Helper()
	res, err := reference.Build(s, rows)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestBuild_KeepsAGridThatFitsAndReplacesOneThatDoesNot(t *testing.T) {
	t.Parallel()
	first := build(t, spec(), hourly(2400, 0))
	if !first.NewGrid || first.Reference.Counts.Rows != 2400 || first.Reference.BlocksOf(dayMS) == nil {
		t.Fatalf("new grid %v, %d rows, blocks %v", first.NewGrid, first.Reference.Counts.Rows, first.Reference.BlocksOf(dayMS) != nil)
	}
	for _, c := range []struct {
		name  string
		rows  []reference.Row
		names []string
		must  bool
		fresh bool
		why   string
	}{
		{"the same rows", hourly(2400, 0), []string{"x", "y"}, false, false, "fits"},
		{"values outside", hourly(2400, 0.5), []string{"x", "y"}, false, true, "lie outside"},
		{"values outside, but it must be kept", hourly(2400, 0.5), []string{"x", "y"}, true, false, "in force"},
		{"another feature", hourly(2400, 0), []string{"x", "z"}, false, true, "features changed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec()
			s.Keep, s.Names, s.MustKeep = first.Grid, c.names, c.must
			res := build(t, s, c.rows)
			if res.NewGrid != c.fresh || !strings.Contains(res.Why, c.why) || (res.Grid.ID() == first.Grid.ID()) == c.fresh {
				t.Errorf("new grid %v: %s; want %v: …%s…", res.NewGrid, res.Why, c.fresh, c.why)
			}
		})
	}
}

func TestBuild_CannotKeepAGridOfOtherFeatures(t *testing.T) {
	t.Parallel()
	s := spec()
	s.Keep, s.Names, s.MustKeep = build(t, spec(), hourly(2400, 0)).Grid, []string{"x", "z"}, true
	if _, err := reference.Build(s, hourly(2400, 0)); err == nil || errors.Is(err, reference.ErrGate) || !strings.Contains(err.Error(), "cannot be kept") {
		t.Errorf("error %v", err)
	}
}

func TestBuild_OrderOfRowsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rows := hourly(480, 0)
	want := build(t, spec(), rows).Reference.ID()
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if got := build(t, spec(), rows).Reference.ID(); got != want {
		t.Errorf("id %s of shuffled rows, want %s", got, want)
	}
}

func TestBuild_RefusalSaysWhatWasFoundAndNeeded(t *testing.T) {
	t.Parallel()
	null := hourly(200, 0)
	for i := range null {
		null[i].Values[1] = sketches.Null()
	}
	wrong := hourly(200, 0)
	wrong[7].Values[0] = sketches.Wrong()
	short := hourly(200, 0)
	short[3].Values = short[3].Values[:1]
	for _, c := range []struct {
		name string
		rows []reference.Row
		want string
	}{
		{"too few rows", hourly(99, 0), "rows: found 99, needed at least 100"},
		{"too few whole windows", hourly(100, 0)[:40], "rows: found 40"},
		{"a feature that is always missing", null, "missing values of y: found 1.000"},
		{"objects for numbers", wrong, "type of x: found 1 objects or lists"},
		{"a row of another length", short, "schema: found row 3 has 1 values, needed 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, err := reference.Build(spec(), c.rows)
			if !errors.Is(err, reference.ErrGate) || !strings.Contains(err.Error(), c.want) || len(res.Checks) == 0 {
				t.Errorf("error %v with %d checks, want %q in it", err, len(res.Checks), c.want)
			}
		})
	}
	s := spec()
	s.WindowsMS = []int64{7 * dayMS}
	if _, err := reference.Build(s, hourly(10*24, 0)); !errors.Is(err, reference.ErrGate) || !strings.Contains(err.Error(), "blocks: found 1 of") {
		t.Errorf("ten days for windows of a week: %v", err)
	}
}

func TestPick_ByName(t *testing.T) {
	t.Parallel()
	rows := []reference.Row{{TimeMS: 5, Values: []sketches.Value{sketches.Number(1), sketches.Number(2), sketches.Number(3)}}}
	got := reference.Pick(rows, []string{"a", "b", "c"}, []string{"c", "none", "a"})
	want := []sketches.Value{sketches.Number(3), sketches.Null(), sketches.Number(1)}
	if got[0].TimeMS != 5 || !slices.Equal(got[0].Values, want) {
		t.Errorf("%+v, want %v", got[0], want)
	}
	if rows[0].Values[0] != sketches.Number(1) {
		t.Error("the rows given were changed")
	}
}
