"""The error of the solver, watched and bounded while the weights change."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

import torch
from torch import Tensor

from latentode.config import FIXED_STEP, SolverConfig
from latentode.data.batches.batch import SeriesBatch
from latentode.errors import SolverError
from latentode.models.fitted.history import Record
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel
from latentode.training.execution.distributed import largest

_LOG = logging.getLogger(__name__)

# A step is chosen for this share of the tolerance, as the dynamics grow steeper while they are
# trained, and chosen again where it proves to be ten times as exact as that.
_MARGIN = 1 / 4
_NEEDLESS = 1 / 40
_MOST_WINDOWS = 16  # windows of a batch, on which the error is measured
# Where planned inputs jump, every method is of order one: what no step reaches is not insisted on.
_SLACK = (1.0, 10.0, 100.0)


class SolverWatch:
    """Keeps the step of a model's solver as long as its tolerance allows.

    The error is estimated on a fixed set of windows, by comparison with half the step
    (`latentode.ode.step_error`). Beyond the tolerance, and far below it, method and step are
    chosen anew. A tolerance that no step reaches, as where planned inputs jump, is raised, by up to
    a hundred; with given inputs that is done before an adaptive method is tried, which would stop
    at each of their jumps.

    Args:
        model: The model, whose `solver` is changed in place.
        batch: Windows, on the device of the model, of which the first few serve.
        on_change: Told in a sentence when an error was too large.
        tolerance: The one that was asked for; None is that of the model's solver, which a stopped
            run may have raised.
    """

    def __init__(
        self,
        model: LatentODEModel,
        batch: SeriesBatch,
        on_change: Callable[[str], None],
        tolerance: float | None = None,
    ) -> None:
        self._on_change = on_change
        self._model = model
        self._batch = batch.select(torch.arange(min(batch.size, _MOST_WINDOWS)))
        self._tolerance = model.solver.tolerance
        self._asked = tolerance or model.solver.tolerance
        if model.solver.step_size is None:
            self._choose()

    def check(self) -> Record:
        """Estimate the error, and change the solver where it is too large or needlessly small.

        Returns:
            "solver_error", relative error of the states; "solver_gap", change of the log-likelihood
            by half the step, nats per target reading; "nfe", evaluations of the field a batch; all
            before the change.
        """
        before = self._model.solver
        with self._measuring():
            error, (gap, nfe) = self._error(), self._gap_and_nfe()
        if error > self._tolerance or error < self._tolerance * _NEEDLESS:
            self._choose()
        if error > self._tolerance:
            now = f"{_words(self._model.solver)} from now on, {_words(before)} until now"
            self._on_change(
                f"numerical accuracy: relative error {error:.2g} above {self._tolerance:g}: {now}"
            )
        return {"solver_error": error, "solver_gap": gap, "nfe": nfe}

    def summary(self) -> str:
        """Whether the solver is exact enough; how exact, and which it is, goes to the debug log."""
        with self._measuring():
            error, (gap, _) = self._error(), self._gap_and_nfe()
        _LOG.debug(
            "solver %s: relative error %.1e; half the step moves the log-likelihood by %.1e nats "
            "per reading", _words(self._model.solver), error, gap,
        )  # fmt: skip
        if error <= self._tolerance:
            return "numerical accuracy: fine"
        return f"numerical accuracy: relative error {error:.1e}, above {self._tolerance:g}"

    def _choose(self) -> None:
        solver, jumps = self._model.solver, self._batch.inputs.knot_values.shape[-1] > 0
        for stiff, slack in product((False, True) if jumps else (True,), _SLACK):
            tolerance = max(self._tolerance, self._asked * slack)
            wanted = solver.model_copy(update={"tolerance": tolerance * _MARGIN})
            try:
                with self._measuring():
                    start = self._start()
                    chosen = self._model.choose_solver(start, self._batch, wanted, stiff=stiff)
            except SolverError:
                continue
            if tolerance > self._tolerance:
                self._on_change(
                    f"numerical accuracy: no step of the solver reaches a relative error of "
                    f"{self._tolerance:g}, as where planned inputs jump: {tolerance:g} from now on"
                )
                self._tolerance = tolerance
            if self._model.shooting is not None and chosen.method in FIXED_STEP:
                chosen = self._model.shooting.stretched(chosen)  # the margin leaves room
            self._model.solver = chosen.model_copy(update={"tolerance": tolerance})
            return
        # what cannot be solved shows in the loss, which knows how to recover

    def _error(self) -> float:
        error = self._model.solver_error(self._start(), self._batch)
        return largest(error, device=self._batch.times.device)[0]

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        """Without dropout, and without gradient."""
        training = self._model.training
        self._model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self._model.train(training)

    def _start(self) -> Tensor:
        """Centres of the encoder's posteriors, shape (1, batch, latent)."""
        return infer(self._model, self._batch, refine=False).centre[None]

    def _gap_and_nfe(self) -> tuple[float, float]:
        """Mean change of the log-likelihood by half the step; evaluations with the step as it is.

        The change is in nats per target reading. NaN where the solve fails.
        """
        solver, nfe = self._model.solver, math.nan
        assert solver.step_size is not None
        noise = torch.zeros_like(self._start())
        values: list[Tensor] = []
        try:
            for step in (solver.step_size, solver.step_size / 2):
                self._model.solver = solver.model_copy(update={"step_size": step})
                solved = self._model.solve(self._batch, noise, density=True)
                nfe = nfe if values else float(solved.trajectory.stats.nfe)
                values.append(self._model.evidence(solved, self._batch).log_likelihood.sum())
        except SolverError:
            return math.nan, nfe
        finally:
            self._model.solver = solver
        gap = (values[1] - values[0]) / self._batch.target_mask.sum().clamp(min=1)
        return float(gap), nfe


def _words(solver: SolverConfig) -> str:
    return f"{solver.method}, step {solver.step_size:.3g}"
