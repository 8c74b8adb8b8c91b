"""Task latent-density: what a CNF as prior or posterior is worth, on logs with labelled anomalies.

For each log, prior and posterior: the held-out evidence bound and the importance-weighted bound
(IWAE) in nats a reading of scaled units, and the ROC areas of two anomaly scores. All models are
trained with the same seeds, steps and batches. The prior "fitted" is that of the model with a
normal prior, replaced after training by a CNF on its aggregate posterior; it shares the encoder and
the decoder with that model, so that the difference is the prior's alone.

The memory of readings (`model.memory`) is off, as it leaves the latent state little to say: this is
the classic Latent ODE. Test windows have 30 % of the context hidden, and the horizon ahead; they
overlap, and their standard errors take them as independent.

- pump_station: simulated, the last 30 % are tested; faults of four kinds are planted there.
- nab_known_cause: seven machines, each standardised by its own training part; the last half is
  tested, the labels are those of NAB, and bounds are those of windows without a label.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.frame import Options, Report, Run, markdown_table

PROTOCOL: dict[str, Any] = {
    "latent": 8,
    "hidden": 32,
    "context": "24h",
    "horizon": "6h",
    "epochs": 20,
    "steps_per_epoch": 25,
    "batch": 32,
    "memory": False,
    "windows": 240,
    "draws": 64,
    "faults": 48,
    "fault_hours": 12.0,
    "fault_seed": 7,
    "prior_warm_up_steps": 3000,
    "prior_steps": 300,
    "rows": None,
}
SMOKE: dict[str, Any] = {
    "latent": 2,
    "hidden": 8,
    "epochs": 1,
    "steps_per_epoch": 2,
    "batch": 4,
    "windows": 20,
    "draws": 4,
    "prior_warm_up_steps": 5,
    "prior_steps": 2,
    "rows": 400,
}
LOGS = ("pump_station", "nab_known_cause")
POSTERIORS = ("normal", "cnf")
PRIORS = ("normal", "cnf", "fitted")


def names(_protocol: Mapping[str, Any]) -> list[str]:
    """Logs."""
    return list(LOGS)


def run(options: Options) -> Report:
    """Train and score every pair on the wanted logs."""
    from benchmarks.flows.latent_logs import load

    runs: list[Run] = []
    for name in options.chosen(LOGS):
        log = load(name, options.protocol)
        for seed in options.seeds:
            runs += _compared(name, seed, log, options.protocol)
    return {"runs": runs}


def _compared(name: str, seed: int, log: Any, protocol: Mapping[str, Any]) -> list[Run]:
    """One row a pair of prior and posterior, with its gain on the same windows."""
    from benchmarks.flows.latent_scores import per_reading, score

    runs, bounds = [], {}
    for posterior in POSTERIORS:
        for prior, fitted, facts in _models(posterior, seed, log, protocol):
            found = score(fitted, log, protocol)
            bounds[prior, posterior] = found.pop("by_window")
            pair = {"prior": prior, "posterior": posterior, "seed": seed}
            place = {"part": name, "workload": f"{prior}, {posterior}, seed {seed}"}
            runs.append(place | pair | facts | found)
    for found in runs:
        bound, readings = bounds[found["prior"], found["posterior"]]
        base, _ = bounds[_base_of(found)]
        found["gain"], found["gain_se"] = per_reading(bound - base, readings)
    return runs


def _base_of(row: Run) -> tuple[str, str]:
    """What a pair is held against: the normal prior, or two normals where its prior is normal."""
    return ("normal", row["posterior"] if row["prior"] != "normal" else "normal")


def _models(posterior: str, seed: int, log: Any, protocol: Mapping[str, Any]) -> Any:
    """Prior, fitted model and facts of each prior under a posterior."""
    from latentode.config import LatentODEConfig
    from latentode.estimators import LatentODE
    from latentode.flows import FlowFitConfig

    settings = {
        "model.latent_dim": protocol["latent"],
        "model.hidden_dim": protocol["hidden"],
        "model.memory": protocol["memory"],
        "windows.context": protocol["context"],
        "windows.horizon": protocol["horizon"],
        "train.max_epochs": protocol["epochs"],
        "train.steps_per_epoch": protocol["steps_per_epoch"],
        "train.batch_size": protocol["batch"],
        "train.patience": protocol["epochs"],
        # the clock must not decide how long a model is trained
        "train.max_time": None,
    }
    config = LatentODEConfig().updated(**settings, **log.settings)
    for prior in ("normal", "cnf"):
        begin = time.process_time()
        model = LatentODE(prior=prior, posterior=posterior, random_state=seed, config=config)
        model.fit(log.clean)
        facts = {"parameters": model.fitted_.num_parameters, "validation_gain": None}
        yield prior, model.fitted_, facts | {"train_seconds": time.process_time() - begin}
        if prior == "normal":
            steps = (protocol["prior_warm_up_steps"], protocol["prior_steps"])
            brief = FlowFitConfig(*steps, regularizers={"kinetic": 0.01})
            model.fit_prior(log.clean, fit_config=brief)
            report = model.prior_report_
            facts = {"parameters": model.fitted_.num_parameters}
            facts["validation_gain"] = report.after - report.before
            yield "fitted", model.fitted_, facts | {"train_seconds": time.process_time() - begin}


_MEANS = ("elbo", "iwae", "gain", "auc_readings", "auc_windows", "validation_gain", "train_seconds")


def summarise(runs: list[Run]) -> list[Run]:
    """Means over seeds; standard errors are those over windows, or over seeds where larger."""
    groups: dict[tuple[str, str, str], list[Run]] = {}
    for found in runs:
        groups.setdefault((found["part"], found["prior"], found["posterior"]), []).append(found)
    rows = []
    for (part, prior, posterior), members in groups.items():
        row: Run = {"part": part, "prior": prior, "posterior": posterior}
        row["seeds"] = sorted(found["seed"] for found in members)
        for name in _MEANS:
            values = [found[name] for found in members]
            row[name] = None if None in values else float(np.mean(values))
        for name in ("elbo", "iwae", "gain"):
            # the windows are the same for all seeds, so that more seeds do not make them surer
            over_windows = float(np.mean([found[f"{name}_se"] for found in members]))
            values = [found[name] for found in members]
            over_seeds = float(np.std(values, ddof=1)) / len(values) ** 0.5 if values[1:] else 0.0
            row[f"{name}_se"] = max(over_windows, over_seeds)
        row |= {name: members[0][name] for name in ("windows", "readings", "parameters")}
        rows.append(row)
    return rows


def check(report: Report) -> list[str]:
    """Whether a learned prior raises the held-out IWAE of the pump station."""
    found = {(r["part"], r["prior"], r["posterior"]): r for r in report["rows"]}
    failures = []
    for prior in ("cnf", "fitted"):
        row = found.get(("pump_station", prior, "normal"))
        if row is None:
            failures.append(f"pump_station, prior {prior}: expected a gain, got no measurement.")
        elif not row["gain"] > 0:
            failures.append(
                f"pump_station, prior {prior}: expected a higher IWAE than that of the normal "
                f"prior, got {row['gain']:+.4f} +- {row['gain_se']:.4f} nats a reading."
            )
    return failures


def tables(report: Report) -> str:
    """One table a log."""
    parts = ["## Densities of the latent state\n"]
    header = (
        "prior", "posterior", "ELBO", "IWAE", "IWAE gain", "AUC readings", "AUC windows",
        "prior's gain", "parameters", "CPU s", "seeds",
    )  # fmt: skip
    for name in dict.fromkeys(row["part"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["part"] == name]
        memory = "with" if report["protocol"]["memory"] else "without"
        parts.append(
            f"### {name}, {memory} memory of readings\n\nELBO and IWAE "
            f"({report['protocol']['draws']} draws) in nats a reading of scaled units, +- standard "
            f"error, {rows[0]['readings']} readings in {rows[0]['windows']} windows. Gain of IWAE: "
            "over the normal prior with the same posterior, on the same windows; of a flow as "
            "posterior alone, over two normals. Prior's gain: in log-density on the validation "
            "part, nats a window, which is the gain of the ELBO there.\n"
        )
        parts.append(markdown_table(header, [_cells(row) for row in rows]))
        parts.append("\n".join(_sentences(name, rows)) + "\n")
    return "\n".join(parts)


def _cells(row: Run) -> list[object]:
    first = [f"{row[name]:.4f} +- {row[f'{name}_se']:.4f}" for name in ("elbo", "iwae")]
    gain = f"{row['gain']:+.4f} +- {row['gain_se']:.4f}"
    return [
        row["prior"],
        row["posterior"],
        *first,
        gain,
        row["auc_readings"],
        row["auc_windows"],
        row["validation_gain"],
        row["parameters"],
        row["train_seconds"],
        ", ".join(map(str, row["seeds"])),
    ]


def _sentences(name: str, rows: list[Run]) -> list[str]:
    """Where a flow does not pay, by how much."""
    found = []
    for row in rows:
        pair = (row["prior"], row["posterior"])
        if pair == _base_of(row):
            continue
        verdict = "raises" if row["gain"] > 2 * row["gain_se"] else "does not raise"
        found.append(
            f"- Prior {row['prior']}, posterior {row['posterior']}: {verdict} the held-out IWAE of "
            f"{name} ({row['gain']:+.4f} +- {row['gain_se']:.4f} nats a reading)."
        )
    return found
