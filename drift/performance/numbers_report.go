package performance

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
)

// DefaultGroups is the number of equal groups by prediction of which the top and the
// bottom one make the spread: fifths. Convention.
const DefaultGroups = 5

// minRankRows is the least number of rows of a day for a rank correlation.
const minRankRows = 3

// DayRank is one day's rank correlation and spread.
type DayRank struct {
	Day    int    `json:"day"` // position among the days passed in
	Rows   uint64 `json:"rows"`
	IC     Value  `json:"ic"`     // Spearman between prediction and outcome, without bounds
	Spread Value  `json:"spread"` // mean outcome of the top group less the bottom one, without bounds
}

// NumberReport is how good the answers of a regression were. Units are the outcome's,
// but for R², Pearson and IC, which have none.
type NumberReport struct {
	Rows     uint64 `json:"rows"`
	Days     int    `json:"days"` // with rows
	Coverage Value  `json:"coverage"`
	Clamped  uint64 `json:"clamped"`

	RMSE    Value `json:"rmse"`
	MAE     Value `json:"mae"`
	R2      Value `json:"r2"` // against the mean of these rows; can be negative
	Pearson Value `json:"pearson"`

	MeanIC     Value     `json:"mean_ic"`     // over the days that have one, each alike
	MeanSpread Value     `json:"mean_spread"` // likewise
	PerDay     []DayRank `json:"per_day"`
}

// RealiseNumbers measures days of one model and version, one Numbers a day, with
// two-sided intervals at the level from the spread between days; groups is the number
// of equal groups by prediction for the spread, at least 2.
//
// Errors: ErrBadInput for no days, a level outside (0, 1) or fewer than 2 groups;
// sketches.ErrGridMismatch, sketches.ErrOverflow.
func RealiseNumbers(days []*Numbers, level float64, groups int) (NumberReport, error) {
	switch {
	case len(days) == 0:
		return NumberReport{}, fmt.Errorf("%w: no days", ErrBadInput)
	case !(level > 0 && level < 1):
		return NumberReport{}, fmt.Errorf("%w: level %v: want above 0 and below 1", ErrBadInput, level)
	case groups < 2:
		return NumberReport{}, fmt.Errorf("%w: %d groups: want at least 2", ErrBadInput, groups)
	}
	all := days[0].Clone()
	for _, d := range days[1:] {
		if err := all.Merge(d); err != nil {
			return NumberReport{}, err
		}
	}
	out := all.measure()
	var without []NumberReport
	var ics, spreads []float64
	for i, d := range days {
		if d.rows == 0 {
			continue
		}
		rest := all.totals()
		for j, s := range rest.sums() {
			*s, _ = s.Sub(*d.sums()[j])
		}
		rest.rows -= d.rows
		without = append(without, rest.measure())
		r := DayRank{Day: i, Rows: d.rows, IC: d.spearman(), Spread: d.topLessBottom(groups)}
		if r.IC.Defined() {
			ics = append(ics, r.IC.Number)
		}
		if r.Spread.Defined() {
			spreads = append(spreads, r.Spread.Number)
		}
		out.PerDay = append(out.PerDay, r)
	}
	out.Days = len(without)
	for f, x := range out.figures() {
		left := make([]Value, len(without))
		for i := range without {
			left[i] = *without[i].figures()[f].value
		}
		x.bound(left, level)
	}
	out.MeanIC, out.MeanSpread = overDays(ics, level), overDays(spreads, level)
	return out, nil
}

func (r *NumberReport) figures() []figure {
	return []figure{
		{value: &r.RMSE, scale: logScale}, {value: &r.MAE, scale: logScale},
		{value: &r.R2, scale: belowOne}, {value: &r.Pearson, scale: corrScale},
	}
}

// overDays is the mean of a figure of days, with Student's interval.
func overDays(days []float64, level float64) Value {
	n := float64(len(days))
	sum := 0.0
	for _, x := range days {
		sum += x
	}
	v := ratio(sum, n, "no day has one")
	left := make([]Value, len(days))
	for i, x := range days {
		left[i] = ratio(sum-x, n-1, "no other day has one")
	}
	figure{value: &v, scale: plainScale}.bound(left, level)
	return v
}

// measure computes what are sums over rows, without intervals. Differences of large
// sums are taken in whole numbers.
func (n *Numbers) measure() NumberReport {
	rows := float64(n.rows)
	r := NumberReport{Rows: n.rows, Clamped: n.Clamped, Coverage: ratio(rows, rows+float64(n.Unlabelled+n.NoNumber), "no predictions")}
	_, unit := n.step()
	square := new(big.Int).Sub(n.pp.Big(), new(big.Int).Lsh(n.pa.Big(), 1))
	square.Add(square, n.aa.Big())
	r.RMSE = ratio(toFloat(square), rows, noRows)
	if r.RMSE.Defined() {
		r.RMSE.Number = unit * math.Sqrt(r.RMSE.Number)
	}
	r.MAE = ratio(float64(unit*n.e.Float64()), rows, noRows)
	if n.rows == 0 {
		r.R2, r.Pearson = undefined(noRows), undefined(noRows)
		return r
	}
	count := new(big.Int).SetUint64(n.rows)
	// about n² times a variance or covariance
	moment := func(xy, x, y *big.Int) float64 {
		m := new(big.Int).Mul(count, xy)
		return toFloat(m.Sub(m, new(big.Int).Mul(x, y)))
	}
	p, a := n.p.Big(), n.a.Big()
	vp, va, cov := moment(n.pp.Big(), p, p), moment(n.aa.Big(), a, a), moment(n.pa.Big(), p, a)
	const alike = "the outcomes are all alike"
	r.R2, r.Pearson = undefined(alike), undefined(alike)
	if va > 0 {
		r.R2 = number(1 - float64(rows*toFloat(square))/va)
		r.Pearson = undefined("the predictions are all alike")
		if vp > 0 {
			r.Pearson = number(min(max(cov/math.Sqrt(vp)/math.Sqrt(va), -1), 1))
		}
	}
	return r
}

func toFloat(x *big.Int) float64 {
	f, _ := new(big.Float).SetInt(x).Float64()
	return f
}

// spearman is Pearson's correlation of mid-ranks, with the rows of one cell tied.
func (n *Numbers) spearman() Value {
	if n.rows < minRankRows {
		return undefined(fmt.Sprintf("fewer than %d rows", minRankRows))
	}
	p, a := map[int]uint64{}, map[int]uint64{}
	for at, k := range n.pairs {
		p[int(at>>16)] += k
		a[int(at&0xffff)] += k
	}
	rankP, vp := midRanks(p, n.rows)
	rankA, va := midRanks(a, n.rows)
	switch {
	case va == 0:
		return undefined("the outcomes are all in one cell")
	case vp == 0:
		return undefined("the predictions are all in one cell")
	}
	cov := 0.0
	for _, at := range slices.Sorted(maps.Keys(n.pairs)) { // in order: the sum rounds
		cov += float64(float64(n.pairs[at])*rankP[int(at>>16)]) * rankA[int(at&0xffff)]
	}
	return number(min(max(cov/math.Sqrt(vp)/math.Sqrt(va), -1), 1))
}

// midRanks returns the mean rank of each cell, from the middle, and Σ of their squares
// over rows.
func midRanks(cells map[int]uint64, rows uint64) (ranks map[int]float64, squares float64) {
	ranks = make(map[int]float64, len(cells))
	below := uint64(0)
	for _, c := range slices.Sorted(maps.Keys(cells)) {
		k := cells[c]
		// Ranks below+1 … below+k have the mean below + (k+1)/2; the middle of all is
		// (rows+1)/2.
		r := float64(below) + float64(k)/2 - float64(rows)/2
		ranks[c] = r
		squares += float64(float64(k)*r) * r
		below += k
	}
	return ranks, squares
}

// topLessBottom is the mean outcome of the top of groups equal ones by prediction less
// that of the bottom. A prediction cell at a group's edge counts in part, its rows all
// alike.
func (n *Numbers) topLessBottom(groups int) Value {
	size := float64(n.rows) / float64(groups)
	if size < 1 {
		return undefined(fmt.Sprintf("fewer than %d rows", groups))
	}
	cells := slices.SortedFunc(maps.Keys(n.byCell), cmp.Compare[int])
	bottom := n.edgeMean(cells, size)
	slices.Reverse(cells)
	_, unit := n.step()
	return number(float64(unit * (n.edgeMean(cells, size) - bottom)))
}

// edgeMean is the mean outcome, in steps, of the first size rows.
func (n *Numbers) edgeMean(cells []int, size float64) float64 {
	var sum, filled float64
	for _, c := range cells {
		if filled >= size {
			break
		}
		x := n.byCell[c]
		take := min(float64(x.n), size-filled)
		sum += float64(take * (x.a.Float64() / float64(x.n)))
		filled += take
	}
	return sum / size
}
