#!/usr/bin/env bash
# An offset in the units of a CF time is ignored, turned round, or taken for 60 hours
#
# One would expect: 06:00 in UTC for the first three, which the CF conventions describe (4.4, "-6:00", also without a
# colon in three digits); for the others 22:00 and 23:00 of the day before, or a refusal; and the same from both.
# Fails if what is printed is no longer what was seen.
set -euo pipefail

packages="xarray==2026.9.0 netCDF4==1.7.5 cftime==1.6.6 pandas==3.1.1 numpy==2.4.6 packaging==26.4
  python-dateutil==4.0.0 certifi==2026.10.19.post1 tzdata==2026.6"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
timeout 600 venv/bin/pip install --quiet --no-deps $packages

cat > seen.txt <<'SEEN'
-06:00: cftime 2024-03-04 06:00:00, xarray 2024-03-04 06:00:00
 -6:00: cftime 2024-03-04 00:00:00, xarray 2024-03-04 06:00:00
  -600: cftime 2024-03-06 12:00:00, xarray 2024-03-06 12:00:00
 GMT+2: cftime 2024-03-04 00:00:00, xarray 2024-03-04 02:00:00
   CET: cftime 2024-03-04 00:00:00, xarray 2024-03-04 00:00:00
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import cftime
import numpy as np
import xarray as xr

for offset in ("-06:00", "-6:00", "-600", "GMT+2", "CET"):
    units = f"hours since 2024-03-04 00:00:00 {offset}"
    plain = cftime.num2date(0, units)
    stored = xr.Dataset({"time": ("time", np.array([0]), {"units": units})})
    read = xr.decode_cf(stored)["time"].to_index()[0]
    print(f"{offset:>6}: cftime {plain}, xarray {read}")
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
