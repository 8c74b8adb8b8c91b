#!/usr/bin/env bash
# obspy makes readings of -2 thousand million out of a constant of 1000 with a gap
#
# One would expect: 1000 everywhere, or a refusal, as interpolate gives for the same data. (On x86.)
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="obspy==1.5.1 scipy==1.17.1 lxml==6.1.3 sqlalchemy==2.1.9 greenlet==3.5.6 typing-extensions==4.16.0 decorator==5.3.1 numpy==2.4.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
readings 1000 to 1000
in the gap 40
interpolate refused
resample -2.24e+09 to 8.73e+07
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import warnings

warnings.simplefilter("ignore")  # of obspy's own imports
import numpy as np
from obspy import Stream, Trace, UTCDateTime


def part(start):
    stats = {"station": "TANK", "sampling_rate": 4.0, "starttime": UTCDateTime(start)}
    return Trace(np.full(40, 1000, dtype=np.int32), stats)


log = Stream([part(0), part(20)]).merge()
print("readings", int(log[0].data.min()), "to", int(log[0].data.max()))
print("in the gap", int(log[0].data.mask.sum()))
for change in ("interpolate", "resample"):
    try:
        values = getattr(log.copy(), change)(2.0)[0].data
        print(change, f"{values.min():.2e} to {values.max():.2e}")
    except NotImplementedError:
        print(change, "refused")
PYTHON

echo "versions: $packages"
cat now.txt
diff seen.txt now.txt && echo "as seen before"
