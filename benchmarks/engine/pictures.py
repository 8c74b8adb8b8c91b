"""Pictures of the parts of speed-engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.frame import Run

OURS, PEER = "#1f6f8b", "#8a8a8a"


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=100)


def _clock_label(clock: str) -> str:
    return "CPU time, ms" if clock == "cpu_ms" else "wall time, ms"


def _is_ours(run: Run) -> bool:
    return "ours" in run["method"]


def times(runs: Sequence[Run], clock: str, path: Path) -> None:
    """Times of all methods, a panel a workload, the fastest on top; lines from least to most."""
    workloads = sorted({run["workload"] for run in runs})
    most = max(sum(r["workload"] == w for r in runs) for w in workloads)
    figure = Figure(figsize=(6.4 * len(workloads), 1.1 + 0.27 * most), layout="constrained")
    panels = figure.subplots(1, len(workloads), squeeze=False)[0]
    for axes, workload in zip(panels, workloads, strict=True):
        members = [r for r in runs if r["workload"] == workload and clock in r]
        members.sort(key=lambda r: r[clock])
        for place, run in enumerate(members):
            color = OURS if _is_ours(run) else PEER
            axes.plot(run[clock], place, "o", color=color)
            if clock == "cpu_ms":
                axes.hlines(place, run["cpu_min"], run["cpu_max"], color=color)
            axes.annotate(
                f"{run[clock]:.3g}", (run[clock], place), (0, 4), textcoords="offset points",
                ha="center", fontsize=7,
            )  # fmt: skip
        axes.set_yticks(range(len(members)), [_label(run) for run in members], fontsize=8)
        axes.invert_yaxis()
        axes.set(xscale="log", xlabel=_clock_label(clock), title=workload)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _label(run: Run) -> str:
    target = run.get("target")
    return run["method"] + (f", error {target:g}" if target else "")


def error_and_time(runs: Sequence[Run], clock: str, path: Path) -> None:
    """Error over time, a panel a workload; below and left is better. Lines join one method."""
    workloads = sorted({run["workload"] for run in runs})
    figure = Figure(figsize=(5 * len(workloads), 4.4), layout="constrained")
    panels = figure.subplots(1, len(workloads), squeeze=False, sharey=True)[0]
    methods = list(dict.fromkeys(run["method"] for run in runs if "error" in run))
    for axes, workload in zip(panels, workloads, strict=True):
        here = [r for r in runs if r["workload"] == workload]
        for number, method in enumerate(methods):
            members = [r for r in here if r["method"] == method]
            style = "o-" if method.startswith("ours") else "s--"
            axes.plot(
                [r[clock] for r in members], [r["error"] for r in members], style,
                color=f"C{number}", label=method,
            )  # fmt: skip
        bound = [r["cpu_ms"] for r in here if "FLOP" in r["method"]]
        if bound:
            axes.axvline(
                min(bound), color=PEER, linestyle=":", label="FLOP bound, coarsest of ours"
            )
        axes.set(xscale="log", yscale="log", title=workload, xlabel=_clock_label(clock))
        axes.grid(alpha=0.3, which="both")
    panels[0].set_ylabel("relative error of the states")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    _save(figure, path)


def growth(runs: Sequence[Run], clock: str, path: Path) -> None:
    """Time over size, a panel an axis, with a line of slope 1 through the first point."""
    axes_names = list(dict.fromkeys(run["axis"] for run in runs))
    columns = min(4, len(axes_names))
    rows = -(-len(axes_names) // columns)
    figure = Figure(figsize=(3 * columns, 2.7 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    for panel in panels[len(axes_names) :]:
        panel.set_axis_off()
    for panel, axis in zip(panels, axes_names, strict=False):
        members = [r for r in runs if r["axis"] == axis]
        sizes = [r["stamps"] if axis == "stamps" else r["value"] for r in members]
        _growth_panel(panel, axis, sizes, [r[clock] for r in members])
    panels[0].set_ylabel("ms an iteration")
    _save(figure, path)


def _growth_panel(panel: Axes, axis: str, sizes: list[float], times: list[float]) -> None:
    panel.plot(sizes, times, "o-", color=OURS)
    if axis != "stamps":
        panel.plot(sizes, [times[0] * s / sizes[0] for s in sizes], ":", color=PEER, label="linear")
        panel.legend(frameon=False, fontsize=8)
    panel.set(xscale="log", yscale="log", title=f"distinct {axis}" if axis == "stamps" else axis)
    panel.grid(alpha=0.3)


def memory(runs: Sequence[Run], _clock: str, path: Path) -> None:
    """Peak memory over steps, a line a gradient."""
    figure = Figure(figsize=(5, 3.6), layout="constrained")
    axes = figure.subplots()
    for number, gradient in enumerate(dict.fromkeys(run["gradient"] for run in runs)):
        members = [r for r in runs if r["gradient"] == gradient]
        axes.plot(
            [r["steps"] for r in members], [max(r["peak_mib"], 0.1) for r in members], "o-",
            color=f"C{number}", label=gradient,
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="steps", ylabel="peak memory of a solve, MiB")
    axes.legend(frameon=False)
    axes.grid(alpha=0.3)
    _save(figure, path)


DRAW = {
    "decoder": error_and_time,
    "encoder": times,
    "iteration": times,
    "growth": growth,
    "memory": memory,
}
