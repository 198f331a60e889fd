package gbdt

import (
	"cmp"
	"slices"
	"strconv"
)

// FeatureImportance says how much a model's splits use one feature. Gain favours
// features with many values; permutation on a test window is the honest measure.
type FeatureImportance struct {
	Feature   string  `json:"feature"`
	GainTotal float64 `json:"gain_total"` // Σ of the loss taken away by its splits, XGBoost's scale
	GainMean  float64 `json:"gain_mean"`  // per split
	Cover     float64 `json:"cover"`      // mean sum of hessians at its splits
	Splits    int     `json:"splits"`
}

// Importance lists every feature, also those never used (all 0), by falling total
// gain, then by column. Features without a name are called f0, f1, … as XGBoost does.
func (m *Model) Importance() []FeatureImportance {
	out := make([]FeatureImportance, m.flat.features)
	for f := range out {
		out[f].Feature = "f" + strconv.Itoa(f)
		if f < len(m.names) {
			out[f].Feature = m.names[f]
		}
	}
	for i := range m.trees {
		t := &m.trees[i]
		for at, left := range t.left {
			if left == leafMark {
				continue
			}
			imp := &out[t.feature[at]]
			imp.GainTotal += float64(t.gain[at])
			imp.Cover += float64(t.hess[at])
			imp.Splits++
		}
	}
	for f := range out {
		if n := float64(out[f].Splits); n > 0 {
			out[f].GainMean = out[f].GainTotal / n
			out[f].Cover /= n
		}
	}
	slices.SortStableFunc(out, func(a, b FeatureImportance) int { return cmp.Compare(b.GainTotal, a.GainTotal) })
	return out
}
