#!/usr/bin/env bash
# wfdb averages the code for an invalid sample into the reading, by default
#
# One would expect: a value between 20.05 and 20.45, or none, for the frame with one invalid
# sample of four.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="wfdb==4.3.1 aiohttp==3.14.5 fsspec==2026.9.0 matplotlib==3.11.2 numpy==2.4.6 pandas==3.1.1
  requests==2.34.2 scipy==1.17.1 soundfile==0.14.0 aiohappyeyeballs==2.7.1 aiosignal==1.4.0
  attrs==26.1.0 certifi==2026.10.19.post1 cffi==2.1.1 charset-normalizer==3.5.3 contourpy==1.3.3
  cycler==0.12.1 fonttools==4.68.0 frozenlist==1.8.0 idna==3.20 kiwisolver==1.5.1 multidict==7.2.1
  packaging==26.4 pillow==13.0.0 propcache==0.5.4 pyparsing==3.3.3 python-dateutil==4.0.0
  typing_extensions==4.16.0 urllib3==2.8.0 yarl==1.25.1 pycparser==3.12 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
a frame: 20.05 -66.68 20.45
a sample: 20.05 20.05 20.05 20.05 20.05 nan 20.45 20.45 20.45 20.45 20.45 20.45
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import numpy as np
import wfdb

# format 16, whose code for an invalid sample is -32768; four samples a frame, in hundredths
with open("log.hea", "w") as file:
    file.write("log 1 1 3\nlog.dat 16x4 100(0)/C 16 0 0 0 0 temperature\n")
np.array([[2005] * 4, [2005, -32768, 2045, 2045], [2045] * 4], "<i2").tofile("log.dat")

frames = wfdb.rdrecord("log").p_signal[:, 0]
print("a frame:", *np.round(frames, 2).tolist())
samples = wfdb.rdrecord("log", smooth_frames=False).e_p_signal[0]
print("a sample:", *np.round(samples, 2).tolist())
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
