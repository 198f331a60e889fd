"""Writes the samples of this folder: the same rows in the formats that other projects write.

Each sample is made by the code or the schema of the project whose format it is, never by
Driftline's idea of it: see README.md for versions and how to run this. One line per record:
{"topic", "ms", "key", "headers": [[name, value]], "value": base64}.
"""

import base64
import importlib
import io
import json
import os
import random
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
START = 1_767_225_600_000  # 2026-01-01T00:00:00Z
STEP = 30_000  # one request each half minute
REQUESTS, ROWS = 44, 5
MODEL = "acis"


def stub(name, root):
    """Lets the modules below a package be imported without the package's own start-up."""
    package = types.ModuleType(name)
    package.__path__ = [os.path.join(root, *name.split("."))]
    sys.modules[name] = package


def rows():
    rng = random.Random(7)
    for i in range(REQUESTS):
        shift = 3.0 if i > REQUESTS * 0.6 else 0.0
        yield i, [
            {
                "age": float(rng.randint(18, 90)),
                "income": round(rng.lognormvariate(3 + shift / 3, 0.5), 4),
                "ratio": rng.random() if rng.random() > 0.05 else None,
                "sector": rng.choice(["tech", "energy", "käse"]),
                "score": rng.random(),
                "class": rng.randint(0, 1),
            }
            for _ in range(ROWS)
        ]


FEATURES = ["age", "income", "ratio", "sector"]


class Sample:
    def __init__(self, name):
        self.file = open(os.path.join(HERE, name + ".jsonl"), "w", encoding="utf-8", newline="\n")

    def put(self, ms, value, topic="", key="", headers=()):
        if isinstance(value, str):
            value = value.encode()
        line = {"topic": topic, "ms": ms, "key": key, "headers": [list(h) for h in headers], "value": base64.b64encode(value).decode()}
        self.file.write(json.dumps(line, ensure_ascii=False) + "\n")


def rfc3339(ms):
    import datetime

    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def native():
    out = Sample("native")
    for i, batch in rows():
        ms = START + i * STEP
        for k, r in enumerate(batch):
            out.put(ms, json.dumps({"type": "feature", "model": MODEL, "version": "3", "id": f"r{i}#{k}", "ts": ms, "features": {f: r[f] for f in FEATURES}}))
        for k, r in enumerate(batch):
            out.put(ms, json.dumps({"type": "prediction", "model": MODEL, "version": "3", "id": f"r{i}#{k}", "ts": ms, "score": r["score"], "prediction": r["class"]}))


def kserve(root):
    """V1 and V2 bodies in CloudEvents as KServe's logger writes them; the V2 bodies by kserve's own classes."""
    stub("kserve", root)
    import numpy as np

    infer = importlib.import_module("kserve.protocol.infer_type")
    v1, v2 = Sample("kserve_v1"), Sample("kserve_v2")
    for i, batch in rows():
        ms = START + i * STEP

        def headers(kind):
            return [
                ("ce_specversion", "1.0"),
                ("ce_id", f"r{i}"),
                ("ce_source", "http://localhost:9081/"),
                ("ce_type", "org.kubeflow.serving.inference." + kind),
                ("ce_time", rfc3339(ms)),
                ("ce_inferenceservicename", MODEL),
                ("ce_namespace", "default"),
                ("ce_component", "predictor"),
                ("ce_endpoint", "default"),
                ("ce_metadata", json.dumps({"Model-Version": ["3"]})),
                ("content-type", "application/json"),
            ]

        v1.put(ms, json.dumps({"instances": [[r[f] for f in FEATURES] for r in batch]}), headers=headers("request"))
        v1.put(ms, json.dumps({"predictions": [{"score": r["score"], "class": r["class"]} for r in batch]}), headers=headers("response"))

        inputs = []
        for f in FEATURES:
            if f == "sector":
                x = infer.InferInput(f, [ROWS], "BYTES")
                x.set_data_from_numpy(np.array([r[f] for r in batch], dtype=object), binary_data=False)
            else:
                x = infer.InferInput(f, [ROWS, 1], "FP64")
                x.set_data_from_numpy(np.array([[np.nan if r[f] is None else r[f]] for r in batch]), binary_data=False)
            inputs.append(x)
        body, _ = infer.InferRequest(MODEL, inputs, request_id=f"r{i}").to_rest()
        if isinstance(body, (bytes, bytearray)):
            body = json.loads(body)
        v2.put(ms, json.dumps(body).replace("NaN", "null"), headers=headers("request"))
        score = infer.InferOutput("score", [ROWS], "FP64")
        score.set_data_from_numpy(np.array([r["score"] for r in batch]), binary_data=False)
        label = infer.InferOutput("class", [ROWS], "INT64")
        label.set_data_from_numpy(np.array([r["class"] for r in batch]), binary_data=False)
        body, _ = infer.InferResponse(f"r{i}", MODEL, [score, label], model_version="3").to_rest()
        if isinstance(body, (bytes, bytearray)):
            body = json.loads(body)
        v2.put(ms, json.dumps(body), headers=headers("response"))


def seldon2(root):
    """V2 as protobuf by MLServer's messages, typed and raw contents in turn, on the topics of Seldon Core 2."""
    sys.path.insert(0, os.path.join(root, "mlserver", "grpc"))
    import struct

    pb = importlib.import_module("dataplane_pb2")
    out = Sample("seldon2")
    inputs, outputs = "seldon.default.model.acis.inputs", "seldon.default.model.acis.outputs"
    nan = float("nan")
    for i, batch in rows():
        ms = START + i * STEP
        request = pb.ModelInferRequest(model_name="acis_1", model_version="3", id=f"r{i}")
        numbers = [nan if r[f] is None else r[f] for r in batch for f in FEATURES[:3]]
        a = request.inputs.add(name="numbers", datatype="FP64", shape=[ROWS, 3])
        b = request.inputs.add(name="sector", datatype="BYTES", shape=[ROWS, 1])
        b.parameters["content_type"].string_param = "str"
        texts = [r["sector"].encode() for r in batch]
        if i % 2:
            request.raw_input_contents.append(struct.pack(f"<{len(numbers)}d", *numbers))
            request.raw_input_contents.append(b"".join(struct.pack("<I", len(t)) + t for t in texts))
        else:
            a.contents.fp64_contents.extend(numbers)
            b.contents.bytes_contents.extend(texts)
        out.put(ms, request.SerializeToString(), topic=inputs, key=f"r{i}")
        response = pb.ModelInferResponse(model_name="acis_1", model_version="3", id=f"r{i}")
        score = response.outputs.add(name="predict_proba", datatype="FP64", shape=[ROWS, 2])
        label = response.outputs.add(name="predict", datatype="INT64", shape=[ROWS, 1])
        both = [v for r in batch for v in (1 - r["score"], r["score"])]
        if i % 2:
            response.raw_output_contents.append(struct.pack(f"<{len(both)}d", *both))
            response.raw_output_contents.append(struct.pack(f"<{ROWS}q", *[r["class"] for r in batch]))
        else:
            score.contents.fp64_contents.extend(both)
            label.contents.int64_contents.extend(r["class"] for r in batch)
        out.put(ms, response.SerializeToString(), topic=outputs, key=f"r{i}")


SCHEMAS = {
    7: {
        "type": "record", "name": "Features", "namespace": "acis",
        "fields": [
            {"name": "model", "type": "string"},
            {"name": "version", "type": "int"},
            {"name": "id", "type": "string"},
            {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "features", "type": {"type": "record", "name": "Inputs", "fields": [
                {"name": "age", "type": "double"},
                {"name": "income", "type": "double"},
                {"name": "ratio", "type": ["null", "double"]},
                {"name": "sector", "type": "string"},
            ]}},
        ],
    },
    8: {
        "type": "record", "name": "Prediction", "namespace": "acis",
        "fields": [
            {"name": "model", "type": "string"},
            {"name": "version", "type": "int"},
            {"name": "id", "type": "string"},
            {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
            {"name": "score", "type": "double"},
            {"name": "prediction", "type": ["null", "long"]},
            {"name": "trace", "type": {"type": "map", "values": "string"}},
        ],
    },
}


def avro():
    import fastavro

    out = Sample("avro")
    with open(os.path.join(HERE, "avro_schemas.json"), "w", encoding="utf-8") as f:
        json.dump({str(k): json.dumps(v) for k, v in SCHEMAS.items()}, f, indent=1)
        f.write("\n")
    parsed = {k: fastavro.parse_schema(v) for k, v in SCHEMAS.items()}

    def framed(number, record):
        b = io.BytesIO()
        b.write(b"\0" + number.to_bytes(4, "big"))
        fastavro.schemaless_writer(b, parsed[number], record)
        return b.getvalue()

    for i, batch in rows():
        ms = START + i * STEP
        for k, r in enumerate(batch):
            head = {"model": MODEL, "version": 3, "id": f"r{i}#{k}", "ts": ms * 1000 + 999}
            out.put(ms, framed(7, head | {"features": {f: r[f] for f in FEATURES}}))
            out.put(ms, framed(8, head | {"score": r["score"], "prediction": r["class"], "trace": {"span": "x"}}))


def packed(root):
    """driftline.v1.Event by the Python classes that protoc makes of event.proto."""
    from grpc_tools import protoc

    source = os.path.join(HERE, "..", "packed")
    if protoc.main(["protoc", "-I" + source, "--python_out=" + root, "event.proto"]) != 0:
        sys.exit("protoc failed")
    sys.path.insert(0, root)
    pb = importlib.import_module("event_pb2")
    out = Sample("packed")
    for i, batch in rows():
        ms = START + i * STEP
        for k, r in enumerate(batch):
            e = pb.Event(model=MODEL, version="3", id=f"r{i}#{k}", ts_ms=ms)
            e.features.extend([float("nan") if r[f] is None else r[f] for f in FEATURES[:3]] + [0.0])
            e.texts.add(index=3, value=r["sector"])
            out.put(ms, e.SerializeToString())
            e = pb.Event(model=MODEL, version="3", id=f"r{i}#{k}", ts_ms=ms, score=r["score"])
            e.prediction.number = r["class"]
            out.put(ms, b"\0\0\0\0\x2a\0" + e.SerializeToString())


def cloudevents():
    """Native events in CloudEvents by the CNCF's Python SDK, binary and structured in turn."""
    from cloudevents.http import CloudEvent
    from cloudevents.kafka import to_binary, to_structured

    out = Sample("cloudevents")
    n = 0
    for i, batch in rows():
        ms = START + i * STEP
        for k, r in enumerate(batch):
            for data in (
                {"type": "feature", "model": MODEL, "version": "3", "features": {f: r[f] for f in FEATURES}},
                {"type": "prediction", "model": MODEL, "version": "3", "score": r["score"], "prediction": r["class"]},
            ):
                e = CloudEvent({"type": "com.example.scored", "source": "/acis", "id": f"r{i}#{k}", "time": rfc3339(ms), "datacontenttype": "application/json"}, data)
                m = (to_binary if n % 2 else to_structured)(e)
                n += 1
                out.put(ms, m.value, headers=[(name, v.decode()) for name, v in m.headers.items()])


if __name__ == "__main__":
    what, root = sys.argv[1:]  # root: where the wheels of kserve and mlserver were unpacked
    if what == "kserve":  # alone: its messages have the same full names as MLServer's
        kserve(root)
    else:
        native()
        avro()
        cloudevents()
        seldon2(root)
        packed(root)
