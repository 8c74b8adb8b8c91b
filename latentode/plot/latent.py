"""Latent trajectories seen in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.errors import ConfigError
from latentode.plot.style import CYCLE, chosen, in_order, name_axis, panels, title

if TYPE_CHECKING:
    from xarray import Dataset

_MAX_DRAWS = 30  # lines; more hide the mean path
# a centre (latent,), two axes (latent, 2), and what they are called
_Plane = tuple[NDArray[np.float64], NDArray[np.float64], list[str]]


def latent_trajectory(
    dataset: Dataset,
    *,
    series: Sequence[str] | None = None,
    components: tuple[int, int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the paths of latent states in a plane: thin lines for draws, a thick one for their mean.

    A dot marks where a path begins, an arrow head where it ends.

    Args:
        dataset: Result of `latentode.results.to_dataset` with the dimension ``latent``.
        series: Series ids; None takes the first 8.
        components: Two latent dimensions; None projects on the two principal components of the
            means, whose share of the variance is stated on the axes.
        ax: Axes to draw into; None makes a new figure.

    Returns:
        The axes.

    Raises:
        ConfigError: If the data set is not one of latent states of two or more dimensions, or a
            series or component is not in it.
    """
    states, names = _states(dataset, series)
    means = states.mean(axis=0)  # (series, step, latent)
    if components is None:
        center, plane, labels = _principal_plane(means)
    else:
        center, plane, labels = _coordinate_plane(components, states.shape[-1])
    axes: Axes = panels(1, 1, ax, size=(6.0, 4.8))[0, 0]
    for index, name in enumerate(names):
        colour = CYCLE[index % len(CYCLE)]
        order, _ = in_order(dataset["time"].sel(series=name).values)
        for draw in states[:_MAX_DRAWS, index, order] if len(states) > 1 else ():
            axes.plot(*((draw - center) @ plane).T, color=colour, linewidth=0.5, alpha=0.2)
        _draw_path(axes, (means[index, order] - center) @ plane, colour, name)
    name_axis(axes.xaxis, labels[0])
    name_axis(axes.yaxis, labels[1])
    axes.grid(axis="x", color="#E4E4E4", linewidth=0.7)
    title(axes, "Latent trajectory" if len(names) == 1 else "Latent trajectories")
    axes.legend(frameon=False, fontsize=8.5, loc="best")
    return axes


def _draw_path(axes: Axes, path: NDArray[np.float64], colour: str, name: str) -> None:
    # a label with a leading underscore would be left out of the legend
    axes.plot(*path.T, color=colour, linewidth=1.8, label=f"\u200b{name}".replace("$", r"\$"))
    axes.plot(*path[:1].T, color=colour, marker="o", markersize=6)
    if len(path) > 1:
        axes.annotate(
            "",
            xy=tuple(path[-1]),
            xytext=tuple(path[-2]),
            arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.8, "mutation_scale": 14},
        )


def _states(
    dataset: Dataset, series: Sequence[str] | None
) -> tuple[NDArray[np.float64], list[str]]:
    if dataset.sizes.get("latent", 0) < 2:
        raise ConfigError(
            f"latent: expected latent states of two or more dimensions, got {dict(dataset.sizes)}."
        )
    names = chosen(dataset, "series", series, len(CYCLE))
    return dataset["value"].sel(series=names).values.astype(np.float64), names


def _principal_plane(means: NDArray[np.float64]) -> _Plane:
    points = means.reshape(-1, means.shape[-1])
    points = points[np.isfinite(points).all(axis=1)]
    center = points.mean(axis=0)
    _, scales, axes = np.linalg.svd(points - center, full_matrices=False)
    plane = np.zeros((means.shape[-1], 2))
    plane[:, : len(axes[:2])] = axes[:2].T
    # the sign of a component is free; fixed here, so that the same states give the same picture
    plane *= np.where(plane[np.abs(plane).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    shares = np.zeros(2)
    shares[: len(scales[:2])] = scales[:2] ** 2 / max((scales**2).sum(), 1e-300)
    labels = [f"component {i + 1} ({shares[i]:.0%} of variance)" for i in range(2)]
    return center, plane, labels


def _coordinate_plane(components: tuple[int, int], size: int) -> _Plane:
    if len(components) != 2 or not all(0 <= c < size for c in components):
        raise ConfigError(f"components: expected two of 0 to {size - 1}, got {components!r}.")
    plane = np.zeros((size, 2))
    plane[list(components), [0, 1]] = 1.0
    return np.zeros(size), plane, [f"latent {component}" for component in components]
