"""What the readings of each channel can be: any numbers, numbers with bounds, states, counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentode.config.channels import KINDS, NOTHING_KNOWN, ChannelKind, ChannelsConfig
from latentode.data.channel_readings import ChannelReadings, by_channel
from latentode.data.dataset import Float64, Readings
from latentode.data.scaler import Scaler
from latentode.errors import ConfigError

# A bound is an extreme where readings pile up: so many of them, in so many stretches, in such a
# share, and so many times as many as at any other value, of a channel of so many values at least.
# A channel of few values has levels, and the highest of its levels is none that it must not pass.
_FEWEST, _STRETCHES, _SHARE, _TIMES, _VALUES = 20, 5, 0.01, 3.0, 10
_RETURNS = 2  # stretches of each of two states: a counter passes 0 and 1 but once
# Counts are small, and differ from one reading to the next about as those of a Poisson process: a
# level in whole numbers, such as a percentage, keeps to its last reading.
_LARGEST, _DISTINCT, _DISPERSION = 100, 4, 0.8
_ROUNDING = 1e-4  # of the scale: what float32 and back leaves of a value


@dataclass(frozen=True, eq=False)
class Families:
    """Kind and bounds of every channel.

    Attributes:
        kinds: "continuous", "binary" (`lower` and `upper` are its two states) or "count" (whole
            steps from `lower` on).
        lower: Least value, -inf where there is none, shape (channel,).
        upper: Greatest value, +inf where there is none, shape (channel,).
        step: Distance of two counts, shape (channel,).
        least: Least reading of training, of continuous channels; -inf of others and where it is not
            known, shape (channel,). What a model learned it learned of readings from here on.
        greatest: Greatest reading of training, likewise.
        reasons: Why each channel is what it is; "" for numbers without bounds.
    """

    kinds: tuple[ChannelKind, ...]
    lower: Float64
    upper: Float64
    step: Float64
    least: Float64
    greatest: Float64
    reasons: tuple[str, ...]

    @classmethod
    def free(cls, num_channels: int) -> Families:
        """Numbers without bounds."""
        unbounded = np.full(num_channels, np.inf)
        continuous: ChannelKind = "continuous"
        kinds = (continuous,) * num_channels
        ones, nothing = np.ones(num_channels), ("",) * num_channels
        return cls(kinds, -unbounded, unbounded, ones, -unbounded, unbounded, nothing)

    @classmethod
    def fit(
        cls, training: Readings, validation: Readings, config: ChannelsConfig = NOTHING_KNOWN
    ) -> Families:
        """What was declared of each channel, else what the readings give strong evidence of.

        Args:
            training: Readings to learn from.
            validation: Further readings, by which what was learned must hold.
            config: What was declared.

        Raises:
            ConfigError: If a name is no channel, or readings contradict what was declared of it.
        """
        check_declared(training.channels, config)
        channels = zip(by_channel(training), by_channel(validation), strict=True)
        return cls.of([channel_family(each, later.values, config) for each, later in channels])

    @classmethod
    def of(cls, channels: Sequence[_Row]) -> Families:
        """Put channels together.

        Args:
            channels: What `channel_family` says of each.
        """
        found, low, high, reasons, extremes = zip(*channels, strict=True) if channels else [()] * 5
        least, greatest = np.array(extremes, np.float64).reshape(-1, 2).T
        steps = np.ones(len(channels))
        return cls(found, np.array(low), np.array(high), steps, least, greatest, reasons)

    def valid(self, num_channels: int) -> bool:
        """Whether it describes so many channels, each by something that can be."""
        sizes = {len(of) for of in (self.kinds, self.reasons, *map(self.__getattribute__, _FREE))}
        binary = np.array([kind == "binary" for kind in self.kinds], dtype=bool)
        return (
            sizes == {num_channels}
            and set(self.kinds) <= set(KINDS)
            and bool((self.lower < self.upper).all())
            and bool(np.isfinite(self.lower[binary] + self.upper[binary]).all())
        )

    @property
    def all_free(self) -> bool:
        """Whether every channel holds numbers without bounds."""
        return not self.supported().any()

    def supported(self) -> np.ndarray:
        """True where a channel has bounds, states or counts, shape (channel,)."""
        special = np.array([kind != "continuous" for kind in self.kinds], dtype=bool)
        return special | np.isfinite(self.lower) | np.isfinite(self.upper)

    def scaled(self, scaler: Scaler) -> Families:
        """The same in scaled units."""
        ends = (self.lower, self.upper, self.least, self.greatest)
        lower, upper, least, greatest = map(scaler.transform, ends)
        step = self.step / scaler.scale
        return replace(self, lower=lower, upper=upper, step=step, least=least, greatest=greatest)

    def exact(self, values: Float64, scale: Float64) -> Float64:
        """Values without the rounding of scaled numbers: bounds, states and counts as they are.

        Args:
            values: In original units, shape (..., channel); changed in place.
            scale: Of the channels, as `Scaler.scale`.

        Returns:
            The values.
        """
        for channel in np.flatnonzero(self.supported()).tolist():
            of_it, rounding = values[..., channel], _ROUNDING * scale[channel]
            whole = [np.rint(of_it)] if self.kinds[channel] == "count" else []
            for target in (*whole, self.lower[channel], self.upper[channel]):
                np.copyto(of_it, target, where=np.abs(of_it - target) <= rounding)
        return values

    def outside(self, readings: Readings) -> list[str]:
        """What there is to say of readings that a channel was not taken to have."""
        lines = []
        for index in np.flatnonzero(self.supported()).tolist():
            values = readings.values[readings.channel_index == index]
            odd = values[~self._fits(index, values)]
            if len(odd):
                expected = self.reasons[index].partition(" (")[0]
                lines.append(
                    f"{readings.channels[index]}: expected {expected}, got {odd[0]:g} "
                    f"({len(odd):,} of {len(values):,} readings): no such limit where they are read"
                )
        return lines

    def _fits(self, index: int, values: Float64) -> np.ndarray:
        within = (values >= self.lower[index]) & (values <= self.upper[index])
        if self.kinds[index] == "continuous":
            return within
        whole = self.kinds[index] == "count"
        states = (self.lower[index], self.upper[index])
        return within & (values == np.rint(values) if whole else np.isin(values, states))

    def lines(self, channels: Sequence[str]) -> list[str]:
        """What there is to say of the channels, with how to overrule it."""
        return [
            f"{n}: {reason}" for n, reason in zip(channels, self.reasons, strict=True) if reason
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "kinds": list(self.kinds),
            "lower": _to_json(self.lower),
            "upper": _to_json(self.upper),
            "least": _to_json(self.least),
            "greatest": _to_json(self.greatest),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Families:
        """Rebuild from `to_dict`."""
        ends = {
            name: np.array([free if v is None else v for v in values[name]], np.float64)
            for name, free in _FREE.items()
        }
        return cls(
            kinds=tuple(values["kinds"]),
            step=np.ones(len(values["kinds"])),
            reasons=tuple(values["reasons"]),
            **ends,
        )


#: What stands for no bound, and for extremes that are not known.
_FREE = {"lower": -np.inf, "upper": np.inf, "least": -np.inf, "greatest": np.inf}
_Family = tuple[ChannelKind, float, float, str]
_Row = tuple[ChannelKind, float, float, str, tuple[float, float]]


def check_declared(names: Sequence[str], config: ChannelsConfig) -> None:
    """Refuse what was declared of a channel that is not there.

    Args:
        names: Channels of the log.
        config: What was declared.

    Raises:
        ConfigError: With the option.
    """
    kinds = config.declared_kinds()
    lower, upper = config.bounds("lower"), config.bounds("upper")
    for option, declared in (("kinds", kinds), ("lower", lower), ("upper", upper)):
        for name in declared:
            if name not in names:
                raise ConfigError(
                    f"channels.{option}: expected one of the channels {', '.join(names)}, got "
                    f"{name!r}. Check --{option}."
                )


def channel_family(training: ChannelReadings, later: Float64, config: ChannelsConfig) -> _Row:
    """Kind, bounds, reason and extremes of one channel; see `Families.fit`.

    Args:
        training: Readings to learn from.
        later: Further readings, by which what was learned must hold.
        config: What was declared.

    Raises:
        ConfigError: If readings contradict what was declared.
    """
    name, channel = training.name, _Channel.of(training, later)
    lower, upper = config.bounds("lower").get(name), config.bounds("upper").get(name)
    found = channel.family(config.declared_kinds().get(name), lower, upper)
    return *found, channel.extremes(found[0])


@dataclass(frozen=True, eq=False)
class _Channel:
    """Readings of one channel: of training with their series, in order of time; and of validation.

    `distinct` are the values of training in order, and `counts` how often each was read.
    """

    name: str
    values: Float64
    series: np.ndarray
    later: Float64
    distinct: Float64
    counts: np.ndarray

    @classmethod
    def of(cls, training: ChannelReadings, later: Float64) -> _Channel:
        distinct, counts = _distinct(training.values)
        return cls(training.name, training.values, training.series, later, distinct, counts)

    def family(self, kind: ChannelKind | None, lower: float | None, upper: float | None) -> _Family:
        """Kind, bounds and reason, from what was declared (None: nothing)."""
        if kind == "binary" or (
            kind is None and lower is None and upper is None and self._states()
        ):
            return self._binary(declared=kind is not None)
        counted = kind is None and lower in (None, 0.0) and upper is None and self._counts()
        if kind == "count" or counted:
            return self._count(lower, upper, declared=kind is not None)
        low, why_low = self._bound(lower, -1.0)
        high, why_high = self._bound(upper, 1.0)
        if low >= high:
            raise ConfigError(
                f"channels.lower: expected a bound of {self.name} below its upper bound "
                f"{high:g}, got {low:g}. Check --lower and --upper."
            )
        return "continuous", low, high, "; ".join(filter(None, (why_low, why_high)))

    def extremes(self, kind: ChannelKind) -> tuple[float, float]:
        """Least and greatest reading of training, infinite of states, counts and nothing."""
        if kind != "continuous" or not len(self.distinct):
            return -np.inf, np.inf
        return float(self.distinct[0]), float(self.distinct[-1])

    def _bound(self, declared: float | None, sign: float) -> tuple[float, str]:
        """The bound below (sign -1) or above (1), and why it is one."""
        option, words = ("--lower", "at least") if sign < 0 else ("--upper", "at most")
        if declared is not None:
            if np.isinf(declared):
                return sign * np.inf, ""
            self._expect(
                lambda values: sign * values <= sign * declared,
                f"no reading {'below' if sign < 0 else 'above'} {declared:g}",
                option,
            )
            return declared, f"{words} {declared:g} (declared)"
        number = self._piled(sign)
        if not number:
            return sign * np.inf, ""
        extreme = float(self.distinct[0 if sign < 0 else -1])
        stand = f"{number:,} of {len(self.values):,} readings stand exactly there"
        beyond = self.later[sign * self.later > sign * extreme]
        if len(beyond):
            why = f"no bound at {extreme:g} ({stand}, but the validation part has {beyond[0]:g})"
            return sign * np.inf, why
        why = f"{words} {extreme:g} ({stand}; {option} {self.name}=none for no bound)"
        return extreme, why

    def _piled(self, sign: float) -> int:
        """Number of readings at the extreme where they make it a bound, else 0."""
        if len(self.distinct) <= _VALUES:
            return 0
        place = 0 if sign < 0 else -1
        extreme, number = self.distinct[place], int(self.counts[place])
        most = (self.counts[1:] if sign < 0 else self.counts[:-1]).max()
        enough = number >= max(_FEWEST, _SHARE * len(self.values), _TIMES * most)
        return number if enough and self._stretches(extreme) >= _STRETCHES else 0

    def _stretches(self, value: float) -> int:
        """How often the channel came to a value and stayed there."""
        at = self.values == value
        before = np.zeros(len(at), dtype=bool)
        before[1:] = at[:-1] & (self.series[1:] == self.series[:-1])
        return int((at & ~before).sum())

    def _states(self) -> bool:
        """Whether it goes to and fro between 0 and 1, and holds nothing else."""
        return (
            len(self.distinct) == 2
            and self.distinct.tolist() == [0.0, 1.0]
            and all(self._stretches(value) >= _RETURNS for value in (0.0, 1.0))
            and bool(np.isin(self.later, self.distinct).all())
        )

    def _counts(self) -> bool:
        """Whether it holds small whole numbers that vary as counts do."""
        if len(self.distinct) < _DISTINCT or self.distinct[0] < 0:
            return False
        if self.distinct[-1] > _LARGEST or not _whole(self.distinct) or not _whole(self.later):
            return False
        same = self.series[1:] == self.series[:-1]
        moves = np.diff(self.values)[same]
        spread = 0.5 * float(np.square(moves).mean()) if len(moves) >= _FEWEST else 0.0
        return spread >= _DISPERSION * float(self.values.mean())

    def _binary(self, *, declared: bool) -> _Family:
        states = self.distinct if len(self.distinct) == 2 else np.array([0.0, 1.0])
        low, high = states.tolist()
        rule = "two states" if len(self.distinct) != 2 else f"the states {low:g} and {high:g} alone"
        self._expect(lambda values: np.isin(values, states), rule, "--kinds")
        why = "declared" if declared else f"--kinds {self.name}=continuous for any numbers"
        return "binary", low, high, f"states {low:g} and {high:g} ({why})"

    def _count(self, lower: float | None, upper: float | None, *, declared: bool) -> _Family:
        if lower not in (None, 0.0) or upper is not None:
            raise ConfigError(
                f"channels.kinds: expected a count without bounds of its own, got bounds of "
                f"{self.name}. Leave out its --lower and --upper."
            )
        self._expect(lambda v: (v >= 0) & (v == np.rint(v)), "whole numbers from 0 on", "--kinds")
        why = "declared" if declared else f"--kinds {self.name}=continuous for any numbers"
        return "count", 0.0, np.inf, f"counts ({why})"

    def _expect(self, holds: Callable[[Float64], Any], rule: str, option: str) -> None:
        """Refuse what was declared where a reading contradicts it."""
        values = np.concatenate([self.values, self.later])
        odd = values[~np.asarray(holds(values), dtype=bool)]
        if len(odd):
            raise ConfigError(
                f"channels.{option.removeprefix('--')}: expected {rule} of {self.name}, got "
                f"{odd[0]:g} ({len(odd):,} of {len(values):,} readings). Change {option} for it, "
                "or correct the log."
            )


def _distinct(values: Float64) -> tuple[Float64, np.ndarray]:
    """What `np.unique` says of finite numbers with their counts, in less memory."""
    ordered = np.sort(values)
    last = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    ends = np.flatnonzero(last)
    distinct = ordered[ends]
    del ordered
    return distinct, np.diff(ends, prepend=-1)


def _whole(values: Float64) -> bool:
    return bool((values == np.rint(values)).all())


def _to_json(bounds: Float64) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in bounds.tolist()]
