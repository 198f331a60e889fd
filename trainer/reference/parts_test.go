package reference_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

func segments() wire.Segments {
	return wire.Segments{{Name: "plan", Values: []string{"a", "b", "c"}}, {Name: "region", Values: []string{"eu", "us"}}}
}

// parted makes hourly rows of which every one lies in a region, half in plan a or b.
func parted(n int, m *reference.Members) []reference.Row {
	rows := hourly(n, 0)
	r := rand.New(rand.NewPCG(9, 9))
	for i := range rows {
		rows[i].In = m.With(rows[i].In, m.Dimension("region"), []string{"eu", "us"}[r.IntN(2)])
		rows[i].In = m.With(rows[i].In, m.Dimension("plan"), []string{"a", "b", "other", ""}[r.IntN(4)])
		if r.IntN(20) == 0 {
			rows[i].Values[r.IntN(2)] = sketches.Null()
		}
	}
	return rows
}

func partedSpec() reference.Spec {
	s := spec()
	s.Segments = segments()
	return s
}

// A dimension whose values are all declared divides the model's rows: the counts of its
// parts sum to the whole's, cell by cell.
func TestParts_OfADimensionSumToTheWhole(t *testing.T) {
	t.Parallel()
	m := reference.NewMembers(segments())
	rows := parted(2000, m)
	ref := build(t, partedSpec(), rows).Reference
	if got := reference.SegmentsOf(ref); !got.Equal(segments()) {
		t.Fatalf("parts of %v, want %v", got, segments())
	}
	sum := func(dimension string) *sketches.Counts {
		c := sketches.NewCounts(ref.Counts.Grid)
		for _, p := range ref.Parts {
			if p.Segment.Name == dimension {
				if err := c.Merge(p.Counts); err != nil {
					t.Fatal(err)
				}
			}
		}
		return c
	}
	if got := sum("region"); !reflect.DeepEqual(got, ref.Counts) {
		t.Errorf("regions together are %d rows, the whole %d; or cells differ", got.Rows, ref.Counts.Rows)
	}
	// Rows of another plan, or of none, are in no part.
	want := uint64(0)
	for _, r := range rows {
		if m.Value(r.In, m.Dimension("plan")) >= 0 {
			want++
		}
	}
	if got := sum("plan"); got.Rows != want || want == ref.Counts.Rows {
		t.Errorf("plans together are %d rows, want %d of %d", got.Rows, want, ref.Counts.Rows)
	}
}

// A part is what a reference of its rows alone would be on the same grid, blocks too.
func TestParts_AreCountedLikeTheWhole(t *testing.T) {
	t.Parallel()
	m := reference.NewMembers(segments())
	rows := parted(2000, m)
	res := build(t, partedSpec(), rows)
	for _, p := range res.Reference.Parts {
		d := m.Dimension(p.Segment.Name)
		k := slices.Index(segments()[d].Values, p.Segment.Value)
		alone := slices.DeleteFunc(slices.Clone(rows), func(r reference.Row) bool { return m.Value(r.In, d) != k })
		if p.Segment.Value == "c" {
			if len(alone) != 0 || p.Counts.Rows != 0 || len(p.Blocks) != 0 {
				t.Errorf("%s without rows: %d rows, %d blocks", p.Segment, p.Counts.Rows, len(p.Blocks))
			}
			continue
		}
		s := spec()
		s.Keep, s.MustKeep = res.Grid, true
		want := build(t, s, alone).Reference
		// Blocks are cut from the time of all rows: two rows without values are its ends.
		ends := []sketches.Value{sketches.Null(), sketches.Null()}
		alone = append(alone, reference.Row{TimeMS: rows[0].TimeMS, Values: ends}, reference.Row{TimeMS: rows[len(rows)-1].TimeMS, Values: ends})
		want.Blocks = build(t, s, alone).Reference.Blocks
		if !reflect.DeepEqual(p.Counts, want.Counts) || !reflect.DeepEqual(p.Blocks, want.Blocks) || len(p.Blocks) == 0 {
			t.Errorf("%s: %d rows, %d blocks; alone they are %d and %d, or cells differ", p.Segment, p.Counts.Rows, len(p.Blocks), want.Counts.Rows, len(want.Blocks))
		}
	}
}

func TestParts_OrderOfRowsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rows := parted(900, reference.NewMembers(segments()))
	want := build(t, partedSpec(), rows).Reference.ID()
	rand.New(rand.NewPCG(1, 6)).Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	if got := build(t, partedSpec(), rows).Reference.ID(); got != want {
		t.Errorf("id %s of shuffled rows, want %s", got, want)
	}
	// A row that changes its segment changes the reference: what is compared holds them.
	rows[3].In = 0
	if got := build(t, partedSpec(), rows).Reference.ID(); got == want {
		t.Error("a row left its segments and the reference is the same")
	}
}

func TestParts_WithoutRowsOrValuesOrOrder(t *testing.T) {
	t.Parallel()
	m := reference.NewMembers(segments())
	rows := parted(600, m)
	for i := range rows {
		if m.Value(rows[i].In, 0) == 0 { // plan a has no value of y
			rows[i].Values[1] = sketches.Null()
		}
	}
	s := partedSpec()
	for _, ordered := range []bool{true, false} {
		s.Ordered = ordered
		ref := build(t, s, rows).Reference
		back, err := wire.DecodeReference(ref.Encode(), func(string, sketches.ID) (*sketches.Grid, bool) { return ref.Counts.Grid, true })
		if err != nil || back.ID() != ref.ID() || len(back.Parts) != 5 {
			t.Fatalf("ordered %v: read back %d parts, %v", ordered, len(back.Parts), err)
		}
		for _, p := range back.Parts {
			if (len(p.Blocks) > 0) != (ordered && p.Counts.Rows > 0) {
				t.Errorf("ordered %v: %s of %d rows has %d blocks", ordered, p.Segment, p.Counts.Rows, len(p.Blocks))
			}
			for i := range p.Counts.Features {
				f := &p.Counts.Grid.Features[i]
				got := drift.Judge(f, &p.Counts.Features[i], &ref.Counts.Features[i], drift.Independent(), drift.DefaultSettings())
				if empty := p.Counts.Features[i].Total() == 0; empty != strings.Contains(got.Reason, "the reference holds no value") {
					t.Errorf("%s of %s against the whole: %d values, reason %q", f.Name, p.Segment, p.Counts.Features[i].Total(), got.Reason)
				}
			}
		}
	}
}

func TestParts_GateSaysWhichSegmentsAreLearning(t *testing.T) {
	t.Parallel()
	m := reference.NewMembers(segments())
	rows := parted(600, m)
	res := build(t, partedSpec(), rows)
	found := map[string]string{}
	for _, c := range res.Checks {
		if !c.OK {
			t.Errorf("%s refuses", c.Name)
		}
		found[c.Name] = c.Found
	}
	if c := found["rows of plan=c"]; c != "0: learning" {
		t.Errorf("plan=c: %q", c)
	}
	if c := found["rows of region=eu"]; c == "" || strings.Contains(c, "learning") {
		t.Errorf("region=eu: %q", c)
	}
	if why := res.WithoutRows(); why != "no row lies in plan=c: learning until a reference has such rows" {
		t.Errorf("%q", why)
	}
	for i := range rows {
		rows[i].In = 0
	}
	if why := build(t, partedSpec(), rows).WithoutRows(); !strings.Contains(why, "tell of no segment") {
		t.Errorf("%q", why)
	}
	if why := build(t, spec(), rows).WithoutRows(); why != "" {
		t.Errorf("without segments: %q", why)
	}
}

func TestBuild_SaysWhenTheGridNeedsOtherSegments(t *testing.T) {
	t.Parallel()
	m := reference.NewMembers(segments())
	rows := parted(600, m)
	first := build(t, partedSpec(), rows)
	for _, c := range []struct {
		name      string
		want, now wire.Segments
		keep      bool
		news      bool
	}{
		{"a new grid with segments", segments(), nil, false, true},
		{"a new grid without", nil, segments(), false, false},
		{"the same", segments(), segments(), true, false},
		{"the first ones", segments(), nil, true, true},
		{"none any more", nil, segments(), true, true},
		{"never any", nil, nil, true, false},
		{"fewer", segments(), segments()[:1], true, true},
	} {
		s := spec()
		s.Segments, s.KeepSegments = c.want, c.now
		if c.keep {
			s.Keep = first.Grid
		}
		res := build(t, s, rows)
		if res.NewSegments != c.news || res.NewGrid == c.keep || !res.Segments().Equal(c.want) {
			t.Errorf("%s: new segments %v, new grid %v, %v", c.name, res.NewSegments, res.NewGrid, res.Segments())
		}
	}
	s := spec()
	s.Segments = wire.Segments{{Name: "region"}}
	if _, err := reference.Build(s, rows); err == nil || errors.Is(err, reference.ErrGate) {
		t.Errorf("a declaration without values: %v", err)
	}
}

// A reference that the stream does not take is refused before it is sent.
func TestBuild_RefusesAReferenceThatIsTooLarge(t *testing.T) {
	t.Parallel()
	rows := parted(600, reference.NewMembers(segments()))
	s := partedSpec()
	size := len(build(t, s, rows).Reference.Encode())
	s.Gate.MaxBytes = size
	build(t, s, rows)
	s.Gate.MaxBytes--
	if _, err := reference.Build(s, rows); !errors.Is(err, reference.ErrGate) || !strings.Contains(err.Error(), "fewer segments") {
		t.Errorf("%d bytes, at most %d: %v", size, s.Gate.MaxBytes, err)
	}
}

func TestWithSegments_KeepsThePartsThereAre(t *testing.T) {
	t.Parallel()
	ref := build(t, partedSpec(), parted(600, reference.NewMembers(segments()))).Reference
	other := wire.Segments{{Name: "region", Values: []string{"ap", "us"}}}
	got := reference.WithSegments(ref, other)
	if !reference.SegmentsOf(got).Equal(other) || got.Parts[0].Counts.Rows != 0 || got.Parts[1].Counts != ref.Parts[4].Counts {
		t.Errorf("parts %v", reference.SegmentsOf(got))
	}
	if len(ref.Parts) != 5 {
		t.Errorf("the reference given has %d parts now", len(ref.Parts))
	}
}

// The largest declaration there may be: eight dimensions with sixty-four values.
func TestMembers_HoldTheLargestDeclaration(t *testing.T) {
	t.Parallel()
	var s wire.Segments
	values := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, name := range values {
		s = append(s, wire.Dimension{Name: name, Values: values})
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	m := reference.NewMembers(s)
	r := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		in, want := reference.Membership(0), make([]int, len(s))
		for d := range want {
			want[d] = -1
		}
		for range 12 { // some more than once: the last value holds
			d, k := r.IntN(len(s)), r.IntN(len(values)+1)
			want[d] = -1
			text := "none"
			if k < len(values) {
				want[d], text = k, values[k]
			}
			in = m.With(in, d, text)
		}
		for d := range want {
			if got := m.Value(in, d); got != want[d] {
				t.Fatalf("dimension %d has value %d, want %d", d, got, want[d])
			}
		}
	}
	if last := m.With(0, 7, "h"); last >= 1<<31 || m.With(last, -1, "a") != last || (*reference.Members)(nil).With(3, 0, "a") != 3 {
		t.Errorf("membership %d", last)
	}
}
