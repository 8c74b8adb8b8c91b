"""Task toy-densities: flows on two-dimensional densities, against the entropy where it is known.

Mean negative log-density of fresh draws, exact trace, less the entropy. A recipe is steps of flow
matching, steps of likelihood and the first step size of these. Matching does nearly all where modes
are apart; thin rings need long likelihood at a large step size, which makes other fields stiff.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.frame import Options, Report, Run, accuracy_rows, markdown_table

PROTOCOL: dict[str, Any] = {
    "batch": 512,
    "hidden": [64, 64, 64],
    "draws": 50_000,
    "test_draws": 10_000,
    "recipes": {"rings": [3_000, 7_500, 1e-2], "others": [20_000, 1_000, 1e-3]},
}
SMOKE: dict[str, Any] = {
    "batch": 32,
    "hidden": [8, 8],
    "draws": 200,
    "test_draws": 100,
    "recipes": {"others": [5, 2, 1e-3]},
}
TOYS = (
    "8gaussians",
    "checkerboard",
    "2spirals",
    "rings",
    "moons",
    "pinwheel",
    "swissroll",
    "circles",
)
CEILING = 0.05  # nats above the entropy, where it is known
KNOWN = ("8gaussians", "rings", "checkerboard")


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """The densities."""
    return list(TOYS)


def run(options: Options) -> Report:
    """Fit and score the wanted densities."""
    from benchmarks.flows import toys

    return {
        "runs": [
            toys.score(name, seed, options.protocol)
            for name in options.chosen(TOYS)
            for seed in options.seeds
        ]
    }


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and deviation over seeds."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """Densities of known entropy that are missed by more than the ceiling, or not measured."""
    found = {r["model"]: r["mean"] for r in report["rows"] if r["setting"] == "above entropy"}
    return [
        f"{name}: expected at most {CEILING} nat above the entropy, got "
        + (f"{found[name]:.3f}." if name in found else "no measurement.")
        for name in KNOWN
        if not found.get(name, float("inf")) <= CEILING
    ]


def tables(report: Report) -> str:
    """Known entropies first."""
    parts = [
        "## Toy densities\n",
        f"Test NLL in nats of {report['protocol']['test_draws']} fresh draws, exact trace and a "
        "finer solver than that of training.\n",
    ]
    titles = {
        "above entropy": "Above the known entropy:\n",
        "NLL": "Without a known entropy:\n",
    }
    for setting, title in titles.items():
        rows = [
            (r["model"], f"{r['mean']:.3f}", r["std"], ", ".join(map(str, r["seeds"])),
             r["parameters"], r["train_seconds"])
            for r in report["rows"]
            if r["setting"] == setting
        ]  # fmt: skip
        if rows:
            header = ("density", "test NLL", "sd", "seeds", "parameters", "CPU s")
            parts += [title, markdown_table(header, rows)]
    gaps = [abs(run["gap"]) for run in report["runs"]]
    parts.append(f"Largest gap between the solvers of training and test: {max(gaps):.4f} nat.\n")
    return "\n".join(parts)
