"""Cross-check of Driftline's model files with Python XGBoost.

  xgb_check.py predict MODEL.json DATA.csv OUT.csv
      loads MODEL.json, predicts every row of DATA.csv (header = feature names, empty
      cell = missing) and writes the predictions, one row per line.
  xgb_check.py train OBJECTIVE DATA.csv MODEL.json OUT.csv [KEY=VALUE ...]
      trains on DATA.csv, whose last column is the label, saves the model as JSON and
      writes its predictions on the same rows.
  xgb_check.py importance MODEL.json
      prints one line per used feature: name, total gain, splits.
  xgb_check.py version
      prints XGBoost's version, as every command does first.
"""
import sys
import warnings

import numpy as np
import xgboost as xgb


def read(path):
    with open(path, encoding="utf-8") as f:
        names = f.readline().rstrip("\n").split(",")
        rows = [[float(c) if c else np.nan for c in line.rstrip("\n").split(",")] for line in f]
    return names, np.array(rows, dtype=np.float32)


def write(path, predictions):
    predictions = np.asarray(predictions, dtype=np.float64)
    if predictions.ndim == 1:
        predictions = predictions[:, None]
    with open(path, "w", encoding="utf-8") as f:
        for row in predictions:
            f.write(",".join(repr(float(v)) for v in row) + "\n")


def main():
    # A warning about the file is a finding, not noise.
    warnings.simplefilter("error")
    print("xgboost", xgb.__version__)
    what = sys.argv[1]
    if what == "predict":
        booster = xgb.Booster(model_file=sys.argv[2])
        names, x = read(sys.argv[3])
        write(sys.argv[4], booster.predict(xgb.DMatrix(x, feature_names=names)))
    elif what == "importance":
        booster = xgb.Booster(model_file=sys.argv[2])
        gain = booster.get_score(importance_type="total_gain")
        count = booster.get_score(importance_type="weight")
        for name in gain:
            print(name, repr(float(gain[name])), int(count[name]))
    elif what == "train":
        objective, data, model, out = sys.argv[2:6]
        names, x = read(data)
        x, y = x[:, :-1], x[:, -1]
        params = {"objective": objective, "max_depth": 4, "eta": 0.3, "seed": 7}
        rounds = 12
        for pair in sys.argv[6:]:
            key, value = pair.split("=")
            if key == "rounds":
                rounds = int(value)
            else:
                params[key] = value
        matrix = xgb.DMatrix(x, y, feature_names=names[:-1])
        booster = xgb.train(params, matrix, rounds)
        booster.save_model(model)
        write(out, booster.predict(matrix))
    elif what != "version":
        sys.exit("unknown command " + what)


main()
