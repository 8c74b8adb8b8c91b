"""The command ``python -m benchmarks TASK``."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from benchmarks.machine import limit_threads

TASKS = {
    "speed-engine": "benchmarks.speed_engine",
    "speed-use": "benchmarks.speed_use",
    "speed-gpu": "benchmarks.gpu_step",
    "speed-reading": "benchmarks.speed_reading",
    "quality-engine": "benchmarks.quality_engine",
    "speed-cnf": "benchmarks.speed_cnf",
    "density": "benchmarks.density",
    "toy-densities": "benchmarks.toy_densities",
    "point-processes": "benchmarks.point_processes",
    "latent-density": "benchmarks.latent_density",
    "hopper": "benchmarks.hopper",
    "toy": "benchmarks.toy",
    "physionet-forecast": "benchmarks.physionet_forecast",
    "physionet-interpolation": "benchmarks.physionet_interpolation",
    "physionet-mortality": "benchmarks.physionet_mortality",
    "sensors": "benchmarks.sensors",
    "scale": "benchmarks.scale",
    "serve": "benchmarks.serve",
}
HERE = Path(__file__).resolve().parent


def _settings(_context: click.Context, _parameter: click.Parameter, words: tuple[str, ...]) -> Any:
    """``NAME=VALUE`` with a JSON value."""
    settings = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            settings[name] = json.loads(value)
        except json.JSONDecodeError:
            raise click.BadParameter(
                f"expected NAME=VALUE with a JSON value, got {word!r}"
            ) from None
        if not equals:
            raise click.BadParameter(f"expected NAME=VALUE, got {word!r}")
    return settings


def _seeds(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise click.BadParameter(f"expected numbers such as 0,1,2, got {text!r}") from None


@click.command(options_metavar="[--seeds SEED...] [OPTIONS]")
@click.argument("name", metavar="TASK", type=click.Choice(sorted(TASKS)))
@click.argument("others", metavar="", nargs=-1, type=int)
@click.option(
    "--seeds",
    default="0,1,2",
    show_default=True,
    callback=_seeds,
    metavar="SEED...",
    help="Seeds of accuracy tasks, such as 0 1 2.",
)
@click.option("--smoke", is_flag=True, help="Tiny settings; writes nothing unless --out is given.")
@click.option("--check", "checks", is_flag=True, help="Exit 1 where a ratio is below its floor.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--device", default="cpu", show_default=True, help="Where models are trained.")
@click.option(
    "--only", multiple=True, help="Parts of the task; repeat it. Others keep their stored results."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    callback=_settings,
    metavar="NAME=VALUE",
    help="Change a setting of the protocol, for example --set epochs=50.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of RESULTS.md and results/; by default this package.",
)
@click.option(
    "--collect",
    "collected",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Run nothing, and join reports of one protocol and machine; repeat it.",
)
@click.pass_context
def main(
    context: click.Context,
    name: str,
    others: tuple[int, ...],
    seeds: tuple[int, ...],
    smoke: bool,
    checks: bool,
    threads: int,
    device: str,
    only: tuple[str, ...],
    settings: dict[str, Any],
    out: Path | None,
    collected: tuple[Path, ...],
) -> None:
    """Run a benchmark task, print its tables and keep its results."""
    if others and context.get_parameter_source("seeds") is ParameterSource.DEFAULT:
        raise click.UsageError(f"expected seeds behind --seeds, got {others[0]} on its own")
    seeds = tuple(dict.fromkeys((*seeds, *others)))
    # before anything imports torch
    limit_threads(threads)
    from benchmarks import frame

    task = importlib.import_module(TASKS[name])
    unknown = sorted(set(settings) - set(task.PROTOCOL))
    if unknown:
        raise click.BadParameter(
            f"expected settings among {', '.join(task.PROTOCOL)}, got {', '.join(unknown)}"
        )
    protocol = task.PROTOCOL | (task.SMOKE if smoke else {}) | settings
    strange = sorted(set(only) - set(task.names(protocol)))
    if strange:
        raise click.BadParameter(
            f"expected --only among {', '.join(task.names(protocol))}, got {', '.join(strange)}"
        )
    options = frame.Options(protocol, seeds, threads, only, device)
    folder = out or (None if smoke else HERE)
    if collected:
        report = frame.collect(task, collected, folder or HERE)
    else:
        report = frame.execute(name, task, options, folder)
    click.echo(task.tables(report))
    if not checks:
        return
    failures = task.check(report) if hasattr(task, "check") else []
    for failure in failures:
        click.echo(failure, err=True)
    if failures:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
