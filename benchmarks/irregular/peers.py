"""Peers that know nothing of series, on published windows and on logs; see `questions`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata

import numpy as np

from benchmarks.frame import Run
from benchmarks.irregular import boosting, quantiles, questions
from benchmarks.irregular.boosting import Boosting
from benchmarks.irregular.questions import Questions
from benchmarks.irregular.summary_mlp import SummaryMLP
from benchmarks.irregular.task import SeriesTask
from benchmarks.irregular.training import Prediction
from benchmarks.irregular.windows import Floats, Scale, Windows
from latentode.data.dataset import Float64, TimeSeriesDataset
from latentode.data.schema import DataSchema
from latentode.data.splits import Part
from latentode.data.targets import Targets
from latentode.evaluation.tasks import Task, forecast_task, interpolation_task

Peer = Boosting | SummaryMLP
PEERS: dict[str, Callable[..., Peer]] = {"boosting": Boosting.fit, "summary-mlp": SummaryMLP.fit}
#: What stands below tables with these rows.
NOTE = (
    "\n"
    "boosting (LightGBM) and summary-mlp (two layers of 64) see, of every channel, the last "
    "value and its age, and over the last eighth, the last half and the whole of the context "
    "count, mean, spread, least, greatest and slope (trees: of the channel asked for; of the "
    "others last value, age and mean); the lead time, the phase of day and week on a "
    "calendar, static covariates, known inputs in force, and the series where all parts have "
    "the same ones; for forecasts of logs the values one and two days before a target, for "
    "interpolation the neighbours and the line between them, for published windows the time "
    "since their start. One untuned setting for every task; validation stops them and chooses "
    "values or changes.\n"
)
_CHUNK = 200
_LEARN, _CHOOSE = 4_000, 1_000  # windows of a log to learn from, and to choose by
_HIDDEN = 0.3  # share of hidden readings, as `backtest` has it
_DRAWN = 4  # times that a log is hidden anew
_MOST_NAMED = 100  # series that have a feature each


def present(names: Sequence[str]) -> list[str]:
    """Those of some peers that can be run here."""
    return [name for name in names if name != "boosting" or boosting.available()]


def stamped(name: str, rows: list[Run]) -> list[Run]:
    """Rows of a peer with the version of its library, which `machine` does not know of."""
    if name != "boosting":
        return rows
    return [row | {"library": f"lightgbm {metadata.version('lightgbm')}"} for row in rows]


@dataclass(frozen=True, eq=False)
class OnWindows:
    """A peer fitted to published windows.

    Attributes:
        peer: The peer.
        scale: Scales of the training part.
        context: Longest time that is shown of a window.
        interpolates: Whether readings after a target are shown.
        seconds: CPU seconds of training, features included.
    """

    peer: Peer
    scale: Scale
    context: float
    interpolates: bool
    seconds: float

    @classmethod
    def fit(cls, name: str, task: SeriesTask, scale: Scale, seed: int) -> OnWindows:
        """Train on one window of each training series, as the task draws it.

        Args:
            name: Name of the peer.
            task: The task.
            scale: Scales of its training part.
            seed: Seed of everything.
        """
        began = time.process_time()
        windows = task.draw(np.arange(task.train_size), np.random.default_rng(seed))
        context = questions.longest(windows)
        parts = [
            questions.of_windows(
                part.without_seen(), scale, context, interpolates=task.interpolates
            )[0]
            for part in (windows, task.validation)
        ]
        peer = PEERS[name](*parts, seed=seed, mean=True)
        seconds = time.process_time() - began
        return cls(peer, scale, context, task.interpolates, seconds)

    def predict(self, windows: Windows, num_draws: int, seed: int) -> Iterator[Prediction]:
        """Predict some windows at a time; see `benchmarks.irregular.training.predict`.

        Args:
            windows: Windows.
            num_draws: Draws.
            seed: Seed of the draws.
        """
        rng = np.random.default_rng(seed)
        for start in range(0, len(windows), _CHUNK):
            part = windows.take(slice(start, start + _CHUNK))
            asked, places = questions.of_windows(
                part, self.scale, self.context, interpolates=self.interpolates
            )
            found = self.peer.predict_quantiles(asked)

            def grid(rows: Floats, places: np.ndarray = places) -> Floats:
                whole = np.full((*places.shape, rows.shape[-1]), np.nan)
                whole[places] = self.scale.scaler.inverse(rows)
                return whole

            def draw(found: Floats = found, grid: Callable[[Floats], Floats] = grid) -> Floats:
                rows = quantiles.draws(found.reshape(len(found), -1), num_draws, rng)
                drawn = rows.reshape(num_draws, *found.shape[1:])
                return np.stack([grid(each) for each in drawn]).astype(np.float32)

            median = grid(found[quantiles.MEDIAN])
            yield Prediction(part, grid(self.peer.predict_mean(asked)), draw, median)


@dataclass(frozen=True, eq=False)
class OnLog:
    """A peer fitted to a log, as a `ReadingPredictor` of back-tests.

    Attributes:
        peer: The peer.
        schema: What was learned of the log.
        interpolates: Whether it was trained to fill gaps.
        series: Series with a feature of their own.
        num_draws: Draws.
        rng: Where they come from.
        seconds: CPU seconds of training, features included.
    """

    peer: Peer
    schema: DataSchema
    interpolates: bool
    series: tuple[str, ...]
    num_draws: int
    seconds: float
    rng: np.random.Generator = field(repr=False)

    @classmethod
    def fit(
        cls,
        name: str,
        dataset: TimeSeriesDataset,
        schema: DataSchema,
        *,
        interpolates: bool,
        num_draws: int,
        seed: int,
    ) -> OnLog:
        """Train on windows of the training part that are cut as those of a back-test.

        Args:
            name: Name of the peer.
            dataset: The log, aligned with the schema.
            schema: Its split, scales and lengths.
            interpolates: Whether to fill gaps, or to forecast.
            num_draws: Draws of each prediction.
            seed: Seed of everything.
        """
        began = time.process_time()
        named = schema.split.kind == "time" and 1 < len(dataset) <= _MOST_NAMED
        series = dataset.series_ids if named else ()

        def asked(part: Part, most: int) -> Questions:
            return questions.joined(
                [
                    questions.of_log(
                        task.visible,
                        task.targets,
                        schema,
                        interpolates=interpolates,
                        series=series,
                    )[0]
                    for task in part_tasks(dataset, schema, part, most, interpolates=interpolates)
                ]
            )

        peer = PEERS[name](asked("train", _LEARN), asked("validation", _CHOOSE), seed=seed)
        seconds = time.process_time() - began
        rng = np.random.default_rng(seed)
        return cls(peer, schema, interpolates, series, num_draws, seconds, rng)

    def __call__(self, visible: TimeSeriesDataset, targets: Targets) -> tuple[Float64, Float64]:
        """Draws (draw, target), and no densities (target,)."""
        asked, row = questions.of_log(
            visible, targets, self.schema, interpolates=self.interpolates, series=self.series
        )
        found = self.peer.predict_quantiles(asked)[:, row, targets.channel]
        drawn = quantiles.draws(found, self.num_draws, self.rng)
        return self.schema.scaler.inverse(drawn, targets.channel), np.full(len(targets), np.nan)


def part_tasks(
    dataset: TimeSeriesDataset, schema: DataSchema, part: Part, most: int, *, interpolates: bool
) -> list[Task]:
    """Windows of a part, cut as those that `latentode.evaluation.backtest` scores.

    Args:
        dataset: The log, aligned with the schema.
        schema: Its split and lengths.
        part: Which part.
        most: Most forecast origins.
        interpolates: Whether readings are hidden (four times anew), or what follows is asked for.
    """
    starts, stops = schema.split.bounds(dataset, part)
    lengths = schema.lengths
    if interpolates:
        return [
            interpolation_task(
                dataset,
                start_ns=starts,
                stop_ns=stops,
                context_ns=lengths.context_ns,
                hidden=_HIDDEN,
                seed=1 + number,  # 0 is that of the test
            )
            for number in range(_DRAWN)
        ]
    origins = starts
    if part == "train" or schema.split.kind == "series":
        # an origin at the first reading would have no context
        origins = starts + np.minimum(lengths.context_ns, np.maximum(stops - starts, 0) // 2)
    return [
        forecast_task(
            dataset,
            context_ns=lengths.context_ns,
            horizon_ns=lengths.horizon_ns,
            start_ns=origins,
            stop_ns=stops,
            max_windows=most,
        )
    ]
