package drift

import (
	"math"

	"github.com/driftline/driftline/sketches"
)

// Contribution is one bin's part of a PSI.
type Contribution struct {
	Cell  int     // first cell of the bin
	Last  int     // last cell of a numeric bin; the same as Cell for a category
	Label string  // "[1.5, 2)", "= 0", "red", "other"
	Ref   float64 // share in the reference
	Cur   float64 // share in the window
	Term  float64 // (c − r)·ln(c/r) under the native zero rule
}

// FeatureResult is everything said about one feature in one window. Shares, PSI and
// distances have no unit; Wasserstein has that of the feature. What no verdict needs is
// filled where Settings.Full asks for it: PSILower below the warning threshold, Top of
// a feature that is not warned about, Chi2 of a numeric one.
type FeatureResult struct {
	Name string
	Kind sketches.Kind

	N, M         uint64  // values in cells: reference, window
	NEff         float64 // min(N, M)/(d1·(1 + a²))
	DesignEffect float64 // d1: how many records weigh as one
	A2           float64 // a²: spread of the design effect over directions
	Nu, Eta      float64 // degrees of freedom of the verdict's law; Eta +Inf = χ²
	Scale        float64 // T2 = PSI/Scale
	FewBlocks    bool    // tr(D²) by the form for fewer than 20 blocks
	Bins         int     // B', after bins of small pooled count were merged
	Dependence   DependenceKind
	BlockCount   uint64 // J

	PSI, PSIDebiased float64
	PSILower         float64 // one-sided (1 − Alpha) bound, if HasLower
	HasLower         bool

	KSLow, KSHigh         float64 // certified interval; 0, 0 for categories
	JS, Hellinger         float64 // base 2; both on verdict bins before merging
	TVD, Linf             float64 // likewise
	W1, W1Low, W1High     float64 // numeric only
	W1Certified           bool    // false: extremes unknown, W1High is no bound
	Chi2                  float64 // contingency statistic on merged bins
	Chi2DF                int
	NullRateRef, NullRate float64 // nulls ÷ records
	OutOfRangeRef         float64 // under + over ÷ values
	OutOfRange            float64
	UnseenRef, Unseen     float64 // unseen categories ÷ records

	Verdict Verdict
	Warned  bool    // above Settings.Warn; implied by Drifted
	Rule    string  // of Settings
	Alpha   float64 // of Settings
	Tau     float64 // Settings.Drifted
	Reason  string  // why nothing could be judged, for people; else empty
	Top     []Contribution
}

// Borrowed reports whether the design effect came from a shorter window, so that
// the verdict is provisional.
func (r *FeatureResult) Borrowed() bool { return r.Dependence == BorrowedLive }

// power at which the smallest detectable PSI is stated; convention.
const power = 0.8

// SmallestDetectable returns the true PSI that this comparison would have called
// drifted with probability 0.8: what an insufficient or stable verdict can rule out.
// NaN where there is one bin. It costs up to milliseconds: ask it for reports.
func (r *FeatureResult) SmallestDetectable() float64 {
	if !(r.Nu > 0) || !(r.Scale > 0) || !(r.Alpha > 0) {
		return math.NaN()
	}
	return float64(law{r.Nu, r.Eta}.detectable(r.Tau/r.Scale, r.Alpha, power) * r.Scale)
}

// Chi2P returns the contingency test's p-value, for display: no verdict uses it.
func (r *FeatureResult) Chi2P() float64 {
	if r.Chi2DF == 0 {
		return 1
	}
	return ChiSquareSF(r.Chi2, float64(r.Chi2DF))
}

// KSP returns the finite-N p-value of the lower end of the KS interval, for display;
// NaN for categories.
func (r *FeatureResult) KSP() float64 {
	if r.Kind != sketches.Numeric || r.N == 0 || r.M == 0 {
		return math.NaN()
	}
	return KSAsymptoticP(float64(r.N), float64(r.M), r.KSLow)
}

// OutOfRangeP returns the exact probability that at least j of m window values lie
// below (or: above) every one of n reference values when all n + m are exchangeable
// without ties [D]: ∏_{i<j} (m−i)/(n+m−i). Under dependence take ⌊j/d1⌋, a heuristic.
func OutOfRangeP(n, m, j uint64) float64 {
	if j > m {
		return 0
	}
	p := 1.0
	for i := uint64(0); i < j && p > 0; i++ {
		p *= float64(m-i) / (float64(n) + float64(m-i))
	}
	return p
}
