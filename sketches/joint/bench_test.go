package joint

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// BenchmarkRow is what the layer costs a row of 20 features at D = 256, without and with
// finding the cells: the aim is 2 µs.
func BenchmarkRow(b *testing.B) {
	counts, codes := numericGrid(b, 20, 5000, 1)
	e := build(b, counts, codes, 256)
	g := counts.Grid
	b.Run("codes", func(b *testing.B) {
		c := randomCodes(g, rand.New(rand.NewPCG(1, 1)), blockRows)
		a, t := NewAdder(), NewTally(e)
		b.ReportAllocs()
		cpuTime(b, func() {
			for n := 0; n < b.N; n += blockRows {
				a.Add(t, c)
			}
		})
	})
	b.Run("one", func(b *testing.B) {
		c := randomCodes(g, rand.New(rand.NewPCG(1, 1)), 1)
		a, t := NewAdder(), NewTally(e)
		b.ReportAllocs()
		cpuTime(b, func() {
			for range b.N {
				a.Add(t, c)
			}
		})
	})
	for _, with := range []bool{false, true} {
		name := map[bool]string{false: "counted", true: "counted and observed"}[with]
		b.Run(name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(2, 2))
			row := make([]sketches.NamedValue, 20*1024)
			for i := range row {
				row[i].Value = sketches.Number(rng.NormFloat64())
			}
			to := make([]int32, 20)
			for i := range to {
				to[i] = int32(i)
			}
			buffers, t := sketches.NewBuffers(1<<20), sketches.NewTally(g)
			if with {
				t.Observe(NewObserver(NewAdder(), NewTally(e)))
			}
			b.ReportAllocs()
			cpuTime(b, func() {
				for n := range b.N {
					at := n % 1024 * 20
					buffers.Row(t).PutRow(to, row[at:at+20])
				}
			})
		})
	}
}

// cpuTime reports the CPU time per operation, which other work on the machine disturbs
// less than the time that passes.
func cpuTime(b *testing.B, run func()) {
	b.Helper()
	now := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := now()
	run()
	b.ReportMetric(float64(now()-before)/float64(b.N), "cpu-ns/op")
}
