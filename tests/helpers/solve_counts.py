"""How often latent paths are solved, and by whom.

A path is one call of `LatentODEModel.trajectory`; its pieces are the calls of `ode.solve` that it
is made of: forward, backward, or from knot to knot. What a search for a refined posterior solves is
counted apart, as that is many paths by its nature.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field

from latentode import ode
from latentode.models.latent_ode import LatentODEModel
from latentode.prediction import window_solver


@dataclass
class Solves:
    """The batch and the number of pieces of every path, and pieces that belong to no path."""

    batches: list = field(default_factory=list)
    pieces: list[int] = field(default_factory=list)
    stray: int = 0
    of_searches: int = 0

    def assert_once(self, count):
        """So many batches, each with one path, and nothing solved beside."""
        assert len({id(batch) for batch in self.batches}) == count
        assert len(self.pieces) == count
        assert self.stray == 0


@contextmanager
def counted(monkeypatch):
    """Count what is solved inside the block."""
    solves, inside = Solves(), []
    path, piece, infer = LatentODEModel.trajectory, ode.solve, window_solver.infer

    def within(name, call):
        def run(*arguments, **options):
            inside.append(name)
            try:
                return call(*arguments, **options)
            finally:
                inside.pop()

        return run

    def count_path(model, z0, batch, **options):
        if "search" in inside:
            solves.of_searches += 1
        else:
            solves.batches.append(batch)
            solves.pieces.append(0)
        return within("path", path)(model, z0, batch, **options)

    def count_piece(*arguments, **options):
        if "path" not in inside:
            solves.stray += 1
        elif "search" not in inside:
            solves.pieces[-1] += 1
        return piece(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(LatentODEModel, "trajectory", count_path)
        patch.setattr(ode, "solve", count_piece)
        patch.setattr(window_solver, "infer", within("search", infer))
        yield solves
