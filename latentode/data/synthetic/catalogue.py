"""Simulated series by name: a spiral, oscillators, a toy and a sensor log, and `make` for any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np

from latentode.data.dataset import Float64, Int64
from latentode.data.synthetic.sensor import sensor
from latentode.data.synthetic.simulated import (
    SECOND_NS,
    SimulatedLog,
    check_design,
    observe,
    uniform_times,
)
from latentode.errors import ConfigError


def spiral(
    num_series: int = 100,
    num_points: int = 60,
    *,
    span: float = 6.3,
    coverage: float = 1.0,
    noise: float = 0.1,
    random_state: int | np.random.Generator = 0,
) -> SimulatedLog:
    r"""Draw two-dimensional Archimedean spirals, half of them clockwise, at irregular times.

    .. math:: (x, y)(t) = (a + b t)\,(\cos, \sin)(\phi \pm 2 t)

    Args:
        num_series: Number of spirals.
        num_points: Time stamps of each, uniform in [0, `span`].
        span: Length in seconds.
        coverage: Share of readings that are kept, drawn for each channel on its own.
        noise: Standard deviation of Gaussian noise.
        random_state: Seed or generator.

    Returns:
        Channels "x" and "y" on an elapsed clock in seconds.

    Reference:
        After the spirals of Chen, Rubanova, Bettencourt, Duvenaud (2018), Neural ordinary
        differential equations, https://arxiv.org/abs/1806.07366
    """
    check_design(num_series, num_points, span, coverage, noise)
    rng = np.random.default_rng(random_state)
    start = rng.uniform(0.2, 0.6, num_series)
    growth = rng.uniform(0.2, 0.4, num_series)
    phase = rng.uniform(0, 2 * np.pi, num_series)
    turn = np.where(np.arange(num_series) % 2, -2.0, 2.0)

    def truth(series: Int64, times: Int64) -> Float64:
        t = times / SECOND_NS
        radius, angle = start[series] + growth[series] * t, phase[series] + turn[series] * t
        return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    times = uniform_times(rng, num_series, num_points, span)
    parameters = {"start": start, "growth": growth, "phase": phase, "turn": turn}
    return observe(rng, ("x", "y"), times, truth, noise, coverage, parameters)


def oscillator(
    num_series: int = 100,
    num_points: int = 40,
    *,
    span: float = 10.0,
    frequency: float = 0.25,
    damping: float = 0.1,
    coverage: float = 1.0,
    noise: float = 0.1,
    random_state: int | np.random.Generator = 0,
) -> SimulatedLog:
    r"""Draw damped oscillators: one linear field for all series, a normal initial state for each.

    .. math::
        \ddot x = -(\omega^2 + \gamma^2)\,x - 2 \gamma\, \dot x, \qquad
        x(t) = e^{-\gamma t}\,(a \cos \omega t + b \sin \omega t), \quad a, b \sim N(0, 1)

    so a series is a linear Gaussian model, whose exact posterior is a least-squares problem.

    Args:
        num_series: Number of series.
        num_points: Time stamps of each, uniform in [0, `span`].
        span: Length in seconds.
        frequency: Cycles a second, :math:`\omega / 2 \pi`.
        damping: Rate of decay :math:`\gamma` a second; 0 for undamped.
        coverage: Share of readings that are kept, drawn for each channel on its own.
        noise: Standard deviation of Gaussian noise on both channels.
        random_state: Seed or generator.

    Returns:
        Channels "position" and "velocity" on an elapsed clock in seconds.
    """
    check_design(num_series, num_points, span, coverage, noise)
    rng = np.random.default_rng(random_state)
    amplitudes = rng.standard_normal((num_series, 2))
    omega = 2 * np.pi * frequency

    def truth(series: Int64, times: Int64) -> Float64:
        t = times / SECOND_NS
        a, b = amplitudes[series].T
        decay, cosine, sine = np.exp(-damping * t), np.cos(omega * t), np.sin(omega * t)
        position = decay * (a * cosine + b * sine)
        velocity = -damping * position + decay * omega * (b * cosine - a * sine)
        return np.stack([position, velocity], axis=1)

    times = uniform_times(rng, num_series, num_points, span)
    parameters = {
        "amplitudes": amplitudes,
        "frequency": np.array(frequency),
        "damping": np.array(damping),
    }
    return observe(rng, ("position", "velocity"), times, truth, noise, coverage, parameters)


def toy_periodic(
    num_series: int = 1000,
    num_points: int = 100,
    *,
    span: float = 5.0,
    noise: float = 0.01,
    shared_times: bool = True,
    random_state: int | np.random.Generator = 0,
) -> SimulatedLog:
    r"""Draw the periodic toy set of Rubanova et al.: sinusoids of unit amplitude.

    .. math:: x(t) = z + \sin 2 \pi f t, \qquad f \sim U(0.4, 0.8), \quad z \sim N(1, 0.1^2)

    Departs from the released code in its noise, which is uniform on [0, `noise`) and absent at time
    0; ours has the same width but mean zero, at all times, so that the truth is unbiased.

    Args:
        num_series: Number of series.
        num_points: Time stamps of each: 0, and others uniform in [0, `span`].
        span: Length in seconds.
        noise: Full width of the uniform noise; its standard deviation is ``noise / sqrt(12)``.
        shared_times: All series have the same time stamps, as in the release.
        random_state: Seed or generator.

    Returns:
        Channel "value" on an elapsed clock in seconds, every point observed; thin it for a task.

    Reference:
        Rubanova, Chen, Duvenaud (2019), Latent ODEs for irregularly-sampled time series,
        https://arxiv.org/abs/1907.03907
    """
    check_design(num_series, num_points, span, 1.0, noise)
    rng = np.random.default_rng(random_state)
    frequency = rng.uniform(0.4, 0.8, num_series)
    level = rng.normal(1.0, 0.1, num_series)

    def truth(series: Int64, at: Int64) -> Float64:
        t = at / SECOND_NS
        return (level[series] + np.sin(2 * np.pi * frequency[series] * t))[:, None]

    drawn = 1 + uniform_times(rng, 1 if shared_times else num_series, num_points - 1, span)
    times = np.broadcast_to(np.pad(drawn, ((0, 0), (1, 0))), (num_series, num_points))
    parameters = {"frequency": frequency, "level": level}
    clean = observe(rng, ("value",), times, truth, 0.0, 1.0, parameters)
    readings = clean.dataset.readings
    values = readings.values + noise * (rng.random(len(readings.values)) - 0.5)
    noisy = clean.dataset.with_readings(replace(readings, values=values))
    return replace(clean, dataset=noisy, noise_sd=np.array([noise / np.sqrt(12)]))


GENERATORS: dict[str, Callable[..., SimulatedLog]] = {
    "oscillator": oscillator,
    "sensor": sensor,
    "spiral": spiral,
    "toy_periodic": toy_periodic,
}


def make(name: str, **options: Any) -> SimulatedLog:
    """Build a synthetic data set by name.

    Args:
        name: A key of `GENERATORS`.
        **options: Arguments of that generator.

    Returns:
        The data set and its truth.

    Raises:
        ConfigError: If there is no generator of that name, or an option is out of range or unknown.
    """
    if name not in GENERATORS:
        known = ", ".join(GENERATORS)
        raise ConfigError(f"synthetic data set: expected one of {known}, got {name!r}.")
    generator = GENERATORS[name]
    known_options = [*signature(generator).parameters]
    unknown = sorted(set(options) - set(known_options))
    if unknown:
        raise ConfigError(
            f"{name}: expected options among {', '.join(known_options)}, got {', '.join(unknown)}."
        )
    return generator(**options)
