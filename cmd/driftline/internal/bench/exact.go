package bench

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/valyala/fastjson"
)

// exact holds every value of every event, by feature in the order of the events: what a
// rival says is held against it.
type exact struct {
	names   []string
	columns [][]float64
	refFrom int // where the reference of the drift reports begins
}

// referenceRows are the last events of the topic: the reference of drift reports.
const referenceRows = 10_000

// quantileRanks are what rivals report per feature.
var quantileRanks = []float64{0.1, 0.5, 0.9}

// maxRankErr is what a rival's quantile may be off, in rank: KLL with k = 200 stays within
// 0.013 in 99 % of all cases, and several hundred are checked.
const maxRankErr = 0.03

// maxDriftRelErr is what a drift score may be off: the same formula summed in another order.
const maxDriftRelErr = 1e-6

// exactOf reads the events with a decoder that is neither ours nor a rival's.
func (b *Bench) exactOf() (*exact, error) {
	x := &exact{refFrom: len(b.recs) - referenceRows}
	for i := range b.cfg.Features {
		x.names = append(x.names, fmt.Sprintf("f%d", i))
		x.columns = append(x.columns, make([]float64, len(b.recs)))
	}
	var p fastjson.Parser
	for i := range b.recs {
		v, err := p.ParseBytes(b.recs[i].Value)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		for j, name := range x.names {
			if x.columns[j][i], err = v.Get("features", name).Float64(); err != nil {
				return nil, fmt.Errorf("event %d, feature %s: %w", i, name, err)
			}
		}
	}
	return x, nil
}

// check returns what is wrong with the result of a pass over the first want events.
func (x *exact) check(r rival, res passResult, want int) error {
	if res.Events != want {
		return fmt.Errorf("it read %d events, %d were asked for", res.Events, want)
	}
	if r.drift {
		return x.checkDrift(res.Drift, want)
	}
	return x.checkQuantiles(res.Quantiles, want)
}

func (x *exact) checkQuantiles(got map[string][]float64, want int) error {
	if len(got) != len(x.names) {
		return fmt.Errorf("quantiles of %d features, want %d", len(got), len(x.names))
	}
	for i, name := range x.names {
		q := got[name]
		if len(q) != len(quantileRanks) {
			return fmt.Errorf("%d quantiles of feature %s, want %d", len(q), name, len(quantileRanks))
		}
		sorted := slices.Sorted(slices.Values(x.columns[i][:want]))
		for k, rank := range quantileRanks {
			low, high := ranks(sorted, q[k])
			if off := max(low-rank, rank-high, 0); !(off <= maxRankErr) {
				return fmt.Errorf("feature %s: %g is said to have rank %g, it has %.3f to %.3f", name, q[k], rank, low, high)
			}
		}
	}
	return nil
}

// ranks are the shares of values below v, and below or equal to it; NaN for NaN.
func ranks(sorted []float64, v float64) (low, high float64) {
	if math.IsNaN(v) {
		return v, v
	}
	n := float64(len(sorted))
	below := sort.SearchFloat64s(sorted, v)
	upTo := sort.Search(len(sorted), func(i int) bool { return sorted[i] > v })
	return float64(below) / n, float64(upTo) / n
}

func (x *exact) checkDrift(got map[string]float64, want int) error {
	if len(got) != len(x.names) {
		return fmt.Errorf("drift of %d features, want %d", len(got), len(x.names))
	}
	for i, name := range x.names {
		reference := x.columns[i][x.refFrom:]
		w := wasserstein(reference, x.columns[i][:want]) / max(deviation(reference), 0.001)
		if off := math.Abs(got[name]-w) / w; !(off <= maxDriftRelErr) {
			return fmt.Errorf("feature %s: drift of %g, want %g", name, got[name], w)
		}
	}
	return nil
}

// wasserstein is the distance of two samples: ∫ |F(x) − G(x)| dx over their empirical
// distribution functions. Neither slice is changed; both must hold a value.
func wasserstein(a, b []float64) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	i, j, sum := 0, 0, 0.0
	last := min(a[0], b[0])
	for i < len(a) || j < len(b) {
		next := math.Inf(1)
		if i < len(a) {
			next = a[i]
		}
		if j < len(b) {
			next = min(next, b[j])
		}
		sum += math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))) * (next - last)
		last = next
		for i < len(a) && a[i] == next {
			i++
		}
		for j < len(b) && b[j] == next {
			j++
		}
	}
	return sum
}

// deviation is the standard deviation with divisor n.
func deviation(x []float64) float64 {
	mean := 0.0
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	sum := 0.0
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)))
}
