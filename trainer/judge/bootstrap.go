package judge

import (
	"math"
	"math/rand/v2"
	"slices"
)

// bootstrapStream is the second word of the seed, apart from other users of PCG.
const bootstrapStream = 0xd1b54a32d192ed03

// undefinedDraws is the share of draws that may leave a metric undefined, because a
// class or a group is missing from them; beyond it there is no interval.
const undefinedDraws = 0.05

// drawDays calls yield with the number of times each of n days was drawn: n days with
// replacement, draws times. The slice is reused.
func drawDays(n, draws int, seed uint64, yield func(weight []float64)) {
	r := rand.New(rand.NewPCG(seed, bootstrapStream))
	weight := make([]float64, n)
	for range draws {
		clear(weight)
		for range n {
			weight[r.IntN(n)]++
		}
		yield(weight)
	}
}

// spread is the bootstrap distribution of one statistic.
type spread struct {
	sorted    []float64
	undefined int
}

func (s *spread) add(v Value) {
	if v.Defined() && finite(v.Number) {
		s.sorted = append(s.sorted, v.Number)
	} else {
		s.undefined++
	}
}

func (s *spread) seal() { slices.Sort(s.sorted) }

// bounds returns the percentile bounds, each one-sided at level. ok is false where
// too many draws were undefined.
//
// The lower bound is the order statistic of rank ⌊(1 − level)·draws⌋ counted from 0,
// the upper one its mirror image.
func (s *spread) bounds(level float64) (low, high float64, ok bool) {
	n := len(s.sorted)
	if n == 0 || float64(s.undefined) > undefinedDraws*float64(n+s.undefined) {
		return 0, 0, false
	}
	k := min(int(math.Floor((1-level)*float64(n)+1e-9)), n-1)
	return s.sorted[k], s.sorted[n-1-k], true
}

// paired is a holdout ready to be compared on.
type paired struct {
	champion, challenger measured
	directions           map[string]Direction
	rows, days           int
	ones                 []float64
}

// newPaired takes some rows of the holdout.
func newPaired(cfg GateConfig, in Input, rows []int) *paired {
	days, dayOf := in.days(cfg.Kind, rows)
	return &paired{
		champion: in.side(cfg, theChampion, rows, dayOf), challenger: in.side(cfg, theChallenger, rows, dayOf),
		directions: Metrics(cfg.Kind), rows: len(rows), days: len(days), ones: slices.Repeat([]float64{1}, len(days)),
	}
}

// gain is the challenger's improvement on a metric under a weighting of the days.
func (p *paired) gain(metric string, weight []float64) Value {
	was := p.champion.value(metric, weight)
	if !was.Defined() {
		return was
	}
	is := p.challenger.value(metric, weight)
	if !is.Defined() {
		return is
	}
	return number(improvement(was.Number, is.Number, p.directions[metric]))
}

// spreads draws the improvement on several metrics, all from the same draws.
func (p *paired) spreads(metrics []string, draws int, seed uint64) map[string]*spread {
	out := make(map[string]*spread, len(metrics))
	for _, m := range metrics {
		out[m] = &spread{sorted: make([]float64, 0, draws)}
	}
	drawDays(p.days, draws, seed, func(weight []float64) {
		for m, s := range out {
			s.add(p.gain(m, weight))
		}
	})
	for _, s := range out {
		s.seal()
	}
	return out
}
