package main

import (
	"math"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/sequential"
)

// detector is one that learns its past by itself.
type detector interface{ Update(x float64) bool }

// rival is a detector with one setting to turn.
type rival struct {
	name string
	// at makes it for a value of the setting; lo … hi brackets the target.
	at     func(v float64, seed uint64) detector
	fixed  []float64 // further settings to show as they are
	lo, hi float64   // at lo it alarms too often, at hi too seldom; 0, 0: not tuned
	warm   int       // records before the change; 0: warmUp
	fewer  int       // a slow one gets runs and records without drift divided by this; 0: all
}

// bothWays is Page-Hinkley up and down.
type bothWays struct{ up, down *sequential.PageHinkley }

func (b bothWays) Update(x float64) bool {
	u, d := b.up.Update(x), b.down.Update(-x)
	return u || d
}

func pageHinkley(lambda float64) *sequential.PageHinkley {
	p := sequential.NewPageHinkley()
	p.Lambda = lambda
	return p
}

// dummy alarms every j records, whatever they say.
type dummy struct{ j, t int }

func (d *dummy) Update(float64) bool {
	d.t++
	return d.t%d.j == 0
}

var rivals = []rival{
	{name: "alarm every j records", at: func(v float64, seed uint64) detector {
		return &dummy{j: int(v), t: int(generate.New(seed, 9).Uniform(9) * v)}
	}, fixed: []float64{5000}},
	{name: "Page-Hinkley up, λ", at: func(v float64, _ uint64) detector { return pageHinkley(v) }, fixed: []float64{50}, lo: 10, hi: 200},
	{name: "Page-Hinkley both ways, λ", at: func(v float64, _ uint64) detector {
		return bothWays{pageHinkley(v), pageHinkley(v)}
	}, lo: 10, hi: 200},
	{name: "ADWIN (River 0.23) δ", at: func(v float64, _ uint64) detector {
		return &sequential.ADWIN{Delta: v, AllBuckets: true}
	}, fixed: []float64{0.002}, lo: 1, hi: 0.002},
	{name: "ADWIN (older) δ", at: func(v float64, _ uint64) detector {
		return &sequential.ADWIN{Delta: v}
	}, fixed: []float64{0.002}},
	{name: "KSWIN α", at: func(v float64, seed uint64) detector {
		return sequential.NewKSWIN(v, seed)
	}, fixed: []float64{0.005, 5e-4, 1e-4}, warm: 100, fewer: 4}, // it remembers 100 records
}

// warmUp is what a detector sees without drift before a change.
const warmUp = 1000

// capped is the longest delay that is waited for; it counts for a miss.
const capped = 2000

// stretch is the length of a stream without drift. A window that grows alarms ever more
// seldom, so its ARL0 hangs on this length.
const stretch = 100_000

// meanRun measures ARL0 on streams without drift.
func meanRun(r rival, v float64, seed uint64, rows int, phi float64) float64 {
	alarms, seen := 0, 0
	for n := uint64(0); seen < rows; n++ {
		d := r.at(v, seed+n)
		src := generate.NewSource(seed, 1<<40+n, phi)
		for range stretch {
			x, _ := src.Next()
			if d.Update(x) {
				alarms++
			}
		}
		seen += stretch
	}
	return float64(seen) / float64(max(alarms, 1))
}

// tune finds the setting with the target by bisection on the scale of its logarithm.
func tune(r rival, o options) float64 {
	lo, hi := r.lo, r.hi
	for range 12 {
		mid := math.Sqrt(lo * hi)
		if meanRun(r, mid, o.seed+1, o.nullRows, 0) < o.target {
			lo = mid
		} else {
			hi = mid
		}
	}
	return math.Sqrt(lo * hi)
}

// beside measures one setting: ARL0 for every φ, and delays on independent records after
// a warm-up without an alarm in it.
func beside(r rival, v float64, o options) (arl []float64, f figures) {
	fewer, warm := max(r.fewer, 1), r.warm
	if warm == 0 {
		warm = warmUp
	}
	for _, phi := range dependences {
		arl = append(arl, meanRun(r, v, o.seed, o.nullRows/fewer, phi))
	}
	f = newFigures()
	for i, c := range changes {
		var delays []float64
		for k := range o.rivalRuns / fewer {
			d := r.at(v, o.seed+uint64(k))
			src := generate.NewSource(o.seed, 1<<41+uint64(i)<<32+uint64(k), 0)
			for range warm {
				x, _ := src.Next()
				d.Update(x)
			}
			src.Change = c.change
			t := 1
			for ; t < capped; t++ {
				x, _ := src.Next()
				if d.Update(x) {
					break
				}
			}
			if t == capped {
				f.missed[i]++
			}
			delays = append(delays, float64(t))
		}
		f.delays[i], f.errs[i] = meanErr(delays)
	}
	return arl, f
}
