// Command scipy draws random cases, computes their statistics, and writes both as JSON
// lines: `make bench-scipy` lets a Python beside it compute the same with scipy and
// compare. A case is drawn from its number and the seed alone.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/generate"
)

// record is one case: what went in, and what came out of package drift. Numbers are
// written in full, so that the other side computes with the same float64.
type record struct {
	Case  int                `json:"case"`
	Kind  string             `json:"kind"`
	Ref   []float64          `json:"ref,omitempty"`
	Cur   []float64          `json:"cur,omitempty"`
	Args  map[string]float64 `json:"args,omitempty"`
	Found map[string]float64 `json:"found"`
}

func main() {
	cases := flag.Int("cases", 100_000, "how many cases")
	seed := flag.Uint64("seed", 1, "seed of the draws")
	flag.Parse()
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	if err := write(out, *cases, *seed); err != nil {
		fmt.Fprintf(os.Stderr, "scipy: %v\n", err)
		os.Exit(1)
	}
}

func write(out *bufio.Writer, cases int, seed uint64) error {
	enc := json.NewEncoder(out)
	for i := range cases {
		d := draws{generate.NewSequence(seed, uint64(i))}
		r, err := draw(i, &d)
		if err != nil {
			return fmt.Errorf("case %d, %s: %w", i, r.Kind, err)
		}
		for k, v := range r.Found {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				delete(r.Found, k) // not defined for this case; JSON has no word for it
			}
		}
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return out.Flush()
}

// draw makes case i: six of ten are two samples, three two rows of counts, one a law.
func draw(i int, d *draws) (record, error) {
	switch {
	case i%10 < 6:
		return samples(i, d)
	case i%10 < 9:
		return counts(i, d)
	default:
		return laws(i, d), nil
	}
}

func samples(i int, d *draws) (record, error) {
	r := record{Case: i, Kind: "samples", Ref: d.sample(), Cur: d.sample()}
	ref, _, err := drift.NewSample(r.Ref)
	if err != nil {
		return r, err
	}
	cur, _, err := drift.NewSample(r.Cur)
	if err != nil {
		return r, err
	}
	ks := drift.KSSamples(ref, cur)
	m := drift.BatchMoments(cur)
	r.Found = map[string]float64{
		"ks": ks.D, "ks_asymptotic_p": drift.KSAsymptoticP(float64(len(ref)), float64(len(cur)), ks.D),
		"ks_limit_p":  drift.KSLimitP(float64(len(ref)), float64(len(cur)), ks.D),
		"wasserstein": drift.Wasserstein(ref, cur), "energy": drift.Energy(ref, cur),
		"mean": m.Mean, "variance": m.Variance, "variance_sample": m.VarianceSample,
		"skewness": m.Skewness, "kurtosis": m.Kurtosis, "skewness_adjusted": m.SkewAdjusted, "kurtosis_adjusted": m.KurtAdjusted,
	}
	if p, ok := drift.KSExactP(len(ref), len(cur), ks.D); ok {
		r.Found["ks_exact_p"] = p
	}
	if c, ok := drift.CramerVonMises(ref, cur); ok {
		r.Found["cramer_von_mises"], r.Found["cramer_von_mises_p"] = c.Stat, c.P
	}
	return r, nil
}

func counts(i int, d *draws) (record, error) {
	r := record{Case: i, Kind: "counts"}
	r.Ref, r.Cur = d.counts()
	table, err := drift.ChiSquareTable(r.Ref, r.Cur)
	if err != nil {
		return r, err
	}
	r.Found = map[string]float64{"chi2_table": table.Stat, "chi2_table_p": table.P}
	if !slices.Contains(r.Ref, 0) { // a fit divides by the reference
		fit, err := drift.ChiSquareFit(r.Ref, r.Cur)
		if err != nil {
			return r, err
		}
		r.Found["chi2_fit"], r.Found["chi2_fit_p"] = fit.Stat, fit.P
	}
	for name, rule := range map[string]drift.ZeroRule{"psi_jeffreys": drift.Jeffreys, "psi_laplace": drift.Laplace, "psi_floor": drift.Floor} {
		if r.Found[name], err = drift.PSIWith(rule, r.Ref, r.Cur); err != nil {
			return r, err
		}
	}
	p, q := normalised(r.Ref), normalised(r.Cur)
	r.Found["js_base2"], r.Found["js_base_e"] = drift.JSDistance(p, q, 2), drift.JSDistance(p, q, math.E)
	r.Found["hellinger"], r.Found["tvd"], r.Found["linf"] = drift.HellingerDiff(p, q), drift.TVD(p, q), drift.Linf(p, q)
	return r, nil
}

// laws draws the arguments of the distribution functions that verdicts and p-values
// come from.
func laws(i int, d *draws) record {
	n := math.Round(d.between(1, 5, true))
	nu, eta := d.between(0.5, 60, false), d.between(3, 2000, true)
	x, lambda := d.between(0.01, 200, true), d.between(0.01, 150, true)
	dist := d.between(0.02, 3.5, false) / math.Sqrt(n)
	a := map[string]float64{"n": n, "d": min(dist, 1), "x": x, "nu": nu, "eta": eta, "alpha": d.between(1e-5, 0.2, true), "t": nu + lambda}
	f := map[string]float64{
		"kolmogorov_sf": drift.KolmogorovSF(n, a["d"]),
		"chi2_sf":       drift.ChiSquareSF(x, nu),
		// A bound λ is right when T ≥ t is as rare as alpha at it; scipy is asked for that.
		"bound_chi2": drift.NoncentralLower(nu, math.Inf(1), a["t"], a["alpha"]),
		"bound_f":    drift.NoncentralLower(nu, eta, a["t"], a["alpha"]),
	}
	return record{Case: i, Kind: "laws", Args: a, Found: f}
}
