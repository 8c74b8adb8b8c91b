"""Variables of a netCDF file as they are stored: nothing masked, scaled or turned into dates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.errors import DataError
from latentode.files.packages import optional_package

_MOST_DIMS = 2  # of series and of time

_ENGINES: dict[bytes, tuple[str, dict[str, Any]]] = {
    b"CDF\x01": ("scipy", {"mmap": False}),
    b"CDF\x02": ("scipy", {"mmap": False}),
    b"CDF\x05": ("netcdf4", {}),
    b"\x89HDF": ("h5netcdf", {"phony_dims": "access"}),
}


@dataclass(frozen=True)
class Variable:
    """A variable.

    Attributes:
        name: Name.
        dims: Names of its dimensions.
        raw: Cells as stored; characters as strings of bytes.
        attributes: Its attributes.
    """

    name: str
    dims: tuple[str, ...]
    raw: NDArray[Any]
    attributes: Mapping[str, Any]

    def text(self, attribute: str) -> str:
        """An attribute as text; empty where there is none."""
        value = self.attributes.get(attribute, "")
        return value.decode() if isinstance(value, bytes) else str(value).strip()

    @property
    def is_text(self) -> bool:
        """Whether its cells are text."""
        return self.raw.dtype.kind in "SUO"

    def texts(self) -> list[str]:
        """Cells as text, without padding."""
        cells = self.raw.ravel().tolist()
        texts = (cell.decode() if isinstance(cell, bytes) else str(cell) for cell in cells)
        return [text.strip("\0 ") for text in texts]


Variables = Mapping[str, Variable]


def read_variables(path: Path, magic: bytes) -> Variables:
    """Read all variables of the root group.

    Args:
        path: File.
        magic: Its first four bytes.

    Raises:
        DataError: If it is damaged, or another kind of HDF5 file.
    """
    import xarray as xr  # a second of start-up that only this format needs

    engine, options = _ENGINES[magic]
    if engine == "netcdf4":
        optional_package("netCDF4", "netcdf", path)
    try:
        if engine == "h5netcdf":
            _check_hdf5(path)
        with xr.open_dataset(
            path,
            engine=engine,
            mask_and_scale=False,
            decode_times=False,
            decode_timedelta=False,
            decode_coords=False,
            create_default_indexes=False,
            **options,
        ) as dataset:
            variables = {
                str(name): Variable(
                    str(name), tuple(map(str, each.dims)), _cells(each), dict(each.attrs)
                )
                for name, each in dataset.variables.items()
            }
    except (OSError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise DataError(f"{path}: the netCDF file is damaged ({error}). Copy it again.") from None
    if not variables:
        raise DataError(
            f"{path}: expected variables outside of any group, got none. Move a group up first: "
            "ncks -G : -g GROUP FILE NEW."
        )
    if any(dim.startswith("phony_dim") for each in variables.values() for dim in each.dims):
        raise DataError(
            f"{path}: expected netCDF, got HDF5 without its named dimensions. Read it with h5py, "
            "and give a data frame or CSV."
        )
    return variables


def _check_hdf5(path: Path) -> None:
    """Open a file before h5netcdf does, which cannot close what it could not open."""
    import h5py

    with h5py.File(path, "r"):
        pass


def _cells(variable: Any) -> NDArray[Any]:
    """Cells of a variable; a map over time, which is no log, is not read into memory."""
    if sum(size > 1 for size in variable.shape) > _MOST_DIMS:
        return np.broadcast_to(np.zeros((), variable.dtype), variable.shape)
    return np.asarray(variable.values)
