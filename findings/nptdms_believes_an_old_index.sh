#!/usr/bin/env bash
# npTDMS gives new readings the start of an older file whose index was left beside it
#
# One would expect: 2025, the start that stands in the file; or a refusal, as the index is of another file.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="npTDMS==1.13.0 numpy==2.4.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
by name   2024-01-01T00:00:00.000000 10.0 20.0 30.0
by handle 2025-06-07T00:00:00.000000 10.0 20.0 30.0
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import numpy as np
from nptdms import ChannelObject, TdmsFile, TdmsWriter


def write(start, values, index_file):
    clock = {
        "wf_start_time": np.datetime64(start, "us"),
        "wf_start_offset": 0.0,
        "wf_increment": 1.0,
    }
    with TdmsWriter("log.tdms", index_file=index_file) as writer:
        writer.write_segment([ChannelObject("log", "flow", np.array(values), clock)])


write("2024-01-01", [1.0, 2.0, 3.0], index_file=True)
write("2025-06-07", [10.0, 20.0, 30.0], index_file=False)
for log in ("log.tdms", open("log.tdms", "rb")):
    flow = TdmsFile.read(log)["log"]["flow"]
    how = "by name  " if isinstance(log, str) else "by handle"
    print(how, flow.time_track(absolute_time=True, accuracy="s")[0], *flow[:].tolist())
PYTHON

echo "versions: $packages"
cat now.txt
diff seen.txt now.txt && echo "as seen before"
