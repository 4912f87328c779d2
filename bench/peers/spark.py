"""Spark on all cores of this machine: the query of windows.py, written to Parquet in one file."""

import json
import os
import pathlib
import shutil
import time

from pyspark.sql import SparkSession

import job
import windows


def cpu_of(pid):
    """Seconds of user and system of the Java process, which does the work."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


told = job.load()
spark = (
    SparkSession.builder.master(f"local[{told['threads']}]")
    .config("spark.driver.memory", "8g")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.shuffle.partitions", str(4 * told["threads"]))
    .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    .config("spark.local.dir", told["folder"])
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
java = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
began, used = time.perf_counter(), cpu_of(java)
spark.read.parquet(told["spine"]).createOrReplaceTempView("spine")
spark.read.parquet(*told["views"][0]["files"]).createOrReplaceTempView("rows")
query = windows.statement(told, "spine", "rows", "unix_micros({})".format, "({} div {})".format)
parts = told["out"] + ".parts"
spark.sql(query).coalesce(1).write.mode("overwrite").option("compression", "zstd").parquet(parts)
cost = {"seconds": time.perf_counter() - began, "cpu": cpu_of(java) - used}
(file,) = pathlib.Path(parts).glob("*.parquet")
file.replace(told["out"])
shutil.rmtree(parts)
spark.stop()
print(json.dumps(cost))
