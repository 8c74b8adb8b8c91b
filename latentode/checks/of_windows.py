"""Rules of what a network makes of windows."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor

from latentode.checks.comparisons import close
from latentode.checks.outcomes import Broken, Check
from latentode.checks.subject import Subject, seeded
from latentode.data.batches.batch import SeriesBatch
from latentode.data.batches.tensor_parts import TensorParts
from latentode.models.objectives import elbo

_ROUNDING = 1e-4  # sums of float32 in another order
_OF_FLOAT32 = 1e-3  # a whole solve in float32, and its log-densities
_PADS = 5  # enough to move a mean


def _inputs_untouched(subject: Subject) -> str:
    """Whether windows are as before, as encoders see them and as models do."""
    model, batch = subject.fitted.model, subject.batch.clone()
    rows = model.encoder_rows(batch)
    given = {"encoder": rows, "model": batch}
    kept = {name: _tensors(part.clone()) for name, part in given.items()}
    with seeded(), torch.no_grad():
        model.encoder(rows, reverse=model.config.anchor == "start")
        model.evidence(model.solve(batch, subject.noise, density=True), batch)
    changed = [
        f"{tensor} of the windows that the {who} was given"
        for who, part in given.items()
        for tensor, value in _tensors(part).items()
        if not torch.equal(value, kept[who][tensor])
    ]
    if changed:
        raise Broken(f"changed in place: {', '.join(changed)}")
    return f"{len(kept['model'])} tensors as before"


def _tensors(part: TensorParts, prefix: str = "") -> dict[str, Tensor]:
    """Every tensor of windows by name."""
    found: dict[str, Tensor] = {}
    for name, value in vars(part).items():
        if isinstance(value, TensorParts):
            found |= _tensors(value, f"{name}.")
        elif isinstance(value, Tensor):
            found[prefix + name] = value
    return found


def _batch(subject: Subject) -> str:
    batch, noise = subject.batch, subject.noise
    together = subject.outputs(batch, noise)
    alone = [
        subject.outputs(batch.select(torch.tensor([window])), noise[:, [window]])
        for window in range(batch.size)
    ]
    found = {name: torch.cat([each[name] for each in alone], dim=1) for name in together}
    return close(found, together, _ROUNDING, "between a window alone and in a batch")


def _padding(subject: Subject) -> str:
    batch, (size, _, channels) = subject.batch, subject.batch.values.shape
    last, empty = (
        batch.times[:, -1:].expand(-1, _PADS),
        batch.values.new_zeros(size, _PADS, channels),
    )
    wide = replace(
        batch,
        times=torch.cat([batch.times, last], dim=1),
        values=torch.cat([batch.values, empty], dim=1),
        mask=torch.cat([batch.mask, empty.bool()], dim=1),
    )
    found = subject.outputs(wide, subject.noise)
    expected = subject.outputs(batch, subject.noise)
    return close(found, expected, _ROUNDING, f"with {_PADS} rows of padding more")


def _gradients(subject: Subject) -> str:
    """Whether a training step has a finite gradient of every weight that it can move."""
    model = copy.deepcopy(subject.fitted.model).train()
    with seeded():
        log_likelihood, _, kl = model(_last_unread(subject.batch), subject.noise)
    loss = -elbo(log_likelihood, kl).mean()
    loss.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    bad = [k for k, v in found.items() if v is not None and not torch.isfinite(v).all()]
    if bad:
        raise Broken(f"not finite: {', '.join(bad)}")
    parts = ("encoder.", "dynamics.", "prior.", "likelihood.")
    unmoved = [k for k, v in found.items() if v is None and k.startswith(parts)]
    if unmoved:
        raise Broken(f"no gradient reaches {', '.join(unmoved)}")
    return f"{sum(v is not None for v in found.values())} weights"


def _last_unread(batch: SeriesBatch) -> SeriesBatch:
    """The same windows, of the last of which nothing is visible."""
    unread = torch.arange(batch.size) == batch.size - 1
    return replace(
        batch.clone(),
        times=batch.times.masked_fill(unread[:, None], 0.0),
        values=batch.values.masked_fill(unread[:, None, None], 0.0),
        mask=batch.mask & ~unread[:, None, None],
        lengths=batch.lengths.masked_fill(unread, 0),
        shift=batch.shift.masked_fill(unread[:, None, None], 0.0),
    )


def _evaluations(subject: Subject) -> str:
    """What a solve costs: within its budget, and the same for more windows of the same times."""
    model, budget = subject.fitted.model, subject.fitted.model.solver.max_nfe
    one = _cost(subject, subject.batch, subject.noise)
    every = torch.arange(subject.batch.size).repeat(2)
    two = _cost(subject, subject.batch.select(every), subject.noise[:, every])
    if one > budget:
        raise Broken(f"{one} evaluations of the field, more than {budget}")
    if two > one:
        raise Broken(f"{two} evaluations of the field for twice the windows, {one} for once")
    return f"{one} by {model.solver.method}, of at most {budget}"


def _cost(subject: Subject, batch: SeriesBatch, noise: Tensor) -> int:
    with seeded(), torch.no_grad():
        return subject.fitted.model.solve(batch.clone(), noise).trajectory.stats.nfe


def _precision(subject: Subject) -> str:
    batch = subject.batch
    double = replace(
        batch,
        values=batch.values.double(),
        targets=batch.targets.double(),
        static=batch.static.double(),
        inputs=replace(batch.inputs, knot_values=batch.inputs.knot_values.double()),
    )
    precise = copy.deepcopy(subject.fitted.model).double()
    expected = subject.outputs(double, subject.noise.double(), model=precise)
    found = subject.outputs(batch, subject.noise)
    return close(found, expected, _OF_FLOAT32, "between float32 and float64")


UNTOUCHED = Check(
    "inputs_untouched", "windows are read, not changed", _inputs_untouched, ("answers",)
)
_SOUND = ("answers", "inputs_untouched", "seeds")
OF_WINDOWS = (
    Check("batch", "a window alone is the same as in a batch", _batch, _SOUND),
    Check("padding", "padding is never read", _padding, _SOUND),
    Check(
        "gradients",
        "a training step has finite gradients of all parts",
        _gradients,
        (*_SOUND, "deepcopy", "single_observation"),
    ),
    Check("evaluations", "a solve costs a bounded number of evaluations", _evaluations, _SOUND),
    Check("precision", "float32 is float64, rounded", _precision, (*_SOUND, "deepcopy")),
)
