"""Solves through torchdiffeq: adaptive steps, and gradients by the continuous adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from latentode.config import SolverConfig
from latentode.errors import ConfigError, SolverError, SolverStatus
from latentode.ode.fields import CountedField, FieldFunction


def solve_torchdiffeq(
    field: FieldFunction,
    z0: Tensor,
    t0: Tensor,
    offsets: Tensor,
    config: SolverConfig,
    params: Sequence[Tensor],
) -> tuple[Tensor, Tensor, int, int]:
    """Solve on shared offsets from each series' own start, keeping states and slopes there.

    Steps end on every grid point: torchdiffeq's own interpolation between steps is only of order 4
    whatever the method (dopri8 at rtol 1e-9 was measured to return 2.5e-6). A step is accepted when
    every series meets the tolerance, rather than the root mean square over the batch, so that a
    series keeps its accuracy among easier ones. The backward pass of the adjoint has a budget of
    ``config.max_nfe`` evaluations of its own.

    Args:
        field: Callable ``(t, z) -> dz/dt``.
        z0: State at the start, shape (..., batch, latent).
        t0: Each series' own start in model time, float64, 0-dim or shape (batch,).
        offsets: Strictly monotone grid from 0, float64, shape (step + 1,).
        config: Method, tolerances, kind of gradient and budget.
        params: What the adjoint returns gradients for, beside `z0` and `t0`.

    Returns:
        States and slopes, both (step + 1, ..., batch, latent); the number of evaluations; and the
        number of accepted steps.

    Raises:
        SolverError: "max_steps" beyond the budget, "dt_underflow" when the step size vanishes,
            "non_finite" as soon as a state or slope is; also from ``backward()``.
        ConfigError: From ``backward()``, if the adjoint is asked for second derivatives.

    Reference:
        Chen, Rubanova, Bettencourt, Duvenaud (2018), Neural ordinary differential equations,
        https://arxiv.org/abs/1806.07366; the seminorm: Kidger, Chen, Lyons (2021), "Hey, that's not
        an ODE", https://arxiv.org/abs/2009.09457.
    """
    # here and not above: it loads scipy.integrate, which most processes never need
    from torchdiffeq import odeint, odeint_adjoint

    counted = CountedField(field)

    # torchdiffeq hands on times in the dtype of the state, where those of a long solve would be
    # rounded by whole periods of a fast input: it solves in float64, and the field in its own dtype
    def on_offsets(offset: Tensor, state: Tensor) -> Tensor:
        return counted(t0 + offset, state.to(z0.dtype)).double()

    # the slopes at the grid points come after the solve and belong to the same budget
    watch = _Watch(on_offsets, config, config.max_nfe - len(offsets))
    options: dict[str, Any] = {"norm": _largest_rms, "step_t": offsets[1:]}
    # torchdiffeq turns a backward solve round before it flips these for the adjoint
    backward: dict[str, Any] = {"norm": "seminorm", "step_t": offsets.abs()}
    if config.method == "rk4":
        options = backward = {"grid_constructor": partial(_refined, config.substeps)}
    settings = {"method": config.method, "rtol": config.rtol, "atol": config.atol}
    if config.gradient == "adjoint":
        wanted = tuple(param for param in (*params, t0) if param.requires_grad)
        adjoint = {"adjoint_params": wanted, "adjoint_options": backward}
        states = odeint_adjoint(watch, z0.double(), offsets, options=options, **settings, **adjoint)
        if states.requires_grad:
            states.register_hook(watch.restart)
    else:
        states = odeint(watch, z0.double(), offsets, options=options, **settings)
    states = states.to(z0.dtype)
    fixed = config.method == "rk4"
    steps = (len(offsets) - 1) * config.substeps if fixed else watch.accepted
    slopes = [counted(t0 + s, z) for s, z in zip(offsets, states.unbind(0), strict=True)]
    return states, torch.stack(slopes), counted.nfe, steps


def _refined(parts: int, _field: FieldFunction, _state: Tensor, times: Tensor) -> Tensor:
    """Grid of torchdiffeq's fixed steps: equal parts of each distance between output times."""
    shares = torch.arange(parts, dtype=times.dtype, device=times.device) / parts
    inner = times[:-1, None] + shares * times.diff()[:, None]
    return torch.cat([inner.flatten(), times[-1:]])


def _largest_rms(state: Tensor) -> Tensor:
    # detached: torchdiffeq would differentiate its first step size, and the root at a state of zero
    return state.detach().square().mean(-1).max().sqrt()


class _Watch:
    """The field as torchdiffeq sees it: ends a solve that cannot succeed, with a typed error.

    torchdiffeq guards itself by assertions, which `python -O` removes, whereupon it loops for ever.
    Hence the callbacks, which run before those assertions.
    """

    def __init__(self, field: FieldFunction, config: SolverConfig, budget: int) -> None:
        self._field = field
        self._config = config
        self._budget = budget
        self._calls = 0
        self._reached = 0.0
        self._phase = "solve"
        self._scores: Tensor | None = None
        self.accepted = 0
        self.callback_step = self._check_step
        if config.method != "rk4":
            self.callback_accept_step = self._accept_step
            self.callback_step_adjoint = self._check_adjoint_step

    def __call__(self, offset: Tensor, state: Tensor) -> Tensor:
        self._calls += 1
        if self._calls > self._budget:
            self._fail("max_steps", f"at most {self._budget} evaluations", "more", ())
        slope = self._field(offset, state)
        self._check_finite("slopes", slope)
        self._scores = (slope.abs() / (1 + state.abs())).detach()
        return slope

    def restart(self, _gradient: Tensor) -> None:
        """Begin the budget of a backward pass; a hook on the states, whose gradient it ignores."""
        # the adjoint would leave out whatever depends on its own result
        if torch.is_grad_enabled():
            raise ConfigError(
                'gradient: expected "backprop" for second derivatives, got "adjoint", which has '
                'none. Solve with gradient="backprop", or leave out create_graph.'
            )
        self._calls, self._budget, self._phase = 0, self._config.max_nfe, "adjoint of the solve"

    def _accept_step(self, _offset: Tensor, _state: Tensor, _dt: Tensor) -> None:
        self.accepted += 1

    def _check_step(self, offset: Tensor, state: Tensor, dt: Tensor) -> None:
        self._check_finite("states", state)
        self._check_progress(offset, dt)

    def _check_adjoint_step(self, offset: Tensor, state: Sequence[Tensor], dt: Tensor) -> None:
        # the parts are a time gradient, the state, its cotangent and the parameter gradients
        self._check_finite("gradients", state[2], *state)
        self._check_progress(offset, dt)

    def _check_finite(self, what: str, values: Tensor, *others: Tensor) -> None:
        if not all(bool(torch.isfinite(part).all()) for part in (values, *others)):
            series = _series(~torch.isfinite(values))
            self._fail("non_finite", f"finite {what}", "NaN or infinity", series)

    def _check_progress(self, offset: Tensor, dt: Tensor) -> None:
        self._reached = float(offset.detach())
        if not offset.abs() + dt > offset.abs():
            scores = torch.zeros(1, 1) if self._scores is None else self._scores
            # the series whose relative slope is of the size of the steepest are the suspects
            suspects = _series(scores > 0.1 * scores.max())
            self._fail("dt_underflow", "steps that move time", f"{dt.item():.3g}", suspects)

    def _fail(self, status: SolverStatus, rule: str, got: str, series: tuple[int, ...]) -> None:
        where = f" in series {list(series)}" if series else ""
        advice = {
            "max_steps": "The field may be stiff: raise max_nfe or rtol, or shrink its weights",
            "dt_underflow": "The solution grows without bound: shorten the span or bound the field",
            "non_finite": "Check the weights of the field and the state it starts from",
        }
        raise SolverError(
            f"{self._phase} by {self._config.method}: expected {rule}, got {got}{where} "
            f"at offset {self._reached:.6g} from the start. {advice[status]}.",
            status=status,
            time_reached=self._reached,
            series=series,
        )


def _series(bad: Tensor) -> tuple[int, ...]:
    # (..., batch, latent) -> indices into batch
    by_series = bad.any(-1).reshape(-1, bad.shape[-2]).any(0)
    return tuple(by_series.nonzero().flatten().tolist())
