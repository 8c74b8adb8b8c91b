"""Differential equations: solved once, read and integrated everywhere.

`solve` is the door. It returns a `Trajectory`, dense output that is read at any times
(`Trajectory.at`), differentiated (`Trajectory.slope_at`) and integrated (`Trajectory.integrate`, up
to every time at once by `running_integral`); `join` glues a backward and a forward solve from the
same start, `through_knots` short solves of which each begins at a state of its own. `solve_sde` is
the door for paths with noise; its `Trajectory` is read in the same way.
"""

from latentode.ode.brownian import keys_of
from latentode.ode.fields import LayeredField, VectorField
from latentode.ode.knots import through_knots
from latentode.ode.odeint import odeint
from latentode.ode.running import running_integral
from latentode.ode.solve import solve
from latentode.ode.solvers.step_choice import choose_joint_step, choose_step, step_error
from latentode.ode.stochastic import solve_sde
from latentode.ode.trajectory import SolveStats, Trajectory, join

__all__ = [
    "LayeredField",
    "SolveStats",
    "Trajectory",
    "VectorField",
    "choose_joint_step",
    "choose_step",
    "join",
    "keys_of",
    "odeint",
    "running_integral",
    "solve",
    "solve_sde",
    "step_error",
    "through_knots",
]
