"""A plain MLflow client against Driftline: log, register, look up Production, download."""

import os
import sys
import tempfile

import mlflow
from mlflow import MlflowClient

target = sys.argv[1]
mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])

# A training script of a user.
mlflow.set_experiment("a user's experiment")
with tempfile.TemporaryDirectory() as folder, mlflow.start_run(run_name="plain") as run:
    mlflow.log_params({"max_depth": 6, "learning_rate": 0.1})
    mlflow.log_metrics({"accuracy": 0.85, "f1": 0.82})
    note = os.path.join(folder, "note.txt")
    with open(note, "w", encoding="utf-8") as f:
        f.write("an artifact")
    mlflow.log_artifact(note, "model")
client = MlflowClient()
client.create_registered_model("user_model")
version = client.create_model_version("user_model", f"{run.info.artifact_uri}/model", run.info.run_id)
client.transition_model_version_stage("user_model", version.version, "Production")
latest = client.get_latest_versions("user_model", stages=["Production"])
assert [v.version for v in latest] == [version.version], latest
back = client.get_run(run.info.run_id)
assert back.data.params["max_depth"] == "6" and back.data.metrics["f1"] == 0.82, back.data
assert [a.path for a in client.list_artifacts(run.info.run_id, "model")] == ["model/note.txt"]

# What the demo promoted.
name = "bikeshare_high_demand"
production = client.get_latest_versions(name, stages=["Production"])
assert len(production) == 1, production
champion = client.get_model_version_by_alias(name, "champion")
assert champion.version == production[0].version, (champion, production)
metrics = client.get_run(champion.run_id).data.metrics
assert metrics["accuracy"] > 0.5, metrics
path = mlflow.artifacts.download_artifacts(f"models:/{name}/Production", dst_path=target)
print("Production is version", champion.version, "accuracy", metrics["accuracy"], "at", path)
assert os.path.exists(os.path.join(path, "model.json")), os.listdir(path)

with open(target + ".version", "w", encoding="utf-8") as f:
    f.write(champion.version)
