"""Small logs, windows and models for the tests of the model and of what feeds it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from latentode.config import LatentODEConfig
from latentode.data.batches.sampler import WindowSampler
from latentode.data.dataset import Clock, Readings, TimeSeriesDataset
from latentode.data.events import EventStreams
from latentode.data.reading.labels import read_time_labels
from latentode.data.schema import DataSchema
from latentode.models.latent_ode import LatentODEModel
from latentode.models.objectives import elbo, iwae
from latentode.prediction.predictor import Predictor

MARKS = ("alarm", "stop")
HOUR = 3_600_000_000_000
EPOCH = 1_700_000_000_000_000_000
SMALL = {
    "model.latent_dim": 3,
    "model.hidden_dim": 6,
    "model.dropout": 0.0,
    "windows.context": "36h",
    "windows.horizon": "12h",
    "windows.split": "time",
    "solver.step_size": 0.25,
}


def settings(**values):
    """Small sizes; names with "__" for dots, as in ``model__anchor="start"``."""
    dotted = {name.replace("__", "."): value for name, value in values.items()}
    return LatentODEConfig().updated(**{**SMALL, **dotted})


def irregular_log(counts=(40, 25, 12), num_channels=2, *, seed=0, extras=True, hours=120):
    """Series of smooth curves at random times; each channel misses a third of the rows.

    With `extras`, a known input and two static covariates come along.
    """
    generator = np.random.default_rng(seed)
    series, times = [], []
    for index, count in enumerate(counts):
        cells = np.sort(generator.choice(hours * 60, size=count, replace=False))
        series.append(np.full(count, index))
        times.append(EPOCH + cells * (HOUR // 60))
    series, times = np.concatenate(series).astype(np.int64), np.concatenate(times).astype(np.int64)
    phase = (times - EPOCH)[:, None] / (9 * HOUR) + series[:, None] + np.arange(num_channels)
    values = 20.0 + 3.0 * np.sin(phase) + 0.1 * generator.normal(size=phase.shape)
    seen = generator.random(values.shape) < 2 / 3
    seen[np.arange(len(seen)), generator.integers(num_channels, size=len(seen))] = True
    row, channel = np.nonzero(seen)
    names = tuple(f"c{index}" for index in range(num_channels))
    readings = Readings.from_triplets(
        series[row], times[row], channel, values[seen], num_series=len(counts), channels=names
    )
    ids = tuple(f"s{index}" for index in range(len(counts)))
    dataset = TimeSeriesDataset(ids, readings, Clock("calendar", "UTC"))
    return _with_extras(dataset, generator, hours) if extras else dataset


def _with_extras(dataset, generator, hours):
    count = len(dataset)
    owner = np.repeat(np.arange(count), 7)
    knots = EPOCH + np.tile(np.linspace(0, hours, 7), count).astype(np.int64) * HOUR
    inputs = Readings.from_triplets(
        owner,
        knots,
        np.zeros(len(owner), np.int64),
        generator.normal(size=len(owner)),
        num_series=count,
        channels=("setpoint",),
    )
    static = generator.normal(size=(count, 2))
    return replace(dataset, inputs=inputs, static_columns=("size", "age"), static=static)


def sampler_of(dataset, schema, config, part="train", **changes):
    starts, stops = schema.split.bounds(dataset, part)
    sampler = WindowSampler(
        dataset, starts, stops, schema.lengths, schema.builder(), config.model.anchor
    )
    return replace(sampler, **changes)


def model_of(schema, config, *, perturb=0.1, seed=0, **labels):
    """A model whose every parameter is off its initial value, so that no part rests at zero."""
    torch.manual_seed(seed)
    model = LatentODEModel(
        config.model,
        config.solver,
        num_channels=len(schema.channels),
        input_dim=schema.input_dim,
        static_dim=len(schema.static_columns),
        families=schema.families.scaled(schema.scaler),
        **labels,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(perturb * torch.randn_like(parameter))
    return model.eval()


def case(dataset=None, size=6, num_classes=0, **values):
    """A model and a batch of training windows for it."""
    dataset = irregular_log() if dataset is None else dataset
    config = settings(**values)
    schema = DataSchema.fit(dataset, config)
    sampler = sampler_of(dataset, schema, config)
    rows = sampler.eligible_rows()
    chosen = rows[np.linspace(0, len(rows) - 1, size).astype(np.int64)]
    return model_of(schema, config, num_classes=num_classes), sampler.batch(chosen, (0, 1))


def case_with_time_labels(size=4, classes=("a", "b", "c"), **values):
    """A model for three classes of times, and training windows with labels of times."""
    log = irregular_log()
    config = settings(**values)
    schema = DataSchema.fit(log, config)
    rng = np.random.default_rng(3)
    series = np.repeat(np.arange(len(log)), 40)
    first, last = log.readings.first_and_last()
    times = rng.integers(first[series] + 1, last[series])
    frame = pd.DataFrame(
        {
            "id": np.array(log.series_ids)[series],
            "time": pd.to_datetime(times, utc=True),
            "label": rng.choice(classes, len(times)),
        }
    ).drop_duplicates(["id", "time"])
    labels = read_time_labels(frame, log, config.data)
    sampler = sampler_of(log, schema, config, labels=labels)
    rows = sampler.eligible_rows()
    batch = sampler.batch(rows[np.linspace(0, len(rows) - 1, size).astype(np.int64)], (0, 1))
    return model_of(schema, config, num_classes=len(classes), label_times=True), batch


def events_of(log, seed=0, per_series=30):
    """Events at random times while the series of a log were read."""
    rng = np.random.default_rng(seed)
    first, last = log.readings.first_and_last()
    owner = np.repeat(np.arange(len(log)), per_series)
    times = first[owner] + (rng.random(len(owner)) * (last - first)[owner]).astype(np.int64)
    return EventStreams.build(
        owner, times, rng.integers(0, 2, len(owner)), series_ids=log.series_ids, mark_names=MARKS,
        windows=np.stack([first, last], axis=1), clock=Clock("calendar", "UTC"),
    )  # fmt: skip


def case_with_events(size=5, *, perturb=0.1, **values):
    """A model of readings and events, and training windows for it."""
    log = irregular_log()
    config = settings(**values)
    schema = DataSchema.fit(log, config)
    events = events_of(log)
    sampler = sampler_of(log, schema, config, events=events)
    rows = sampler.eligible_rows()
    chosen = rows[np.linspace(0, len(rows) - 1, size).astype(np.int64)]
    torch.manual_seed(0)
    model = LatentODEModel(
        config.model, config.solver, num_channels=2, input_dim=schema.input_dim,
        static_dim=2, event_rates=torch.from_numpy(events.rates(schema.time_scale.unit_ns)),
    )  # fmt: skip
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "log_scale" not in name:
                parameter.add_(perturb * torch.randn_like(parameter))
    return model.eval(), sampler.batch(chosen, (0, 1))


def probabilities_of(model, batch, noise):
    """Probability of each class of what the windows of a batch are labelled with."""
    return model.label_head.probabilities(model.solve(batch, noise), batch)


def predictor_of(dataset, num_draws=5, seed=3, max_rows=512, **values):
    """A predictor with an untrained model."""
    config = settings(**values)
    schema = DataSchema.fit(dataset, config)
    model = model_of(schema, config)
    return Predictor(model, schema, seed=seed, num_draws=num_draws, max_rows=max_rows)


def noise_for(batch, draws=2, latent=3, seed=5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(draws, batch.size, latent, generator=generator)


def double(batch):
    """The same batch with float64 values."""
    inputs = replace(batch.inputs, knot_values=batch.inputs.knot_values.double())
    return replace(
        batch,
        values=batch.values.double(),
        targets=batch.targets.double(),
        static=batch.static.double(),
        inputs=inputs,
    )


def tensors(batch):
    """Every tensor of a batch by name."""
    own = {name: part for name, part in vars(batch).items() if isinstance(part, torch.Tensor)}
    return own | {f"inputs.{name}": part for name, part in vars(batch.inputs).items()}


def trimmed(batch):
    """One window without its padding, and a solve no longer than it needs."""
    length = max(int(batch.lengths[0]), 1)
    steps = int(batch.target_mask[0].any(-1).nonzero().max()) + 1
    times, queries = batch.times[:, :length], batch.query_times[:, :steps]
    return replace(
        batch,
        times=times,
        values=batch.values[:, :length],
        mask=batch.mask[:, :length],
        query_times=queries,
        targets=batch.targets[:, :steps],
        target_mask=batch.target_mask[:, :steps],
        lower=min(0.0, float(times.min()), float(queries.min())),
        upper=max(0.0, float(times.max()), float(queries.max())),
    )


def loss_of(model, batch, noise, objective="elbo"):
    log_likelihood, log_ratio, kl = model(batch, noise)
    bound = elbo(log_likelihood, kl) if objective == "elbo" else iwae(log_likelihood + log_ratio)
    return -bound.mean()


def gradients(model, loss):
    model.zero_grad(set_to_none=True)
    loss.backward()
    return {name: p.grad for name, p in model.named_parameters()}
