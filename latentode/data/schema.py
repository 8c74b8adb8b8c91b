"""What a model learned about its data: names, units, scales, time, windows and split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latentode.config import LatentODEConfig
from latentode.config.durations import format_duration
from latentode.data.alignment import align_static, check_clock, check_units, require
from latentode.data.batches.window_arrays import ArrayBuilder
from latentode.data.climatology import Climatology
from latentode.data.counters import NO_COUNTERS, Counters
from latentode.data.dataset import Clock, Float64, Int64, TimeSeriesDataset
from latentode.data.families import Families
from latentode.data.learned import FEWEST_TRAINING, Learned
from latentode.data.parting import Parting
from latentode.data.scaler import Scaler, TimeScale
from latentode.data.splits import Split
from latentode.data.windows import WindowLengths
from latentode.errors import CheckpointError, DataError

_NO_BOUND = float(np.finfo(np.float64).max)  # stood for none in version 0.1
#: Model time is counted in quarters of a window.
UNITS_PER_WINDOW = 4


@dataclass(frozen=True, eq=False)
class DataSchema:
    """Everything about the data that a prediction needs, learned from the training part only.

    Attributes:
        channels: Channel names, in the order of the model.
        units: (channel, unit) pairs, where units are known.
        clock: What a time means.
        lengths: Context and horizon.
        split: Training, validation and test parts.
        scaler: Channel scales.
        families: What the readings of each channel can be.
        time_scale: Unit of model time: a quarter of context plus horizon.
        origin_ns: First time of the training log; noise belongs to times measured from it, so
            that a shift of the whole log changes nothing but labels.
        periods_ns: Calendar periods that the model sees.
        input_channels: Known inputs.
        input_scaler: Their scales; None without.
        static_columns: Static covariates.
        static_mean: Training means, shape (static,).
        static_std: Training standard deviations, shape (static,).
        climatology: Distribution of the training readings, which the model folder keeps as tensors;
            None for models of earlier versions.
        counters: Channels that are running totals: all that is learned of them is of their rates.
    """

    channels: tuple[str, ...]
    units: tuple[tuple[str, str], ...]
    clock: Clock
    lengths: WindowLengths
    split: Split
    scaler: Scaler
    families: Families
    time_scale: TimeScale
    origin_ns: int
    periods_ns: Int64
    input_channels: tuple[str, ...]
    input_scaler: Scaler | None
    static_columns: tuple[str, ...]
    static_mean: Float64
    static_std: Float64
    climatology: Climatology | None = None
    counters: Counters = NO_COUNTERS

    @classmethod
    def fit(
        cls, dataset: TimeSeriesDataset, config: LatentODEConfig, split: Split | None = None
    ) -> DataSchema:
        """Choose lengths and split, and learn the scales from the training part.

        Args:
            dataset: The log.
            config: Settings.
            split: The split; None is chosen.

        Raises:
            DataError: If no channel has ten readings in the training part, or no series has two
                rows to tell lengths by.
            ConfigError: If readings contradict what was declared of a channel.
        """
        parting = Parting.of(dataset, config, split)
        return cls.of(dataset, parting, Learned.of_log(dataset, parting, config))

    @classmethod
    def of(cls, log: TimeSeriesDataset, parting: Parting, learned: Learned) -> DataSchema:
        """Put together what was learned.

        Args:
            log: The log, of which names, units and clock are looked at.
            parting: How it is parted.
            learned: What was learned of its values.
        """
        channels = learned.channels
        return cls(
            channels=log.channels,
            units=log.units,
            clock=log.clock,
            lengths=parting.lengths,
            split=parting.split,
            scaler=channels.scaler,
            families=channels.families,
            time_scale=TimeScale(max(1, parting.window_ns // UNITS_PER_WINDOW)),
            origin_ns=parting.origin_ns,
            periods_ns=parting.periods_ns,
            input_channels=() if log.inputs is None else log.inputs.channels,
            input_scaler=learned.input_scaler,
            static_columns=log.static_columns,
            static_mean=learned.static_mean,
            static_std=learned.static_std,
            climatology=channels.climatology,
            counters=learned.counters,
        )

    @property
    def known(self) -> NDArray[np.bool_]:
        """True where training read a channel often enough to say something of it."""
        if self.climatology is None:  # of an earlier version
            return np.ones(len(self.channels), dtype=bool)
        return self.climatology.counts >= FEWEST_TRAINING

    def only_known(self, dataset: TimeSeriesDataset) -> TimeSeriesDataset:
        """Leave out the readings of other channels than `known`, in whose place nothing is said.

        Args:
            dataset: Channels in the order of the schema.
        """
        if self.known.all():
            return dataset
        readings = dataset.readings
        return dataset.with_readings(readings.select_readings(self.known[readings.channel_index]))

    def modelled(self, dataset: TimeSeriesDataset) -> TimeSeriesDataset:
        """Readings as the model sees them: rates of counters, and channels that are `known` alone.

        Args:
            dataset: Channels in the order of the schema.
        """
        return self.only_known(dataset.with_readings(self.counters.as_rates(dataset.readings)))

    def to_original(self, values: Float64) -> Float64:
        """Readings in original units, rates of counters; NaN of channels other than `known`.

        Args:
            values: In scaled units, shape (..., channel).
        """
        original = self.scaler.inverse(values)
        if not self.known.all():
            original[..., ~self.known] = np.nan
        return original

    @property
    def input_dim(self) -> int:
        """Known-input features of the model."""
        return 4 * len(self.periods_ns) + len(self.input_channels)

    @property
    def has_covariates(self) -> bool:
        """Whether something is known of a series beside its readings and the calendar."""
        return bool(self.static_columns or self.input_channels)

    @property
    def season(self) -> float | None:
        """The shortest calendar period in model time, if a context holds one and a half of it."""
        fitting = self.periods_ns[1.5 * self.periods_ns <= self.lengths.context_ns]
        return float(fitting.min()) / self.time_scale.unit_ns if len(fitting) else None

    def around_anchor(self, anchor: str) -> tuple[float, float]:
        """Model time before and after the anchor of a window that readings of it can lie at.

        Args:
            anchor: "origin", the last visible row, or "start", the first.
        """
        unit_ns, lengths = self.time_scale.unit_ns, self.lengths
        context, horizon = lengths.context_ns / unit_ns, lengths.horizon_ns / unit_ns
        return (-context, horizon) if anchor == "origin" else (0.0, context + horizon)

    def special_kinds(self) -> dict[str, str]:
        """Channels of states and of counts; the mean forecast of a state of 0 and 1 is a chance."""
        kinds = zip(self.channels, self.families.kinds, strict=True)
        return {name: kind for name, kind in kinds if kind != "continuous"}

    def builder(self) -> ArrayBuilder:
        """Padded arrays with these scales."""
        scaled = self.families.scaled(self.scaler)
        return ArrayBuilder(
            self.scaler,
            self.time_scale,
            self.periods_ns,
            self.input_scaler,
            self.static_mean,
            self.static_std,
            scaled.least,
            scaled.greatest,
        )

    def align(
        self, dataset: TimeSeriesDataset, *, allow_missing: bool = False
    ) -> TimeSeriesDataset:
        """What predictions see of another log: `in_order`, channels that are `known` alone."""
        return self.only_known(self.in_order(dataset, allow_missing=allow_missing))

    def in_order(
        self, dataset: TimeSeriesDataset, *, allow_missing: bool = False
    ) -> TimeSeriesDataset:
        """Bring another log into the order of this schema, channels matched by name.

        Args:
            dataset: The log.
            allow_missing: Whether channels may be absent.

        Raises:
            DataError: If a channel, planned input or static covariate is absent, or the clock is of
                another kind, or with a zone where training had none.
        """
        check_clock(dataset.clock, self.clock)
        check_units(dict(dataset.units), dict(self.units))
        absent = [name for name in self.channels if name not in dataset.channels]
        if absent and not allow_missing:
            raise DataError(
                f"channels: expected {', '.join(self.channels)}, the log has no "
                f"{', '.join(absent)}. Check --channels, or pass --allow-missing-channels."
            )
        inputs = dataset.inputs if self.input_channels else None
        known = () if inputs is None else inputs.channels
        require("planned inputs", self.input_channels, known, "--future-columns")
        return replace(
            dataset,
            readings=dataset.readings.select_channels(self.channels),
            inputs=None if inputs is None else inputs.select_channels(self.input_channels),
            static_columns=self.static_columns,
            static=align_static(dataset, self.static_columns),
            units=self.units,
        )

    def plan(self) -> list[str]:
        """Lines that say what was chosen."""
        lengths = self.lengths
        lines = [
            f"windows: history {format_duration(lengths.context_ns)}, horizon "
            f"{format_duration(lengths.horizon_ns)} ({lengths.reason})",
            f"split: {self.split.line(self.clock)}",
        ]
        constant = [self.channels[i] for i in np.flatnonzero(self.scaler.constant & self.known)]
        if constant:
            lines.append(f"constant in training: {', '.join(constant)}")
        if self.counters.names:
            lines.append(f"counters, modelled by their rates: {', '.join(self.counters.names)}")
        return lines + self.families.lines(self.channels) + self.unknown_lines()

    def unknown_lines(self) -> list[str]:
        """What is said of channels that are not `known`; nothing where all are."""
        if self.climatology is None or self.known.all():
            return []
        counts = self.climatology.counts
        few = [f"{self.channels[i]} ({counts[i]})" for i in np.flatnonzero(~self.known)]
        return [
            f"fewer than {FEWEST_TRAINING} readings in the training part, so every answer is NaN: "
            f"{', '.join(few)}"
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "channels": list(self.channels),
            "units": [list(pair) for pair in self.units],
            "clock": asdict(self.clock),
            "lengths": asdict(self.lengths),
            "split": self.split.to_dict(),
            "scaler": self.scaler.to_dict(),
            "families": self.families.to_dict(),
            "unit_ns": self.time_scale.unit_ns,
            "origin_ns": self.origin_ns,
            "periods_ns": self.periods_ns.tolist(),
            "input_channels": list(self.input_channels),
            "input_scaler": None if self.input_scaler is None else self.input_scaler.to_dict(),
            "static_columns": list(self.static_columns),
            "static_mean": self.static_mean.tolist(),
            "static_std": self.static_std.tolist(),
            **({"counters": self.counters.to_dict()} if self.counters.names else {}),
        }

    @staticmethod
    def as_of_today(values: Mapping[str, Any]) -> Mapping[str, Any]:
        """What `to_dict` says today of a schema that version 0.1 wrote, which knew no families.

        Raises:
            CheckpointError: If a channel was bounded, as draws were then cut at the bound.
        """
        if "families" in values:
            return values
        scalers: dict[str, Any] = {}
        for name in ("scaler", "input_scaler"):
            old = dict(values[name]) if values[name] is not None else None
            ends = [old.pop("lower"), old.pop("upper")] if old is not None else []
            if name == "scaler" and any(abs(bound) < _NO_BOUND for side in ends for bound in side):
                raise CheckpointError(
                    "model: expected bounds of channels as they are learned today, got a model "
                    "that cuts its draws at the extremes of its training. Train it again."
                )
            scalers[name] = old
        families = Families.free(len(values["channels"])).to_dict()
        return {**values, **scalers, "families": families}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DataSchema:
        """Rebuild from `to_dict`."""
        inputs = values["input_scaler"]
        return cls(
            channels=tuple(values["channels"]),
            units=tuple((c, u) for c, u in values["units"]),
            clock=Clock(**values["clock"]),
            lengths=WindowLengths(**values["lengths"]),
            split=Split.from_dict(values["split"]),
            scaler=Scaler.from_dict(values["scaler"]),
            families=Families.from_dict(values["families"]),
            time_scale=TimeScale(int(values["unit_ns"])),
            origin_ns=int(values["origin_ns"]),
            periods_ns=np.asarray(values["periods_ns"], dtype=np.int64),
            input_channels=tuple(values["input_channels"]),
            input_scaler=None if inputs is None else Scaler.from_dict(inputs),
            static_columns=tuple(values["static_columns"]),
            static_mean=np.asarray(values["static_mean"], dtype=np.float64),
            static_std=np.asarray(values["static_std"], dtype=np.float64),
            counters=Counters.from_dict(values.get("counters", NO_COUNTERS.to_dict())),
        )
