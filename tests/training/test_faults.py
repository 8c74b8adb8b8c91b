"""Faults that training must survive: losses that are not numbers, windows that cannot be solved,
and model folders that someone has changed (F25 - F30, F40, F41, F45)."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from model_cases import irregular_log
from safetensors.torch import load_file, save_file
from sealing import sealed
from training_cases import (
    digests,
    parts,
    same,
    stopped_after,
    training_settings,
    weights_of,
    with_poison,
)

from latentode.cli.app import root
from latentode.errors import CheckpointError, SolverError, TrainingError
from latentode.estimators import LatentODE
from latentode.models.fitted.model_folder import load_folder
from latentode.training.execution import failed_windows
from latentode.training.optimizer import learning_rate, make_optimizer
from latentode.training.step import GradientStep
from latentode.training.trainer import Trainer


def poison_at(monkeypatch, steps, taken=None):
    """Make a weight NaN just before some steps; remember the learning rates of all."""
    call = GradientStep.__call__

    def poisoned(self, rows, step, lr):
        if step in steps:
            with torch.no_grad():
                next(self.guarded.parameters()).view(-1)[0] = math.nan
        outcome = call(self, rows, step, lr)
        if taken is not None:
            taken.append((step, lr, outcome.finite))
        return outcome

    monkeypatch.setattr(GradientStep, "__call__", poisoned)


def test_a_poisoned_weight_is_rolled_back_and_training_ends_well(monkeypatch, tmp_path):
    taken, events = [], []
    poison_at(monkeypatch, {5}, taken)
    made = parts(train__max_epochs=4)
    trainer = made.trainer(run_dir=tmp_path, on_event=events.append)
    history = trainer.fit()
    assert [step for step, _, finite in taken if not finite] == [5, 6, 7]
    assert trainer.progress.rollbacks == 1
    assert trainer.progress.lr_factor == 0.5
    assert [r["skipped"] for r in history] == [0, 3, 3, 3]
    assert all(bool(torch.isfinite(v).all()) for v in weights_of(made.model).values())
    assert any("back to the last good weights" in e.get("text", "") for e in events)
    optimizer = made.config.train.optimizer
    for step, lr, _ in taken:
        assert lr == learning_rate(optimizer, step, 16) * (0.5 if step >= 8 else 1.0)


def test_a_poisoned_weight_is_never_averaged_or_saved(monkeypatch, tmp_path):
    poison_at(monkeypatch, {5, 6, 7})
    parts(train__max_epochs=2).trainer(run_dir=tmp_path).fit()
    for folder in (tmp_path / "checkpoints").iterdir():
        if folder.is_dir():
            tensors, _ = load_folder(folder, "state", {"progress"})
            for name, value in tensors.items():
                assert bool(torch.isfinite(value).all()), name


def test_a_loss_that_stays_not_finite_ends_after_three_rollbacks(monkeypatch, tmp_path):
    best = stopped_after(2, tmp_path, train__max_epochs=9)
    before = digests(best)
    taken = []
    poison_at(monkeypatch, set(range(9, 1000)), taken)
    again = parts(train__max_epochs=9)
    trainer = again.trainer(run_dir=tmp_path)
    with pytest.raises(TrainingError, match=r"3 times in a row after 3 rollbacks") as error:
        trainer.fit(resume=True)
    assert error.value.exit_code == 6
    assert "learning rate factor 0.125" in str(error.value)
    assert trainer.progress.rollbacks == 3
    assert len([1 for *_, finite in taken if not finite]) == 12
    assert digests(best) == before
    assert "expected finite" in str(error.value)


def test_a_rollback_gives_back_the_same_optimiser_each_time(monkeypatch):
    snapshots = []
    recover = Trainer._recover

    def remembered(self, reason):
        before = self.progress.rollbacks
        recover(self, reason)
        if self.progress.rollbacks > before:
            tensors = {k: v.clone() for k, v in self._learner.optimizer.tensors().items()}
            snapshots.append((weights_of(self.model), tensors))

    monkeypatch.setattr(Trainer, "_recover", remembered)
    # good steps in between must not leak into what the next rollback restores
    poison_at(monkeypatch, {27, 28, 29, 32, 33, 34})
    parts(train__max_epochs=2, train__steps_per_epoch=20).trainer().fit()
    assert len(snapshots) == 2
    assert same(snapshots[0][0], snapshots[1][0])
    assert same(snapshots[0][1], snapshots[1][1])


@pytest.mark.parametrize("lr", [1e3, 1e18])
def test_an_absurd_learning_rate_ends_in_a_training_error_with_the_best_state_intact(tmp_path, lr):
    best = stopped_after(2, tmp_path, train__max_epochs=40)
    before = digests(best)
    wild = parts(train__max_epochs=40, train__optimizer__lr=lr)
    trainer = wild.trainer(run_dir=tmp_path)
    with pytest.raises(TrainingError, match="Lower --lr") as error:
        trainer.fit(resume=True)
    assert error.value.exit_code == 6
    assert trainer.progress.rollbacks == 3
    assert trainer.progress.best_step == int(best.name)
    assert digests(best) == before


def test_on_nan_stop_ends_at_the_first_bad_step(monkeypatch):
    taken = []
    poison_at(monkeypatch, {5}, taken)
    trainer = parts(train__on_nan="stop").trainer()
    with pytest.raises(TrainingError, match=r"training step 6: .*on_nan='rollback'"):
        trainer.fit()
    assert len(taken) == 6
    assert trainer.progress.rollbacks == 0


def test_on_nan_skip_goes_on_and_ends_after_three_in_a_row(monkeypatch):
    taken = []
    made = parts(train__on_nan="skip")
    trainer = made.trainer()
    trainer.sampler = sometimes_empty = with_poison(made.sampler, range(4))
    batch = sometimes_empty.batch
    sometimes_empty.batch = lambda rows, seed, **o: (
        batch(rows, seed, **o) if seed[-1] in (5, 6) else made.sampler.batch(rows, seed, **o)
    )
    poison_at(monkeypatch, set(), taken)
    history = trainer.fit()
    assert [step for step, _, finite in taken if not finite] == [5, 6]
    assert history[-1]["skipped"] == 2
    assert trainer.progress.rollbacks == 0

    poison_at(monkeypatch, {5})
    trainer = parts(train__on_nan="skip").trainer()
    with pytest.raises(TrainingError, match="3 times in a row after 0 rollbacks"):
        trainer.fit()


@pytest.mark.parametrize("windows", [[2], [0, 3]])
def test_only_the_poisoned_windows_are_left_out_and_counted(windows):
    # weights of readings are even over the windows of a batch: without, each stands alone
    made = parts(train__batch_size=4, model__dropout=0.0, train__objective__balance=0.0)
    rows = made.sampler.eligible_rows()[::9][:4]
    optimizer = make_optimizer(made.model, made.config.train.optimizer)

    def step_with(sampler):
        step = GradientStep(
            made.model,
            sampler,
            optimizer,
            made.config.train,
            torch.device("cpu"),
            targets_per_window=5.0,
        )
        outcome = step(rows, 0, 0.0)
        return outcome, [p.grad.clone() for p in made.model.parameters()]

    outcome, gradient = step_with(with_poison(made.sampler, windows))
    assert outcome.finite
    assert outcome.skipped_windows == len(windows)

    class Without:
        def batch(self, rows, seed, **options):
            batch = made.sampler.batch(rows, seed, **options)
            mask = torch.ones_like(batch.mask)
            return replace(batch, mask=mask)

    kept = [w for w in range(4) if w not in windows]
    batch = Without().batch(rows, (made.config.train.seed, 2, 0)).select(torch.tensor(kept))
    noise = step_noise(made, 4)[:, kept]
    made.model.train()
    likelihood, _, kl = made.model(batch, noise)
    weight = 1 / (made.config.train.objective.kl_anneal_steps + 1)
    loss = -(likelihood.mean(dim=0) - weight * kl).mean() / 5.0
    assert outcome.loss == pytest.approx(float(loss.detach()), rel=1e-5)
    made.model.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(made.model.parameters(), 1.0)
    for found, parameter in zip(gradient, made.model.parameters(), strict=True):
        torch.testing.assert_close(found, parameter.grad, rtol=1e-4, atol=1e-6)


def step_noise(made, size):
    trainer = made.trainer(validator=None)
    step = GradientStep(
        made.model,
        made.sampler,
        make_optimizer(made.model, made.config.train.optimizer),
        trainer.config,
        torch.device("cpu"),
        1.0,
    )
    return step._noise(size, 0)


def test_a_poisoned_window_in_every_batch_is_counted_and_the_others_train(tmp_path):
    made = parts(train__max_epochs=2)
    before = weights_of(made.model)
    trainer = made.trainer(run_dir=tmp_path)
    trainer.sampler = with_poison(made.sampler, [2])
    history = trainer.fit()
    assert [r["skipped"] for r in history] == [4, 8]  # one window a step, and every step taken
    assert trainer.progress.rollbacks == 0
    assert not same(weights_of(made.model), before)
    assert (tmp_path / "metrics.csv").read_text().splitlines()[-1].split(",")[6] == "8"


def test_windows_that_fail_one_after_another_are_all_left_out(monkeypatch):
    loss_terms, sizes = failed_windows.loss_terms, []

    def failing(model, batch, noise, penalties):
        sizes.append(batch.size)
        if batch.size > 2:
            raise SolverError("no", status="non_finite", time_reached=0.0, series=[0])
        return loss_terms(model, batch, noise, penalties)

    monkeypatch.setattr(failed_windows, "loss_terms", failing)
    trainer = parts().trainer(validator=None)
    trainer.config = trainer.config.model_copy(update={"max_epochs": 1, "steps_per_epoch": 1})
    (record,) = trainer.fit()
    assert sizes == [4, 3, 2]
    assert record["skipped"] == 2


def test_a_solve_that_fails_for_the_whole_batch_names_the_budget():
    made = parts(solver__max_nfe=5)
    with pytest.raises(TrainingError, match="at most max_nfe=5 evaluations"):
        made.trainer(validator=None).fit()


# Model folders that someone has changed


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    config = training_settings(train__max_epochs=1, train__steps_per_epoch=1)
    LatentODE(config=config).fit(irregular_log((40, 30))).save(folder / "model")
    return folder / "model"


@pytest.fixture
def model(saved, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for path in saved.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def resealed(folder, change=None, tensors=None):
    """Change a model as someone would who knows that the checksum must fit."""
    if tensors is not None:
        save_file(tensors, folder / "model.safetensors")
    meta = json.loads((folder / "model.json").read_text())
    if change is not None:
        change(meta)
    blob = (folder / "model.safetensors").read_bytes()
    (folder / "model.json").write_text(
        json.dumps(sealed(meta | {"sha256": hashlib.sha256(blob).hexdigest()}))
    )


def test_an_unchanged_copy_loads_and_resealing_alone_does_not_break_it(model):
    LatentODE.load(model)
    resealed(model, tensors=load_file(model / "model.safetensors"))
    LatentODE.load(model)


def test_flipped_bits_of_a_model_are_found(model):
    path = model / "model.safetensors"
    blob = bytearray(path.read_bytes())
    for place in np.random.default_rng(0).integers(len(blob) * 8, size=16):
        blob[place // 8] ^= 1 << int(place % 8)
        path.write_bytes(blob)
        with pytest.raises(CheckpointError, match="changed or cut short"):
            LatentODE.load(model)
        blob[place // 8] ^= 1 << int(place % 8)


class Marker:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_is_refused_and_never_run(model, tmp_path, sealed, protocol):
    pickle = pytest.importorskip("pickle")  # by name: the architecture test bans the statement
    marker = tmp_path / "marker"
    payload = pickle.dumps(Marker(marker), protocol=protocol)
    pickle.loads(payload)
    assert marker.exists()
    marker.unlink()
    (model / "model.safetensors").write_bytes(payload)
    if sealed:
        resealed(model)
    with pytest.raises(CheckpointError, match="safetensors"):
        LatentODE.load(model)
    (model / "model.json").write_bytes(payload)
    with pytest.raises(CheckpointError, match="not JSON"):
        LatentODE.load(model)
    assert not marker.exists()


def _set(*path, to):
    def change(meta):
        for key in path[:-1]:
            meta = meta[key]
        meta[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("class", to="os.system"),
        _set("config", "class", to="os.system"),
        _set("config", "model", "class", to="os.system"),
        _set("config", "model", "encoder", to="os.system"),
        _set("config", "model", "latent_dim", to=5),
        _set("config", "model", "latent_dim", to=-1),
        _set("config", to=[]),
        _set("data", "class", to="os.system"),
        _set("data", "clock", "class", to="os.system"),
        _set("data", "scaler", "class", to=[1]),
        _set("data", "scaler", "scale", to="os.system"),
        _set("data", "channels", to=["c1"]),
        _set("data", "channels", to=None),
        _set("data", "lengths", "context_ns", to="1"),
        _set("data", to=None),
        _set("history", to=[["os.system"]]),
        _set("history", to=[{"epoch": "os.system"}]),
        _set("context_ids", to=["s0"]),
        _set("schema", to=2),
        lambda meta: meta.pop("data"),
        lambda meta: meta["data"].pop("clock"),
        lambda meta: meta["data"]["scaler"].pop("center"),
        lambda meta: meta.pop("schema"),
    ],
)
def test_a_description_that_was_changed_is_refused(model, tmp_path, monkeypatch, change):
    monkeypatch.chdir(tmp_path)
    resealed(model, change)
    with pytest.raises(CheckpointError):
        LatentODE.load(model)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("context.series_starts", lambda t: t + 1),
        ("context.series_starts", lambda t: t[:-1].clone()),
        ("context.series_starts", lambda t: t.flip(0).clone()),
        ("context.row_starts", lambda t: t * 1000),
        ("context.times", lambda t: t.double()),
        ("context.channel_index", lambda t: t + 100),
        ("context.channel_index", lambda t: t - 100),
        ("context.values", lambda t: t * torch.nan),
        ("context.values", lambda t: t[:-1].clone()),
        ("inputs.times", lambda t: t[:-1].clone()),
        ("static", lambda t: t[:, :1].clone()),
        ("static", lambda _: None),
        ("context.times", lambda _: None),
        ("model.prior.evil", lambda _: torch.zeros(2)),
        ("evil", lambda _: torch.zeros(2)),
    ],
)
def test_tensors_that_fit_no_model_are_refused_in_spite_of_a_good_checksum(model, name, change):
    tensors = load_file(model / "model.safetensors")
    value = change(tensors.pop(name, None))
    if value is not None:
        tensors[name] = value
    resealed(model, tensors=tensors)
    with pytest.raises(CheckpointError):
        LatentODE.load(model)


def test_a_weight_that_is_not_finite_is_refused(model):
    tensors = load_file(model / "model.safetensors")
    name = next(n for n in tensors if n.startswith("model.") and tensors[n].is_floating_point())
    tensors[name].view(-1)[0] = math.inf
    resealed(model, tensors=tensors)
    with pytest.raises(CheckpointError, match="not finite"):
        LatentODE.load(model)


def test_the_command_line_refuses_a_changed_model_with_exit_code_5(model, tmp_path):
    blob = bytearray((model / "model.safetensors").read_bytes())
    blob[-1] ^= 1
    (model / "model.safetensors").write_bytes(blob)
    result = CliRunner().invoke(root, ["forecast", str(model), "-o", str(tmp_path / "out.csv")])
    assert result.exit_code == 5
    assert "sha256" in result.stderr
    assert not (tmp_path / "out.csv").exists()
