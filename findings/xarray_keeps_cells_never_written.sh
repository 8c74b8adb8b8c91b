#!/usr/bin/env bash
# xarray reads cells that were never written, and cells out of valid_range, as readings
#
# One would expect: missing, as netCDF4 says of the same file, and as the CF conventions ask (2.5.1).
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
netCDF4 temperature 20.0 None None 21.0
netCDF4 count 20 None None 21
netCDF4 humidity 50 None None 60
xarray  temperature 20.0 9.969209968386869e+36 9.969209968386869e+36 21.0
xarray  count 20 -2147483647 -2147483647 21
xarray  humidity 50 -5 32000 60
SEEN

# -I: nothing from outside the environment above
timeout 120 venv/bin/python -I - > now.txt <<'PYTHON'
import netCDF4
import numpy as np
import xarray as xr

with netCDF4.Dataset("log.nc", "w") as file:
    file.createDimension("time", 4)
    time = file.createVariable("time", "f8", ("time",))
    time.units = "hours since 2024-03-04 00:00:00"
    time[:] = [0, 1, 2, 3]
    for name, kind in (("temperature", "f4"), ("count", "i4")):
        cells = file.createVariable(name, kind, ("time",))
        cells[0], cells[3] = 20, 21  # the logger was off in between
    humidity = file.createVariable("humidity", "i2", ("time",))
    humidity.valid_range = np.array([0, 100], "i2")
    humidity[:] = [50, -5, 32000, 60]

names = ("temperature", "count", "humidity")
with netCDF4.Dataset("log.nc") as file:
    for name in names:
        print("netCDF4", name, *file[name][:].tolist())
with xr.open_dataset("log.nc") as read:
    for name in names:
        print("xarray ", name, *read[name].values.tolist())
PYTHON

echo "versions:" $packages
cat now.txt
diff seen.txt now.txt && echo "as seen before"
