"""Files of predictions: NetCDF with every draw; CSV, JSON and Parquet with the summary."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from latentode.errors import ConfigError, DataError, OutputExistsError
from latentode.files import atomic_write
from latentode.results.csv_text import csv_of
from latentode.results.dataset import DEFAULT_QUANTILES
from latentode.results.exceedance import exceedance_frame
from latentode.results.frame import to_frame

FORMATS = ("nc", "csv", "parquet", "json")


def write(
    dataset: xr.Dataset,
    path: str | Path,
    *,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    overwrite: bool = False,
) -> Path:
    """Write a prediction in the format of the path's suffix: .nc, .csv, .parquet or .json.

    Args:
        dataset: Result of `to_dataset`, `aggregate` or `exceedance`.
        path: The file; its folder must exist.
        quantiles: Levels for the table formats.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path written.

    Raises:
        ConfigError: If the suffix is unknown, or a level is not between 0 and 1.
        OutputExistsError: If the file exists and `overwrite` is False.
        ResourceError: If the disk is full or not writable; an old file is untouched.
    """
    path = Path(path)
    form = _format_of(path.suffix.lower().lstrip("."), str(path))
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path}: exists already. Choose another name, or allow overwriting it."
        )
    # rendered in memory first: the HDF5 library can crash the process when a disk fills up
    return atomic_write(path, render(dataset, form, quantiles=quantiles))


def render(
    dataset: xr.Dataset, form: str, *, quantiles: Sequence[float] = DEFAULT_QUANTILES
) -> bytes:
    """Return the content of the file that `write` would write.

    In CSV, texts that a spreadsheet would take for a formula are preceded by an apostrophe; see
    `latentode.results.csv_text`.

    Args:
        dataset: Result of `to_dataset`, `aggregate` or `exceedance`.
        form: One of "nc", "csv", "parquet", "json".
        quantiles: Levels for the table formats.

    Raises:
        ConfigError: If the format is unknown, or a level is not between 0 and 1.
    """
    form = _format_of(form, form)
    if form == "nc":
        return _netcdf(dataset)
    frame = exceedance_frame(dataset) if "reached" in dataset else to_frame(dataset, quantiles)
    if form == "csv":
        return csv_of(frame)
    return _json(dataset, frame) if form == "json" else _parquet(frame)


def read(path: str | Path) -> xr.Dataset:
    """Read back a prediction from the NetCDF file that `write` wrote.

    Args:
        path: A ``.nc`` file.

    Returns:
        The data set as it was written.

    Raises:
        DataError: If the file is missing, is no NetCDF file, or was not written by latentode.
    """
    path = Path(path)
    try:
        content = io.BytesIO(path.read_bytes())
        dataset = xr.load_dataset(content, engine="h5netcdf", decode_timedelta=False)
    except OSError as error:
        reason = error.strerror or "not a NetCDF file"
        raise DataError(
            f"{path}: expected a prediction in NetCDF, got an error: {reason}."
        ) from None
    except (ValueError, KeyError, RuntimeError, TypeError) as error:
        raise DataError(f"{path}: expected a prediction in NetCDF ({error}).") from None
    if dataset.attrs.get("creator") != "latentode" or not {"value", "reached"} & set(dataset):
        raise DataError(
            f"{path}: expected a prediction written by latentode, got another NetCDF file."
        )
    return dataset


def _format_of(name: str, where: str) -> str:
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise ConfigError(f"format: expected one of {known}, got {where!r}. Change the suffix.")
    return name


def _netcdf(dataset: xr.Dataset) -> bytes:
    # integers keep every nanosecond; NaT is their lowest value
    units = {"units": "nanoseconds since 1970-01-01", "calendar": "proleptic_gregorian"}
    moments = [name for name in dataset.variables if dataset[name].dtype.kind == "M"]
    encoding = {name: {**units, "dtype": "int64"} for name in moments}
    storable = dataset.assign_coords(
        {
            name: (name, _without_nul(dataset[name].values), dataset[name].attrs)
            for name in ("scenario", "series", "channel", "condition")
            if name in dataset.coords
        }
    )
    return bytes(storable.to_netcdf(engine="h5netcdf", encoding=encoding))


def _without_nul(names: Any) -> Any:
    """Replace NUL, which ends a text of NetCDF, by its visible symbol."""
    return np.array(
        [str(name).replace("\x00", "\N{SYMBOL FOR NULL}") for name in names], dtype=object
    )


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _json(dataset: xr.Dataset, frame: pd.DataFrame) -> bytes:
    for name in ("time", "end"):
        if name in frame and frame[name].dtype.kind == "M":
            frame[name] = [moment.isoformat() for moment in frame[name]]
    # NaN and infinity are not JSON
    finite = frame.astype(object).mask(frame.isna() | frame.isin([np.inf, -np.inf]), None)
    head = {key: dataset.attrs[key] for key in ("creator", "latentode_version", "created", "kind")}
    clock = dataset["time"].attrs
    content = head | {
        "timezone": clock.get("timezone"),
        "time_unit": clock.get("units"),
        "units": json.loads(dataset.attrs["units"]),
        "rows": finite.to_dict(orient="records"),
    }
    return json.dumps(content, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
