"""Computes with scipy and numpy what the cases on standard input hold, and compares.

A number agrees within 1e-9 relative or 1e-12 absolute, a p-value within 1e-8 relative.
Ends with 1 if a number disagrees.
"""

import json
import math
import sys
import warnings

import numpy as np
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

EXACT_PATHS = 10_000  # largest n*m for which scipy is asked for the exact KS p-value


def samples(case):
    ref, cur = np.array(case["ref"]), np.array(case["cur"])
    n, m = len(ref), len(cur)
    ks = stats.ks_2samp(ref, cur, method="asymp")
    z = math.sqrt(n * m / (n + m)) * ks.statistic
    want = {
        "ks": ks.statistic,
        "ks_asymptotic_p": ks.pvalue,
        "ks_limit_p": special.kolmogorov(z),
        "wasserstein": stats.wasserstein_distance(ref, cur),
        "energy": stats.energy_distance(ref, cur),
        "mean": cur.mean(),
        "variance": cur.var(),
        "variance_sample": cur.var(ddof=1),
    }
    if n * m <= EXACT_PATHS:
        want["ks_exact_p"] = stats.ks_2samp(ref, cur, method="exact").pvalue
    if n > 1 and m > 1:
        # scipy enumerates up to 20 values a side, as we do; beyond it takes the limit.
        method = "exact" if max(n, m) <= 20 else "asymptotic"
        c = stats.cramervonmises_2samp(ref, cur, method=method)
        want["cramer_von_mises"], want["cramer_von_mises_p"] = c.statistic, c.pvalue
    # The shape about the mean: values a million from zero leave no more digits.
    shape = cur - cur.mean()
    if shape.any():
        want["skewness"], want["kurtosis"] = stats.skew(shape), stats.kurtosis(shape)
        if m > 2:
            want["skewness_adjusted"] = stats.skew(shape, bias=False)
        if m > 3:
            want["kurtosis_adjusted"] = stats.kurtosis(shape, bias=False)
    return want


def psi(ref, cur):
    return float(np.sum((cur - ref) * np.log(cur / ref)))


def counts(case):
    ref, cur = np.array(case["ref"]), np.array(case["cur"])
    n, m, bins = ref.sum(), cur.sum(), len(ref)
    table = stats.chi2_contingency(np.array([ref, cur]), correction=True)
    r, c = ref / n, cur / m
    want = {
        "chi2_table": table.statistic,
        "chi2_table_p": table.pvalue,
        "psi_jeffreys": psi((ref + 0.5) / (n + bins / 2), (cur + 0.5) / (m + bins / 2)),
        "psi_laplace": psi((ref + 1) / (n + bins), (cur + 1) / (m + bins)),
        "psi_floor": psi(np.maximum(r, 1e-4), np.maximum(c, 1e-4)),
        "js_base2": jensenshannon(r, c, 2),
        "js_base_e": jensenshannon(r, c),
        "hellinger": np.linalg.norm(np.sqrt(r) - np.sqrt(c)) / math.sqrt(2),
        "tvd": np.abs(r - c).sum() / 2,
        "linf": np.abs(r - c).max(),
    }
    if ref.all():
        fit = stats.chisquare(cur, ref * (m / n))
        want["chi2_fit"], want["chi2_fit_p"] = fit.statistic, fit.pvalue
    return want


def laws(case):
    a, found = case["args"], case["found"]
    want = {
        "kolmogorov_sf": stats.kstwo.sf(a["d"], a["n"]),
        "chi2_sf": stats.chi2.sf(a["x"], a["nu"]),
    }
    # A bound is compared by what it promises: the chance of t or more at the bound is
    # alpha, or the bound is 0 and the chance there is no smaller.
    nu, eta, t, alpha = a["nu"], a["eta"], a["t"], a["alpha"]
    tails = {"bound_chi2": lambda b: stats.ncx2.sf(t, nu, b), "bound_f": lambda b: stats.ncf.sf(t / nu, nu, eta, b)}
    central = {"bound_chi2": stats.chi2.sf(t, nu), "bound_f": stats.f.sf(t / nu, nu, eta)}
    for name, tail in tails.items():
        bound = found[name]
        if bound == 0:
            found[name], want[name] = min(central[name], alpha), alpha
        else:
            found[name], want[name] = tail(bound), alpha
    return want


P_VALUES = 1e-8
NUMBERS = 1e-9
BOUNDS = {"bound_chi2", "bound_f"}  # compared by the chance at the bound
# Both sides take this one from 1, so its digits end at 1e-16 of 1, not of itself.
FROM_ONE = {"cramer_von_mises_p"}


def tolerance(name):
    return P_VALUES if name.endswith(("_p", "_sf")) or name in BOUNDS else NUMBERS


def absolute(name):
    """The gap that is no difference: for a chance only what has no normal float64."""
    return 1e-12 if tolerance(name) == NUMBERS or name in FROM_ONE else sys.float_info.min


def main():
    warnings.filterwarnings("ignore")
    kinds = {"samples": samples, "counts": counts, "laws": laws}
    seen, off, worst, shown = {}, {}, {}, {}
    total = 0
    for line in sys.stdin:
        case = json.loads(line)
        total += 1
        if total % 10_000 == 0:
            print(f"{total:,} cases", file=sys.stderr)
        want = kinds[case["kind"]](case)
        for name, found in case["found"].items():
            if name not in want or not np.isfinite(want[name]):
                continue
            seen[name] = seen.get(name, 0) + 1
            gap = abs(found - want[name])
            if gap <= absolute(name):
                continue
            relative = gap / max(abs(found), abs(want[name]))
            worst[name] = max(worst.get(name, 0.0), relative)
            if relative > tolerance(name):
                off[name] = off.get(name, 0) + 1
                if len(shown.setdefault(name, [])) < 3:
                    shown[name].append(f"  case {case['case']}: {name} {found!r}, scipy {float(want[name])!r}")
    print("| statistic | compared | largest relative difference | allowed | beyond |")
    print("|---|---|---|---|---|")
    for name in sorted(seen):
        note = " (chance at it)" if name in BOUNDS else ""
        print(f"| {name}{note} | {seen[name]:,} | {worst.get(name, 0):.1e} | {tolerance(name):.0e} | {off.get(name, 0)} |")
    print(f"\n{total:,} cases, {sum(seen.values()):,} numbers, {sum(off.values())} beyond")
    for lines in shown.values():
        print("\n".join(lines))
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
