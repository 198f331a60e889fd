"""What a plain MLflow script does, against the server named by MLFLOW_TRACKING_URI.

Prints one line per check and ends with "all good"; any failed check raises.
"""

import math
import os
import tempfile
import time

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient


def check(name, got, want):
    if got != want:
        raise AssertionError(f"{name}: got {got!r}, want {want!r}")
    print("ok", name)


def main():
    client = MlflowClient()
    experiment = mlflow.set_experiment("plain client")
    check("set_experiment twice", mlflow.set_experiment("plain client").experiment_id, experiment.experiment_id)

    with tempfile.TemporaryDirectory() as work:
        model_file = os.path.join(work, "model.json")
        with open(model_file, "w") as f:
            f.write('{"kind": "tree"}')
        run_ids = []
        for depth in (2, 3):
            with mlflow.start_run(run_name=f"depth {depth}") as run:
                mlflow.log_params({"depth": depth, "lr": 0.1})
                mlflow.log_metrics({"accuracy": 0.7 + depth / 100, "loss": 1.0 / depth})
                for step in range(5):
                    mlflow.log_metric("curve", step * step, step=step)
                mlflow.log_metric("hole", float("nan"))
                mlflow.set_tag("team", "growth")
                mlflow.log_artifact(model_file, "model")
                # register_model looks for this file before it takes a run's folder for a model
                mlflow.log_text(f"artifact_path: model\nrun_id: {run.info.run_id}\n", "model/MLmodel")
                mlflow.log_dict({"a": 1}, "reports/summary table.json")
                mlflow.log_text("hello", "note.txt")
                run_ids.append(run.info.run_id)

    got = client.get_run(run_ids[1])
    check("status", got.info.status, "FINISHED")
    check("run name", got.info.run_name, "depth 3")
    check("params", got.data.params, {"depth": "3", "lr": "0.1"})
    check("metric", got.data.metrics["accuracy"], 0.73)
    check("nan", math.isnan(got.data.metrics["hole"]), True)
    check("history", [m.value for m in client.get_metric_history(run_ids[1], "curve")], [0, 1, 4, 9, 16])
    check("artifacts", [f.path for f in client.list_artifacts(run_ids[1])], ["model", "note.txt", "reports"])
    check("artifacts below", [(f.path, f.is_dir) for f in client.list_artifacts(run_ids[1], "reports")], [("reports/summary table.json", False)])
    check("load_text", mlflow.artifacts.load_text(f"runs:/{run_ids[1]}/note.txt"), "hello")
    check("load_dict", mlflow.artifacts.load_dict(f"runs:/{run_ids[1]}/reports/summary table.json"), {"a": 1})

    client.log_batch(
        run_ids[0],
        metrics=[Metric("m", i, int(time.time() * 1000), i) for i in range(1000)],
    )
    client.log_batch(run_ids[0], params=[Param(f"p{i}", "x") for i in range(50)], tags=[RunTag(f"t{i}", "") for i in range(50)])
    check("latest of 1000", client.get_run(run_ids[0]).data.metrics["m"], 999.0)
    check("param again", client.log_param(run_ids[0], "p1", "x"), "x")
    try:
        client.log_param(run_ids[0], "p1", "y")
        raise AssertionError("a param changed")
    except MlflowException as e:
        check("param changed", e.error_code, "INVALID_PARAMETER_VALUE")

    found = client.search_runs([experiment.experiment_id], "metrics.accuracy > 0.72 and tags.team = 'growth'", order_by=["metrics.accuracy DESC"])
    check("search_runs", [r.info.run_id for r in found], [run_ids[1]])
    page = client.search_runs([experiment.experiment_id], max_results=1, order_by=["metrics.loss ASC"])
    check("first page", [r.info.run_id for r in page], [run_ids[1]])
    page = client.search_runs([experiment.experiment_id], max_results=1, order_by=["metrics.loss ASC"], page_token=page.token)
    check("second page", [r.info.run_id for r in page], [run_ids[0]])

    first = mlflow.register_model(f"runs:/{run_ids[0]}/model", "growth classifier")
    second = mlflow.register_model(f"runs:/{run_ids[1]}/model", "growth classifier")
    check("versions", [str(first.version), str(second.version)], ["1", "2"])
    client.transition_model_version_stage("growth classifier", "1", "Production")
    client.transition_model_version_stage("growth classifier", "2", "Production", archive_existing_versions=True)
    latest = client.get_latest_versions("growth classifier", stages=["Production"])
    check("Production", [str(v.version) for v in latest], ["2"])
    check("archived", client.get_model_version("growth classifier", "1").current_stage, "Archived")
    client.set_registered_model_alias("growth classifier", "champion", "2")
    check("alias", str(client.get_model_version_by_alias("growth classifier", "champion").version), "2")
    check("aliases", client.get_registered_model("growth classifier").aliases, {"champion": "2"})
    try:
        client.get_model_version_by_alias("growth classifier", "nobody")
        raise AssertionError("an unknown alias resolved")
    except MlflowException as e:
        check("unknown alias", e.error_code, "INVALID_PARAMETER_VALUE")

    for uri in ("models:/growth classifier/Production", "models:/growth classifier/2", "models:/growth classifier@champion", "models:/growth classifier/latest"):
        with tempfile.TemporaryDirectory() as work:
            path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=work)
            with open(os.path.join(path, "model.json")) as f:
                check(f"download {uri}", f.read(), '{"kind": "tree"}')

    client.update_model_version("growth classifier", "2", description="the better one")
    client.set_model_version_tag("growth classifier", "2", "rows", "1000")
    client.delete_model_version_tag("growth classifier", "2", "rows")
    client.set_registered_model_tag("growth classifier", "team", "growth")
    check("search models", [m.name for m in client.search_registered_models("name LIKE 'growth%'")], ["growth classifier"])
    check("search versions", [str(v.version) for v in client.search_model_versions("name='growth classifier'", order_by=["version_number ASC"])], ["1", "2"])
    copy = client.copy_model_version("models:/growth classifier/2", "copy")
    check("copy", str(copy.version), "1")
    client.rename_registered_model("copy", "second copy")
    client.delete_registered_model_alias("growth classifier", "champion")
    client.delete_model_version("second copy", "1")
    client.delete_registered_model("second copy")
    try:
        client.get_registered_model("second copy")
        raise AssertionError("a deleted model was found")
    except MlflowException as e:
        check("deleted model", e.error_code, "RESOURCE_DOES_NOT_EXIST")

    if hasattr(mlflow, "initialize_logged_model"):  # MLflow 3
        logged_models(client, experiment, run_ids)

    client.delete_run(run_ids[0])
    check("deleted run", client.get_run(run_ids[0]).info.lifecycle_stage, "deleted")
    client.restore_run(run_ids[0])
    client.set_terminated(run_ids[0], "KILLED")
    check("killed", client.get_run(run_ids[0]).info.status, "KILLED")
    other = client.create_experiment("other", tags={"a": "b"})
    client.rename_experiment(other, "renamed")
    client.set_experiment_tag(other, "c", "d")
    check("experiment tags", client.get_experiment(other).tags, {"a": "b", "c": "d"})
    check("search experiments", [e.name for e in client.search_experiments(filter_string="tags.c = 'd'")], ["renamed"])
    client.delete_experiment(other)
    check("active experiments", sorted(e.name for e in client.search_experiments()), ["Default", "plain client"])
    print("all good")


def logged_models(client, experiment, run_ids):
    logged = mlflow.initialize_logged_model(name="logged", params={"a": "1"}, tags={"k": "v"}, source_run_id=run_ids[1])
    client.log_metric(run_ids[1], "auc", 0.9, model_id=logged.model_id)
    client.finalize_logged_model(logged.model_id, "READY")
    again = client.get_logged_model(logged.model_id)
    check("logged model", (again.status.value, again.params, again.tags.get("k")), ("READY", {"a": "1"}, "v"))
    check("its metric", [m.value for m in again.metrics], [0.9])
    client.log_outputs(run_ids[0], [mlflow.entities.LoggedModelOutput(logged.model_id, step=1)])
    check("outputs", [o.model_id for o in client.get_run(run_ids[0]).outputs.model_outputs], [logged.model_id])
    hits = client.search_logged_models([experiment.experiment_id], filter_string="metrics.auc > 0.5")
    check("search logged models", [m.model_id for m in hits], [logged.model_id])
    client.delete_logged_model_tag(logged.model_id, "k")
    client.delete_logged_model(logged.model_id)


main()
