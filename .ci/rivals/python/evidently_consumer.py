"""confluent-kafka and Evidently: the rows of each minute against a reference.

Rows are gathered per minute of event time; a minute's frame goes through DataDriftPreset
with a reference that was read before, and the result is taken as a dictionary, without a
page being drawn.
"""

import warnings

import consumer
import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

warnings.filterwarnings("ignore")


def main():
    args = consumer.flags()
    topic = consumer.Topic(args)
    definition = DataDefinition(numerical_columns=args.features)

    def dataset(frames):
        frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        return Dataset.from_pandas(frame, data_definition=definition)

    reference = dataset(
        [consumer.frame(e, args.features) for e in topic.batches(args.reference_from, args.reference_rows)]
    )

    def one_pass():
        minutes, n = {}, 0
        for events in topic.batches(0, args.events):
            for m, frame in consumer.frames_by_minute(events, args.features):
                minutes.setdefault(m, []).append(frame)
                n += len(frame)
        results = [Report([DataDriftPreset()]).run(dataset(f), reference).dict() for f in minutes.values()]

        def report():
            drift = {}
            for metric in results[0]["metrics"]:
                config = metric["config"]
                if config["type"].endswith(":ValueDrift"):
                    if config["method"] != "Wasserstein distance (normed)":
                        raise RuntimeError(f"{config['column']} was judged by {config['method']}")
                    drift[config["column"]] = float(np.float64(metric["value"]))
            return {"events": n, "windows": len(results), "drift": drift}

        return report

    consumer.serve(["confluent-kafka", "orjson", "evidently", "pandas", "numpy", "scipy"], one_pass)
    topic.close()


if __name__ == "__main__":
    main()
