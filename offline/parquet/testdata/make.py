"""Writes the Parquet files of this folder, by writers that are not our own.

    python3 -m venv venv && venv/bin/pip install pyarrow==26.0.1 duckdb==2.0.0
    venv/bin/python make.py

The values are the ones that the tests expect, written out again there by hand.
"""
import datetime as dt
import decimal
import os

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

here = os.path.dirname(os.path.abspath(__file__))
D = decimal.Decimal


def out(name):
    return os.path.join(here, name)

# Five rows of every type: a middle value, a null, the ends, and one more.
types = pa.table({
    "bool": pa.array([True, None, False, True, False]),
    "int8": pa.array([1, None, -128, 127, 0], pa.int8()),
    "int16": pa.array([1, None, -32768, 32767, 0], pa.int16()),
    "int32": pa.array([1, None, -2**31, 2**31 - 1, 0], pa.int32()),
    "int64": pa.array([1, None, -2**63, 2**63 - 1, 0], pa.int64()),
    "uint8": pa.array([1, None, 0, 255, 7], pa.uint8()),
    "uint16": pa.array([1, None, 0, 65535, 7], pa.uint16()),
    "uint32": pa.array([1, None, 0, 2**32 - 1, 7], pa.uint32()),
    "uint64": pa.array([1, None, 0, 2**63 - 1, 7], pa.uint64()),
    "uint64_big": pa.array([1, None, 0, 2**64 - 1, 7], pa.uint64()),
    "float16": pa.array([1.5, None, -65504.0, float("inf"), 2**-24], pa.float32()).cast(pa.float16()),
    "float32": pa.array([1.5, None, -3.4028234663852886e38, float("inf"), float("nan")], pa.float32()),
    "float64": pa.array([1.5, None, -1.7976931348623157e308, float("-inf"), -0.0]),
    "string": pa.array(["a", None, "", "héllo", "a"]),
    "binary": pa.array([b"a", None, b"", b"\xff\x00", b"a"]),
    "fixed": pa.array([b"abc", None, b"\x00\x00\x00", b"\xff\xff\xff", b"abc"], pa.binary(3)),
    "date": pa.array([dt.date(2001, 6, 30), None, dt.date(1969, 12, 31), dt.date(9999, 12, 31), dt.date(1970, 1, 1)]),
    "time_ms": pa.array([1, None, 0, 86399999, 7], pa.time32("ms")),
    "time_us": pa.array([1, None, 0, 86399999999, 7], pa.time64("us")),
    "time_ns": pa.array([1, None, 0, 86399999999999, 7], pa.time64("ns")),
    "ts_ms": pa.array([1, None, -1, 2**63 - 1, 0], pa.timestamp("ms")),
    "ts_us": pa.array([1, None, -1, 2**63 - 1, -2**63], pa.timestamp("us")),
    "ts_ns": pa.array([1, None, -1, 2**63 - 1, 1000], pa.timestamp("ns")),
    "ts_ms_utc": pa.array([1, None, -1, 0, 0], pa.timestamp("ms", tz="UTC")),
    "ts_us_utc": pa.array([1, None, -1, 0, 0], pa.timestamp("us", tz="UTC")),
    "ts_ns_zone": pa.array([1, None, -1, 0, 0], pa.timestamp("ns", tz="Europe/Berlin")),
    "dec9": pa.array([D("1.50"), None, D("-9999999.99"), D("9999999.99"), D("0.00")], pa.decimal128(9, 2)),
    "dec18": pa.array([D("0.1"), None, D("-12345678901234567.8"), D("0.3"), D("0.0")], pa.decimal128(18, 1)),
    "dec38": pa.array([D("1.5"), None, D("-12345678901234567890123456789012345.678"), D("0.001"), D("0")], pa.decimal128(38, 3)),
    "dec0": pa.array([D("15"), None, D("-9"), D("9223372036854775807"), D("0")], pa.decimal128(30, 0)),
    "dec76": pa.array([D("1.5"), None, D("-9"), D("0.5"), D("0")], pa.decimal256(76, 1)),
    "list_int64": pa.array([[1, None], None, [], [2, 3, 4], [5]], pa.list_(pa.int64())),
    "list_string": pa.array([["a", ""], None, [], ["b"], [None]], pa.list_(pa.string())),
    "list_float32": pa.array([[1, 2], None, [3, 4], [5, 6], [7, 8]], pa.list_(pa.float32())),
    "all_null": pa.nulls(5),
    "nested": pa.array([{"x": 1}, None, {"x": 2}, {"x": 3}, {"x": 4}], pa.struct([("x", pa.int64())])),
})
pq.write_table(types, out("types_v1.parquet"), version="2.6", data_page_version="1.0", compression="snappy", store_decimal_as_integer=True)
pq.write_table(types, out("types_v2.parquet"), version="2.6", data_page_version="2.0", compression="zstd", use_dictionary=False,
               row_group_size=2, write_page_index=True)

# The same without what a spine does not carry along.
pq.write_table(types.drop_columns(["nested", "all_null"]), out("spine.parquet"))

# INT96 and two-level lists, as Spark and Hive used to write them.
legacy = types.select(["int64", "ts_us_utc", "list_int64", "string"])
pq.write_table(legacy, out("int96.parquet"), use_deprecated_int96_timestamps=True, use_compliant_nested_type=False, compression="gzip")

# Many small pages: 3,000 rows in 2 row groups, about 100 rows a page.
n = 3000
many = pa.table({
    "id": pa.array(range(n), pa.int64()),
    "half": pa.array([None if i % 2 else i for i in range(n)], pa.int64()),
    "text": pa.array([None if i % 7 == 3 else "t%d" % (i % 50) for i in range(n)]),
    "plain": pa.array(["p%d" % i for i in range(n)]),
    "flag": pa.array([None if i % 11 == 5 else i % 3 == 0 for i in range(n)]),
    "list": pa.array([None if i % 13 == 4 else [j if j % 3 else None for j in range(i % 5)] for i in range(n)], pa.list_(pa.int32())),
    "time": pa.array([1_000_000 * i for i in range(n)], pa.timestamp("us")),
})
for name, kw in {
    "pages_v1": dict(data_page_version="1.0", compression="none", write_page_index=False),
    "pages_v2": dict(data_page_version="2.0", compression="zstd", write_page_index=True),
    "pages_delta": dict(data_page_version="2.0", compression="brotli", write_page_index=True, use_dictionary=["text"],
                        column_encoding={"id": "DELTA_BINARY_PACKED", "plain": "DELTA_BYTE_ARRAY", "time": "BYTE_STREAM_SPLIT", "half": "PLAIN"}),
    "pages_gzip": dict(data_page_version="1.0", compression="gzip", write_page_index=True),
}.items():
    pq.write_table(many, out(name + ".parquet"), row_group_size=2000, data_page_size=400, write_batch_size=100, **kw)

pq.write_table(many.select(["id"]), out("lz4.parquet"), compression="lz4")

# Long runs of one value, in levels, indexes and booleans, and columns of one value.
runs = pa.table({
    "flag": pa.array([i // 10 % 3 == 0 for i in range(n)]),
    "maybe": pa.array([None if i // 100 % 5 == 2 else i // 37 % 2 == 0 for i in range(n)]),
    "text": pa.array([None if i // 50 % 4 == 1 else "r%d" % (i // 75) for i in range(n)]),
    "same": pa.array(["same"] * n),
    "none": pa.array([None] * n, pa.int64()),
    "list": pa.array([None if i // 20 % 3 == 1 else [i // 90] * (i // 30 % 4) for i in range(n)], pa.list_(pa.int64())),
})
for version in ("1.0", "2.0"):
    pq.write_table(runs, out("runs_v%s.parquet" % version[0]), row_group_size=2000, data_page_size=2000, write_batch_size=500,
                   data_page_version=version, compression="none" if version == "1.0" else "zstd")
duckdb.sql(f"""copy (select i as id, i // 10 % 3 = 0 as flag, case when i // 100 % 5 = 2 then null else i // 37 % 2 = 0 end as maybe from range(3000) r(i))
to '{out("duckdb_v2.parquet")}' (format parquet, parquet_version 'V2', compression lz4_raw)""")

# Without rows: no row groups, and a row group of none.
pq.write_table(runs.slice(0, 0), out("empty.parquet"))
duckdb.sql(f"copy (select 1::bigint as id, true as flag where false) to '{out('empty_duckdb.parquet')}' (format parquet)")

# A little of everything, for damage.
pq.write_table(many.slice(0, 20), out("small.parquet"), row_group_size=12, data_page_version="2.0", compression="snappy", write_page_index=True,
               use_dictionary=["text"])

# DuckDB's own writer, with a column of times in row-group statistics.
duckdb.sql(f"""
copy (select i as id, case when i % 2 = 0 then (i * 0.5)::double end as x, 'k' || (i % 10) as k, timestamp '2001-01-01' + interval (i) minute as t,
        case when i % 3 = 0 then null else [i, i + 1] end as l, (i / 8)::decimal(10, 3) as d, uuid '00000000-0000-0000-0000-0000000000ff' as u,
        row_number() over () = 1 as first
      from range(5000) r(i))
to '{out("duckdb.parquet")}' (format parquet, row_group_size 2048, compression zstd)
""")
