"""Task speed-reading: CPU time and memory of reading a log, beside readers that people use.

``--only`` takes parts (long, wide, folder). A competitor that is not installed is left out. ``--set
rows=2000000`` reads a fifth of what the ceilings are meant for.
"""

from __future__ import annotations

import importlib.util
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.frame import Options, Report, Run, markdown_table
from benchmarks.reading.readers import READERS
from benchmarks.reading.worker import ReadingFailedError, measure

PROTOCOL: dict[str, Any] = {
    "seed": 0,
    "rows": 10_000_000,
    "readers": ["ours", "pandas", "pandas, Arrow columns", "pyarrow", "polars", "duckdb"],
    "rounds": 3,
    "files": 100,
}
SMOKE: dict[str, Any] = {"rows": 2_000, "readers": ["ours", "pandas"], "rounds": 1, "files": 4}
PARTS = ("long", "wide", "folder")
CHANNELS_OF_WIDE = 8

# what the reader was asked for: a greater ratio fails --check
CEILINGS = {
    **{
        f"{part}: ours / pandas, {figure}": ceiling
        for part in ("long", "wide")
        for figure, ceiling in (
            ("cold CPU", 1.3),
            ("warm CPU", 1.3),
            ("peak memory", 1.5),
            ("cold CPU of Parquet against CSV", 0.5),
            ("warm CPU of Parquet against CSV", 0.5),
        )
    },
    # what is collected, and once more in order
    "folder: memory above that of one file / arrays": 2.5,
}


def run(options: Options) -> Report:
    """Write the logs into a temporary folder, and read them."""
    runs: list[Run] = []
    for part in options.chosen(PARTS):
        with tempfile.TemporaryDirectory(prefix="speed-reading-") as folder:
            _write(part, options.protocol, Path(folder))
            runs += list(_runs(part, options, Path(folder)))
    return {"runs": runs}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Parts."""
    return list(PARTS)


def _write(part: str, protocol: Mapping[str, Any], folder: Path) -> None:
    """Make the files of a part in a process of its own.

    Linux counts the peak of a parent as its child's, so this process has to stay small.
    """
    from benchmarks.reading import logs

    rows, seed = protocol["rows"], protocol["seed"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as writer:
        if part == "folder":
            job = writer.submit(logs.write_folder, rows, protocol["files"], seed, folder)
        else:
            job = writer.submit(logs.write, part, _rows(part, rows), seed, folder)
        job.result()


def _rows(part: str, readings: int) -> int:
    """Rows of the log of a part, which all hold about the same number of readings."""
    return readings // CHANNELS_OF_WIDE if part == "wide" else readings


def _runs(part: str, options: Options, folder: Path) -> Iterator[Run]:
    """Every reader on the CSV and the Parquet file of a layout; ours on folder and single file."""
    protocol = options.protocol
    rows = _rows(part, protocol["rows"])
    if part == "folder":
        each = rows // protocol["files"]
        yield _measured(
            part, "ours", "folder", folder / "folder", each * protocol["files"], options
        )
        yield _measured(part, "ours", "one file", folder / "one.csv", each, options)
        return
    for form in ("CSV", "Parquet"):
        for reader in filter(_is_installed, protocol["readers"]):
            path = folder / f"{part}.{form.lower()}"
            yield _measured(part, reader, form, path, rows, options)


def _is_installed(reader: str) -> bool:
    return importlib.util.find_spec(READERS[reader][0]) is not None


def _measured(part: str, reader: str, form: str, path: Path, rows: int, options: Options) -> Run:
    """One reader on one file, checked by the number of its rows."""
    package = READERS[reader][0]
    run: Run = {"part": part, "model": reader, "setting": form, "rows": rows}
    run["package"] = f"{package} {metadata.version(package)}"
    try:
        found = measure(reader, path, options.threads, options.protocol["rounds"])
    except ReadingFailedError as error:
        return run | {"error": str(error)}
    if found["rows"] != rows:
        return run | {"error": f"expected {rows} rows, got {found['rows']}"}
    return run | found


def ratios(report: Report) -> dict[str, float]:
    """What ours takes over what pandas takes for the CSV file, and memory of a folder."""
    good = {(r["part"], r["model"], r["setting"]): r for r in report["runs"] if "error" not in r}
    found = {}
    for part in ("long", "wide"):
        rival = good.get((part, "pandas", "CSV"))
        csv, typed = (good.get((part, "ours", form)) for form in ("CSV", "Parquet"))
        label = f"{part}: ours / pandas"
        if rival and csv:
            found[f"{label}, peak memory"] = csv["peak_mib"] / rival["peak_mib"]
        for clock in ("cold", "warm"):
            if rival and csv:
                found[f"{label}, {clock} CPU"] = csv[f"{clock}_s"] / rival[f"{clock}_s"]
            if rival and typed:
                ratio = typed[f"{clock}_s"] / rival[f"{clock}_s"]
                found[f"{label}, {clock} CPU of Parquet against CSV"] = ratio
    many, one = (good.get(("folder", "ours", form)) for form in ("folder", "one file"))
    if many and one:
        more = many["peak_mib"] - one["peak_mib"]
        found["folder: memory above that of one file / arrays"] = more * 2**20 / many["arrays"]
    return found


def check(report: Report) -> list[str]:
    """Ceilings that are exceeded, and those that were not measured."""
    found = ratios(report)
    return [
        f"{name}: expected at most {ceiling:.3g}, got "
        + (f"{found[name]:.3g}." if name in found else "no measurement.")
        for name, ceiling in CEILINGS.items()
        if not found.get(name, math.inf) <= ceiling
    ]


def tables(report: Report) -> str:
    """All parts, and the ratios with their ceilings."""
    threads, protocol = report["threads"], report["protocol"]
    parts = [_explanation(threads, protocol)]
    for part in PARTS:
        runs = [run for run in report["runs"] if run["part"] == part]
        if runs:
            parts.append(f"### {part.capitalize()}\n\n{_table(runs)}")
    rows = [(name, value, CEILINGS.get(name)) for name, value in ratios(report).items()]
    parts.append("### Ratios\n\n" + markdown_table(("ratio", "measured", "at most"), rows))
    return "\n".join(parts)


def _explanation(threads: int, protocol: Mapping[str, Any]) -> str:
    return (
        "## Speed of reading\n\n"
        f"{protocol['rows']:,} readings: a long log with a time of its own for each, in UTC to "
        f"the millisecond; a wide one of {CHANNELS_OF_WIDE} channels, local time to the second, "
        f"a tenth of the cells empty; the long one in {protocol['files']} files. {threads} "
        "thread(s): the process is bound to as many cores, and pyarrow (`set_cpu_count`, "
        "`use_threads`), polars (`POLARS_MAX_THREADS`), duckdb (`SET threads`) and BLAS "
        "(`OMP_NUM_THREADS`) are told so. Cold: CPU time, user and system, of a whole process "
        "that reads once, imports included, the file being in the page cache; best of "
        f"{protocol['rounds']}. Warm: best of as many later reads in one process. Peak: most "
        "resident memory of the cold processes. Ours makes the arrays of a data set (series and "
        "channels sorted, doubts looked for); the others stop at a table of columns.\n"
    )


def _table(runs: Sequence[Run]) -> str:
    """One line per reader and form, with what it takes over pandas' CSV."""
    base = next((r for r in runs if (r["model"], r["setting"]) == ("pandas", "CSV")), {})
    header = ("", "reader", "package", "cold CPU s", "of pandas", "warm CPU s", "of pandas")
    rows = []
    for run in runs:
        cells: list[object] = [run["setting"], run["model"], run["package"]]
        if "error" in run:
            rows.append([*cells, f"not read: {run['error']}", *[None] * 5])
            continue
        for figure in ("cold_s", "warm_s", "peak_mib"):
            share = run[figure] / base[figure] if figure in base else None
            cells += [run[figure], share]
        rows.append(cells)
    return markdown_table((*header, "peak MiB", "of pandas"), rows)
