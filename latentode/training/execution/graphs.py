"""Loss and gradient of a step as one CUDA graph a shape.

A step of a small model launches about a thousand short kernels, and on a GPU the launches are the
time. A graph is launched as a whole. What is here has been run on a CPU, where a recording is the
computation itself, but not yet on a GPU.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.config import FIXED_STEP
from latentode.data.batches.batch import SeriesBatch
from latentode.models.latent_ode import LatentODEModel
from latentode.training.execution.capture import Run
from latentode.training.terms import LossTerms, PathPenalties, loss_terms

Objective = Callable[[LossTerms, Tensor], Tensor]
_MOST_GRAPHS = 16  # one for each shape of a batch; each takes memory and a capture


def can_be_captured(model: LatentODEModel) -> bool:
    """Whether nothing in a step of the model waits for the device.

    Its parts (encoder, flows, likelihood, heads) say so themselves, by ``waits_for_device``;
    adaptive methods, a step size that is chosen for each batch, and the gradients by checkpoints
    and adjoint ask the device, too.
    """
    solver = model.solver
    return (
        not any(getattr(part, "waits_for_device", False) for part in model.modules())
        and solver.step_size is not None
        and solver.method in FIXED_STEP
        and solver.gradient == "backprop"
    )


@dataclass(frozen=True, eq=False)
class _Recorded:
    """A step for one shape: where its inputs belong, and what runs it."""

    batch: SeriesBatch
    noise: Tensor
    used: list[bool]  # whether the loss depends on each parameter
    replay: Run


class StepGraphs:
    """Loss and gradients of an unchecked model, recorded once for each shape.

    The least recently used recording goes where there are too many. Dropout draws from the global
    generator of the device, which is seeded before each replay, as graphs allow.

    Args:
        model: The model, in training mode; its parameters are only ever changed in place.
        objective: Loss from the terms and the weight of the KL term, 0-dim.
        parameters: What gets gradients.
        penalties: Regularisers of the latent paths.
        record: Makes a computation repeatable, as `capture.CudaRecorder` does.
        limit: Most recordings that are kept.
    """

    def __init__(
        self,
        model: LatentODEModel,
        objective: Objective,
        parameters: list[Tensor],
        penalties: PathPenalties,
        record: Callable[[Run], Run],
        limit: int = _MOST_GRAPHS,
    ) -> None:
        self._model, self._objective = model, objective
        self._parameters, self._record, self._limit = parameters, record, limit
        self._penalties = penalties
        self._gradients = [torch.zeros_like(parameter) for parameter in parameters]
        self._weight, self._loss, self._kl = parameters[0].new_zeros(3).unbind()
        self._means = parameters[0].new_zeros(len(penalties.names))
        self._kept: OrderedDict[Hashable, _Recorded] = OrderedDict()

    def __len__(self) -> int:
        """Number of recordings."""
        return len(self._kept)

    def __call__(
        self, batch: SeriesBatch, noise: Tensor, weight: float, seed: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Leave the gradients in the parameters; nothing waits for the device but a recording.

        Args:
            batch: Windows, on any device, of a shape that comes again; see `data.buckets`.
            noise: Standard normal numbers, shape (draw, batch, latent).
            weight: Weight of the KL term.
            seed: Seed of the dropout, of probes and of the rate of time.

        Returns:
            Loss and mean KL, 0-dim, and the means of the regularisers, until the next call; not
            finite if a solve failed.

        Raises:
            SolverError: "max_steps", before anything runs.
        """
        self._weight.fill_(weight)
        key = self._key(batch, noise)
        recorded = self._kept.pop(key, None)
        if recorded is None:
            recorded = self._recorded(batch, noise)
        self._kept[key] = recorded
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        sources, targets = _tensors(batch, noise), _tensors(recorded.batch, recorded.noise)
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source, non_blocking=True)
        torch.manual_seed(seed)
        recorded.replay()
        for parameter, gradient, used in zip(
            self._parameters, self._gradients, recorded.used, strict=True
        ):
            parameter.grad = gradient if used else None
        return self._loss, self._kl, self._means

    def _key(self, batch: SeriesBatch, noise: Tensor) -> Hashable:
        shapes = tuple((part.shape, part.dtype) for part in _tensors(batch, noise))
        return shapes, batch.lower, batch.upper, self._model.solver

    def _recorded(self, batch: SeriesBatch, noise: Tensor) -> _Recorded:
        device = self._weight.device
        batch, noise = batch.to(device).clone(), noise.to(device).clone()
        used = [False] * len(self._parameters)

        def run() -> None:
            terms = loss_terms(self._model, batch, noise, self._penalties, check=False)
            loss = self._objective(terms, self._weight)
            gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True)
            used[:] = [gradient is not None for gradient in gradients]
            pairs = [
                (target, source)
                for target, source in zip(self._gradients, gradients, strict=True)
                if source is not None
            ]
            pairs += [(self._loss, loss.detach()), (self._kl, terms.kl.detach().mean())]
            if self._penalties.names:
                pairs.append((self._means, terms.regularizers.detach()))
            targets, sources = zip(*pairs, strict=True)
            torch._foreach_copy_(targets, sources)  # one kernel for all

        return _Recorded(batch, noise, used, self._record(run))


def _tensors(batch: SeriesBatch, noise: Tensor) -> Iterator[Tensor]:
    for owner in (batch, batch.inputs):
        yield from (part for part in vars(owner).values() if isinstance(part, Tensor))
    yield noise
