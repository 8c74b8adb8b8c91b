#!/usr/bin/env bash
# npTDMS does not read back the stamps that it wrote: 4 of 101 are a microsecond early
#
# One would expect: the stamps as they were given; they have whole microseconds, and the file holds 2**-64 s.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="npTDMS==1.13.0 numpy==2.4.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
changed 4 of 101 type datetime64[us]
written 2024-01-01T00:00:00.129649
read    2024-01-01T00:00:00.129648
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import io

import numpy as np
from nptdms import ChannelObject, TdmsFile, TdmsWriter

stamps = np.datetime64("2024-01-01", "us") + np.arange(0, 10**6, 9973).astype("m8[us]")
file = io.BytesIO()
with TdmsWriter(file) as writer:
    writer.write_segment([ChannelObject("log", "time", stamps)])
file.seek(0)
back = TdmsFile.read(file)["log"]["time"][:]
changed = back != stamps
print("changed", int(changed.sum()), "of", len(stamps), "type", back.dtype)
print("written", stamps[changed][0])
print("read   ", back[changed][0])
PYTHON

echo "versions: $packages"
cat now.txt
diff seen.txt now.txt && echo "as seen before"
