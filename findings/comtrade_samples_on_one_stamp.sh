#!/usr/bin/env bash
# comtrade puts samples that are 0.1 ms apart on one stamp, an hour into a record
#
# One would expect: four stamps, as in the file; use_double_precision=True gives them, and is not the default.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="comtrade==0.2.0"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
default 3600.000000 3600.000000 3600.000244 3600.000244
double 3600.000000 3600.000100 3600.000200 3600.000300
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
from comtrade import Comtrade

configuration = """pump station,1,1999
1,1A,0D
1,IA,L1,pump,A,1,0,0,-32767,32767,1,1,P
50
0
0,4
02/01/2024,03:04:05.000000
02/01/2024,03:04:05.000000
ASCII
1
"""
# number, microseconds since the start, value
rows = [f"{k + 1},{3_600_000_000 + 100 * k},{k}" for k in range(4)]
for double in (False, True):
    record = Comtrade(use_double_precision=double)
    record.read(configuration, "\n".join(rows) + "\n")
    print("double" if double else "default", *(f"{time:.6f}" for time in record.time))
PYTHON

echo "versions: $packages"
cat now.txt
diff seen.txt now.txt && echo "as seen before"
