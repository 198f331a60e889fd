package drift

import "math"

// ValuesNeeded says how many window values a verdict takes where there are too few: those
// that the rule asks for, and where records hang together those at which the effective
// size reaches its limit, were the records to hang together as they do now.
//
// The number of bins that hold enough values grows with the window, so the answer is a
// lower bound. Range: above M. ok is false where there is a verdict, where the reference
// is empty, and where a larger window would not help since the reference is the smaller
// side.
func (r *FeatureResult) ValuesNeeded(s Settings) (n uint64, ok bool) {
	if r.Verdict != Insufficient || r.N == 0 {
		return 0, false
	}
	n = uint64(max(0, s.MinRows))
	if s.Rule != RuleClassic {
		n = max(n, uint64(perBin*r.Bins))
		if r.NEff > 0 && r.NEff < s.MinEffective {
			// n_eff = min(N, M)/effect: it no longer grows once M is above N.
			x := math.Ceil(float64(float64(min(r.N, r.M))*s.MinEffective) / r.NEff)
			if x > float64(r.N) {
				return 0, false
			}
			n = max(n, uint64(x))
		}
	}
	return n, n > r.M
}
