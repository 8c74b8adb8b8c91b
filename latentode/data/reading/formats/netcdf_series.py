"""Which readings of a netCDF file are of which series: stations, buoys, trips."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latentode.data.dataset import Int64
from latentode.data.reading.formats.cf_time import is_clock
from latentode.data.reading.formats.netcdf_file import Variable, Variables
from latentode.errors import DataError

#: Names of dimensions that count series.
_INSTANCE_NAME = re.compile(r"station|site|series|instance|platform|buoy|sensor|device|traj", re.I)


@dataclass(frozen=True)
class Layout:
    """What tells readings of one series from those of others.

    Attributes:
        sample_dim: Dimension along which the readings of all series follow each other; empty where
            there is none.
        instances: Number of the series of each of these readings, -1 where there is none.
        instance_dim: Dimension of the series; empty where the file is one series.
        ids: Id of each series.
        ids_name: Variable that has them; empty where they are counted.
    """

    sample_dim: str = ""
    instances: NDArray[np.int64] | None = None
    instance_dim: str = ""
    ids: tuple[str, ...] = ()
    ids_name: str = ""

    @cached_property
    def rows(self) -> list[Int64]:
        """Places of the readings of each series, in the order of the file."""
        assert self.instances is not None, "only of readings that follow each other"
        order = np.argsort(self.instances, kind="stable")
        bounds = np.searchsorted(self.instances[order], np.arange(len(self.ids) + 1))
        return [order[bounds[i] : bounds[i + 1]] for i in range(len(self.ids))]


def find_layout(variables: Variables, where: str) -> Layout:
    """Find out by the attributes that CF has for it, else by names of stations.

    Args:
        variables: All of the file.
        where: The file, for messages.

    Raises:
        DataError: If the counts of a ragged array do not fit its readings.
    """
    sizes = {dim: n for v in variables.values() for dim, n in zip(v.dims, v.raw.shape, strict=True)}
    for each in variables.values():
        if sample_dim := each.text("sample_dimension"):
            counts = np.where(each.raw > 0, each.raw, 0).astype(np.int64)
            if len(each.dims) != 1 or sample_dim not in sizes or counts.sum() != sizes[sample_dim]:
                raise DataError(
                    f"{where}: expected the counts of {each.name!r} to sum up to the "
                    f"{sizes.get(sample_dim, 0)} readings of {sample_dim!r}, got {counts.sum()}. "
                    "The file is damaged or cut off."
                )
            instances = np.repeat(np.arange(len(counts)), counts)
            return _told(variables, sample_dim, instances, each.dims[0], len(counts))
        if instance_dim := each.text("instance_dimension"):
            size = sizes.get(instance_dim, 0)
            index = each.raw.astype(np.int64) - int(each.attributes.get("start_index", 0))
            index = np.where((index >= 0) & (index < size), index, -1)
            return _told(variables, each.dims[0], index, instance_dim, size)
    dims = _instance_dims(variables)
    return _told(variables, "", None, dims[0], sizes[dims[0]]) if len(dims) == 1 else Layout()


def runs_of_series(
    layout: Layout, variable: Variable, clock: Variable
) -> list[tuple[str | None, Int64, Int64]] | None:
    """Cells of a variable by series, and the places of their times.

    Args:
        layout: Of the file.
        variable: Readings.
        clock: Their times, over some of their dimensions.

    Returns:
        Series, flat indices of cells and flat indices of times; None where the variable has
        dimensions beside those of series and times.
    """
    others = [
        axis
        for axis, dim in enumerate(variable.dims)
        if dim not in (*clock.dims, layout.instance_dim) and variable.raw.shape[axis] > 1
    ]
    if others or len(set(clock.dims) - {layout.instance_dim}) != 1:
        return None
    cells = np.arange(variable.raw.size).reshape(variable.raw.shape)
    moments = _spread(np.arange(clock.raw.size).reshape(clock.raw.shape), clock.dims, variable)
    if layout.instances is not None and variable.dims == (layout.sample_dim,):
        return [
            (id_, rows, moments[rows]) for id_, rows in zip(layout.ids, layout.rows, strict=True)
        ]
    if layout.instance_dim not in variable.dims:
        return [(None, cells.ravel(), moments.ravel())]
    axis = variable.dims.index(layout.instance_dim)
    return [
        (series, cells.take(i, axis).ravel(), moments.take(i, axis).ravel())
        for i, series in enumerate(layout.ids)
    ]


def _spread(places: Int64, dims: tuple[str, ...], variable: Variable) -> Int64:
    """Repeat an array over some dimensions of a variable over all of them."""
    order = [dims.index(dim) for dim in variable.dims if dim in dims]
    sizes = zip(variable.dims, variable.raw.shape, strict=True)
    shape = [size if dim in dims else 1 for dim, size in sizes]
    return np.broadcast_to(places.transpose(order).reshape(shape), variable.raw.shape)


def _instance_dims(variables: Variables) -> list[str]:
    """Dimensions that count series: with ids or places of their own, or of such a name.

    They stand beside a dimension of time in variables of numbers.
    """
    clocks = [each for each in variables.values() if is_clock(each.attributes.get("units"))]
    time_dims = {dim for each in clocks if len(each.dims) == 1 for dim in each.dims}
    clock_dims = {dim for each in clocks for dim in each.dims}
    beside = {
        dim: None
        for each in variables.values()
        for dim in each.dims
        if len(each.dims) > 1 and not each.is_text and clock_dims & set(each.dims)
    }
    return [dim for dim in beside if dim not in time_dims and _is_instance_dim(dim, variables)]


def _is_instance_dim(dim: str, variables: Variables) -> bool:
    over_it = [each for each in variables.values() if each.dims == (dim,)]
    places = {each.text("standard_name") or each.name for each in over_it if each.name != dim}
    has_ids = any(each.text("cf_role") or each.is_text for each in over_it)
    has_places = len(places & {"latitude", "longitude", "lat", "lon"}) == 2
    return has_ids or has_places or _INSTANCE_NAME.search(dim) is not None


def _told(
    variables: Variables,
    sample_dim: str,
    instances: NDArray[np.int64] | None,
    instance_dim: str,
    size: int,
) -> Layout:
    over_it = [each for each in variables.values() if each.dims == (instance_dim,)]
    ids = next((each for each in over_it if each.text("cf_role")), None)
    ids = ids or next((each for each in over_it if each.is_text), None)
    ids = ids or next((each for each in over_it if each.name == instance_dim), None)
    texts = _texts(ids) if ids is not None else [str(number) for number in range(size)]
    count = Counter(texts)
    distinct = [
        text if text and count[text] == 1 else f"{text or 'series'} #{number}"
        for number, text in enumerate(texts)
    ]
    return Layout(sample_dim, instances, instance_dim, tuple(distinct), ids.name if ids else "")


def _texts(ids: Variable) -> list[str]:
    if ids.is_text:
        return ids.texts()
    numbers = ids.raw.ravel().tolist()
    return [str(int(n)) if float(n).is_integer() else str(n) for n in numbers]
