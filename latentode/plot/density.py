"""Densities over a plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.errors import ShapeError
from latentode.plot.style import ACCENT, CYCLE, OBSERVED, name_axis, panels, title

_MAX_SAMPLES = 2_000  # more only blacken the plane
_ARROWS = 16  # along each axis; more overlap
_PATH = CYCLE[2]


def density(
    log_density: NDArray[np.float64] | None,
    *,
    extent: tuple[float, float, float, float],
    samples: NDArray[np.float64] | None = None,
    field: NDArray[np.float64] | None = None,
    paths: NDArray[np.float64] | None = None,
    labels: tuple[str, str] = ("x", "y"),
    ax: Axes | None = None,
) -> Axes:
    """Draw a density over a plane, with samples, a vector field and trajectories upon it.

    Args:
        log_density: Logarithm of the density on an even grid, shape (row, column); rows go up y.
            None draws only what stands upon it.
        extent: Left, right, bottom and top of the grid.
        samples: Points to mark, shape (sample, 2); at most 2,000 are drawn.
        field: Vectors on the grid, shape (row, column, 2); some 16 to a side are drawn.
        paths: Trajectories, shape (path, step, 2).
        labels: Names of the axes, with units.
        ax: Axes to draw into; None makes a new figure.

    Returns:
        The axes.

    Raises:
        ShapeError: If an array has another shape.
    """
    _check(log_density, field)
    axes: Axes = panels(1, 1, ax, size=(4.4, 4.0))[0, 0]
    if log_density is not None:
        axes.imshow(
            np.exp(log_density - np.nanmax(log_density)),
            extent=extent,
            origin="lower",
            cmap="Blues",
            interpolation="bilinear",
        )
    if samples is not None:
        axes.plot(*samples[:_MAX_SAMPLES].T, ".", color=OBSERVED, markersize=1.2, alpha=0.5)
    if field is not None:
        rows, columns = (max(1, size // _ARROWS) for size in field.shape[:2])
        x = np.linspace(extent[0], extent[1], field.shape[1])[::columns]
        y = np.linspace(extent[2], extent[3], field.shape[0])[::rows]
        arrows = field[::rows, ::columns]
        axes.quiver(x, y, arrows[..., 0], arrows[..., 1], color=ACCENT, width=0.004)
    for path in () if paths is None else paths:
        axes.plot(*path.T, color=_PATH, linewidth=0.9, alpha=0.8)
    axes.grid(visible=False)
    axes.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    name_axis(axes.xaxis, labels[0])
    name_axis(axes.yaxis, labels[1])
    return axes


def densities(
    views: Mapping[str, Mapping[str, Any]],
    *,
    labels: tuple[str, str] = ("x", "y"),
    ax: Any = None,
) -> NDArray[Any]:
    """Draw several densities over planes side by side.

    Args:
        views: By title, the arguments that `density` takes.
        labels: Names of the axes, with units.
        ax: As many axes as there are views; None makes a new figure.

    Returns:
        The axes, shape (view,).

    Raises:
        ShapeError: If an array has another shape, or there are not as many axes.
    """
    grid: NDArray[Any] = panels(1, len(views), ax, size=(4.4, 4.0))[0]
    for axes, (text, view) in zip(grid, views.items(), strict=True):
        density(**view, labels=labels, ax=axes)
        title(axes, text)
    return grid


def _check(log_density: NDArray[np.float64] | None, field: NDArray[np.float64] | None) -> None:
    if log_density is not None and log_density.ndim != 2:
        raise ShapeError(
            f"log_density: expected shape (row, column), got {log_density.shape}. Give a grid."
        )
    if field is not None and (field.ndim != 3 or field.shape[-1] != 2):
        raise ShapeError(
            f"field: expected shape (row, column, 2), got {field.shape}. "
            "Give a vector for each point of a grid."
        )
