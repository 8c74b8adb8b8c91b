"""Densities of the latent states of a fitted model, at the anchor of a window and at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from latentode.data.batches.batch import SeriesBatch
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError
from latentode.flows import PushedDensity, log_prob_at, push_forward
from latentode.models.inference import infer
from latentode.models.latent_ode import LatentODEModel
from latentode.prediction.finite import check_finite
from latentode.prediction.latent_paths import batch_of
from latentode.prediction.state_noise import noise_of

Source = Literal["posterior", "prior"]
SOURCES: tuple[Source, ...] = ("posterior", "prior")
_PATHS = 40  # lines in a picture; more hide the density
_GRID = 81  # points along each axis
_MARGIN = 0.25  # of the width, left free on each side


def pushed(
    model: LatentODEModel, batch: SeriesBatch, noise: Tensor, source: Source
) -> PushedDensity:
    """Draws of the latent state of each window, carried along with their log-densities.

    Args:
        model: The model.
        batch: Windows; `lower` and `upper` say how far to go to either side of the anchors.
        noise: Standard normal numbers, shape (draw, batch, latent).
        source: Which density is carried, that of `infer` given the window, or the prior. The
            dynamics see the planned inputs and covariates of the window in both.

    Returns:
        States and exact log-densities at all times within [lower, upper].

    Raises:
        SolverError: If the solve fails.
    """
    start = infer(model, batch, refine=True) if source == "posterior" else model.prior
    z0, log_prob = start.draw(noise)
    return push_forward(model.field(batch), model.trajectory(z0, batch, remember=False), log_prob)


@torch.no_grad()
def density_paths(
    model: LatentODEModel,
    schema: DataSchema,
    windows: TimeSeriesDataset,
    offsets: Int64,
    *,
    source: Source,
    num_draws: int,
    seed: int,
) -> tuple[Float64, Float64, Int64]:
    """Draws of latent states and their log-densities at times around the anchor of each window.

    Args:
        model: Fitted model.
        schema: Its data schema.
        windows: One series a window, aligned with the schema.
        offsets: Times after the anchor, nanoseconds, shape (step,).
        source: "posterior" or "prior", see `pushed`.
        num_draws: Draws.
        seed: Seed of the draws, which belong to a series, whatever the others are.

    Returns:
        States, shape (draw, series, step, latent); log-densities in nats, shape (draw, series,
        step); times in nanoseconds, shape (series, step).

    Raises:
        ConfigError: If the dynamics have noise.
        SolverError: If a solve fails.
    """
    _check_smooth(model)
    model.eval()
    batch, anchors = batch_of(model, schema, windows, offsets)
    noise = noise_of(model, windows.series_ids, num_draws, seed)
    parts = []
    for index in range(batch.size):  # one at a time: nodes and draws multiply
        one = batch.select(torch.tensor([index], device=batch.times.device))
        parts.append(pushed(model, one, noise[:, [index]], source).at(one.query_times))
    states, log_prob = (torch.cat(part, dim=1) for part in zip(*parts, strict=True))
    check_finite(_numpy(states), 1, windows.series_ids)
    check_finite(_numpy(log_prob), 1, windows.series_ids)
    return _numpy(states), _numpy(log_prob), anchors[:, None] + offsets


@dataclass(frozen=True)
class LatentView:
    """Densities over a plane of the latent space at one time, as `latentode.plot.density` takes it.

    Attributes:
        log_density: On an even grid, shape (row, column), up to a constant if it is an estimate.
        extent: Left, right, bottom and top of the grid.
        samples: States, shape (sample, 2).
        field: Slopes in the plane on the grid, shape (row, column, 2), or None.
        paths: How some samples came here from the anchor, shape (path, step, 2), or None.
    """

    log_density: Float64
    extent: tuple[float, float, float, float]
    samples: Float64
    field: Float64 | None = None
    paths: Float64 | None = None


@dataclass(frozen=True)
class LatentPlane:
    """The latent space seen in two of its coordinates.

    Attributes:
        components: The two coordinates.
        exact: Whether densities are exact, as in two dimensions; beyond, those of the two
            coordinates alone are kernel estimates from the draws.
        prior: The prior with draws from it.
        encoded: The prior with posterior draws of all windows upon it: holes show.
        later: Both one horizon later, with the field there and paths from the anchor on.
    """

    components: tuple[int, int]
    exact: bool
    prior: LatentView
    encoded: LatentView
    later: LatentView


@torch.no_grad()
def latent_plane(
    model: LatentODEModel,
    schema: DataSchema,
    windows: TimeSeriesDataset,
    *,
    components: Sequence[int] | None = None,
    driver: int = 0,
    num_draws: int = 4_000,
    seed: int = 0,
) -> LatentPlane:
    """What a picture of prior, encoded windows and dynamics shows.

    Args:
        model: Fitted model.
        schema: Its data schema.
        windows: One series a window, aligned with the schema.
        components: Two coordinates; None takes those whose posterior means vary most.
        driver: Window whose planned inputs and covariates drive the dynamics.
        num_draws: Draws of the prior, and of the posteriors together.
        seed: Seed of the draws.

    Raises:
        ConfigError: If there are not two such coordinates, or the dynamics have noise.
        SolverError: If a solve fails.
    """
    _check_smooth(model)
    model.eval()
    horizon = np.array([0, schema.lengths.horizon_ns])
    batch, _ = batch_of(model, schema, windows, horizon)
    posterior = infer(model, batch, refine=True)
    pair = _components(components, posterior.centre)
    each = max(1, num_draws // batch.size)
    encoded = posterior.at(noise_of(model, windows.series_ids, each, seed)).flatten(0, 1)
    drawn, _ = model.prior.draw(noise_of(model, ["the prior"], num_draws, seed)[:, 0])
    one = batch.select(torch.tensor([driver], device=encoded.device))
    scene = _Scene(model, one, pair)
    end = float(one.query_times[0, -1])
    first = _extent(_numpy(torch.cat([drawn, encoded])[:, pair]))
    at_anchor = scene.log_density(drawn, 0.0, first)
    paths = model.trajectory(encoded[:, None], one).at(
        torch.linspace(0.0, end, 40, dtype=torch.float64, device=encoded.device)
    )[:, 0]  # (draw, step, latent)
    carried = model.trajectory(drawn[:, None], one).at(end)[:, 0, 0]
    last = _extent(_numpy(torch.cat([carried, paths[:, -1]])[:, pair]))
    return LatentPlane(
        pair,
        model.config.latent_dim == 2,
        LatentView(at_anchor, first, _numpy(drawn[:, pair])),
        LatentView(at_anchor, first, _numpy(encoded[:, pair])),
        LatentView(
            scene.log_density(carried, end, last),
            last,
            _numpy(paths[:, -1][:, pair]),
            scene.slopes(paths[:, -1].mean(0), end, last),
            _numpy(paths[torch.linspace(0, len(paths) - 1, _PATHS).long()][..., pair]),
        ),
    )


@dataclass(frozen=True)
class _Scene:
    """A plane of the latent space under the dynamics of one window."""

    model: LatentODEModel
    batch: SeriesBatch
    pair: tuple[int, int]

    def log_density(
        self, draws: Tensor, time: float, extent: tuple[float, float, float, float]
    ) -> Float64:
        """Log-density of the prior, carried to a time, on the grid."""
        grid = _grid(extent)  # (row, column, 2)
        if self.model.config.latent_dim > 2:
            return _kernel_log_density(_numpy(draws[:, self.pair]), grid)
        places = torch.from_numpy(grid[..., list(np.argsort(self.pair))].reshape(-1, 1, 2))
        log_prob = log_prob_at(
            self.model.field(self.batch),
            places.to(draws),
            time,
            self.model.prior.log_prob,
            self.model.solver,
        )
        return _numpy(log_prob).reshape(grid.shape[:2])

    def slopes(
        self, centre: Tensor, time: float, extent: tuple[float, float, float, float]
    ) -> Float64:
        """The field in the plane through `centre`, on the grid."""
        grid = torch.from_numpy(_grid(extent)).to(centre)
        states = centre.expand(*grid.shape[:2], -1).clone()
        states[..., self.pair] = grid
        clock = torch.tensor(time, dtype=torch.float64, device=centre.device)
        slopes = self.model.field(self.batch)(clock, states[..., None, :])[..., 0, :]
        return _numpy(slopes[..., self.pair])


def _check_smooth(model: LatentODEModel) -> None:
    """Refuse to carry a density along paths with noise, where it spreads."""
    if model.latent_noise is not None:
        raise ConfigError(
            "latent density: expected a model without noise of the dynamics, got one with "
            'model.dynamics_noise = "learned", whose density follows a Fokker-Planck equation. '
            'Train with model.dynamics_noise = "none", or draw latent trajectories.'
        )


def _components(wanted: Sequence[int] | None, centres: Tensor) -> tuple[int, int]:
    size = centres.shape[-1]
    if wanted is None and size >= 2:
        spread = centres.var(0) if len(centres) > 1 else centres[0].abs()
        one, other = sorted(spread.topk(2).indices.tolist())
        return one, other
    if wanted is None or len(set(wanted)) != 2 or not all(0 <= c < size for c in wanted):
        raise ConfigError(
            f"components: expected two different latent coordinates of 0 to {size - 1}, got "
            f"{'a latent state of one' if wanted is None else list(wanted)}. Name two that exist."
        )
    return wanted[0], wanted[1]


def _extent(points: Float64) -> tuple[float, float, float, float]:
    """A square about all but the outermost points."""
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    half = float((high - low).max()) * (0.5 + _MARGIN) + 1e-6
    x, y = (low + high) / 2
    return float(x - half), float(x + half), float(y - half), float(y + half)


def _grid(extent: tuple[float, float, float, float]) -> Float64:
    x, y = np.linspace(*extent[:2], _GRID), np.linspace(*extent[2:], _GRID)
    return np.stack(np.meshgrid(x, y), axis=-1)


def _kernel_log_density(points: Float64, grid: Float64) -> Float64:
    """Gaussian kernels of the points' own covariance, shrunk by Scott's rule, on a grid."""
    centre = points.mean(axis=0)
    root = np.linalg.cholesky(np.cov(points.T) + 1e-12 * np.eye(2))
    width = len(points) ** (-1 / 6)
    whiten = np.linalg.inv(root).T / width
    white, places = (points - centre) @ whiten, (grid - centre) @ whiten
    total = np.full(grid.shape[:2], -np.inf)
    for part in np.array_split(white, max(1, len(white) // 256)):
        square = ((places[:, :, None] - part) ** 2).sum(-1)  # (row, column, point)
        total = np.logaddexp(total, np.logaddexp.reduce(-0.5 * square, axis=-1))
    return total - np.log(len(points)) - np.log(2 * np.pi * width**2 * root[0, 0] * root[1, 1])


def _numpy(values: Tensor) -> Float64:
    return values.cpu().numpy().astype(np.float64)
