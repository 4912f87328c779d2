"""Polars: join_asof of inputs that are sorted first where they are not yet (it asks for that), written to Parquet."""

import os

import job

told = job.load()
os.environ["POLARS_MAX_THREADS"] = str(told["threads"])

import polars as pl  # noqa: E402  (it reads the number of threads when it is imported)

with job.measured():
    rows = pl.scan_parquet(told["spine"]).sort("event_timestamp")
    for v in told["views"]:
        at = f"{v['name']}__event_timestamp"
        columns = [pl.col(k) for k in v["keys"]] + [pl.col(v["time"]).alias(at)]
        columns += [pl.col(f).alias(f"{v['name']}__{f}") for f in v["features"]]
        features = pl.scan_parquet(v["files"]).select(columns)
        if not v["ordered"]:
            features = features.sort(at)
        rows = rows.join_asof(
            features,
            left_on="event_timestamp",
            right_on=at,
            by=v["keys"],
            tolerance=f"{v['ttl']}us" if v["ttl"] else None,
            coalesce=False,
            check_sortedness=False,
        ).drop(at)
    rows.sink_parquet(told["out"], compression="zstd", compression_level=3)
