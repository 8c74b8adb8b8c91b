#!/usr/bin/env bash
# pyarrow reads an INT96 stamp of the year 2300 as one of 1715, and lets it pass
#
# One would expect: 1 January 2300, as duckdb reads from the same file, or an error, as
# pyarrow's own cast of such a stamp to nanoseconds raises. INT96 holds days and nanoseconds of the
# day, so that the file is valid; Hive, Impala and older Spark write it.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="pyarrow==26.0.1 duckdb==1.5.6 numpy==2.4.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
pyarrow, timestamp[ns]: 2200-01-01 00:00:00 1715-06-13 00:25:26
pyarrow, cast of the second to ns: ArrowInvalid
duckdb: 2200-01-01 00:00:00 2300-01-01 00:00:00
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
from datetime import datetime

import duckdb
import pyarrow as pa
from pyarrow import parquet

times = pa.array([datetime(2200, 1, 1), datetime(2300, 1, 1)], pa.timestamp("us"))
table = pa.table({"time": times})
parquet.write_table(table, "log.parquet", use_deprecated_int96_timestamps=True)
read = parquet.read_table("log.parquet")["time"]
print(f"pyarrow, {read.type}:", *(str(each)[:19] for each in read.cast("string").to_pylist()))
try:
    times.cast(pa.timestamp("ns"))
except pa.ArrowInvalid as error:
    print("pyarrow, cast of the second to ns:", type(error).__name__)
rows = duckdb.sql("select time from 'log.parquet'").fetchall()
print("duckdb:", *(str(time) for (time,) in rows))
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
