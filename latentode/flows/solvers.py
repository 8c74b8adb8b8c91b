"""The solver that a flow is trained with, a finer one, and how far the two may differ.

The divergence is integrated by its own rule, so a number of quadrature nodes goes with a solver.
"""

from __future__ import annotations

from latentode.config import SolverConfig
from latentode.errors import ConfigError, SolverError

TRAIN_SOLVER = SolverConfig(method="ab4", step_size=1 / 24)
TRAIN_NODES = 18
LARGEST_GAP = 0.05
_FINER = 4  # one part in 256 of the error of a solver of order four


def finer(solver: SolverConfig) -> SolverConfig:
    """The solver that densities are reported by: a fourth of the step and of the tolerances."""
    errors = ("step_size", "rtol", "atol")
    return solver.model_copy(update={name: getattr(solver, name) / _FINER for name in errors})


def check_step(solver: SolverConfig) -> None:
    """Refuse a solver that would choose its step for each batch.

    Raises:
        ConfigError: If it has no step size.
    """
    if solver.step_size is None:
        raise ConfigError(
            "step_size: expected a step on the flow's clock from 0 to 1, got None. A step chosen "
            "for a batch would make a density depend on it: give one, such as 1/24."
        )


def check_gap(gap: float, num_points: int) -> None:
    """Refuse densities of which the solver of training would say something else.

    Args:
        gap: What it claims more than the finer one, in nats on average.
        num_points: Points that the average is over.

    Raises:
        SolverError: If the gap is beyond `LARGEST_GAP`, or not a number.
    """
    if not abs(gap) <= LARGEST_GAP:
        raise SolverError(
            f"density: expected the solver of training to be within {LARGEST_GAP} nat of a "
            f"{_FINER} times finer one, got {gap:.3g} on average over {num_points} points. "
            "Train with a smaller step_size or a regulariser, or pass solver= to evaluate.",
            status="inaccurate",
            time_reached=1.0,
        )
