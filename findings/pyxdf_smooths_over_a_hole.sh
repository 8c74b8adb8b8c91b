#!/usr/bin/env bash
# pyxdf spreads a hole of 30 s over the readings on both sides of it, by default
#
# One would expect: a step of 30.1 s, as the hole is 300 times the nominal step. Segments end where a step is longer than
# 1 s and than 500 samples, which is 50 s here. A line of the log tells of another sampling rate.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="pyxdf==1.17.5 numpy==2.4.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
dejitter False: longest step 30.10 s, a stamp moved by 0.00 s at most
dejitter True: longest step 0.33 s, a stamp moved by 14.89 s at most
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import struct

import numpy as np
import pyxdf

INFO = (
    b"<?xml version=\"1.0\"?><info><name>t</name><type>x</type><channel_count>1</channel_count>"
    b"<nominal_srate>10</nominal_srate><channel_format>double64</channel_format></info>"
)
END = b"<?xml version=\"1.0\"?><info><sample_count>200</sample_count></info>"
STREAM = struct.pack("<I", 1)


def chunk(tag, content):
    return struct.pack("<BIH", 4, len(content) + 2, tag) + content


times = 1000 + 0.1 * np.arange(200)
times[100:] += 30
samples = b"".join(struct.pack("<Bdd", 8, time, 20.0) for time in times)
with open("log.xdf", "wb") as file:
    file.write(b"XDF:" + chunk(1, b"<?xml version=\"1.0\"?><info><version>1.0</version></info>"))
    file.write(chunk(2, STREAM + INFO))
    file.write(chunk(3, STREAM + struct.pack("<BI", 4, len(times)) + samples))
    file.write(chunk(6, STREAM + END))

for dejitter in (False, True):
    (stream,), _ = pyxdf.load_xdf("log.xdf", dejitter_timestamps=dejitter)
    read = stream["time_stamps"]
    step, moved = np.diff(read).max(), np.abs(read - times).max()
    print(f"dejitter {dejitter}: longest step {step:.2f} s, a stamp moved by {moved:.2f} s at most")
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
