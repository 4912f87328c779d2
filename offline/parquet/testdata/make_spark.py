"""Writes the Parquet files of this folder that Spark writes.

    python3 -m venv venv && venv/bin/pip install pyspark==4.3.0    (and Java 17 or later)
    venv/bin/python make_spark.py

spark.parquet has times as Spark writes them by default (INT96), spark_micros.parquet as TIMESTAMP_MICROS and with the
lists and page versions of its other settings. The tests write out the values again by hand.
"""

import glob
import os
import shutil
import tempfile

from pyspark.sql import SparkSession

here = os.path.dirname(os.path.abspath(__file__))

ROWS = """
select id,
    if(id % 2 = 0, cast(id as int), null) as half,
    if(id % 7 = 3, null, concat('t', id % 50)) as text,
    timestamp_micros(id * 1000003 - 5000000) as at,
    cast(timestamp_micros(id * 1000003 - 5000000) as timestamp_ntz) as local,
    date_add(date '1969-12-30', cast(id as int)) as day,
    cast(id as double) / 8 as x,
    if(id = 5, float('nan'), cast(id as float)) as f,
    id % 3 = 0 as flag,
    cast(id as decimal(9, 2)) as d9,
    cast(id as decimal(20, 1)) as d20,
    if(id % 13 = 4, null, transform(sequence(0, id % 5), j -> if(j % 3 = 0, null, j))) as list,
    encode(concat('b', id), 'utf-8') as bytes,
    cast(id % 100 as tinyint) as tiny,
    cast(id as smallint) as small,
    named_struct('a', id) as nested,
    map('k', id) as map
from range(0, 400, 1, 1)
"""

SETTINGS = {
    "spark": {},
    "spark_micros": {
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.writeLegacyFormat": "true",
        "spark.sql.parquet.compression.codec": "gzip",
        "parquet.writer.version": "v2",
    },
    "spark_lz4": {"spark.sql.parquet.compression.codec": "lz4_raw"},
}

for name, settings in SETTINGS.items():
    builder = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false")
    for key, value in settings.items():
        builder = builder.config(key, value).config("spark.hadoop." + key, value)
    spark = builder.getOrCreate()
    with tempfile.TemporaryDirectory() as out:
        rows = spark.sql(ROWS)
        if name == "spark_lz4":
            rows = rows.select("id", "text", "x")
        rows.coalesce(1).write.mode("overwrite").parquet(out + "/rows")
        (part,) = glob.glob(out + "/rows/part-*.parquet")
        shutil.copy(part, os.path.join(here, name + ".parquet"))
    spark.stop()
