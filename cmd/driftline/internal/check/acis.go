package check

// ACIS is the report of the ACIS drift detector, in its own shape and by its own
// definitions: KS p < 0.05, PSI on the reference's deciles from 0.2 on, retraining from
// a share of features by PSI on. It is for comparison; no verdict of ours is in it.
type ACIS struct {
	Timestamp  Moment  `json:"timestamp"`
	Features   int     `json:"n_features"`
	NReference int     `json:"n_samples_reference"`
	NCurrent   int     `json:"n_samples_current"`
	Threshold  float64 `json:"drift_threshold"`
	Summary    struct {
		KS       int  `json:"drifted_features_ks"`
		PSI      int  `json:"drifted_features_psi"`
		Detected bool `json:"drift_detected"`
	} `json:"summary"`
	KS         map[string]acisKS         `json:"ks_test"`
	PSI        map[string]acisPSI        `json:"psi"`
	Statistics map[string]acisStatistics `json:"feature_statistics"`
}

type acisKS struct {
	P       num  `json:"p_value"`
	Drifted bool `json:"drifted"`
}

type acisPSI struct {
	PSI     num  `json:"psi_value"`
	Drifted bool `json:"drifted"`
}

type acisStatistics struct {
	Reference   Statistics `json:"reference"`
	Current     Statistics `json:"current"`
	MeanDiffPct num        `json:"mean_diff_pct"`
}

// acisDrifted is the PSI from which ACIS calls a feature drifted.
const acisDrifted = 0.2

// ACIS returns the report in ACIS's shape; the check must have been one by its
// definitions.
func (out *Report) ACIS(nowMS int64) *ACIS {
	a := &ACIS{
		Timestamp: Moment(nowMS), Features: len(out.Compat.Features), NReference: out.NReference, NCurrent: out.NCurrent, Threshold: float64(out.Threshold),
		KS: map[string]acisKS{}, PSI: map[string]acisPSI{}, Statistics: map[string]acisStatistics{},
	}
	features := map[string]*Feature{}
	for i := range out.Features {
		features[out.Features[i].Name] = &out.Features[i]
	}
	for _, x := range out.Compat.Features {
		f := features[x.Name]
		drifted := f.KSP < ksLevel
		a.KS[x.Name], a.PSI[x.Name] = acisKS{f.KSP, drifted}, acisPSI{x.Value, x.Drifted}
		a.Statistics[x.Name] = acisStatistics{f.Statistics.Reference, f.Statistics.Current, f.MeanDiffPct}
		if drifted {
			a.Summary.KS++
		}
	}
	a.Summary.PSI, a.Summary.Detected = out.Compat.Drifted, out.Compat.Detected
	return a
}
