"""A small model, its windows and settings, for the tests of training."""

import hashlib
import json
from dataclasses import dataclass, replace

import pytest
import torch
from model_cases import irregular_log, sampler_of, settings

from latentode.data.batches.sampler import WindowSampler
from latentode.data.schema import DataSchema
from latentode.models.fitted.latent_ode import build_model
from latentode.models.latent_ode import LatentODEModel
from latentode.training import Trainer
from latentode.training.validation import WindowValidator

TRAINING = {
    "model__latent_dim": 2,
    "model__hidden_dim": 6,
    "model__dropout": 0.1,
    "train__batch_size": 4,
    "train__steps_per_epoch": 4,
    "train__max_epochs": 3,
    "train__max_time": None,
    "train__patience": 50,
    "train__optimizer__warmup_steps": 5,
    "train__objective__kl_anneal_steps": 10,
    "windows__context": "24h",
    "windows__horizon": "12h",
    "windows__max_queries": 16,
    "solver__step_size": 1.0,
}


@dataclass
class Parts:
    """What a trainer is made of."""

    model: LatentODEModel
    sampler: WindowSampler
    validator: WindowValidator
    config: object

    def trainer(self, **options):
        validator = options.pop("validator", self.validator)
        return Trainer(self.model, self.sampler, validator, self.config.train, **options)


def training_settings(**values):
    return settings(**{**TRAINING, **values})


def parts(**values):
    """Model, training windows and a validator of a small log; names with "__" for dots."""
    config = training_settings(**values)
    dataset = irregular_log((60, 50, 40), extras=False)
    schema = DataSchema.fit(dataset, config)
    torch.manual_seed(config.train.seed)
    model = build_model(config, schema)
    scale = schema.scaler.scale / schema.scaler.std
    validator = WindowValidator(
        sampler_of(dataset, schema, config, "validation"),
        scale,
        seed=1,
        num_windows=8,
        fewest_ahead=0,
        num_draws=4,
        device=config.train.device,
    )
    return Parts(model, sampler_of(dataset, schema, config), validator, config)


class Stopped(Exception):
    """What ends a run in `stopped_after`."""


def stopped_after(epoch, run_dir, **values):
    """Train and stop at the end of an epoch, as a killed process would."""

    def listener(event):
        if event.get("epoch") == epoch:
            raise Stopped

    with pytest.raises(Stopped):
        parts(**values).trainer(run_dir=run_dir, on_event=listener).fit()
    name = json.loads((run_dir / "checkpoints" / "best.json").read_text())["checkpoint"]
    return run_dir / "checkpoints" / name


def weights_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first, second):
    """Whether two mappings hold the same tensors, bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def digests(folder):
    """sha256 of every file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def with_poison(sampler, windows):
    """The same sampler, whose batches hold NaN readings in some windows: their solve fails."""

    class Poisoned:
        def __getattr__(self, name):
            return getattr(sampler, name)

        def batch(self, rows, seed, **options):
            batch = sampler.batch(rows, seed, **options)
            values = batch.values.clone()
            values[[w for w in windows if w < batch.size]] = torch.nan
            return replace(batch, values=values, mask=torch.ones_like(batch.mask))

    return Poisoned()
