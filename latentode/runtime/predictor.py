"""Answers queries with an exported model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import special

from latentode.data.batches.window_arrays import WindowArrays
from latentode.data.dataset import Float64, Int64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.errors import ConfigError
from latentode.prediction.answers import DRAWN, Predictions, Wanted
from latentode.prediction.finite import check_finite
from latentode.prediction.latent_points import few_paths, latent_points
from latentode.prediction.noise import series_keys
from latentode.prediction.normal_table import Float32
from latentode.prediction.queries import Queries
from latentode.prediction.query_windows import QueryWindows
from latentode.prediction.reading_noise import ReadingNoise
from latentode.prediction.window_groups import WindowGroup, WindowGroups
from latentode.runtime.bands import BandArrays
from latentode.runtime.exported import ExportedModel
from latentode.runtime.readings import Bools, ByKind

_FEWEST_ROWS = 129  # the graph condenses rows, and leaves windows of fewer as they are


class _Solved(NamedTuple):
    """What the graph says of a group: location and scale of the queries, and the readings near."""

    location: Float64  # (path, batch, step, channel)
    scale: Float64
    gaps: Float64  # (2, batch, step, channel)
    neighbours: Float64


@dataclass(frozen=True, eq=False)
class ExportedPredictor(Queries):
    """Answers queries by the graph of an exported model.

    Attributes:
        model: The model.
        schema: Its data schema.
        num_draws: Draws.
        max_rows: Newest rows of a window that the encoder reads.
        keeps_far: Whether readings absurdly far from those of the training are followed.

    Raises:
        ConfigError: If there is no draw.
    """

    model: ExportedModel
    schema: DataSchema
    num_draws: int
    max_rows: int
    keeps_far: bool

    def __post_init__(self) -> None:
        if self.num_draws < 1:
            raise ConfigError(f"num_draws: expected at least 1, got {self.num_draws}.")

    @classmethod
    def of(cls, model: ExportedModel, num_draws: int) -> ExportedPredictor:
        """For a model, with the rows of its settings."""
        config = model.config
        keeps_far = config.data.far_readings == "keep"
        return cls(model, model.schema, num_draws, config.windows.max_rows, keeps_far)

    @property
    def sides(self) -> int:
        """See `Queries`."""
        return self.model.sides

    @property
    def path_reach(self) -> float:
        """See `Queries`."""
        return self.model.reach

    def answered(
        self, visible: TimeSeriesDataset, asked: QueryWindows, values: Float64, wanted: Wanted
    ) -> Predictions:
        """See `Queries`; readings and densities alone.

        Args:
            visible: Readings that may be used.
            asked: Windows, and distinct queries of each.
            values: Readings whose density is wanted, NaN elsewhere, shape (query, channel).
            wanted: What is predicted.
        """
        assert wanted in (*DRAWN, "densities"), "an exported model says nothing else"
        drawn, config = wanted in DRAWN, self.model.config.model.resolved()
        out = Predictions.unanswered(values.shape, self.num_draws, drawn=drawn)
        groups = WindowGroups(self.schema, config, self.num_draws, self.max_rows)
        for group in groups.of(visible, asked, values, self._paths):
            solved = self._solved(group)
            names = [group.series[row] for row in group.row]
            for decoded in (solved.location, solved.scale):
                check_finite(decoded[..., group.row, group.column, :], -2, names)
            answers = _Answers.of(self.model, group, solved)
            if group.arrays.target_mask.any():
                out.log_prob[group.queries] = answers.log_prob()
            if drawn:
                since = asked.times[group.queries] - self.schema.origin_ns
                scored = wanted == "targets" and not self.schema.counters.names
                noise = self._noise(group, answers, since, scored=scored)
                out.draws[:, group.queries] = answers.drawn(noise)
        return out

    @property
    def _paths(self) -> int:
        return min(self.num_draws, few_paths(self.model.config.model))

    def _solved(self, group: WindowGroup) -> _Solved:
        config = self.model.config.model.resolved()
        shape = few_paths(config), config.latent_dim
        points = latent_points(self.model.config.train.seed, group.series, shape)[: self._paths]
        given = graph_inputs(self.model, group.arrays, points.astype(np.float32))
        session = self.model.session
        used = {each.name for each in session.get_inputs()}
        found = session.run(None, {name: a for name, a in given.items() if name in used})
        return _Solved(*(part.astype(np.float64) for part in found))

    def _noise(
        self, group: WindowGroup, answers: _Answers, times: Int64, *, scored: bool
    ) -> Float32:
        """Noise of the readings at queries, or of those that are given alone.

        Returns:
            Shape (query, channel, draw).
        """
        seed, unit_ns = self.model.config.train.seed, self.schema.time_scale.unit_ns
        keys = series_keys(seed, group.series)[group.row]
        near = answers.solved
        where = slice(None), group.row, group.column
        since = np.rint(near.neighbours[where] * unit_ns).astype(np.int64)
        since += group.anchors[group.row, None]
        of = self.model.copula, self.num_draws, unit_ns, keys, times, near.gaps[where], since
        asked = group.arrays.target_mask[group.row, group.column] if scored else None
        return ReadingNoise(*of).drawn(asked)


def graph_inputs(
    model: ExportedModel, arrays: WindowArrays, noise: Float32
) -> dict[str, np.ndarray]:
    """What the graph is given for some windows.

    Args:
        model: The model.
        arrays: The windows.
        noise: Of their latent states, shape (path, batch, latent).
    """
    more = max(0, _FEWEST_ROWS - arrays.times.shape[1])
    rows = (0, 0), (0, more)
    return {
        "times": np.pad(arrays.times, rows, mode="edge"),
        "values": np.pad(arrays.values, (*rows, (0, 0))),
        "mask": np.pad(arrays.mask, (*rows, (0, 0))),
        "lengths": arrays.lengths,
        "query_times": arrays.query_times,
        "phases": arrays.known.phases,
        "knot_times": arrays.known.knot_times,
        "knot_values": arrays.known.knot_values,
        "static": arrays.static,
        "noise": noise,
        "ahead": model.ahead.numbers(arrays.upper),
        "behind": model.behind.numbers(-arrays.lower),
    }


@dataclass(frozen=True, eq=False)
class _Answers:
    """Readings at the queries of some windows; see `WindowReadings`."""

    model: ExportedModel
    group: WindowGroup
    solved: _Solved
    bands: BandArrays | None

    @classmethod
    def of(cls, model: ExportedModel, group: WindowGroup, solved: _Solved) -> _Answers:
        read: Bools = np.any(group.arrays.mask, axis=(1, 2))
        bands = model.calibration.bands(solved.location, solved.scale, solved.gaps, read)
        at = None if bands is None else bands.at(group.row, group.column)
        return cls(model, group, solved, at)

    def log_prob(self) -> Float64:
        """Log of the mean density over paths of each given reading, NaN elsewhere."""
        arrays, law = self.group.arrays, self._law
        values = self._at(arrays.targets.astype(np.float64))
        mask = self._at(arrays.target_mask)
        location, scale = self._at(self.solved.location), self._at(self.solved.scale)
        if self.bands is not None:
            location, scale = self.bands.parameters(values, location, scale)
        density = law.log_prob(values, location, scale)
        mixture = special.logsumexp(density, axis=0) - np.log(len(density))
        dense = mask & ~law.is_mass(values)
        log_scale = dense * np.log(self.model.schema.scaler.scale)
        log_prob: Float64 = np.where(mask, mixture - log_scale, np.nan)
        return log_prob

    def drawn(self, noise: Float32) -> Float64:
        """Draws of the readings, shape (draw, query, channel)."""
        arrays, law, schema = self.group.arrays, self._law, self.model.schema
        draws = np.moveaxis(noise, -1, 0).astype(np.float64)
        path = np.arange(len(draws)) % len(self.solved.location)
        location, scale = (
            self._at(part)[path] for part in (self.solved.location, self.solved.scale)
        )
        latent = law.latent(draws, location, scale)
        sampled = law.observed(latent if self.bands is None else self.bands.moved(latent))
        original = schema.to_original(sampled + arrays.shift[self.group.row, 0])
        return schema.families.exact(original, schema.scaler.scale)

    @cached_property
    def _law(self) -> ByKind:
        """The likelihood at the queries: of windows with a reading beyond a support without it."""
        arrays, row = self.group.arrays, self.group.row
        values = arrays.values.astype(np.float64)
        return self.model.readings.given(values, arrays.mask, arrays.shift).at(row)

    def _at(self, values: np.ndarray) -> np.ndarray:
        """Values (..., batch, step, channel) at the queries, shape (..., query, channel)."""
        return values[..., self.group.row, self.group.column, :]
