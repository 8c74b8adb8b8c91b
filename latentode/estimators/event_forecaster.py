"""The estimator of event streams: frames in, labelled intensities and next events out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from latentode.config import DataConfig
from latentode.config.durations import NS_PER_UNIT, DurationLike, parse_duration
from latentode.data.batches.event_batch import EventBatch
from latentode.data.events import EventStreams
from latentode.data.reading.events import read_events
from latentode.data.reading.keyed_rows import Source
from latentode.errors import DataError, NotFittedError
from latentode.estimators.inputs import Events, refuse_windows_of_streams, said_in_python
from latentode.evaluation.long_horizon import long_horizon_scores
from latentode.models.fitted.device import device_of
from latentode.models.fitted.events import FittedEvents, unit_of
from latentode.models.heads.poisson_process import Link
from latentode.models.point_processes import HomogeneousProcess, goodness_of_fit
from latentode.models.point_processes.event_scores import EventScores
from latentode.prediction import next_event
from latentode.results.events import intensity_dataset, next_event_dataset
from latentode.training.events.fit import EventFitting, fit_events, new_jump_process
from latentode.training.events.scoring import score_streams

if TYPE_CHECKING:
    import xarray as xr

_WHEN_ASKED = {"--windows": "windows", "--events": "events"}
_ARGUMENTS = {**_WHEN_ASKED, "--mark-column": "mark_column"}
_IN_TRAINING = (
    "Settings are given as EventForecaster(data=LatentODEConfig().updated("
    '**{{"{name}": ...}}).data).'
)
_IN_ONE_FILE = (
    "Settings of one file are given where it is read, read_events(events, LatentODEConfig("
    'data=model.fitted_.data).updated(**{{"{name}": ...}}).data, '
    "clock=model.fitted_.streams.clock, mark_names=model.fitted_.streams.mark_names), which is "
    "then the events."
)


@dataclass(kw_only=True, eq=False, repr=False)
class EventForecaster:
    """Point process for streams of marked events: fit, then ask for rates and what comes next.

    Args:
        latent_dim: Size of the latent state.
        hidden_dim: Hidden units.
        link: "softplus" (effects add) or "exp" (effects multiply).
        steps: Steps of training.
        lr: Peak learning rate.
        batch_size: Windows a step.
        max_time: Wall-clock budget of `fit`, for example "10min". The schedule is shortened to end
            within it; where the budget ends before, the last state is kept. None takes all steps.
        random_state: Seed of everything.
        device: "cpu" or "cuda".
        data: How event files are read.

    Attributes:
        fitted_: The trained process with the streams it was trained on.
        losses_: Nats per event of each training step that was taken.
    """

    latent_dim: int = 16
    hidden_dim: int = 32
    link: Link = "softplus"
    steps: int = 400
    lr: float = 1e-2
    batch_size: int = 48
    max_time: DurationLike | None = None
    random_state: int = 0
    device: str = "cpu"
    data: DataConfig | None = None

    def fit(
        self,
        events: Events,
        *,
        mark_column: str | None = None,
        windows: Source | None = None,
        run_dir: str | Path | None = None,
        resume: bool = False,
        on_step: Callable[[int, float], None] | None = None,
        on_plan: Callable[[int], None] | None = None,
    ) -> Self:
        """Train on event streams.

        Args:
            events: Streams; or a file or frame with id, time and mark, see
                `latentode.data.reading.events.read_events`.
            mark_column: Column of marks.
            windows: When each series was observed.
            run_dir: Folder for checkpoints and the model.
            resume: Go on from the last checkpoint of `run_dir`.
            on_step: Told the number of each step and its loss.
            on_plan: Told the steps of the schedule where `max_time` shortened it.

        Raises:
            ConfigError: If windows are given of streams, which have their own.
            DataError: If the events cannot be read, or there is none.
        """
        config = self.data or DataConfig.model_validate({})
        refuse_windows_of_streams(events, windows)
        if not isinstance(events, EventStreams):
            with said_in_python(_ARGUMENTS, _IN_TRAINING):
                events = read_events(events, config, mark_column=mark_column, windows=windows)
        streams = events.spread_ties(self.random_state)
        if streams.num_scored == 0:
            raise DataError("events: expected at least one event in the windows, got none.")
        unit_ns = NS_PER_UNIT[unit_of(streams.clock)]
        device = device_of(self.device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            model = new_jump_process(
                streams, unit_ns, latent_dim=self.latent_dim, hidden_dim=self.hidden_dim,
                link=self.link,
            ).to(device)  # fmt: skip
        fitting = self._fitting()
        folder = None if run_dir is None else Path(run_dir)
        losses = fit_events(
            model, streams, unit_ns, fitting, on_step, run_dir=folder, resume=resume,
            on_plan=on_plan,
        )  # fmt: skip
        sizes = {
            "latent_dim": self.latent_dim,
            "hidden_dim": self.hidden_dim,
            "link": self.link,
            "num_decays": len(model.log_decay),
            "clock": model.dynamics.clock,
            "share": model.share is not None,
        }
        self.fitted_ = FittedEvents(model.eval(), config, mark_column, streams, sizes)
        self.losses_ = losses
        if folder is not None:
            self.fitted_.save(folder / "model")
        return self

    def _fitting(self) -> EventFitting:
        budget = None if self.max_time is None else parse_duration(self.max_time, "s") / 1e9
        return EventFitting(
            steps=self.steps, lr=self.lr, batch=self.batch_size, seed=self.random_state,
            max_seconds=budget,
        )  # fmt: skip

    def read(self, events: Events | None, windows: Source | None = None) -> EventStreams:
        """Streams as the model's own were read; those of the training for None.

        Raises:
            ConfigError: If windows are given of streams that have their own.
            DataError: If the events cannot be read, or are not of the marks of the model.
        """
        with said_in_python(_WHEN_ASKED, _IN_ONE_FILE):
            return streams_of(self._fitted(), events, windows, self.random_state)

    def intensity(
        self, events: Events | None = None, *, every: DurationLike | None = None, points: int = 300
    ) -> xr.Dataset:
        """Rate of each mark on an even grid over the windows, given what happened before.

        Args:
            events: Streams; those of the training by default.
            every: Spacing, for example "5min"; `points` steps over the longest window by default.
            points: Steps where `every` is None.

        Returns:
            ``intensity`` (series, step, mark) in events per unit of time.
        """
        fitted, streams = self._fitted(), self.read(events)
        start = streams.windows[..., 0].min(1)
        length = streams.windows[..., 1].max(1) - start
        spacing = int(length.max()) // points
        if every is not None:
            spacing = parse_duration(every, fitted.unit)
        steps = np.arange(int(length.max()) // max(spacing, 1) + 1) * max(spacing, 1)
        times = start[:, None] + np.minimum(steps, length[:, None])
        at = torch.from_numpy((times - streams.origins[:, None]) / fitted.unit_ns)
        batch = self._batch(streams)
        rates = next_event.intensity(fitted.model, batch, at.to(batch.times.device))
        return intensity_dataset(
            rates.cpu().numpy(), times, series_ids=streams.series_ids,
            mark_names=streams.mark_names, clock=streams.clock, unit=fitted.unit,
        )  # fmt: skip

    def next_event(
        self,
        events: Events | None = None,
        *,
        horizon: DurationLike,
        levels: Sequence[float] = (0.05, 0.5, 0.95),
        num_draws: int = 100,
    ) -> xr.Dataset:
        """What comes after the end of each window.

        Args:
            events: Streams; those of the training by default.
            horizon: How far ahead, for example "6h", or a number in the unit of the model.
            levels: Probabilities of the quantiles.
            num_draws: Simulated futures, for expected counts.

        Returns:
            Quantiles and mean of the time to the next event, probability of none until the horizon,
            probability of each mark, and simulated counts until the horizon.
        """
        fitted, streams = self._fitted(), self.read(events)
        ahead = parse_duration(horizon, fitted.unit) / fitted.unit_ns
        at = next_event.present(fitted.model, self._batch(streams))
        device = at.now.device
        following = next_event.NextEvent(fitted.model, at, ahead)
        end = torch.full((streams.num_series, 1), ahead, dtype=torch.float64, device=device)
        median = following.quantile(torch.tensor([0.5])).clamp(max=ahead)
        generator = torch.Generator(device).manual_seed(self.random_state)
        futures = next_event.simulate(fitted.model, at, ahead, num_draws, generator)
        counts = futures.counts(streams.num_marks).double()
        return next_event_dataset(
            following.quantile(torch.tensor(list(levels))).cpu().numpy(),
            levels,
            following.mean().cpu().numpy(),
            following.survival(end)[:, 0].cpu().numpy(),
            following.marks(median)[:, 0].cpu().numpy(),
            counts.mean(0).cpu().numpy(),
            counts.long().cpu().numpy(),
            series_ids=streams.series_ids,
            mark_names=streams.mark_names,
            unit=fitted.unit,
        )

    def score(self, events: Events | None = None) -> dict[str, float]:
        """Nats per event, absolute and gained over the constant rates of the training.

        Returns:
            "nats_per_event" for events per unit of the model, "gain_per_event" (free of units),
            and the number of "events".
        """
        fitted, streams = self._fitted(), self.read(events)
        scores, batch = self._scores(streams)
        rates = torch.from_numpy(fitted.streams.rates(fitted.unit_ns))
        constant = HomogeneousProcess(rates).score(batch).log_prob().detach()
        count = max(1, streams.num_scored)
        nats = float(scores.log_prob().sum()) / count
        return {
            "nats_per_event": nats,
            "gain_per_event": nats - float(constant.sum()) / count,
            "events": streams.num_scored,
        }

    def long_horizon(
        self, events: Events | None = None, *, num_draws: int = 16, most: int = 20
    ) -> dict[str, Any]:
        """OTD and T-mAP of many events ahead, beside naive forecasts.

        Args:
            events: Streams; those of the training by default.
            num_draws: Sample paths of each future.
            most: Most moments that are foretold from.

        Returns:
            See `latentode.evaluation.long_horizon.long_horizon_scores`.
        """
        fitted = self._fitted()
        gap = 1 / float(fitted.streams.rates(fitted.unit_ns).sum())
        return long_horizon_scores(
            fitted.model, self.read(events), fitted.unit_ns, gap,
            num_draws=num_draws, most=most, seed=self.random_state,
        )  # fmt: skip

    def goodness_of_fit(
        self, events: Events | None = None
    ) -> dict[str, dict[str, goodness_of_fit.FitTest]]:
        """Tests of the rescaled process, together and by mark; see `goodness_of_fit`."""
        streams = self.read(events)
        return goodness_of_fit.goodness_of_fit(*self._scores(streams), streams.mark_names)

    def rescaled_quantiles(self, events: Events | None = None) -> tuple[Any, Any]:
        """Points of the QQ plot: exponential quantiles and sorted rescaled gaps."""
        return goodness_of_fit.quantiles(goodness_of_fit.rescale(*self._scores(self.read(events))))

    def _batch(self, streams: EventStreams) -> EventBatch:
        fitted = self._fitted()
        device = next(fitted.model.parameters()).device
        return EventBatch.of(streams, fitted.unit_ns).to(device)

    def _scores(self, streams: EventStreams) -> tuple[EventScores, EventBatch]:
        fitted = self._fitted()
        return score_streams(fitted.model, streams, fitted.unit_ns)

    def save(self, folder: str | Path) -> None:
        """Write the model: safetensors and JSON, no pickle."""
        self._fitted().save(Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str = "cpu") -> Self:
        """Read a model that `save` or a training run wrote.

        Raises:
            ConfigError: If there is no such device.
            CheckpointError: If the folder is broken, tampered with or of another version.
        """
        fitted = FittedEvents.load(Path(folder), device)
        sizes = fitted.sizes
        estimator = cls(
            latent_dim=sizes["latent_dim"], hidden_dim=sizes["hidden_dim"], link=sizes["link"],
            device=device, data=fitted.data,
        )  # fmt: skip
        estimator.fitted_ = fitted
        return estimator

    def _fitted(self) -> FittedEvents:
        if not hasattr(self, "fitted_"):
            raise NotFittedError(
                "EventForecaster: expected a fitted model. Call fit or load first."
            )
        return self.fitted_


def streams_of(
    fitted: FittedEvents,
    events: Events | None,
    windows: Source | None,
    seed: int,
    *,
    data: DataConfig | None = None,
) -> EventStreams:
    """Streams as those of a model were read; those of its training for None.

    Args:
        fitted: The model.
        events: Streams, or a file or frame of them.
        windows: When each series was observed.
        seed: Of the noise that spreads events of one time.
        data: How a file is read; None reads it as those of the training were.

    Raises:
        ConfigError: If windows are given of streams that have their own.
        DataError: If the events cannot be read, or are not of the marks of the model.
    """
    refuse_windows_of_streams(events, windows)
    if events is None:
        return fitted.streams
    if not isinstance(events, EventStreams):
        events = read_events(
            events,
            data or fitted.data,
            mark_column=fitted.mark_column,
            windows=windows,
            clock=fitted.streams.clock,
            mark_names=fitted.streams.mark_names,
        )
    fitted.check(events)
    return events.spread_ties(seed)
