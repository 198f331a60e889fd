package sketches

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestNewNumericRefusesUnusableReferences(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		values []float64
		want   error
	}{
		{"no values at all", nil, ErrEmpty},
		{"a NaN", []float64{1, math.NaN()}, ErrNonFinite},
		{"plus infinity", []float64{math.Inf(1)}, ErrNonFinite},
		{"minus infinity", []float64{1, 2, math.Inf(-1)}, ErrNonFinite},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := NewNumeric("x", tc.values); !errors.Is(err, tc.want) {
				t.Errorf("error = %v, want %v", err, tc.want)
			}
		})
	}
}

// slowCell is the definition: the number of edges ≤ x.
func slowCell(f *FeatureGrid, x float64) int {
	n := 0
	for _, e := range f.Edges {
		if e <= x {
			n++
		}
	}
	return n
}

func TestLocateCountsEdgesAtOrBelowTheValue(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 3 {
		f := &g.Features[i]
		xs := []float64{0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 5}
		for _, e := range f.Edges {
			xs = append(xs, e, math.Nextafter(e, -math.MaxFloat64), math.Nextafter(e, math.MaxFloat64))
		}
		for range 2000 {
			xs = append(xs, rng.NormFloat64()*3)
		}
		for _, x := range xs {
			cell, side := f.Locate(Number(x))
			if want := slowCell(f, x); cell != want || side != InCell {
				t.Fatalf("%s: cell of %g = %d (%s), want %d", f.Name, x, cell, side, want)
			}
		}
	}
}

func TestLocateIsExactForAnyShape(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 8))
	shapes := map[string]func() float64{
		"wide lognormal":  func() float64 { return math.Exp(3 * rng.NormFloat64()) },
		"heavy tails":     func() float64 { return rng.NormFloat64() / rng.NormFloat64() },
		"one outlier":     func() float64 { return rng.Float64() + 1e15*float64(rng.IntN(300)/299) },
		"whole range":     func() float64 { return math.Float64frombits(rng.Uint64()) },
		"denormals":       func() float64 { return 5e-324 * float64(rng.IntN(2000)-1000) },
		"few neighbours":  func() float64 { return math.Float64frombits(0x3ff0000000000000 + rng.Uint64N(600)) },
		"largest of all":  func() float64 { return math.MaxFloat64 * float64(rng.IntN(3)-1) },
		"negative only":   func() float64 { return -math.Exp(rng.NormFloat64()) },
		"many heavy ties": func() float64 { return float64(rng.IntN(400)) },
	}
	for name, draw := range shapes {
		var x []float64
		for len(x) < 3000 {
			if v := draw(); v-v == 0 {
				x = append(x, v)
			}
		}
		f, err := NewNumeric(name, x)
		if err != nil {
			t.Fatal(err)
		}
		x = append(x, 0, math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, math.Copysign(0, -1))
		for _, e := range f.Edges {
			if e-e == 0 {
				x = append(x, e, math.Nextafter(e, -math.MaxFloat64), math.Nextafter(e, math.MaxFloat64))
			}
		}
		for _, v := range x {
			if cell, side := f.Locate(Number(v)); cell != slowCell(&f, v) || side != InCell {
				t.Fatalf("%s: cell of %g = %d (%s), want %d", name, v, cell, side, slowCell(&f, v))
			}
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	f, err := NewNumeric("x", []float64{0, 0, 0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	last := f.Cells() - 1
	cell := func(x float64) int { c, _ := f.Locate(Number(x)); return c }
	for _, tc := range []struct {
		got, want string
	}{
		{f.Label(0), "< 0"}, {f.Label(last), "≥ 2"}, {f.Label(cell(0)), "= 0"}, {f.Label(cell(1)), "= 1"},
		{f.Label(-1), "no cell -1"}, {f.Label(last + 1), fmt.Sprintf("no cell %d", last+1)},
	} {
		if tc.got != tc.want {
			t.Errorf("label %q, want %q", tc.got, tc.want)
		}
	}
	if got := f.Label(cell(1.5)); !strings.HasPrefix(got, "[1.") || !strings.HasSuffix(got, ")") {
		t.Errorf("label of an open cell: %q", got)
	}
	item := &testGrid(t).Features[4]
	if a, b, c := item.Label(0), item.Label(1000), item.Label(1018); a != "v0000" || b != "other" || c != "hashed 17" {
		t.Errorf("labels %q, %q, %q", a, b, c)
	}
}

func TestLocateSidesAndConversions(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	num, cat := &g.Features[1], &g.Features[3] // colour names green, blue, red; knows true and 7
	long := strings.Repeat("x", 1000)
	for _, tc := range []struct {
		name string
		f    *FeatureGrid
		v    Value
		cell int
		side Side
	}{
		{"null on numeric", num, Null(), -1, SideNull},
		{"NaN on numeric", num, Number(math.NaN()), -1, SideNaN},
		{"plus infinity on numeric", num, Number(math.Inf(1)), -1, SidePosInf},
		{"minus infinity on numeric", num, Number(math.Inf(-1)), -1, SideNegInf},
		{"a string on numeric is wrong", num, String("3"), -1, SideWrong},
		{"a list on numeric is wrong", num, Wrong(), -1, SideWrong},
		{"true on numeric is 1", num, Bool(true), slowCell(num, 1), InCell},
		{"false on numeric is 0", num, Bool(false), slowCell(num, 0), InCell},
		{"null on categorical", cat, Null(), -1, SideNull},
		{"NaN on categorical", cat, Number(math.NaN()), -1, SideNaN},
		{"infinity on categorical", cat, Number(math.Inf(-1)), -1, SideNegInf},
		{"a list on categorical is wrong", cat, Wrong(), -1, SideWrong},
		{"the most frequent value has cell 0", cat, String("green"), 0, InCell},
		{"ties rank by bytes", cat, String("blue"), 1, InCell},
		{"the last named value", cat, String("red"), 2, InCell},
		{"a known value without a name is other", cat, Bool(true), 3, InCell},
		{"a number becomes its decimal text", cat, Number(7), 3, InCell},
		{"a value the reference never had", cat, String("pink"), -1, SideUnseen},
		{"false was never there", cat, Bool(false), -1, SideUnseen},
		{"the empty text is a value", cat, String(""), -1, SideUnseen},
		{"an oversize text", cat, String(long), -1, SideUnseen},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cell, side := tc.f.Locate(tc.v)
			if cell != tc.cell || side != tc.side {
				t.Errorf("Locate = %d, %s; want %d, %s", cell, side, tc.cell, tc.side)
			}
		})
	}
}

func TestOversizeCategoriesKeepApart(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("x", 1000)+"a", strings.Repeat("x", 1000)+"b"
	f, err := NewCategorical("c", map[string]uint64{a: 2, b: 1}, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range []string{a, b} {
		if cell, side := f.Locate(String(s)); cell != i || side != InCell {
			t.Errorf("text %d: cell %d (%s), want %d", i, cell, side, i)
		}
	}
	if n := len(CategoryText(a)); n != MaxCategoryBytes {
		t.Errorf("an oversize text is kept in %d bytes, want %d", n, MaxCategoryBytes)
	}
}

func TestHashedCellsHoldTheMiddleRanks(t *testing.T) {
	t.Parallel()
	f := &testGrid(t).Features[4]
	if got, want := f.Cells(), MaxNamed+1+TailCells; got != want {
		t.Fatalf("cells = %d, want %d", got, want)
	}
	for _, tc := range []struct {
		value    string
		low, top int
	}{{"v0999", 999, 999}, {"v1000", 1001, 1256}, {"v1199", 1001, 1256}, {"v1200", 1000, 1000}, {"v1499", 1000, 1000}} {
		if cell, side := f.Locate(String(tc.value)); side != InCell || cell < tc.low || cell > tc.top {
			t.Errorf("%s: cell %d (%s), want %d … %d", tc.value, cell, side, tc.low, tc.top)
		}
	}
}

func TestNumberText(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{
		3: "3", -0.5: "-0.5", 1e20: "100000000000000000000", 1e21: "1e+21", 1e-7: "0.0000001", 1e-8: "1e-08", 0.1: "0.1",
	} {
		if got, ok := Number(x).Text(); !ok || got != want {
			t.Errorf("text of %g = %q, want %q", x, got, want)
		}
	}
	if got, _ := Number(math.Copysign(0, -1)).Text(); got != "0" {
		t.Errorf("text of −0 = %q, want 0", got)
	}
}

func TestCoarseBinsAreInteriorQuantiles(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	samples := map[string][]float64{"ties": {1, 1, 1, 2, 2, 3, 3, 3, 3, 9}, "one": {4}, "two": {1, 2}}
	for range 997 {
		samples["normal"] = append(samples["normal"], rng.NormFloat64())
		samples["zeros"] = append(samples["zeros"], max(0, rng.NormFloat64()))
	}
	for name, x := range samples {
		f, err := NewNumeric(name, x)
		if err != nil {
			t.Fatal(err)
		}
		sorted := slices.Sorted(slices.Values(x))
		for _, b := range []int{10, 20, 30, 60} {
			var edges []float64
			for j := 1; j < b; j++ {
				edges = append(edges, QuantileSorted(sorted, j, b))
			}
			edges = slices.Compact(edges)
			cellToBin, bins := f.Coarse(b)
			if bins != len(edges)+1 {
				t.Errorf("%s, B = %d: %d bins, want %d", name, b, bins, len(edges)+1)
			}
			for _, v := range append(x, -10, 10, 0.5) {
				cell, _ := f.Locate(Number(v))
				want := 0
				for _, e := range edges {
					if e <= v {
						want++
					}
				}
				if got := cellToBin[cell]; got != want {
					t.Errorf("%s, B = %d: bin of %g = %d, want %d", name, b, v, got, want)
				}
			}
		}
	}
}

func TestVerdictBinsKeepAtomsAndEndsApart(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	for i := range g.Features {
		f := &g.Features[i]
		c := randomCounts(g, 11, 500)
		ref := &c.Features[i]
		if f.Name == "constant" {
			ref.Cells = []uint64{0, 100, 0}
		}
		cellToBin, bins := f.VerdictBins(ref)
		if bins > MaxVerdictBins || bins < 1 {
			t.Fatalf("%s: %d bins", f.Name, bins)
		}
		seen := make([]int, bins)
		for _, b := range cellToBin {
			seen[b]++
		}
		if slices.Min(seen) == 0 {
			t.Errorf("%s: a bin without cells: %v", f.Name, seen)
		}
		if f.Kind != Numeric {
			continue
		}
		if !slices.IsSorted(cellToBin) || seen[0] != 1 || seen[bins-1] != 1 {
			t.Errorf("%s: under and over are not bins of their own: %v", f.Name, cellToBin)
		}
		for cell, n := range ref.Cells {
			if f.SingleValue(cell) && 20*n >= ref.Total() && seen[cellToBin[cell]] != 1 {
				t.Errorf("%s: atom %s with %d of %d shares its bin", f.Name, f.Label(cell), n, ref.Total())
			}
		}
	}
	if got, bins := g.Features[2].VerdictBins(&FeatureCounts{Cells: []uint64{0, 9, 0}}); bins != 3 || !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("constant feature: bins %v", got)
	}
}

func TestGridRoundTripKeepsBytesAndID(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	h, err := DecodeGrid(g.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if h.ID() != g.ID() || string(h.Encode()) != string(g.Encode()) {
		t.Errorf("decoded grid has id %s, want %s", h.ID(), g.ID())
	}
	if i, ok := h.Index("colour"); !ok || i != 3 {
		t.Errorf("Index(colour) = %d, %v", i, ok)
	}
	back, err := ParseID(g.ID().String())
	if err != nil || back != g.ID() {
		t.Errorf("ParseID(String) = %v, %v", back, err)
	}
	for i := range g.Encode() {
		b := slices.Clone(g.Encode())
		b[i] ^= 1
		if _, err := DecodeGrid(b); err == nil {
			t.Fatalf("a flipped bit in byte %d was accepted", i)
		}
	}
}

func TestNewGridRefusesBrokenFeatures(t *testing.T) {
	t.Parallel()
	good := testGrid(t).Features
	change := func(i int, edit func(f *FeatureGrid)) []FeatureGrid {
		fs := slices.Clone(good)
		fs[i].Edges = slices.Clone(fs[i].Edges)
		fs[i].Quantile = slices.Clone(fs[i].Quantile)
		edit(&fs[i])
		return fs
	}
	for name, fs := range map[string][]FeatureGrid{
		"no features":              nil,
		"a name twice":             {good[0], good[0]},
		"no name":                  change(0, func(f *FeatureGrid) { f.Name = "" }),
		"no kind":                  change(0, func(f *FeatureGrid) { f.Kind = 0 }),
		"edges out of order":       change(0, func(f *FeatureGrid) { f.Edges[3] = f.Edges[2] }),
		"an edge that is NaN":      change(0, func(f *FeatureGrid) { f.Edges[3] = math.NaN() }),
		"an edge of −0":            change(0, func(f *FeatureGrid) { f.Edges[0] = math.Copysign(0, -1) }),
		"a quantile too few":       change(0, func(f *FeatureGrid) { f.Quantile = f.Quantile[1:] }),
		"a quantile beyond":        change(0, func(f *FeatureGrid) { f.Quantile[239] = len(f.Edges) }),
		"an exponent out of range": change(0, func(f *FeatureGrid) { f.Exp = 5000 }),
		"an infinite centre":       change(0, func(f *FeatureGrid) { f.Centre = math.Inf(1) }),
		"numeric with names":       change(0, func(f *FeatureGrid) { f.Names = []string{"a"} }),
		"categorical with edges":   change(3, func(f *FeatureGrid) { f.Edges = []float64{1, 2} }),
		"one name twice":           change(3, func(f *FeatureGrid) { f.Names = []string{"a", "a"} }),
		"no names":                 change(3, func(f *FeatureGrid) { f.Names = nil }),
		"a tail without 1000":      change(3, func(f *FeatureGrid) { f.Tail = []uint64{1} }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := NewGrid(fs); !errors.Is(err, ErrBadGrid) {
				t.Errorf("error = %v, want ErrBadGrid", err)
			}
		})
	}
}

func TestExtremeReferencesGiveUsableGrids(t *testing.T) {
	t.Parallel()
	for name, x := range map[string][]float64{
		"the whole range of float64": {-math.MaxFloat64, 0, math.MaxFloat64},
		"the largest value":          {math.MaxFloat64, math.MaxFloat64},
		"denormals":                  {5e-324, 1e-323, 1.5e-323},
		"large offset":               {1e9, 1e9 + 1, 1e9 + 2},
		"tiny":                       {1e-300, 2e-300, 3e-300},
		"two neighbours":             {1, math.Nextafter(1, 2)},
		"minus zero":                 {math.Copysign(0, -1), 0},
	} {
		f, err := NewNumeric(name, x)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g, err := NewGrid([]FeatureGrid{f})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c := NewCounts(g)
		for _, v := range x {
			c.Add(0, Number(v))
		}
		fc := &c.Features[0]
		if fc.Total() != uint64(len(x)) || fc.Cells[0] != 0 || fc.Cells[len(fc.Cells)-1] != 0 {
			t.Errorf("%s: reference values outside the cells: %v", name, fc.Cells)
		}
		if m := fc.Moments(&g.Features[0]); math.IsNaN(m.Mean) {
			t.Errorf("%s: mean is NaN", name)
		}
	}
}
