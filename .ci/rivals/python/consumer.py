"""What the Python consumers share: reading the topic, and the protocol.

One JSON line with the versions when ready; then for each line on standard input one pass
over the topic and one JSON line about it. A consumer ends with its input.
"""

import argparse
import importlib.metadata
import json
import platform
import sys
import time
from datetime import datetime

import numpy as np
import orjson
import pandas as pd
from confluent_kafka import Consumer, TopicPartition

WINDOW_MS = 60_000
CONSUME = 10_000  # messages in one call: what librdkafka has ready


def flags():
    p = argparse.ArgumentParser()
    p.add_argument("--brokers", required=True)
    p.add_argument("--topic", required=True)
    p.add_argument("--events", type=int, required=True)
    p.add_argument("--reference-from", type=int, default=0)
    p.add_argument("--reference-rows", type=int, default=0)
    p.add_argument("--features", type=lambda s: s.split(","), required=True)
    p.add_argument("--rows", action="store_true")
    return p.parse_args()


class Topic:
    """Partition 0 of a topic, read from an offset on as often as one likes."""

    def __init__(self, args):
        self.args = args
        self.consumer = Consumer(
            {
                "bootstrap.servers": args.brokers,
                "group.id": "rival-python",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": 4 << 20,
                "queued.max.messages.kbytes": 65_536,
            }
        )

    def batches(self, start, count):
        """Yields lists of decoded events, count in all."""
        loads = orjson.loads
        self.consumer.assign([TopicPartition(self.args.topic, 0, start)])
        left = count
        while left > 0:
            messages = self.consumer.consume(min(CONSUME, left), timeout=1.0)
            events = []
            for m in messages:
                if m.error():
                    raise RuntimeError(str(m.error()))
                events.append(loads(m.value()))
            left -= len(events)
            if events:
                yield events
        self.consumer.unassign()

    def close(self):
        self.consumer.close()


def minute(event):
    """The minute of an event, epoch ms."""
    ms = int(datetime.fromisoformat(event["ts"]).timestamp() * 1000)
    return ms - ms % WINDOW_MS


def frame(events, features):
    """The features of events as a pandas frame, by the quickest way that was measured."""
    rows = [[f.get(name) for name in features] for f in (e["features"] for e in events)]
    return pd.DataFrame(np.array(rows, dtype=np.float64), columns=features)


def frames_by_minute(events, features):
    """Splits a batch, which is nearly always of one minute."""
    split = {}
    for e in events:
        split.setdefault(minute(e), []).append(e)
    return [(m, frame(es, features)) for m, es in split.items()]


def serve(packages, one_pass):
    """Answers each line of standard input with a pass; the time is that of the process."""
    versions = {"python": platform.python_version()}
    versions.update({p: importlib.metadata.version(p) for p in packages})
    print(json.dumps({"versions": versions}), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        report = one_pass()
        cpu, wall = time.process_time_ns() - cpu, time.perf_counter_ns() - wall
        result = report()
        result.update(cpu_ns=cpu, wall_ns=wall)
        print(json.dumps(result, allow_nan=False), flush=True)
