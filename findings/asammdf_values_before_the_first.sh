#!/usr/bin/env bash
# asammdf has values of a channel from before its first sample, in to_dataframe
#
# One would expect: nothing for the pressure at 0, 1 and 2 s: it was first measured at 5 s.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="asammdf==8.8.28 chardet==7.7.0 lxml==6.1.3 numexpr==2.14.2 numpy==2.4.6 pandas==3.1.1
  python-dateutil==4.0.0 typing_extensions==4.16.0 deflate==0.9.0 isal==1.9.1 lz4==4.4.5 zstd==1.5.7.2
  attrs==26.1.0 canmatrix==1.2 click==8.5.1 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
0 s: temperature 20, pressure 1.5
1 s: temperature 20.1, pressure 1.5
2 s: temperature 20.2, pressure 1.5
5 s: temperature 20.2, pressure 1.5
6 s: temperature 20.2, pressure 1.6
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import numpy as np
from asammdf import MDF, Signal

temperature = Signal(np.array([20.0, 20.1, 20.2]), np.array([0.0, 1.0, 2.0]), name="temperature")
pressure = Signal(np.array([1.5, 1.6]), np.array([5.0, 6.0]), name="pressure")
log = MDF()
log.append([temperature])
log.append([pressure])
for second, row in log.to_dataframe().iterrows():
    print(f"{second:g} s: temperature {row.temperature:g}, pressure {row.pressure:g}")
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
