"""The solver on a grid of a twentieth, which the tests of `latentode.ode` count on."""

from functools import partial

from latentode import config, ode

SolverConfig = partial(config.SolverConfig, method="rk4", step_size=0.05)


def solve(field, z0, t0, t1, settings=SolverConfig(), **kwargs):  # noqa: B008
    return ode.solve(field, z0, t0, t1, settings, **kwargs)
