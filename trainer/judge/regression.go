package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// spreadFifth is the share of a day's rows in the top and in the bottom group.
const spreadFifth = 5

// minRankRows is the least number of rows of a day for a rank correlation.
const minRankRows = 3

// Point is one regression row: what was predicted and what came, on which day.
type Point struct {
	Day       int32
	Predicted float64
	Actual    float64
}

// DayRank is one day's rank correlation and spread.
type DayRank struct {
	Day    int32 `json:"day"`
	Rows   int   `json:"rows"`
	IC     Value `json:"ic"`     // Spearman between prediction and outcome
	Spread Value `json:"spread"` // mean outcome of the top fifth of predictions less the bottom fifth
}

// Regression is the report of one model on a numeric outcome. Units are the
// outcome's, but for R², Pearson and IC, which have none.
type Regression struct {
	Rows    int       `json:"rows"`
	RMSE    Interval  `json:"rmse"`
	MAE     Interval  `json:"mae"`
	R2      Interval  `json:"r2"` // against the mean of these rows; can be negative
	Pearson Interval  `json:"pearson"`
	MeanIC  Interval  `json:"mean_ic"`     // over days that have one
	Spread  Interval  `json:"mean_spread"` // over days that have one
	Days    []DayRank `json:"days"`
}

// Interval is a value with two-sided bounds from draws of days. A nil value is
// undefined for the reason given; nil bounds could not be had, as with one day only.
type Interval struct {
	Value  *float64 `json:"value"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Reason string   `json:"reason,omitempty"`
}

func interval(v Value) Interval {
	if !v.Defined() {
		return Interval{Reason: v.Reason}
	}
	return Interval{Value: some(v.Number)}
}

// sameShare is the spread, as a share of the mean, below which values are taken for
// all alike: what rounding leaves of equal ones.
const sameShare = 1e-12

// dayMoments are sums of one day's rows, about the means of all rows.
type dayMoments struct {
	n, p, a, pp, aa, pa, square, abs float64

	leastPP, leastAA float64 // sums of squares below these are rounding
	ic, spread       Value
}

// EvaluateRegression measures predictions by sums over days, and draws days for the
// intervals: draws times at a two-sided level, from a seed.
//
// Errors: values that are not finite, a level outside (0, 1), draws outside 100 …
// 100,000. No rows is no error: every value is then null.
func EvaluateRegression(points []Point, level float64, draws int, seed uint64) (Regression, error) {
	if !(level > 0 && level < 1) {
		return Regression{}, fmt.Errorf("evaluate: level is %v: must be above 0 and below 1", level)
	}
	if draws < minDraws || draws > maxDraws {
		return Regression{}, fmt.Errorf("evaluate: draws is %d: must be from %d to %d", draws, minDraws, maxDraws)
	}
	for i, p := range points {
		if !finite(p.Predicted) || !finite(p.Actual) {
			return Regression{}, fmt.Errorf("evaluate: row %d: predicted %v, actual %v: must be finite", i, p.Predicted, p.Actual)
		}
	}
	out := Regression{Rows: len(points)}
	var moments []dayMoments
	eachDay(points, func(day int32, m dayMoments) {
		moments = append(moments, m)
		out.Days = append(out.Days, DayRank{Day: day, Rows: int(m.n), IC: m.ic, Spread: m.spread})
	})
	targets := map[*Interval]func([]dayMoments, []float64) Value{
		&out.RMSE: rmse, &out.MAE: mae, &out.R2: r2, &out.Pearson: pearson,
		&out.MeanIC: meanIC, &out.Spread: meanSpread,
	}
	spreads := map[*Interval]*spread{}
	ones := slices.Repeat([]float64{1}, len(moments))
	for dst, f := range targets {
		*dst = interval(f(moments, ones))
		spreads[dst] = &spread{}
	}
	if len(moments) < 2 {
		return out, nil // one day has no spread between days
	}
	drawDays(len(moments), draws, seed, func(weight []float64) {
		for dst, f := range targets {
			spreads[dst].add(f(moments, weight))
		}
	})
	for dst, s := range spreads {
		s.seal()
		if low, high, ok := s.bounds((1 + level) / 2); ok && dst.Value != nil {
			dst.Low, dst.High = some(low), some(high)
		}
	}
	return out, nil
}

func means(points []Point) (p, a float64) {
	for _, x := range points {
		p += x.Predicted / float64(len(points))
		a += x.Actual / float64(len(points))
	}
	return p, a
}

func momentsOf(day []Point, meanP, meanA float64) dayMoments {
	var m dayMoments
	for _, x := range day {
		p, a, miss := x.Predicted-meanP, x.Actual-meanA, x.Predicted-x.Actual
		m.n++
		m.p += p
		m.a += a
		m.pp += float64(p * p)
		m.aa += float64(a * a)
		m.pa += float64(p * a)
		m.square += float64(miss * miss)
		m.abs += math.Abs(miss)
	}
	roundP, roundA := sameShare*meanP, sameShare*meanA
	m.leastPP, m.leastAA = float64(roundP*roundP)*m.n, float64(roundA*roundA)*m.n
	m.ic, m.spread = spearman(day), topLessBottom(day)
	return m
}

// weigh adds days up, each as often as it was drawn.
func weigh(days []dayMoments, weight []float64) dayMoments {
	var m dayMoments
	for d, x := range days {
		w := weight[d]
		m.n += float64(w * x.n)
		m.p += float64(w * x.p)
		m.a += float64(w * x.a)
		m.pp += float64(w * x.pp)
		m.aa += float64(w * x.aa)
		m.pa += float64(w * x.pa)
		m.square += float64(w * x.square)
		m.abs += float64(w * x.abs)
		m.leastPP += float64(w * x.leastPP)
		m.leastAA += float64(w * x.leastAA)
	}
	return m
}

func rmse(days []dayMoments, weight []float64) Value {
	m := weigh(days, weight)
	v := ratio(m.square, m.n, noRows)
	v.Number = math.Sqrt(v.Number)
	return v
}

func mae(days []dayMoments, weight []float64) Value {
	m := weigh(days, weight)
	return ratio(m.abs, m.n, noRows)
}

const allAlike = "the values are all alike"

func r2(days []dayMoments, weight []float64) Value {
	m := weigh(days, weight)
	if m.n == 0 {
		return undefined(noRows)
	}
	total := m.aa - float64(m.a*m.a)/m.n
	if total <= m.leastAA {
		return undefined(allAlike)
	}
	return number(1 - m.square/total)
}

func pearson(days []dayMoments, weight []float64) Value {
	m := weigh(days, weight)
	if m.n == 0 {
		return undefined(noRows)
	}
	pp, aa := m.pp-float64(m.p*m.p)/m.n, m.aa-float64(m.a*m.a)/m.n
	if pp <= m.leastPP || aa <= m.leastAA {
		return undefined(allAlike)
	}
	r := (m.pa - float64(m.p*m.a)/m.n) / math.Sqrt(pp) / math.Sqrt(aa)
	return number(min(max(r, -1), 1))
}

func meanOver(days []dayMoments, weight []float64, pick func(dayMoments) Value) Value {
	var sum, n float64
	for d, x := range days {
		if v := pick(x); v.Defined() {
			sum += float64(weight[d] * v.Number)
			n += weight[d]
		}
	}
	return ratio(sum, n, "no day has one")
}

func meanIC(days []dayMoments, weight []float64) Value {
	return meanOver(days, weight, func(m dayMoments) Value { return m.ic })
}

func meanSpread(days []dayMoments, weight []float64) Value {
	return meanOver(days, weight, func(m dayMoments) Value { return m.spread })
}

// spearman is Pearson's correlation of mid-ranks.
func spearman(day []Point) Value {
	if len(day) < minRankRows {
		return undefined(fmt.Sprintf("fewer than %d rows", minRankRows))
	}
	p := midRanks(day, func(x Point) float64 { return x.Predicted })
	a := midRanks(day, func(x Point) float64 { return x.Actual })
	mean := float64(len(day)+1) / 2
	ranked := dayMoments{n: float64(len(day))}
	for i := range p {
		x, y := p[i]-mean, a[i]-mean
		ranked.pp += float64(x * x)
		ranked.aa += float64(y * y)
		ranked.pa += float64(x * y)
	}
	return pearson([]dayMoments{ranked}, []float64{1})
}

func midRanks(day []Point, key func(Point) float64) []float64 {
	order := make([]int, len(day))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(key(day[a]), key(day[b])) })
	ranks := make([]float64, len(day))
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && key(day[order[hi]]) == key(day[order[lo]]) {
			hi++
		}
		for _, i := range order[lo:hi] {
			ranks[i] = float64(lo+hi+1) / 2
		}
		lo = hi
	}
	return ranks
}

// topLessBottom takes fifths of the day's rows by prediction. Rows with the
// prediction at a fifth's edge count in part, so the order of rows does not matter.
func topLessBottom(day []Point) Value {
	size := float64(len(day)) / spreadFifth
	if size < 1 {
		return undefined(fmt.Sprintf("fewer than %d rows", spreadFifth))
	}
	sorted := slices.Clone(day)
	slices.SortFunc(sorted, func(a, b Point) int { return cmp.Compare(a.Predicted, b.Predicted) })
	bottom := edgeMean(sorted, size)
	slices.Reverse(sorted)
	return number(edgeMean(sorted, size) - bottom)
}

// edgeMean is the mean outcome of the first size rows, equal predictions sharing alike.
func edgeMean(sorted []Point, size float64) float64 {
	var sum, filled float64
	for lo := 0; lo < len(sorted) && filled < size; {
		hi, group := lo, 0.0
		for ; hi < len(sorted) && sorted[hi].Predicted == sorted[lo].Predicted; hi++ {
			group += sorted[hi].Actual
		}
		take := min(float64(hi-lo), size-filled)
		sum += float64(take * (group / float64(hi-lo)))
		filled += take
		lo = hi
	}
	return sum / size
}
