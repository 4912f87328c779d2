"""DuckDB: a chain of ASOF LEFT JOINs, written to Parquet. With "filtered" as second argument the feature rows are
narrowed to the spine's time range by hand first, as a careful user may do; with "scan" the feature columns are read
and summed, and nothing else; with "windows" rows are aggregated as windows.py tells."""

import sys

import duckdb

import job
import windows


def source(view):
    return "read_parquet([" + ", ".join(f"'{f}'" for f in view["files"]) + "])"


def narrowed(view, spine):
    """The view's rows that any row of the spine can see."""
    oldest = f"(select min(event_timestamp) from '{spine}')"
    if view["ttl"]:
        oldest = f"{oldest} - to_microseconds({view['ttl']})"
    lower = f"{view['time']} >= {oldest} and " if view["ttl"] else ""
    return f"(select * from {source(view)} where {lower}{view['time']} <= (select max(event_timestamp) from '{spine}'))"


def joined(told, filtered):
    columns, joins = ["s.*"], ""
    for v in told["views"]:
        name, at = v["name"], f"{v['name']}.{v['time']}"
        rows = narrowed(v, told["spine"]) if filtered else source(v)
        keys = "".join(f"s.{k} = {name}.{k} and " for k in v["keys"])
        joins += f" asof left join {rows} {name} on {keys}s.event_timestamp >= {at}"
        for f in v["features"]:
            value = f"{name}.{f}"
            if v["ttl"]:
                value = f"case when epoch_us(s.event_timestamp) - epoch_us({at}) <= {v['ttl']} then {value} end"
            columns.append(f"{value} as {name}__{f}")
    return f"select {', '.join(columns)} from '{told['spine']}' s{joins}"


def total(column, kind):
    """Something cheap that every value has to be read for."""
    return f"sum({column})" if kind in ("int64", "float64") else f"sum(len({column}))"


told = job.load()
mode = sys.argv[2] if len(sys.argv) > 2 else ""
db = duckdb.connect()
db.execute(f"set threads={told['threads']}")
with job.measured():
    if mode == "scan":
        for v in told["views"]:
            sums = [total(k, v["key_type"]) for k in v["keys"]] + [f"epoch_us(max({v['time']}))"]
            sums += [total(f, kind) for f, kind in zip(v["features"], v["types"])]
            db.execute(f"select {', '.join(sums)} from {source(v)}").fetchall()
    elif mode == "windows":
        query = windows.statement(told, f"'{told['spine']}'", source(told["views"][0]), "epoch_us({})".format, "({} // {})".format)
        db.execute(f"copy ({query}) to '{told['out']}' (format parquet, compression zstd, compression_level 3)")
    else:
        db.execute(f"copy ({joined(told, mode == 'filtered')}) to '{told['out']}' (format parquet, compression zstd, compression_level 3)")
