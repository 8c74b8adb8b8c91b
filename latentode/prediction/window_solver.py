"""Windows of queries, solved in groups of about one size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import SolverError
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel
from latentode.prediction.finite import ADVICE, check_finite
from latentode.prediction.latent_points import few_paths, latent_points
from latentode.prediction.query_windows import QueryWindows
from latentode.prediction.solved_windows import SolvedWindows
from latentode.prediction.state_noise import noise_of
from latentode.prediction.window_groups import WindowGroups

_FAILURES = {
    "max_steps": "takes more evaluations than solver.max_nfe allows",
    "dt_underflow": "changes too fast for any step",
    "non_finite": "becomes NaN or infinite",
    "inaccurate": "is not exact enough",
}
_SEARCHED = 128  # draws that a search by gradients counts for, in memory


@dataclass(frozen=True, eq=False)
class WindowSolver:
    """Reads each window once and solves it once, from posterior draws of its latent state.

    Attributes:
        model: Fitted model.
        schema: Its data schema.
        seed: Seed of the posterior draws.
        num_draws: Draws of what the windows are asked for.
        max_rows: Newest rows of a window that the encoder reads.
    """

    model: LatentODEModel
    schema: DataSchema
    seed: int
    num_draws: int
    max_rows: int

    @torch.no_grad()
    def solved(
        self, visible: TimeSeriesDataset, asked: QueryWindows, values: Float64, *, few: bool
    ) -> Iterator[SolvedWindows]:
        """Solve windows of about one size at a time.

        Args:
            visible: Readings as the model sees them.
            asked: Windows, and queries of each.
            values: Readings at the queries in original units, NaN elsewhere, shape (query,
                channel).
            few: Whether few paths are enough, which all draws share; else each has its own.
        """
        self.model.eval()
        # where paths have noise of their own, a few of them are as random as few draws
        few = few and self.model.latent_noise is None
        config = self.model.config
        paths = min(self.num_draws, few_paths(config)) if few else self.num_draws
        groups = WindowGroups(self.schema, config, self.num_draws, self.max_rows)
        # a search keeps what its gradient needs
        held = max(paths, _SEARCHED) if config.refine else paths
        for group in groups.of(visible, asked, values, held):
            batch = SeriesBatch.of(group.arrays).to(next(self.model.parameters()).device)
            posterior = infer(self.model, batch, refine=True)
            noise = self._noise(group.series, paths, few=few)
            try:
                solved = self.model.solve(batch, noise, posterior=posterior)
            except SolverError as error:
                raise self._explained(error, group.series) from error
            part = SolvedWindows(**vars(group), batch=batch, solved=solved)
            names = [group.series[row] for row in group.row]
            for decoded in (solved.decoded.location, solved.decoded.scale):
                # states that are huge are finite, and what is decoded from them need not be
                check_finite(part.at_queries(decoded), -2, names)
            yield part

    def _explained(self, error: SolverError, names: list[str]) -> SolverError:
        """What fails for a solver, for somebody who asked for a prediction.

        Args:
            error: What the solver says.
            names: Series of the windows.
        """
        failed, solver = [names[i] for i in error.series] or names, self.model.solver
        more = f" and {len(failed) - 1:,} more" if len(failed) > 1 else ""
        return SolverError(
            f"series {failed[0]}{more}: expected a latent path that can be solved, got one that "
            f"{_FAILURES[error.status]} ({solver.method}, step {solver.step_size:.3g}, "
            f"{error.time_reached:.3g} of model time from the newest reading). {ADVICE}",
            status=error.status,
            time_reached=error.time_reached,
            series=error.series,
        )

    def _noise(self, names: list[str], paths: int, *, few: bool) -> Tensor:
        """Noise of the states of some series, shape (path, series, latent)."""
        if not few:
            return noise_of(self.model, names, paths, self.seed)
        shape = few_paths(self.model.config), self.model.config.latent_dim
        points = latent_points(self.seed, names, shape)
        return torch.from_numpy(points[:paths]).to(next(self.model.parameters()))
