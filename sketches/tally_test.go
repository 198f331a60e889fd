package sketches

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// mixedGrid has numeric features of every sample shape and two categorical ones.
func mixedGrid(t testing.TB) *Grid {
	t.Helper()
	var fs []FeatureGrid
	for i, s := range samples {
		f := sampleGrid(t, s.draw, 500+100*i)
		f.Name = s.name
		fs = append(fs, f)
		if i%5 == 2 {
			c, err := NewCategorical(fmt.Sprint("c", i), map[string]uint64{"a": 5, "b": 3, "1": 2, "true": 1, "z": 1}, 4)
			if err != nil {
				t.Fatal(err)
			}
			fs = append(fs, c)
		}
	}
	g, err := NewGrid(fs)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// oddValue is now and then something else than a number of the usual size.
func oddValue(r *rand.Rand, usual float64) Value {
	odd := []Value{
		Null(), Wrong(), Bool(true), Bool(false), String("a"), String("b"), String("nowhere"), String("1"),
		Number(math.NaN()), Number(math.Inf(1)), Number(math.Inf(-1)), Number(math.Copysign(0, -1)),
		Number(math.MaxFloat64), Number(-math.MaxFloat64), Number(math.SmallestNonzeroFloat64), Number(1), Number(1e6), Number(-1e6),
		Number(math.Float64frombits(0x7ff8_0000_0000_1234)), Number(math.Float64frombits(r.Uint64())),
	}
	if r.IntN(4) == 0 {
		return odd[r.IntN(len(odd))]
	}
	return Number(usual)
}

func TestTally_IsCounts(t *testing.T) {
	t.Parallel()
	g := mixedGrid(t)
	for seed := range uint64(9) {
		r := rand.New(rand.NewPCG(seed, 77))
		buffers := NewBuffers([]int{0, 1, 1 << 20}[seed%3])
		tallies := []*Tally{NewTally(g), NewTally(g), NewTally(g)}
		wants := []*Counts{NewCounts(g), NewCounts(g), NewCounts(g)}
		for range 700 {
			which := r.IntN(3)
			b := buffers.Row(tallies[which])
			wants[which].AddRow()
			perm := r.Perm(len(g.Features))
			cut := r.IntN(len(perm) + 1) // the first come one by one, the others as a row
			var order []int32
			var row []NamedValue
			for k, i := range perm {
				v := oddValue(r, samples[r.IntN(len(samples))].draw(r))
				wants[which].Add(i, v)
				if k < cut {
					b.Put(i, v)
					continue
				}
				order, row = append(order, int32(i), -1), append(row, NamedValue{Value: v}, NamedValue{Value: Number(1)})
			}
			b.PutRow(order, row)
			if r.IntN(300) == 0 {
				tallies[which].Settle()
			}
		}
		for i, got := range tallies {
			if !got.Counts().Equal(wants[i]) {
				t.Fatalf("seed %d: tally %d differs from counts", seed, i)
			}
			if n := len(g.Features); !slices.Equal(got.Counts().EncodeRange(0, n), wants[i].EncodeRange(0, n)) {
				t.Fatalf("seed %d: bytes of tally %d differ", seed, i)
			}
		}
	}
}

// Steps around the bound of the sums in 64 bits, the clamp, and a step that rounds up
// to the bound.
func TestTally_StepsAtTheirBounds(t *testing.T) {
	t.Parallel()
	f := sampleGrid(t, samples[0].draw, 1000)
	g, err := NewGrid([]FeatureGrid{f})
	if err != nil {
		t.Fatal(err)
	}
	unit := math.Ldexp(1, f.Exp)
	tally, want, buffers := NewTally(g), NewCounts(g), NewBuffers(0)
	for _, q := range []float64{0, 1, 1.5, 2.5, 65534, 65535, 65535.4, 65535.5, 65535.75, 65536, 65537, 1 << 20, maxStep - 1, maxStep, maxStep + 1, 1e15} {
		for _, sign := range []float64{1, -1} {
			v := Number(f.Centre + sign*q*unit)
			for range 70 {
				buffers.Row(tally).Put(0, v)
				want.AddRow()
				want.Add(0, v)
			}
		}
	}
	if !tally.Counts().Equal(want) {
		t.Fatalf("got %+v\nwant %+v", tally.Counts().Features[0].FeatureSums, want.Features[0].FeatureSums)
	}
}

func TestTally_CellsGoBeyond16Bits(t *testing.T) {
	t.Parallel()
	num := sampleGrid(t, samples[0].draw, 100)
	cat, err := NewCategorical("c", map[string]uint64{"a": 1}, 4)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGrid([]FeatureGrid{num, cat})
	if err != nil {
		t.Fatal(err)
	}
	tally, buffers := NewTally(g), NewBuffers(1<<20)
	const n = 3<<16 + 5
	for range n {
		b := buffers.Row(tally)
		b.Put(0, Number(num.Edges[50]))
		b.Put(1, String("a"))
	}
	c := tally.Counts()
	cell, _ := num.Locate(Number(num.Edges[50]))
	if got := c.Features[0].Cells[cell]; got != n {
		t.Errorf("numeric cell holds %d, want %d", got, n)
	}
	if got := c.Features[1].Cells[0]; got != n || c.Features[1].Total() != n {
		t.Errorf("category holds %d of %d, want %d", got, c.Features[1].Total(), n)
	}
}

func TestTally_AddsWithoutAllocation(t *testing.T) {
	g := mixedGrid(t)
	r := rand.New(rand.NewPCG(1, 2))
	row := make([]Value, len(g.Features))
	for i := range row {
		row[i] = oddValue(r, r.NormFloat64())
	}
	tally, buffers := NewTally(g), NewBuffers(1<<20)
	if n := testing.AllocsPerRun(1000, func() {
		b := buffers.Row(tally)
		for i, v := range row {
			b.Put(i, v)
		}
	}); n != 0 {
		t.Errorf("%g allocations per row, want 0", n)
	}
}

// The memory of a tally stays within what TallyBytes says, which the account of a
// process's memory is made from.
func TestTallyBytes_BoundsTheMemory(t *testing.T) {
	g := mixedGrid(t)
	usual := 0
	for i := range g.Features {
		u, _ := TallyBytes(g.Features[i].Cells())
		usual += u
	}
	const n = 2000
	kept := make([]*Tally, n)
	got := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			kept[b.N%n] = NewTally(g)
		}
	}).AllocedBytesPerOp()
	if limit := int64(float64(usual)*1.15) + 256; got > limit { // the allocator rounds up to its size classes
		t.Errorf("a tally takes %d bytes, want at most %d", got, limit)
	}
}

// BenchmarkRow counts rows of 50 numeric features at 240 cells, beside Counts.Add and a
// binary search with Welford's moments, in time per row.
func BenchmarkRow(b *testing.B) {
	const features, rows = 50, 512
	var fs []FeatureGrid
	for i := range features {
		f := sampleGrid(b, samples[[]int{0, 2, 4}[i%3]].draw, 20_000)
		f.Name = fmt.Sprint("f", i)
		fs = append(fs, f)
	}
	g, err := NewGrid(fs)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	data := make([]Value, rows*features)
	for i := range data {
		data[i] = Number(samples[[]int{0, 2, 4}[i%features%3]].draw(r))
	}
	row := func(i int) []Value { return data[i%rows*features:][:features] }
	b.Run("tally", func(b *testing.B) {
		tally, buffers := NewTally(g), NewBuffers(1<<20)
		order, named := make([]int32, features), make([]NamedValue, len(data))
		for i := range order {
			order[i] = int32(i)
		}
		for i, v := range data {
			named[i].Value = v
		}
		b.ResetTimer()
		cpuTime(b, func() {
			for i := range b.N {
				buffers.Row(tally).PutRow(order, named[i%rows*features:])
			}
		})
	})
	b.Run("counts", func(b *testing.B) {
		c := NewCounts(g)
		cpuTime(b, func() {
			for i := range b.N {
				c.AddRow()
				for j, v := range row(i) {
					c.Add(j, v)
				}
			}
		})
	})
	b.Run("plain", func(b *testing.B) {
		type feature struct {
			counts   []uint64
			n        float64
			mean, m2 float64
		}
		plain := make([]feature, features)
		for j := range plain {
			plain[j].counts = make([]uint64, g.Features[j].Cells())
		}
		cpuTime(b, func() {
			for i := range b.N {
				for j, v := range row(i) {
					f := &plain[j]
					at, found := slices.BinarySearch(g.Features[j].Edges, v.num)
					if found {
						at++
					}
					f.counts[at]++
					f.n++
					d := v.num - f.mean
					f.mean += d / f.n
					f.m2 += d * (v.num - f.mean)
				}
			}
		})
	})
}
