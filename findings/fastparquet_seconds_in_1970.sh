#!/usr/bin/env bash
# fastparquet writes times of whole-second resolution as January 1970
#
# One would expect: 4 March 2024, as times in [ms], [us] and [ns] are written.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="fastparquet==2026.9.0 pyarrow==26.0.1 cramjam==2.14.0 pandas==3.1.1 numpy==2.4.6 fsspec==2026.9.0
  packaging==26.4 python-dateutil==4.0.0 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
[s] is stored as timestamp[ms]: 1970-01-01 00:28:29.510000 1970-01-01 00:28:29.596000
[ms] is stored as timestamp[ms]: 2024-03-04 00:00:00 2024-03-05 00:00:00
[us] is stored as timestamp[us]: 2024-03-04 00:00:00 2024-03-05 00:00:00
[ns] is stored as timestamp[ns]: 2024-03-04 00:00:00 2024-03-05 00:00:00
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import fastparquet
import pandas as pd
from pyarrow import parquet

for unit in ("s", "ms", "us", "ns"):
    times = pd.to_datetime(["2024-03-04", "2024-03-05"]).as_unit(unit)
    fastparquet.write("log.parquet", pd.DataFrame({"time": times}))
    column = parquet.read_table("log.parquet")["time"]
    print(f"[{unit}] is stored as {column.type}:", *column.to_pylist())
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
