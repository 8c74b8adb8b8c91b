#!/usr/bin/env bash
# npTDMS moves the readings before a restart to behind it
#
# One would expect: 06:00 and 09:00, the start times of the two segments; the first is lost.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="npTDMS==1.13.0 pandas==3.1.1 numpy==2.4.6 python-dateutil==4.0.0 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
2024-03-04 09:00:00 20.0
2024-03-04 09:00:01 20.1
2024-03-04 09:00:02 25.0
2024-03-04 09:00:03 25.1
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import numpy as np
from nptdms import ChannelObject, TdmsFile, TdmsWriter


def segment(start, values):
    properties = {
        "wf_start_time": np.datetime64(start),
        "wf_start_offset": 0.0,
        "wf_increment": 1.0,
    }
    return [ChannelObject("logger", "temperature", np.array(values), properties)]


with TdmsWriter("log.tdms") as writer:
    writer.write_segment(segment("2024-03-04T06:00:00", [20.0, 20.1]))
    writer.write_segment(segment("2024-03-04T09:00:00", [25.0, 25.1]))

log = TdmsFile.read("log.tdms").as_dataframe(time_index=True, absolute_time=True)
for time, value in log.iloc[:, 0].items():
    print(time, value)
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
