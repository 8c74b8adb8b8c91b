"""Task density: test likelihoods of flows at equal CPU time, and toy densities of known entropy.

Part "protein": every model gets the same CPU seconds of one thread on the same 90 % of the rows,
and the step sizes are decayed over them. Part "toys": negative log-density of fresh draws, less the
entropy where it is known.
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
    "toy_hidden": [64, 64, 64],
    "toy_draws": 50_000,
    "toy_warm_up_steps": 3_000,
    "toy_steps": 8_000,
    "toy_lr": 1e-2,
    "toy_test_draws": 10_000,
}
SMOKE: dict[str, Any] = {
    "seconds": 0.3,
    "batch": 32,
    "hidden": [8, 8],
    "rows": 500,
    "test_rows": 50,
    "toy_hidden": [8, 8],
    "toy_draws": 200,
    "toy_warm_up_steps": 5,
    "toy_steps": 2,
    "toy_test_draws": 100,
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
# greatest values of test NLL in nats that the issue asks for
CEILINGS = {
    ("ours, matching then likelihood", "protein"): -1.6,
    ("8gaussians", "above entropy"): 0.05,
    ("rings", "above entropy"): 0.05,
    ("checkerboard", "above entropy"): 0.05,
}


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Parts, models and toys."""
    return ["protein", "toys", *MODELS, *TOYS]


def run(options: Options) -> Report:
    """Fit and score the wanted models and toys."""
    from benchmarks.flows import tables_of_rows, toys

    models, shapes = options.chosen(MODELS), options.chosen(TOYS)
    parts = options.chosen(["protein", "toys"])
    if set(options.only) & set(MODELS) and not set(options.only) & set(TOYS):
        parts = ["protein"]
    elif set(options.only) & set(TOYS) and not set(options.only) & set(MODELS):
        parts = ["toys"]
    runs: list[Run] = []
    for seed in options.seeds:
        if "protein" in parts:
            runs += [tables_of_rows.score(model, seed, options.protocol) for model in models]
        if "toys" in parts:
            runs += [toys.score(name, seed, options.protocol) for name in shapes]
    return {"runs": runs}


def summarise(runs: list[Run]) -> list[Run]:
    """Mean and deviation over seeds."""
    return accuracy_rows(runs)


def check(report: Report) -> list[str]:
    """Ceilings that are missed, and models that lose where they must not."""
    found = {(r["model"], r["setting"]): r["mean"] for r in report["rows"]}
    failures = [
        f"{model}, {setting}: expected at most {ceiling}, got "
        + (f"{found[model, setting]:.3f}." if (model, setting) in found else "no measurement.")
        for (model, setting), ceiling in CEILINGS.items()
        if not found.get((model, setting), float("inf")) <= ceiling
    ]
    ours, theirs = (
        found.get((model, "protein"), float("nan"))
        for model in ("ours, likelihood", "zuko CNF, exact")
    )
    if not ours < theirs:
        failures.append(f"ours, likelihood: expected below zuko's {theirs:.3f}, got {ours:.3f}.")
    return failures


def tables(report: Report) -> str:
    """Protein, then toys."""
    protocol = report["protocol"]
    parts = [
        "## Densities\n",
        f"UCI protein, 10 columns, test NLL in nats of z-scored rows; {protocol['seconds']:g} CPU "
        f"seconds of one thread for each model, batch {protocol['batch']}. Flows are scored with "
        "the exact trace and a finer solver than they were trained with; gap: what the solver of "
        "training would have claimed instead.\n",
    ]
    header = ("model", "test NLL", "sd", "seeds", "parameters", "CPU s")
    for part, title in (("protein", "model"), ("above entropy", "toy"), ("NLL", "toy")):
        rows = [r for r in report["rows"] if r["setting"] == part]
        if not rows:
            continue
        if part == "above entropy":
            parts.append("Toy densities, test NLL above the known entropy, nats:\n")
        if part == "NLL":
            parts.append("Toy densities without a closed form, test NLL, nats:\n")
        cells = [
            (r["model"], f"{r['mean']:.3f}", r["std"], ", ".join(map(str, r["seeds"])),
             r["parameters"], r["train_seconds"])
            for r in sorted(rows, key=lambda r: -r["mean"])
        ]  # fmt: skip
        parts.append(markdown_table((title, *header[1:]), cells))
    gaps = [abs(r["gap"]) for r in report["runs"] if r.get("gap") is not None]
    if gaps:
        parts.append(
            f"Largest gap between the solvers of training and test: {max(gaps):.4f} nat.\n"
        )
    return "\n".join(parts)
