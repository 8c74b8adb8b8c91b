"""Colours, panels, time axes and files that all pictures share."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num, num2date
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from latentode.config.durations import NS_PER_UNIT
from latentode.data.calendar import time_zone
from latentode.data.dataset import Clock
from latentode.data.reading.second_look.time_bounds import moment
from latentode.errors import ConfigError, OutputExistsError, ShapeError
from latentode.files import atomic_write

if TYPE_CHECKING:
    from xarray import Dataset

# of the palette of Okabe and Ito (2008), told apart with any colour vision
MODEL = "#0072B2"
OBSERVED = "#1A1A1A"
ACCENT = "#D55E00"
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7D00", "#1A1A1A")
MUTED = "#6B6B6B"
DASHED = (0, (4, 3))
_POINTS_OF_LETTER, _FEWEST_LETTERS = 6.0, 12  # of a label beside a panel: width, and least length
_MOST = 40  # panels along one side of a picture that can still be looked at
# the same data give the same bytes: no date, no name of a program
_STAMPS = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def panels(
    rows: int,
    columns: int,
    ax: Any,
    *,
    size: tuple[float, float],
    sharex: Literal["none", "col"] = "none",
) -> NDArray[Any]:
    """Return the axes to draw into, styled, shape (row, column).

    Args:
        rows: Number of rows.
        columns: Number of columns.
        ax: Axes of the caller (one, or an array of as many as are needed); None makes a new figure.
        size: Width and height of one panel in inches.
        sharex: As in ``matplotlib.figure.Figure.subplots``.

    Raises:
        ShapeError: If the caller's axes are not as many as are needed.
    """
    if ax is None:
        figure = Figure(figsize=(size[0] * columns, size[1] * rows + 0.7), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=sharex)
    else:
        grid = np.asarray(ax, dtype=object)
        if grid.size != rows * columns:
            raise ShapeError(
                f"ax: expected {rows * columns} axes ({rows} rows, {columns} columns), "
                f"got {grid.size}. Choose fewer series or channels, or pass more axes."
            )
        grid = grid.reshape(rows, columns)
    for axes in grid.flat:
        _plain_frame(axes)
    return grid


def _plain_frame(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=OBSERVED, labelsize=9)
    axes.grid(axis="y", color="#E4E4E4", linewidth=0.7)
    axes.set_axisbelow(True)


def title(axes: Axes, text: str, *, pad: float = 6.0) -> None:
    """Set a title at the left; names of the data are never read as formulas.

    Args:
        axes: What has the title.
        text: The title.
        pad: Distance from the axes in points.
    """
    axes.set_title(text, loc="left", fontsize=11, color=OBSERVED, pad=pad, parse_math=False)


def name_axis(axis: Any, text: str) -> None:
    """Label an axis; names of the data are never read as formulas.

    A long name beside a panel goes on in a second line, and ends with … where that is too short.

    Args:
        axis: The axis.
        text: Its label.
    """
    if axis.axis_name == "y":
        panel = axis.axes.get_window_extent().height / axis.get_figure().dpi * 72  # points
        width = max(_FEWEST_LETTERS, int(panel / _POINTS_OF_LETTER))
        text = textwrap.fill(text, width, max_lines=2, placeholder=" …")
    axis.set_label_text(text, fontsize=10, color=OBSERVED, parse_math=False)


def plot_times(times: NDArray[Any]) -> NDArray[np.float64]:
    """Positions on a time axis: days since 1970 for a calendar, numbers as they are else."""
    return np.asarray(date2num(times) if times.dtype.kind == "M" else times, dtype=np.float64)


def stamp_positions(stamps: NDArray[np.int64], attrs: Mapping[str, Any]) -> NDArray[np.float64]:
    """Positions on the time axis of stamps in nanoseconds; `attrs` as in `time_axis`."""
    if "timezone" in attrs:
        return plot_times(stamps.view("datetime64[ns]"))
    return stamps / NS_PER_UNIT[attrs["units"]]


def time_text(position: float, attrs: Mapping[str, Any]) -> str:
    """Write a position on the time axis, to the minute of a calendar; `attrs` as in `time_axis`."""
    if "timezone" not in attrs:
        return f"{position:.6g} {attrs.get('units', '')}".rstrip()
    return f"{num2date(position, tz=_zone(attrs)):%Y-%m-%d %H:%M}"


def window_ends(window: tuple[Any, Any] | None, attrs: Mapping[str, Any]) -> tuple[float, float]:
    """Positions of the first and the last time that are shown; infinite where none is named.

    Args:
        window: Both times, as dates or elapsed times; None for one that is open.
        attrs: As in `time_axis`.

    Raises:
        ConfigError: If one cannot be read as a time, or the last is not after the first.
    """
    if window is None:
        return -np.inf, np.inf
    zone = attrs.get("timezone")
    clock = Clock("elapsed", unit=attrs.get("units", "s"))
    if zone is not None:
        clock = Clock("calendar", None if zone == "naive" else zone)
    stamps = [
        None if end is None else moment(str(end), clock, name="window", option=option)
        for end, option in zip(window, ("--from", "--to"), strict=True)
    ]
    first, last = (
        open_end if stamp is None else float(stamp_positions(np.array([stamp]), attrs)[0])
        for stamp, open_end in zip(stamps, (-np.inf, np.inf), strict=True)
    )
    if not first < last:
        raise ConfigError(
            f"window: expected a time after {window[0]}, got {window[1]}. Exchange --from and --to."
        )
    return first, last


def show_window(grid: NDArray[Any], ends: tuple[float, float]) -> None:
    """Bound the time axes of panels by what is finite of two ends."""
    for axes in grid.flat:
        axes.set_xlim(*(end if np.isfinite(end) else None for end in ends))


def in_order(times: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Steps in order of time without those that only pad, and their positions on the axis."""
    positions = plot_times(times)
    order = np.argsort(positions, kind="stable")[: np.isfinite(positions).sum()]
    return order, positions[order]


def chosen(
    dataset: Dataset, dim: str, names: str | Sequence[str] | None, default: int
) -> list[str]:
    """Names along a dimension that are to be drawn.

    Args:
        dataset: What is drawn.
        dim: The dimension.
        names: One or some of its names, or "all"; None takes the first.
        default: How many of the first.

    Raises:
        ConfigError: If there is no such dimension or name, or nothing or too much is chosen.
    """
    if "scenario" in dataset.dims:
        names = ", ".join(map(repr, dataset["scenario"].values))
        raise ConfigError(
            f"scenario: expected one in a picture, got {names}. Choose it in Python with "
            f"dataset.sel(scenario={dataset['scenario'].values[0]!r}), or forecast with one plan."
        )
    if dim not in dataset.dims:
        raise ConfigError(f"{dim}: expected a prediction of channels, got {dict(dataset.sizes)}.")
    known = [str(name) for name in dataset[dim].values]
    wanted = [names] if isinstance(names, str) else known[:default] if names is None else names
    if list(wanted) == ["all"] and "all" not in known:
        wanted = known
    if len(wanted) > _MOST:
        raise ConfigError(
            f"{dim}: expected at most {_MOST} in one picture, got {len(wanted)}. Name some of them."
        )
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        shown = ", ".join(repr(name) for name in known[:10])
        raise ConfigError(f"{dim}: expected some of {shown}, got {unknown or list(wanted)!r}.")
    return list(wanted)


def time_axis(axes: Axes, attrs: Mapping[str, Any]) -> None:
    """Format the time axis and state its zone or unit.

    Args:
        axes: Where the times are drawn at `plot_times`.
        attrs: Attributes of the coordinate ``time``: "timezone" for a calendar, or "units".
    """
    zone = attrs.get("timezone")
    if zone is None:
        name_axis(axes.xaxis, f"time ({attrs.get('units', 'unit not stated')})")
        axes.xaxis.set_major_locator(MaxNLocator(6))
        return
    local = _zone(attrs)
    locator = AutoDateLocator(tz=local, minticks=4, maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=local))
    name_axis(axes.xaxis, "time (zone not stated)" if zone == "naive" else f"time ({zone})")


def _zone(attrs: Mapping[str, Any]) -> tzinfo:
    zone = attrs["timezone"]
    return time_zone("UTC" if zone == "naive" else zone)


def save(axes: Any, path: str | Path, *, dpi: int = 150, overwrite: bool = True) -> Path:
    """Write the figure of some axes as PNG, SVG or PDF, by the path's suffix.

    Args:
        axes: What a function of this package returned, or a figure.
        path: The file; its folder must exist.
        dpi: Dots per inch of a PNG.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The path written.

    Raises:
        ConfigError: If the suffix is none of .png, .svg, .pdf.
        OutputExistsError: If the file exists and `overwrite` is False.
        ResourceError: If the disk is full or not writable; an old file is untouched.
    """
    path = Path(path)
    form = path.suffix.lower().lstrip(".")
    if form not in _STAMPS:
        raise ConfigError(f"picture: expected a name in {', '.join(_STAMPS)}, got '{path}'.")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path}: exists already. Choose another name.")
    figure = axes if isinstance(axes, Figure) else np.asarray(axes, dtype=object).flat[0].figure
    buffer = io.BytesIO()
    # ids that are not drawn at random
    with mpl.rc_context({"svg.hashsalt": "latentode"}), warnings.catch_warnings():
        # a name in a script that the font lacks is drawn as boxes; the picture is still of use
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(buffer, format=form, dpi=dpi, metadata=_STAMPS[form])
    return atomic_write(path, buffer.getvalue())
