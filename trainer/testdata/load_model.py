"""Load a model directory as MLflow does, by both flavors, and print its scores."""
import sys

import mlflow
import numpy as np
import pandas as pd
import xgboost as xgb

path = sys.argv[1]
x = pd.DataFrame(
    {"a": [0.1, 0.4, 0.6, 0.9, np.nan], "b": [0.2, 0.7, 0.3, np.nan, 0.8]},
    dtype="float32",
)
booster = mlflow.xgboost.load_model(path)
assert isinstance(booster, xgb.Booster), type(booster)
by_flavor = booster.predict(xgb.DMatrix(x))
by_pyfunc = mlflow.pyfunc.load_model(path).predict(x)
assert np.array_equal(by_flavor, by_pyfunc), (by_flavor, by_pyfunc)
print("scores", *(repr(float(v)) for v in by_flavor))
