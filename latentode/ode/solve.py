"""The only door to the solvers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from latentode.config import SolverConfig
from latentode.ode.fields import FieldFunction
from latentode.ode.solvers.known_step import solve_known_step
from latentode.ode.solvers.step_choice import choose_step
from latentode.ode.trajectory import Trajectory

_DEFAULT = SolverConfig.model_validate({})


def solve(
    field: FieldFunction,
    z0: Tensor,
    t0: Tensor | float,
    t1: Tensor | float,
    config: SolverConfig = _DEFAULT,
    *,
    params: Sequence[Tensor] | None = None,
    check: bool = True,
) -> Trajectory:
    r"""Solve :math:`dz/dt = f(t, z), z(t_0) = z_0` for a batch of series, each from its own start.

    All series walk together on offsets :math:`s_k = k h` from their own starts,
    :math:`t = t_0 + s_k`, until the longest has reached its end. The step h is ``step_size``
    exactly, whatever the spans: the grid may reach past `t1` by less than a step, and a series
    alone gets the same states as in any batch. With a fixed step and the gradient "backprop" or
    "checkpoint", a series that has reached its own end waits there; otherwise it runs on, and a
    blow-up past its own end fails. Adaptive methods choose their steps for the batch as a whole, so
    there a series depends on the others within the tolerance. Without a ``step_size``,
    `choose_step` chooses one for this batch, whose estimated error stands in ``stats.error``.

    Which method: "ab4" (one evaluation a step) unless the field is steep; "rk4" is stable for
    steps ten times as long; an adaptive method is the reference for the error, and copes with
    stiffness in stretches. Which gradient: "backprop" is the exact gradient of the discrete
    solution and keeps the grid states alone where the field is a `LayeredField`, a graph of all
    evaluations where it is not; "checkpoint" keeps a state every ``substeps`` steps and recomputes
    the others, for solves of thousands of steps; "adjoint" solves backward in time through
    torchdiffeq, so its memory does not grow with the steps, and its gradient has the error of the
    solver; with "rk4" it runs torchdiffeq's variant of that method, the 3/8 rule.

    Args:
        field: Callable ``(t, z) -> dz/dt``, see `latentode.ode.VectorField`. Time is kept in
            float64 and cast to the dtype of `z0` only for the field. A `LayeredField` is evaluated
            and differentiated faster, with the same result to rounding.
        z0: State at the start, shape (..., batch, latent), float32 or float64.
        t0: Start in model time, a number or shape (batch,).
        t1: End in model time, a number or shape (batch,); before `t0` for a backward solve, the
            direction being that of the batch. A series may have no length.
        config: Method, step size, tolerances, kind of gradient and budget of evaluations.
        params: What the adjoint gives gradients to beside `z0` and `t0`; the parameters of `field`
            by default. Contexts that a field has closed over must be named here.
        check: Whether to refuse what is not finite, for which the host waits for the device. The
            caller who leaves it out must look at the result.

    Returns:
        Dense output with its statistics; its own interpolation error is O(h^4).

    Raises:
        ShapeError: If `z0`, `t0` and `t1` disagree on the batch, or directions on their sign.
        ConfigError: If the adjoint is asked of "ab4" or of a plain callable without `params`,
            checkpoints of an adaptive method, or a tolerance below the rounding of float32.
        SolverError: "max_steps" when the budget does not suffice (before the solve where that is
            known), "dt_underflow", or "non_finite"; names the series and the offset reached.

    Example:
        >>> import torch
        >>> fine, ends = SolverConfig(step_size=0.05), torch.tensor([1.0, 2.0])
        >>> trajectory = solve(lambda t, z: -z, torch.ones(2, 1), 0.0, ends, fine)
        >>> trajectory.at(torch.tensor([[1.0], [2.0]])).squeeze()
        tensor([0.3679, 0.1353])
    """
    if config.step_size is not None:
        return solve_known_step(field, z0, t0, t1, config, params=params, check=check)
    config, error = choose_step(field, z0, t0, t1, config)
    trajectory = solve_known_step(field, z0, t0, t1, config, params=params, check=check)
    return replace(trajectory, stats=replace(trajectory.stats, error=error))
