"""Feast: get_historical_features of its file store (dask) or its DuckDB store, named by the second argument.
The definitions are applied before the clock starts."""

import datetime
import pathlib
import sys
import warnings

import pandas as pd
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

import job

warnings.filterwarnings("ignore")
told = job.load()
folder = pathlib.Path(told["folder"])
folder.mkdir(parents=True, exist_ok=True)
kind = sys.argv[2]
store = FeatureStore(
    config=RepoConfig(
        project="bench",
        provider="local",
        registry=str(folder / f"registry-{kind}.db"),
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        offline_store={"type": kind},
        entity_key_serialization_version=3,
    )
)
names = []
for v in told["views"]:
    entities = [Entity(name=k, join_keys=[k], value_type=ValueType.INT64) for k in v["keys"]]
    view = FeatureView(
        name=v["name"],
        entities=entities,
        ttl=datetime.timedelta(microseconds=v["ttl"]),
        schema=[Field(name=f, dtype=Float64) for f in v["features"]],
        source=FileSource(name=v["name"] + "_rows", path=v["files"][0], timestamp_field=v["time"]),
        online=False,
    )
    store.apply([*entities, view])
    names += [f"{v['name']}:{f}" for f in v["features"]]

with job.measured():
    rows = pd.read_parquet(told["spine"])
    table = store.get_historical_features(entity_df=rows, features=names, full_feature_names=True).to_arrow()
    pq.write_table(table, told["out"], compression="zstd", compression_level=3)
