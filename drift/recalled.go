package drift

import "math"

// Recalled are the figures of a calibrated verdict that a score record keeps. The law of
// the verdict follows from them:
//
//	d1(1 + a²) = min(n, m)/n_eff     scale = (1/n + 1/m)·d1(1 + a²)
//	ν = (B' − 1)/(1 + a²)            η = freedom·(J − 1), +Inf without blocks
type Recalled struct {
	N, M         uint64  // values: reference, window
	NEff         float64 // effective size
	DesignEffect float64 // d1
	Bins         int     // B', after small ones were merged
	Blocks       uint64  // J; 0 where records are taken as independent
	Alpha, Tau   float64
}

// SmallestDetectable is FeatureResult.SmallestDetectable from what is kept, NaN where that
// says too little.
func (k Recalled) SmallestDetectable() float64 {
	if k.N == 0 || k.M == 0 || !(k.NEff > 0) || !(k.DesignEffect >= 1) || k.Bins < 2 || k.Blocks == 1 {
		return math.NaN()
	}
	n, m := float64(k.N), float64(k.M)
	whole := min(n, m) / k.NEff
	r := FeatureResult{
		Nu: float64(k.Bins-1) * k.DesignEffect / max(whole, k.DesignEffect), Eta: math.Inf(1),
		Scale: (1/n + 1/m) * whole, Alpha: k.Alpha, Tau: k.Tau,
	}
	if k.Blocks > 1 {
		r.Eta = freedom * float64(k.Blocks-1)
	}
	return r.SmallestDetectable()
}
