#!/usr/bin/env bash
# lasio turns all curves into text where one of them holds dates
#
# One would expect: numbers in ROP, as in the curve itself; the null value is "nan", a text, and mean() fails or joins.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="lasio==0.32 pandas==3.1.1 numpy==2.4.6 python-dateutil==4.0.0 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
curve float64 [10.5, nan, 11.0]
df() str ['10.5', 'nan', '11.0']
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import io

import lasio

log = lasio.read(io.StringIO("""~Version
VERS. 2.0 : version
WRAP. NO : one line a step
~Well
STRT.S 0 : first
STOP.S 3 : last
STEP.S 0 : uneven
NULL. -999.25 : nothing
~Curve
TIME.S : elapsed
ROP.m/h : rate
STAMP. : date
~ASCII
0 10.5 2024-01-01T00:00:00
1 -999.25 2024-01-01T00:00:01
3 11 2024-01-01T00:00:03
"""))
print("curve", log["ROP"].dtype, log["ROP"].tolist())
print("df()", log.df()["ROP"].dtype, log.df()["ROP"].tolist())
PYTHON

echo "versions: $packages"
cat now.txt
diff seen.txt now.txt && echo "as seen before"
