#!/usr/bin/env bash
# xarray puts times that it appends to a zarr store into other years
#
# One would expect: 6:00 and 12:30 of 5 March 2024, as written, or an error. It warns that it writes minutes
# instead of days, and the units of the store stay days.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="xarray==2026.9.0 zarr==3.1.6 pandas==3.1.1 donfig==0.8.1.post1 google-crc32c==1.9.0
  numcodecs==0.16.6 numpy==2.4.6 packaging==26.4 python-dateutil==4.0.0 typing_extensions==4.16.0
  PyYAML==6.0.4 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
days since 2024-03-04 00:00:00
2024-03-04T00:00:00 2024-03-05T00:00:00 2029-02-06T00:00:00 2030-03-03T00:00:00
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import numpy as np
import xarray as xr


def log(*times):
    return xr.Dataset({"value": ("time", [1.0, 2.0])}, {"time": np.array(times, "M8[ns]")})


log("2024-03-04T00:00", "2024-03-05T00:00").to_zarr("log.zarr")
log("2024-03-05T06:00", "2024-03-05T12:30").to_zarr("log.zarr", append_dim="time")
read = xr.open_zarr("log.zarr")
print(read["time"].encoding["units"])
print(*read["time"].values.astype("M8[s]"))
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
