"""Delays of library detectors at equal false alarms, on the records of package synth.

Prints for each detector its ARL0 on streams without drift, then the mean delay after
a change that follows 1 000 records, capped at 2 000; (n) counts runs that were capped.
Settings that end in * were tuned to an ARL0 near the target by --tune.
"""
import argparse
import time
import warnings

import numpy as np
from frouros.detectors import concept_drift as frouros
from river import drift as river
from scipy.special import ndtri

warnings.filterwarnings("ignore")
WARM, CAPPED, STRETCH = 1000, 2000, 100_000
CHANGES = [("0.25 sd", 0.25, 1), ("0.5 sd", 0.5, 1), ("1 sd", 1, 1), ("sd x 1.5", 0, 1.5), ("sd x 2", 0, 2)]


def mix(x):
    """One step of SplitMix64."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def normals(seed, stream, n, phi=0.0):
    """Records of synth.NewSource(seed, stream, phi)."""
    with np.errstate(over="ignore"):
        base = mix(mix(np.uint64(seed)) + np.uint64(2 * stream))
        u = ((mix(base + np.arange(n, dtype=np.uint64)) >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53
    x = ndtri(u)
    if phi:
        scale = (1 - phi * phi) ** 0.5
        for i in range(1, n):
            x[i] = phi * x[i - 1] + scale * x[i]
    return x


class River:
    def __init__(self, detector):
        self.d = detector

    def update(self, x):
        self.d.update(x)
        return self.d.drift_detected


class Frouros:
    def __init__(self, detector, shift=0.0):
        self.d, self.shift = detector, shift

    def update(self, x):
        self.d.update(value=x + self.shift)
        if self.d.drift:
            self.d.reset()
            return True
        return False


def f_page_hinkley(v):
    return Frouros(frouros.PageHinkley(frouros.PageHinkleyConfig(lambda_=v)))


def f_cusum(v):
    return Frouros(frouros.CUSUM(frouros.CUSUMConfig(lambda_=v)))


def f_adwin(v):  # it refuses a negative sum, and does not see a shift
    return Frouros(frouros.ADWIN(frouros.ADWINConfig(delta=v)), 10.0)


def f_kswin(v):
    return Frouros(frouros.KSWIN(frouros.KSWINConfig(alpha=v, seed=1)))


# name, maker, default, tuned value, bracket for --tune, share of the work (slow ones get less)
DETECTORS = [
    ("River PageHinkley, threshold", lambda v: River(river.PageHinkley(threshold=v)), 50, 85, (20, 200), 1),
    ("River ADWIN, delta", lambda v: River(river.ADWIN(delta=v)), 0.002, 0.31, (1, 0.1), 1),
    ("River KSWIN, alpha", lambda v: River(river.KSWIN(alpha=v, seed=1)), 0.005, None, None, 0.02),
    ("Frouros PageHinkley, lambda", f_page_hinkley, 50, 10, (4, 40), 0.5),
    ("Frouros CUSUM, lambda", f_cusum, 50, 66, (20, 200), 0.5),
    ("Frouros ADWIN, delta", f_adwin, 0.002, None, None, 0.1),
    ("Frouros KSWIN, alpha", f_kswin, 0.0001, None, None, 0.02),
]


def arl0(make, value, seed, rows, phi=0.0):
    alarms = seen = stream = 0
    while seen < rows:
        d = make(value)
        n = min(STRETCH, rows - seen)
        alarms += sum(d.update(x) for x in normals(seed, (1 << 40) + stream, n, phi).tolist())
        seen, stream = seen + n, stream + 1
    return seen / max(alarms, 1), alarms


def delays(make, value, seed, runs):
    out = []
    for i, (_, shift, scale) in enumerate(CHANGES):
        t, missed = [], 0
        for k in range(runs):
            xs = normals(seed, (1 << 41) + (i << 32) + k, WARM + CAPPED)
            xs[WARM:] = xs[WARM:] * scale + shift
            d = make(value)
            for x in xs[:WARM].tolist():
                d.update(x)
            for j, x in enumerate(xs[WARM:].tolist(), 1):
                if d.update(x):
                    break
            else:
                missed += 1
            t.append(j)
        t = np.array(t, float)
        out.append((t.mean(), t.std(ddof=1) / len(t) ** 0.5, missed))
    return out


def tune(make, bracket, seed, rows, target):
    lo, hi = bracket  # at lo it alarms too often
    for _ in range(8):
        mid = (lo * hi) ** 0.5
        if arl0(make, mid, seed + 1, rows)[0] < target:
            lo = mid
        else:
            hi = mid
    return (lo * hi) ** 0.5


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--seed", type=int, default=20251126)
    a.add_argument("--runs", type=int, default=200)
    a.add_argument("--rows", type=int, default=400_000, help="records without drift")
    a.add_argument("--target", type=float, default=5000)
    a.add_argument("--short", action="store_true", help="a fraction of the work; the slowest are left out")
    a.add_argument("--tune", action="store_true", help="find the settings again")
    a.add_argument("--only", default="", help="detectors whose name holds this")
    o = a.parse_args()
    if o.short:
        o.runs, o.rows = 60, 100_000
    start = time.time()
    print(f"\nLibraries: seed {o.seed}, {o.runs} runs a delay, {o.rows} records without drift (slow ones less)\n")
    print(f"{'':38}{'runs':>6} {'ARL0 phi = 0 / 0.5 / 0.9':28}" + "".join(f"{c[0]:22}" for c in CHANGES))
    for name, make, default, tuned, bracket, share in DETECTORS:
        if o.only not in name or o.short and share < 0.2:
            continue
        rows, runs = max(20_000, int(o.rows * share)), max(30, int(o.runs * share))
        if o.tune and bracket:
            tuned = tune(make, bracket, o.seed, rows, o.target)
        for value, mark in ((tuned, "*"), (default, "")):
            if value is None:
                continue
            null = " / ".join(f"{arl0(make, value, o.seed, rows, phi)[0]:.0f}" for phi in (0, 0.5, 0.9))
            found = delays(make, value, o.seed, runs)
            cells = "".join(f"{f'{m:.1f} ± {e:.1f}' + (f' ({n})' if n else ''):22}" for m, e, n in found)
            print(f"{f'{name} {value:.4g}{mark}':38}{runs:6} {null:28}{cells}", flush=True)
    print(f"\n{time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
