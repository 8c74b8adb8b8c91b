#!/usr/bin/env bash
# edfio joins the two sides of a gap of an hour in an EDF+D file
#
# One would expect: two records an hour apart, or a refusal: the onsets stand in the file, whose header says that
# there are gaps. Of these, only `is_continuous` tells.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="edfio==0.4.18 numpy==2.4.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
kind EDF+D continuous False duration 2.0 s
readings 10.0 11.0 12.0 13.0 20.0 21.0 22.0 23.0 at 4.0 Hz
from 1 s to 2 s: 20.0 21.0 22.0 23.0
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import edfio
import numpy as np

WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
SIGNALS = (
    ("temperature", "", "degC", "0", "100", "0", "1000", "", "4", ""),
    ("EDF Annotations", "", "", "-1", "1", "-32768", "32767", "", "16", ""),
)


def padded(text, width):
    return str(text).ljust(width).encode()


head = padded(0, 8) + padded("X X X X", 80) + padded("Startdate 04-MAR-2024 X X X", 80)
head += b"04.03.2406.00.00" + padded(256 * 3, 8) + padded("EDF+D", 44)
head += padded(2, 8) + padded(1, 8) + padded(len(SIGNALS), 4)
for field, width in enumerate(WIDTHS):
    head += b"".join(padded(signal[field], width) for signal in SIGNALS)
with open("log.edf", "wb") as file:
    file.write(head)
    for onset, cells in ((0, [100, 110, 120, 130]), (3600, [200, 210, 220, 230])):
        file.write(np.array(cells, "<i2").tobytes())
        file.write(f"+{onset}\x14\x14\0".encode().ljust(32, b"\0"))

log = edfio.read_edf("log.edf")
signal = log.signals[0]
print("kind", log.reserved, "continuous", log.is_continuous, "duration", log.duration, "s")
print("readings", *signal.data.tolist(), "at", signal.sampling_frequency, "Hz")
print("from 1 s to 2 s:", *signal.get_data_slice(1, 2).tolist())
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
