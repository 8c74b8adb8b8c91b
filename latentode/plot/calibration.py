"""Whether stated probabilities are met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from latentode.errors import ConfigError
from latentode.evaluation.scores import COVERAGE, INTERVAL, LEVEL
from latentode.plot.style import DASHED, MODEL, MUTED, OBSERVED, name_axis, panels, title

_MARGIN = 0.05  # of coverage, as in the sentences of `evaluate`: less is not called wrong
_LEANING = 0.07  # of the share above the median, likewise
_FEWEST_BARS = 4  # that show how much lies between the outermost


def calibration(report: Mapping[str, Any], *, ax: Any = None) -> NDArray[Any]:
    """Draw whether stated probabilities are met, in as many panels as the report has entries for.

    A calibrated model has bars of equal height (a flat PIT histogram), coverage on the diagonal,
    and channels on the line. Above stands what one sees: `calibration_sentence`. Counts (integers)
    get a band that holds 95 % of the bars of a calibrated model, if readings were
    independent; a real log's are not, so the band is too narrow rather than too wide.

    Args:
        report: What `evaluation.evaluate_task` returns, or any mapping with some of "pit"
            (or "pit_histogram"): counts or shares in bins of equal width over [0, 1]; "coverage":
            the share of readings inside the central interval, by the interval's probability;
            "channels": by name, entries whose "model" has the coverage of the 90 % interval;
            "overall": such an entry of all channels, for the sentence.
        ax: As many axes as there are entries; None makes a new figure.

    Returns:
        The axes, in the order named above.

    Raises:
        ConfigError: If the report has none of these entries, or one is without readings.
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
    if ax is None:
        said = calibration_sentence(report)
        grid[0].figure.suptitle(said, x=0.01, ha="left", fontsize=10.5, color=OBSERVED)
    return grid


def calibration_sentence(report: Mapping[str, Any]) -> str:
    """Say whether bands are too wide or too narrow, and whether readings lie on one side of them.

    Args:
        report: As in `calibration`.

    Returns:
        A sentence, or two lines of one; empty where the report does not tell what bands held.
    """
    pit = np.asarray(report.get("pit", report.get("pit_histogram", ())), dtype=np.float64)
    covered = (report.get("overall", {}).get("model") or {}).get(COVERAGE.key)
    level = LEVEL
    if covered is None and len(pit) > _FEWEST_BARS and pit.sum() > 0:
        level = 1 - 2 / len(pit)  # between the outermost bars
        covered = pit[1:-1].sum() / pit.sum()
    if covered is None:
        return ""
    excess = covered - level
    how = "about right"
    if abs(excess) > _MARGIN:
        how = "too wide" if excess > 0 else "too narrow"
    said = f"The bands are {how}: {level:.0%} bands held {covered:.0%} of the readings."
    centres = (np.arange(len(pit)) + 0.5) / max(1, len(pit))
    above = float(pit[centres > 1 / 2].sum() / pit.sum()) if pit.sum() > 0 else 1 / 2
    if abs(above - 1 / 2) > _LEANING:
        side, other = ("above", "low") if above > 1 / 2 else ("below", "high")
        share = max(above, 1 - above)
        said += f"\nForecasts are rather too {other}: "
        said += f"{share:.0%} of the readings lay {side} the median."
    return said


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
    name_axis(axes.xaxis, "place in the forecast range (0: below it, 1: above it)")
    name_axis(axes.yaxis, "readings per bar (1: as expected)")
    title(axes, "Where readings fell (flat is right)")
    axes.legend(frameon=False, fontsize=8.5)


def _draw_coverage(axes: Axes, coverage: Mapping[Any, float]) -> None:
    levels, shares = zip(*sorted((float(k), float(v)) for k, v in coverage.items()), strict=True)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=DASHED, label="calibrated")
    axes.plot(levels, shares, color=MODEL, marker="o", linewidth=1.6, label="model")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    name_axis(axes.xaxis, "stated probability of the band")
    name_axis(axes.yaxis, "share of the readings inside")
    title(axes, "Readings inside bands")
    axes.legend(frameon=False, fontsize=8.5, loc="upper left")


def _draw_channels(axes: Axes, channels: Mapping[str, Mapping[str, Any]]) -> None:
    shares = {
        name: (entry.get("model") or {}).get(COVERAGE.key) for name, entry in channels.items()
    }
    places = np.arange(len(shares))
    values = [np.nan if share is None else float(share) for share in shares.values()]
    axes.axvline(LEVEL, color=MUTED, linewidth=1, linestyle=DASHED, label="calibrated")
    axes.plot(
        values, places, color=MODEL, marker="o", linestyle="none", label="model", clip_on=False
    )
    axes.set_yticks(places, list(shares), parse_math=False)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    name_axis(axes.xaxis, f"share of the readings inside the {INTERVAL}")
    title(axes, "Readings inside, by channel")
    axes.legend(frameon=False, fontsize=8.5, loc="lower left")


_PANELS: dict[str, Callable[[Axes, Any], None]] = {
    "pit": _draw_pit,
    "pit_histogram": _draw_pit,
    "coverage": _draw_coverage,
    "channels": _draw_channels,
}
