"""Segments joined at knots: still solves, so that the way between knots is the formula alone."""

import torch
from ode_cases import SolverConfig, solve

from latentode.ode.knots import through_knots

STEPS, STEP = 8, 0.25


def still(states):
    """A solve of one segment, in which nothing moves."""
    config = SolverConfig(method="rk4", step_size=STEP)
    return solve(lambda _, z: torch.zeros_like(z), states, 0.0, STEPS * STEP, config)


def test_between_knots_a_path_leaves_and_arrives_with_the_slope_of_the_field():
    begins = torch.tensor([[1.0], [3.0]], dtype=torch.float64)  # of two segments
    knot, last = torch.tensor([[[3.0]]]).double(), torch.tensor([[-2.0]]).double()
    path = through_knots(still(begins), knot[0][None], still(last))
    length = STEPS * STEP
    at = path.start + length * torch.tensor([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5]).double()
    # 3 u^2 - 2 u^3 of the way from 1 to 3, then from 3 to -2
    expected = [1.0, 1 + 2 * (3 / 16 - 2 / 64), 2.0, 3.0, 0.5, -2.0, -2.0]
    torch.testing.assert_close(path.at(at).flatten(), torch.tensor(expected).double())
    slopes = path.slope_at(at[[2, 4]]).flatten()
    rise = torch.tensor([1.5 * 2, 1.5 * -5]).double() / length
    torch.testing.assert_close(slopes, rise)
