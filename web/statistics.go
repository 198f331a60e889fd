package web

import (
	"context"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

// Statistics is what people read beside a verdict; none rests on it. It is computed when it
// is asked for, from what the score keeps of its window and from the reference.
type Statistics struct {
	PSI10     *Number `json:"psi_10" doc:"PSI on 10 nested quantile bins; numeric only."`
	PSI20     *Number `json:"psi_20"`
	PSI30     *Number `json:"psi_30"`
	CramersV  *Number `json:"cramers_v" doc:"Bias-corrected; categories only."`
	W1        *Number `json:"wasserstein" doc:"Wasserstein-1 distance in the feature's unit."`
	W1Low     *Number `json:"wasserstein_low"`
	W1High    *Number `json:"wasserstein_high"`
	MeanShift *Number `json:"mean_shift_sd" doc:"Mean of the window less that of the reference, in standard deviations of the reference."`
	Reference Summary `json:"reference"`
	Window    Summary `json:"window"`
}

// Summary sums up one side, in the feature's unit; null where it has no values, for
// categories, and for extremes that are not known.
type Summary struct {
	N        int64   `json:"n"`
	Mean     *Number `json:"mean"`
	Std      *Number `json:"std"`
	Skewness *Number `json:"skewness"`
	Kurtosis *Number `json:"kurtosis" doc:"Excess: 0 for a normal law."`
	Min      *Number `json:"min"`
	Q05      *Number `json:"q05"`
	Q25      *Number `json:"q25"`
	Median   *Number `json:"median"`
	Q75      *Number `json:"q75"`
	Q95      *Number `json:"q95"`
	Max      *Number `json:"max"`
}

// mostDescribed bounds the scores that statistics are computed of in one request.
const mostDescribed = 20

// known is a number that may be NaN, as JSON has it.
func known(x float64) *Number {
	if x != x || x-x != 0 { // NaN or infinite
		return nil
	}
	return &x
}

func summaryOf(s drift.Side) Summary {
	return Summary{
		N: int64(s.N), Mean: known(s.Mean), Std: known(s.Std), Skewness: known(s.Skewness), Kurtosis: known(s.Kurtosis),
		Min: known(s.Min), Q05: known(s.Q05), Q25: known(s.Q25), Median: known(s.Q50), Q75: known(s.Q75), Q95: known(s.Q95), Max: known(s.Max),
	}
}

func statisticsOf(d drift.Description, f *featureBody) *Statistics {
	out := &Statistics{
		PSI10: known(d.PSI10), PSI20: known(d.PSI20), PSI30: known(d.PSI30), CramersV: known(d.CramersV),
		Reference: summaryOf(d.Reference), Window: summaryOf(d.Window),
	}
	if sd := d.Reference.Std; sd > 0 {
		scaled := func(x nano) *Number {
			if !x.Known() {
				return nil
			}
			return known(x.or(0) * sd)
		}
		out.W1, out.W1Low, out.W1High = scaled(f.W1), scaled(f.W1Low), scaled(f.W1High)
		out.MeanShift = known((d.Window.Mean - d.Reference.Mean) / sd)
	}
	return out
}

// describe gives the statistics of features by name, those that have a brief. A reference
// that is no longer kept leaves none.
func (s *server) describe(ctx context.Context, model, reference string, fs []featureBody) (map[string]*Statistics, error) {
	briefs := map[string][]byte{}
	for i := range fs {
		if len(fs[i].Brief) > 0 {
			briefs[fs[i].Name] = fs[i].Brief
		}
	}
	if s.Describe == nil || len(briefs) == 0 {
		return nil, nil
	}
	found, err := s.Describe(ctx, model, reference, briefs)
	if err != nil {
		return nil, err
	}
	out := map[string]*Statistics{}
	for i := range fs {
		if d, ok := found[fs[i].Name]; ok {
			out[fs[i].Name] = statisticsOf(d, &fs[i])
		}
	}
	return out, nil
}

// describeScore adds statistics to the features of a score.
func (s *server) describeScore(ctx context.Context, r store.ScoreRow, to *Score) error {
	b, err := parseScore(r.Body)
	if err != nil {
		return err
	}
	found, err := s.describe(ctx, r.Model, r.Reference, b.Features)
	for i := range to.Features {
		to.Features[i].Statistics = found[to.Features[i].Name]
	}
	return err
}

// describeStory adds statistics to the features of an explanation.
func (s *server) describeStory(ctx context.Context, told *story) (err error) {
	told.found, err = s.describe(ctx, told.alarm.Model, told.alarm.Reference, told.features)
	return err
}

// ksP is the p-value of the lower end of KS, for display.
func (f *featureBody) ksP() *Number {
	if f.N <= 0 || f.M <= 0 || !f.KSLow.Known() {
		return nil
	}
	return known(drift.KSAsymptoticP(float64(f.N), float64(f.M), f.KSLow.or(0)))
}

// chi2P is the p-value of the contingency statistic, for display.
func (f *featureBody) chi2P() *Number {
	if f.Bins < 2 || !f.Chi2.Known() {
		return nil
	}
	return known(drift.ChiSquareSF(f.Chi2.or(0), float64(f.Bins-1)))
}

// detectable is the smallest PSI that the comparison would most likely have called drifted.
func (f *featureBody) detectable(alpha, tau float64) *Number {
	if f.Rule != drift.RuleCalibrated || !(alpha > 0) || f.N <= 0 || f.M <= 0 {
		return nil
	}
	k := drift.Recalled{
		N: uint64(f.N), M: uint64(f.M), NEff: f.NEff.or(0), DesignEffect: f.DesignEffect.or(0), Bins: f.Bins, Blocks: f.Blocks, Alpha: alpha, Tau: tau,
	}
	if f.Dependence == drift.LearningLive.String() {
		return nil
	}
	return known(k.SmallestDetectable())
}
