"""Whether stated probabilities are met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.errors import ConfigError
from latentode.evaluation.scores import COVERAGE, INTERVAL, LEVEL
from latentode.plot.style import DASHED, MODEL, MUTED, name_axis, panels, title


def calibration(report: Mapping[str, Any], *, ax: Any = None) -> NDArray[Any]:
    """Draw whether stated probabilities are met, in as many panels as the report has entries for.

    A calibrated model has a flat PIT histogram, coverage on the diagonal, and channels on the line.
    Counts (integers) get a band that holds 95 % of the bars of a calibrated model, if readings were
    independent; a real log's are not, so the band is too narrow rather than too wide.

    Args:
        report: What `evaluation.evaluate_task` returns, or any mapping with some of "pit"
            (or "pit_histogram"): counts or shares in bins of equal width over [0, 1]; "coverage":
            the share of readings inside the central interval, by the interval's probability;
            "channels": by name, entries whose "model" has the coverage of the 90 % interval.
        ax: As many axes as there are entries; None makes a new figure.

    Returns:
        The axes, in the order named above.

    Raises:
        ConfigError: If the report has none of these entries, or one holds no readings.
        ShapeError: If `ax` has not as many axes as are needed.
    """
    known = [
        (draw, report[name])
        for name, draw in _PANELS.items()
        if report.get(name) is not None and len(report[name])
    ]
    if not known:
        raise ConfigError(f"report: expected one of {list(_PANELS)}, got {sorted(report)!r}.")
    grid: NDArray[Any] = panels(1, len(known), ax, size=(4.2, 3.2))[0]
    for axes, (draw, entry) in zip(grid, known, strict=True):
        draw(axes, entry)
    return grid


def _draw_pit(axes: Axes, histogram: Sequence[float]) -> None:
    counts = np.asarray(histogram, dtype=np.float64)
    total = counts.sum()
    if counts.ndim != 1 or not total > 0:
        raise ConfigError(f"pit: expected counts of readings, got {histogram!r}.")
    number = len(counts)
    edges = np.linspace(0, 1, number + 1)
    density = counts / total * number
    axes.bar(edges[:-1], density, width=1 / number, align="edge", color=MODEL, edgecolor="white")
    axes.axhline(1, color=MUTED, linewidth=1, linestyle=DASHED, label="calibrated")
    if total > 1.5 and np.array_equal(counts, np.round(counts)):
        spread = 1.96 * np.sqrt((number - 1) / total)
        low, high = max(1 - spread, 0), 1 + spread
        axes.axhspan(low, high, color=MUTED, alpha=0.2, linewidth=0, label="95 % band")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(2.0, 1.1 * float(density.max())))
    name_axis(axes.xaxis, "predicted probability of at most the reading")
    name_axis(axes.yaxis, "density")
    title(axes, "PIT histogram")
    axes.legend(frameon=False, fontsize=8.5)


def _draw_coverage(axes: Axes, coverage: Mapping[Any, float]) -> None:
    levels, shares = zip(*sorted((float(k), float(v)) for k, v in coverage.items()), strict=True)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=DASHED, label="calibrated")
    axes.plot(levels, shares, color=MODEL, marker="o", linewidth=1.6, label="model")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    name_axis(axes.xaxis, "stated probability of the interval")
    name_axis(axes.yaxis, "share of readings inside")
    title(axes, "Coverage of intervals")
    axes.legend(frameon=False, fontsize=8.5, loc="upper left")


def _draw_channels(axes: Axes, channels: Mapping[str, Mapping[str, Any]]) -> None:
    shares = {
        name: (entry.get("model") or {}).get(COVERAGE.key) for name, entry in channels.items()
    }
    places = np.arange(len(shares))
    values = [np.nan if share is None else float(share) for share in shares.values()]
    axes.axvline(LEVEL, color=MUTED, linewidth=1, linestyle=DASHED, label="calibrated")
    axes.plot(values, places, color=MODEL, marker="o", linestyle="none", label="model")
    axes.set_yticks(places, list(shares), parse_math=False)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    name_axis(axes.xaxis, f"share of readings inside the {INTERVAL}")
    title(axes, "Coverage by channel")
    axes.legend(frameon=False, fontsize=8.5, loc="lower left")


_PANELS: dict[str, Callable[[Axes, Any], None]] = {
    "pit": _draw_pit,
    "pit_histogram": _draw_pit,
    "coverage": _draw_coverage,
    "channels": _draw_channels,
}
