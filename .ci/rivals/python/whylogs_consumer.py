"""confluent-kafka and whylogs: one profile per minute of event time, serialized when read.

Frames of up to 10,000 events are tracked at once, which costs whylogs the least. With
--rows events are tracked one by one, which is what its guide for streams shows.
"""

import consumer
from whylogs.core import DatasetProfile


def main():
    args = consumer.flags()
    topic = consumer.Topic(args)

    def one_pass():
        profiles, n = {}, 0
        for events in topic.batches(0, args.events):
            if args.rows:
                for e in events:
                    m = consumer.minute(e)
                    if m not in profiles:
                        profiles[m] = DatasetProfile()
                    profiles[m].track(row=e["features"])
                    n += 1
                continue
            for m, frame in consumer.frames_by_minute(events, args.features):
                if m not in profiles:
                    profiles[m] = DatasetProfile()
                profiles[m].track(frame)
                n += len(frame)
        views = [p.view() for p in profiles.values()]
        size = sum(len(v.serialize()) for v in views)

        def report():
            whole = views[0]
            for v in views[1:]:
                whole = whole.merge(v)
            quantiles = {}
            for name in args.features:
                s = whole.get_column(name).get_metric("distribution").to_summary_dict()
                if s["n"] != n:
                    raise RuntimeError(f"{name}: {s['n']} values of {n} events")
                quantiles[name] = [s["q_10"], s["median"], s["q_90"]]
            return {"events": n, "windows": len(views), "output_bytes": size, "quantiles": quantiles}

        return report

    consumer.serve(["confluent-kafka", "orjson", "whylogs", "pandas", "numpy"], one_pass)
    topic.close()


if __name__ == "__main__":
    main()
