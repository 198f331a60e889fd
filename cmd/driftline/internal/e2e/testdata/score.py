"""XGBoost loads the promoted model and must predict what the service predicted."""

import json
import os
import sys

import numpy
import xgboost

folder, events = sys.argv[1], sys.argv[2]
booster = xgboost.Booster()
booster.load_model(os.path.join(folder, "model.json"))
names = booster.feature_names
with open(folder + ".version", encoding="utf-8") as f:
    version = f.read()

with open(events, encoding="utf-8") as f:
    rows = [json.loads(line) for line in f]
rows = [r for r in rows if r.get("type") == "prediction" and r.get("version") == version]
assert len(rows) >= 24, f"{len(rows)} predictions of version {version}"
matrix = numpy.array([[r["features"][n] for n in names] for r in rows], dtype=numpy.float32)
found = booster.predict(xgboost.DMatrix(matrix, feature_names=names))
worst = max(abs(float(f) - r["score"]) for f, r in zip(found, rows))
print(f"{len(rows)} rows of version {version}, largest difference {worst:.2e}")
assert worst <= 1e-6, worst
