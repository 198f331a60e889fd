"""Makes compat.json: what Evidently and NannyML say by default about small tables.

Needs evidently 0.7.23 and nannyml 0.13.1 (in environments of their own, as their
requirements differ): run `make_compat.py evidently` and `make_compat.py nannyml`; each
fills in its part of the file. Deterministic.
"""

import json
import pathlib
import sys

import numpy as np
import pandas as pd

OUT = pathlib.Path(__file__).with_name("compat.json")


def tables():
    rng = np.random.default_rng(20260102)
    for name, n, m in [("small", 600, 300), ("large", 3000, 800)]:

        def side(k, shift):
            return pd.DataFrame({
                "same": rng.normal(size=k),
                "moved": rng.normal(size=k) + shift,
                "skewed": np.exp(rng.normal(size=k) * (1 + shift / 2)),
                "few": rng.integers(0, 4, size=k).astype(float) + (shift > 0) * (rng.random(k) < 0.2),
                "flag": (rng.random(k) < 0.3 + shift / 10).astype(float),
                "colour": rng.choice(["red", "green", "blue"], size=k, p=[0.5 - shift / 10, 0.3, 0.2 + shift / 10]),
            }).round(6)

        yield name, side(n, 0.0), side(m, 0.5)


def evidently():
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    out = {}
    for name, ref, cur in tables():
        definition = DataDefinition(numerical_columns=["same", "moved", "skewed", "few", "flag"], categorical_columns=["colour"])
        report = Report([DataDriftPreset()]).run(Dataset.from_pandas(cur, definition), Dataset.from_pandas(ref, definition))
        found = {}
        for metric in report.dict()["metrics"]:
            config = metric["config"]
            if config["type"].endswith("ValueDrift"):
                found[config["column"]] = {"method": config["method"], "value": float(metric["value"]), "threshold": config["threshold"]}
            else:
                share = metric["value"]
        out[name] = {"features": found, "drifted": int(share["count"]), "share": float(share["share"])}
    return out


def nannyml():
    import nannyml as nml

    out = {}
    for name, ref, cur in tables():
        columns = list(ref.columns)
        calc = nml.UnivariateDriftCalculator(column_names=columns, chunk_number=10, continuous_methods=["jensen_shannon"], categorical_methods=["jensen_shannon"])
        calc.fit(ref)
        own = calc.thresholds["jensen_shannon"]
        del own
        res = calc.calculate(cur).to_df()
        # One chunk of all current rows: its value by the fitted method.
        one = nml.UnivariateDriftCalculator(column_names=columns, chunk_size=len(cur), continuous_methods=["jensen_shannon"], categorical_methods=["jensen_shannon"])
        one.fit(ref)
        whole = one.calculate(cur).to_df()
        out[name] = {
            c: {
                "value": float(whole[(c, "jensen_shannon", "value")].iloc[-1]),
                "threshold": float(res[(c, "jensen_shannon", "upper_threshold")].iloc[-1]),
            }
            for c in columns
        }
    return out


def main():
    which = sys.argv[1]
    data = json.loads(OUT.read_text()) if OUT.exists() else {}
    data["tables"] = {
        name: {"reference": ref.to_dict("list"), "current": cur.to_dict("list")} for name, ref, cur in tables()
    }
    data[which] = {"evidently": evidently, "nannyml": nannyml}[which]()
    OUT.write_text(json.dumps(data, separators=(",", ":")) + "\n")


main()
