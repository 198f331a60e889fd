package check

import (
	"fmt"
	"strings"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
)

// fill takes over what counts tell.
func (f *Feature) fill(fg *sketches.FeatureGrid, r *drift.FeatureResult) {
	f.Kind = r.Kind.String()
	f.NReference, f.NCurrent = r.N, r.M
	f.NullRate, f.NullRateRef = num(r.NullRate), num(r.NullRateRef)
	f.Verdict, f.Drifted, f.Warned, f.Rule, f.Reason = r.Verdict.String(), r.Verdict == drift.Drifted, r.Warned, r.Rule, r.Reason
	if r.Kind == sketches.Categorical && r.N > 0 {
		f.Unseen = num(r.Unseen)
	}
	if r.N == 0 || r.M == 0 {
		return
	}
	f.NEff, f.DesignEffect = num(r.NEff), num(r.DesignEffect*(1+r.A2))
	f.PSI, f.PSIDebiased, f.PSILower = num(r.PSI), num(r.PSIDebiased), num(r.PSILower)
	f.JS, f.Hellinger, f.TVD, f.Linf = num(r.JS), num(r.Hellinger), num(r.TVD), num(r.Linf)
	f.Chi2, f.Chi2P = num(r.Chi2), num(r.Chi2P())
	if r.Kind == sketches.Numeric {
		f.KSLow, f.KSHigh = num(r.KSLow), num(r.KSHigh)
		f.OutOfRange, f.OutOfRangeRef = num(r.OutOfRange), num(r.OutOfRangeRef)
	}
	if r.Verdict != drift.Drifted {
		f.Detectable = num(r.SmallestDetectable())
	}
	for _, t := range r.Top {
		f.Top = append(f.Top, Top{Bin: binLabel(fg, t.Cell, t.Last), Ref: num(t.Ref), Cur: num(t.Cur), Term: num(t.Term)})
	}
}

// exact adds what raw values tell. Either side may be empty.
func (f *Feature) exact(ref, cur drift.Sample) {
	f.Statistics.Reference, f.Statistics.Current = describe(ref), describe(cur)
	if len(ref) == 0 || len(cur) == 0 {
		return
	}
	d := drift.KSSamples(ref, cur).D
	f.KS, f.KSP = num(d), num(ksP(len(ref), len(cur), d))
	f.Wasserstein = num(drift.Wasserstein(ref, cur))
	f.meanDiff()
}

func (f *Feature) meanDiff() {
	if m := float64(f.Statistics.Reference.Mean); m != 0 {
		f.MeanDiffPct = num((float64(f.Statistics.Current.Mean) - m) / m * 100)
	}
}

// beside fills in the shares of values that no cell holds.
func (f *Feature) beside(ref, cur *sketches.FeatureCounts) {
	share := func(c *sketches.FeatureCounts, k uint64) num { return num(float64(k) / float64(c.Total()+c.Sides())) }
	f.WrongType = share(cur, cur.Wrong)
	f.NotFinite, f.NotFiniteRef = share(cur, cur.NaN+cur.PosInf+cur.NegInf), share(ref, ref.NaN+ref.PosInf+ref.NegInf)
}

// bars are the verdict bins of both sides, for the picture.
func bars(f *sketches.FeatureGrid, ref, cur *sketches.FeatureCounts) []bar {
	n, m := float64(ref.Total()), float64(cur.Total())
	if n == 0 || m == 0 {
		return nil
	}
	cellToBin, bins := f.VerdictBins(ref)
	out := make([]bar, bins)
	first := make([]int, bins)
	for cell, b := range cellToBin {
		if out[b].Label == "" {
			first[b] = cell
		}
		out[b].Label = binLabel(f, first[b], cell)
		out[b].Ref += float64(ref.Cells[cell]) / n
		out[b].Cur += float64(cur.Cells[cell]) / m
	}
	return out
}

// rose is by how much a share of bad values may rise before it is told; the default of
// the stream's policy.
const rose = 0.1

// NullsRose tells whether many more values are missing than in the reference.
func (f *Feature) NullsRose() bool { return float64(f.NullRate-f.NullRateRef) > rose }

// quality says what is wrong with the values beside their distribution, "" if nothing is.
func (f *Feature) quality() string {
	var s []string
	if f.NullsRose() {
		s = append(s, fmt.Sprintf("missing %s → %s", percent(f.NullRateRef), percent(f.NullRate)))
	}
	if f.WrongType > 0 {
		s = append(s, fmt.Sprintf("%s are of another type than in the reference", percent(f.WrongType)))
	}
	if float64(f.NotFinite-f.NotFiniteRef) > rose {
		s = append(s, fmt.Sprintf("no finite number %s → %s", percent(f.NotFiniteRef), percent(f.NotFinite)))
	}
	if float64(f.Unseen) > rose {
		s = append(s, fmt.Sprintf("%s have a value that the reference has not", percent(f.Unseen)))
	}
	if float64(f.OutOfRange-f.OutOfRangeRef) > rose {
		s = append(s, fmt.Sprintf("%s lie outside the reference's range", percent(f.OutOfRange)))
	}
	return strings.Join(s, "; ")
}

// follow takes over what another tool decided.
func (out *Report) follow() {
	c := out.Compat
	out.DriftRatio, out.Threshold, out.RetrainingNeeded = c.Share, c.Threshold, c.Detected
	if out.Enough = len(c.Features) > 0; out.Enough {
		out.Why, out.Mend, out.RowsNeeded, out.EnoughFrom = "", "", nil, nil
	}
}

func floats(c *sketches.FeatureCounts) []float64 {
	out := make([]float64, len(c.Cells))
	for i := range c.Cells {
		out[i] = float64(c.Cells[i])
	}
	return out
}

// ksLevel is the p-value below which a feature counts as drifted by KS, for comparison
// with tools that judge so; convention.
const ksLevel = 0.05

// conclude counts verdicts and decides. A share is only given where at least half of
// the features could be judged.
func (out *Report) conclude(c Config, blocks []uint64) {
	out.Dependence = drift.AssumedNone.String()
	for i := range out.Features {
		f := &out.Features[i]
		if blocks[i] > 0 {
			out.Dependence, out.Blocks = drift.FromBlocks.String(), max(out.Blocks, blocks[i])
		}
		if f.Verdict == drift.Stable.String() || f.Drifted {
			out.Judged++
		}
		if f.Drifted {
			out.Drifted++
		}
		if f.KSP < ksLevel {
			out.DriftedKS++
		}
		if float64(f.PSI) >= c.PSI {
			out.DriftedPSI++
		}
	}
	for i := range out.Features {
		f := &out.Features[i]
		if f.Why, f.BadData = f.why(), f.quality(); f.BadData != "" {
			out.Bad++
		}
	}
	need := out.judgedNeeded()
	switch {
	case out.NReference < c.MinRows || out.NCurrent < c.MinRows:
		out.Why = fmt.Sprintf("too few rows, %d are needed on either side", c.MinRows)
	case out.Judged < need:
		out.Why = fmt.Sprintf("%d of %d features could be judged, at least %d are needed (%s)", out.Judged, out.Analyzed, need, out.firstReason())
	default:
		out.Enough = true
		out.DriftRatio = num(float64(out.Drifted) / float64(out.Judged))
		out.RetrainingNeeded = float64(out.DriftRatio) >= c.Threshold
	}
	if !out.Enough {
		out.Why += fmt.Sprintf(": reference %s; current %s", out.Windows.Reference.found(), out.Windows.Current.found())
		out.cadence(c)
		if out.Mend != "" {
			out.Why += "; " + out.Mend
		}
	}
}

// judgedNeeded is how many features must have a verdict for an answer: half of them.
func (out *Report) judgedNeeded() int { return max(1, (out.Analyzed+1)/2) }

func (out *Report) firstReason() string {
	for _, f := range out.Features {
		if f.Reason != "" {
			return f.Name + ": " + f.Reason
		}
	}
	return "no reason given"
}

// found says how many rows a period has, and from when to when.
func (p Period) found() string {
	s := fmt.Sprintf("%d rows", p.Rows)
	if p.First != nil {
		s += fmt.Sprintf(" from %s to %s", p.First, p.Last)
	}
	if p.From != nil && p.Beside > 0 {
		s += fmt.Sprintf(" (asked for %s to %s; %d rows lie outside, all are from %s to %s)", p.From, p.To, p.Beside, p.AllFirst, p.AllLast)
	} else if p.From != nil {
		s += fmt.Sprintf(" (asked for %s to %s)", p.From, p.To)
	}
	return s
}

// percent writes a share for people.
func percent(x num) string {
	if !x.defined() {
		return "–"
	}
	return fmt.Sprintf("%.2f%%", float64(x)*100)
}
