"""What every benchmark task shares: options, result files, tables.

A task is a module with

- ``PROTOCOL`` and ``SMOKE``: its settings, and what a smoke run changes in them;
- ``names(protocol)``: what ``--only`` may name;
- ``run(options)``: measures, and returns ``{"runs": [...]}``; each run is a flat dictionary whose
  "part" (and "workload", if any) names what was measured together;
- ``tables(report)``: the report as Markdown;
- optional ``summarise(runs)``: rows out of runs (the runs themselves by default);
- optional ``check(report)``: sentences that say which stored floor was missed;
- optional ``draw(report, folder)``: pictures.

Only ratios are compared with floors: times belong to a machine, ratios within one run much less.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import machine
from latentode.files import atomic_write

Run = dict[str, Any]
Report = dict[str, Any]
_ENVELOPE = ("task", "protocol", "machine", "threads")


@dataclass(frozen=True)
class Options:
    """What a task is asked to do.

    Attributes:
        protocol: Settings of the task, complete.
        seeds: Seeds of accuracy tasks.
        threads: Threads that the process was held to.
        only: Names that the run is narrowed to, see `chosen`.
        device: Device that models are trained on.
    """

    protocol: Mapping[str, Any]
    seeds: tuple[int, ...] = (0, 1, 2)
    threads: int = 1
    only: tuple[str, ...] = ()
    device: str = "cpu"

    def chosen(self, names: Sequence[str]) -> list[str]:
        """Those of `names` that were asked for; all of them where none was."""
        return [name for name in names if name in self.only] or list(names)


def execute(name: str, task: ModuleType, options: Options, folder: Path | None) -> Report:
    """Run a task, join it with stored results of the same protocol, write file, table, pictures.

    Args:
        name: Name of the task.
        task: Its module.
        options: What to run.
        folder: Where RESULTS.md and results/ are; None writes nothing.

    Returns:
        The report: the new runs, and the stored ones of other parts if protocol, machine and
        threads are the same.
    """
    state = {"commit": machine.commit()}
    envelope = {
        "task": name,
        "protocol": json.loads(json.dumps(dict(options.protocol))),
        "machine": machine.describe(options.device),
        "threads": options.threads,
    }
    return _kept(task, envelope | state, [r | state for r in task.run(options)["runs"]], folder)


def collect(task: ModuleType, paths: Sequence[Path], folder: Path) -> Report:
    """Join reports, such as those of seeds that ran side by side, with the stored one.

    Args:
        task: Module of the task.
        paths: Files of reports.
        folder: Where RESULTS.md and results/ are.

    Raises:
        ValueError: If they differ in task, protocol, machine or threads.
    """
    reports = [json.loads(path.read_text("utf-8")) for path in paths]
    envelope = {key: reports[0][key] for key in _ENVELOPE}
    for path, report in zip(paths, reports, strict=True):
        if any(report[key] != value for key, value in envelope.items()):
            raise ValueError(
                f"{path}: expected the {', '.join(_ENVELOPE)} of {paths[0]}, got others. "
                "Collect what was run alike."
            )
    runs = [run for report in reports for run in report["runs"]]
    return _kept(task, envelope | {"commit": reports[-1]["commit"]}, runs, folder)


def _kept(task: ModuleType, head: Report, runs: list[Run], folder: Path | None) -> Report:
    """The report with the stored runs that stand beside the new ones, written to a folder."""
    path = None if folder is None else folder / "results" / f"{head['task']}.json"
    if path is not None and path.exists():
        stored, envelope = json.loads(path.read_text("utf-8")), {k: head[k] for k in _ENVELOPE}
        runs = merged(stored, envelope, runs)
    report = head | {"runs": runs, "rows": runs}
    if hasattr(task, "summarise"):
        report["rows"] = task.summarise(runs)
    if folder is not None and path is not None:
        _write(task, report, folder, path)
    return report


def merged(stored: Report, envelope: Report, runs: Sequence[Run]) -> list[Run]:
    """Stored runs of parts that were not repeated, then the new ones.

    Nothing of a stored report counts if it was made otherwise.
    """
    if any(stored.get(key) != value for key, value in envelope.items()):
        return list(runs)
    repeated = {_unit(run) for run in runs}
    return [run for run in stored["runs"] if _unit(run) not in repeated] + list(runs)


def _unit(run: Run) -> tuple[Any, ...]:
    """What a run stands for; all runs of a part or workload, where a run has no model and seed."""
    return tuple(run.get(key) for key in ("part", "workload", "model", "setting", "seed"))


def _write(task: ModuleType, report: Report, folder: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {key: value for key, value in report.items() if key != "rows" or value != report["runs"]}
    atomic_write(path, (json.dumps(kept, indent=1) + "\n").encode())
    table = folder / "RESULTS.md"
    text = table.read_text("utf-8") if table.exists() else "# Results\n"
    body = f"{task.tables(report)}\n{origin(report)}"
    atomic_write(table, with_section(text, report["task"], body).encode())
    if hasattr(task, "draw"):
        task.draw(report, path.parent)


def with_section(text: str, name: str, body: str) -> str:
    """Replace the section of a task in RESULTS.md, or append it; the rest stays as it is."""
    begin, end = f"<!-- task: {name} -->", "<!-- end -->"
    section = f"{begin}\n{body.strip()}\n{end}"
    before, found, rest = text.partition(begin)
    if not found:
        return f"{text.rstrip()}\n\n{section}\n"
    _, closed, after = rest.partition(end)
    if not closed:
        raise ValueError(
            f"RESULTS.md: expected {end!r} after {begin!r}, got none. Restore the marker."
        )
    return f"{before}{section}{after}"


def origin(report: Report) -> str:
    """One line that says how a report was made."""
    names = [name for name in machine.PACKAGES if name in report["machine"]]
    compared = sorted({run["library"] for run in report["runs"] if "library" in run})
    versions = ", ".join([*(f"{name} {report['machine'][name]}" for name in names), *compared])
    commits = ", ".join(sorted({run["commit"] for run in report["runs"]}))
    return (
        f"\n`python -m benchmarks {report['task']} --threads {report['threads']}`, "
        f"commit {commits}, "
        f"{report['machine']['processor']}, {report['machine']['cores']} cores, "
        f"Python {report['machine']['python']}, {versions}.\n"
    )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; numbers with three digits."""
    lines = [header, ["---"] * len(header), *[[_cell(value) for value in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "" if value is None else str(value)


def below_floors(found: Mapping[str, float], floors: Mapping[str, float]) -> list[str]:
    """Sentences on the ratios that are below their floor, or were not measured."""
    return [
        f"{name}: expected at least {floor:.3g}, got "
        + (f"{found[name]:.3g}." if name in found else "no measurement.")
        for name, floor in floors.items()
        if not found.get(name, -math.inf) >= floor
    ]


def accuracy_rows(runs: Sequence[Run]) -> list[Run]:
    """Mean and standard deviation over seeds of every (model, setting, metric)."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run["model"], run["setting"], run["metric"]), []).append(run)
    rows = []
    for (model, setting, metric), members in groups.items():
        values = [run["value"] for run in members]
        rows.append(
            {
                "model": model,
                "setting": setting,
                "metric": metric,
                "mean": statistics.fmean(values),
                "std": statistics.stdev(values) if len(values) > 1 else None,
                "seeds": sorted(run["seed"] for run in members),
                "parameters": members[0]["parameters"],
                "train_seconds": statistics.fmean(run["train_seconds"] for run in members),
            }
        )
    return rows


def accuracy_table(rows: Sequence[Run]) -> str:
    """Rows of `accuracy_rows` as Markdown: a line for each setting and model, a column a metric."""
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    lines: dict[tuple[str, str], list[Run]] = {}
    for row in sorted(rows, key=lambda row: row["setting"]):
        lines.setdefault((row["setting"], row["model"]), []).append(row)
    header = ("setting", "model", *metrics, "seeds", "parameters", "training, CPU s")
    table = []
    for (setting, model), members in lines.items():
        figures = {row["metric"]: _spread(row) for row in members}
        one = members[0]
        cells = [figures.get(metric) for metric in metrics]
        cost = [one["parameters"] or None, one["train_seconds"] or None]
        table.append([setting, model, *cells, ", ".join(map(str, one["seeds"])), *cost])
    return markdown_table(header, table)


def _spread(row: Run) -> str:
    std = row["std"]
    return _cell(row["mean"]) + ("" if std is None else f" ± {std:.2g}")
