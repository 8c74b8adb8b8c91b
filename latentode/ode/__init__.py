"""Ordinary differential equations: solved once, read and integrated everywhere.

`solve` is the only door. It returns a `Trajectory`, dense output that is read at any times
(`Trajectory.at`), differentiated (`Trajectory.slope_at`) and integrated (`Trajectory.integrate`);
`join` glues a backward and a forward solve from the same start.
"""

from latentode.ode.fields import VectorField
from latentode.ode.solve import solve
from latentode.ode.trajectory import SolveStats, Trajectory, join

__all__ = ["SolveStats", "Trajectory", "VectorField", "join", "solve"]
