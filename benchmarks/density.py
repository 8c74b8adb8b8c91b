"""Task density: test likelihoods of flows on UCI protein at equal CPU time.

Every model gets the same CPU seconds of one thread on the same 90 % of the rows, and the step sizes
are decayed over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.frame import Options, Report, Run, accuracy_rows, markdown_table

PROTOCOL: dict[str, Any] = {
    "seconds": 75.0,
    "batch": 512,
    "hidden": [128, 128],
    "rows": None,
    "test_rows": 2000,
}
SMOKE: dict[str, Any] = {
    "seconds": 0.3,
    "batch": 32,
    "hidden": [8, 8],
    "rows": 500,
    "test_rows": 50,
}
MODELS = (
    "Gaussian",
    "ours, likelihood",
    "ours, matching",
    "ours, matching then likelihood",
    "zuko CNF, exact",
    "zuko CNF, Hutchinson",
    "zuko NSF",
    "zuko MAF",
)
CEILING = -1.6  # nats, of matching then likelihood


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Models."""
    return list(MODELS)


def run(options: Options) -> Report:
    """Fit and score the wanted models."""
    from benchmarks.flows import tables_of_rows

    return {
        "runs": [
            tables_of_rows.score(model, seed, options.protocol)
            for seed in options.seeds
            for model in options.chosen(MODELS)
        ]
    }


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and deviation over seeds."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """The ceiling, if missed, and a model that loses where it must not."""
    found = {row["model"]: row["mean"] for row in report["rows"]}
    names = ("ours, matching then likelihood", "ours, likelihood", "zuko CNF, exact")
    best, ours, theirs = (found.get(name, float("nan")) for name in names)
    failures = []
    if not best <= CEILING:
        failures.append(f"{names[0]}: expected at most {CEILING}, got {best:.3f}.")
    if not ours < theirs:
        failures.append(f"{names[1]}: expected below zuko's {theirs:.3f}, got {ours:.3f}.")
    return failures


def tables(report: Report) -> str:
    """Worst first."""
    protocol = report["protocol"]
    parts = [
        "## Densities\n",
        f"UCI protein, 10 columns, test NLL in nats of z-scored rows; {protocol['seconds']:g} CPU "
        f"seconds of one thread for each model, batch {protocol['batch']}. Flows are scored with "
        "the exact trace and a finer solver than they were trained with; gap: what the solver of "
        "training would have claimed instead.\n",
    ]
    cells = [
        (r["model"], f"{r['mean']:.3f}", r["std"], ", ".join(map(str, r["seeds"])),
         r["parameters"], r["train_seconds"])
        for r in sorted(report["rows"], key=lambda r: -r["mean"])
    ]  # fmt: skip
    header = ("model", "test NLL", "sd", "seeds", "parameters", "CPU s")
    parts.append(markdown_table(header, cells))
    gaps = [abs(r["gap"]) for r in report["runs"] if r.get("gap") is not None]
    if gaps:
        parts.append(
            f"Largest gap between the solvers of training and test: {max(gaps):.4f} nat.\n"
        )
    return "\n".join(parts)
