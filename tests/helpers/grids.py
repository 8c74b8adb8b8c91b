"""Large grids of parameters: a part that covers them, and the rest for `-m slow`."""

import itertools

import pytest


def thinned(axes, together=2):
    """The grid of some axes as parameters, of which a part is not slow.

    Whatever values of any `together` axes are named, some member that is not slow has them all.
    """
    grid = list(itertools.product(*axes))
    places = list(itertools.combinations(range(len(axes)), together))
    wanted = {(place, *_at(member, place)) for member in grid for place in places}
    kept = set()
    while wanted:  # greedy, the first of the best
        best = max(grid, key=lambda member: sum((p, *_at(member, p)) in wanted for p in places))
        kept.add(best)
        wanted -= {(place, *_at(best, place)) for place in places}
    return [
        pytest.param(*member, marks=() if member in kept else pytest.mark.slow) for member in grid
    ]


def _at(member, place):
    return tuple(member[axis] for axis in place)
