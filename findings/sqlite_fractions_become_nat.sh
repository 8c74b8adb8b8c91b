#!/usr/bin/env bash
# pandas loses the stamps with fractions in its own round trip through SQLite
#
# One would expect: the three stamps that were written.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="pandas==3.1.1 numpy==2.4.6 python-dateutil==4.0.0 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
stored: ('2024-03-04 06:00:00',) ('2024-03-04 06:00:00.500000',) ('2024-03-04 06:00:01',)
read: 2024-03-04 06:00:00 NaT 2024-03-04 06:00:01
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import sqlite3

import pandas as pd

times = ["2024-03-04T06:00:00", "2024-03-04T06:00:00.5", "2024-03-04T06:00:01"]
log = pd.DataFrame({"time": pd.to_datetime(times, format="ISO8601"), "value": [1.0, 2.0, 3.0]})
with sqlite3.connect(":memory:") as database:
    log.to_sql("log", database, index=False)
    print("stored:", *database.execute("SELECT time FROM log").fetchall())
    read = pd.read_sql("SELECT * FROM log", database, parse_dates=["time"])
print("read:", *read["time"])
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
