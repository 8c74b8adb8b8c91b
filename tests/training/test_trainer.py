"""The loop: schedule, early stopping, averages, budget, and what it reports."""

import itertools
import math
import signal

import pytest
import torch
from training_cases import parts, same, stopped_after, weights_of

from latentode.errors import CheckpointError, SolverError, TrainingError
from latentode.training import Interrupted
from latentode.training.optimizer import WeightAverage, learning_rate
from latentode.training.validation import WindowValidator


class Scripted:
    """A validator that gives scores from a list, and remembers the weights that it was shown."""

    def __init__(self, *scores):
        self.scores = list(scores)
        self.seen = []

    def __call__(self, model):
        self.seen.append(weights_of(model))
        assert not model.training
        score = self.scores[len(self.seen) - 1]
        if isinstance(score, Exception):
            raise score
        return {"validation_crps": score}


def test_history_counts_steps_and_follows_the_schedule():
    made = parts(train__max_epochs=3)
    trainer = made.trainer()
    history = trainer.fit()
    assert [r["epoch"] for r in history] == [1, 2, 3]
    assert [r["step"] for r in history] == [4, 8, 12]
    optimizer = made.config.train.optimizer
    assert [r["lr"] for r in history] == [learning_rate(optimizer, s, 12) for s in (3, 7, 11)]
    for record in history:
        assert record["skipped"] == 0
        assert record["kl"] > 0
        assert record["grad_norm"] > 0
        assert math.isfinite(record["train_loss"])
        assert 0 <= record["coverage_90"] <= 1
        kinds = (record["forecast_crps"], record["interpolation_crps"])
        assert record["validation_crps"] == pytest.approx(sum(kinds) / 2)
    assert trainer.progress.history is history
    assert not made.model.training


def test_every_parameter_is_trained():
    made = parts()
    before = weights_of(made.model)
    made.trainer().fit()
    still = [n for n, p in made.model.named_parameters() if torch.equal(p, before[n])]
    assert still == []


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    first, second, third = parts(), parts(), parts(train__seed=1)
    histories = [made.trainer().fit() for made in (first, second, third)]
    assert same(weights_of(first.model), weights_of(second.model))
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


def test_training_leaves_the_global_random_stream_alone():
    made = parts(train__max_epochs=1)
    state = torch.get_rng_state()
    made.trainer().fit()
    assert torch.equal(torch.get_rng_state(), state)


def test_the_best_average_is_kept_and_early_stopping_counts_epochs_without_a_better():
    made = parts(train__max_epochs=20, train__patience=3)
    validator = Scripted(0.9, 0.5, 0.7, 0.5, 0.6, 0.1)
    events = []
    trainer = made.trainer(validator=validator, on_event=events.append)
    history = trainer.fit()
    assert len(history) == 5  # an equal score is no better one
    assert same(weights_of(made.model), validator.seen[1])
    assert trainer.progress.best_score == 0.5
    assert trainer.progress.best_step == 8
    assert [e["best"] for e in events if e["event"] == "epoch"] == [True, True, *[False] * 3]
    assert any("3 epochs: stopped" in e.get("text", "") for e in events)
    assert events[-1] == {"event": "done", "epochs": 5, "steps": 20}


def test_without_early_stopping_the_last_average_is_kept():
    made = parts(train__max_epochs=4, train__patience=1)
    validator = Scripted(0.1, 0.2, 0.3, 0.4)
    trainer = made.trainer(validator=validator, stop_early=False)
    assert len(trainer.fit()) == 4
    assert same(weights_of(made.model), validator.seen[-1])


def test_more_windows_validate_where_few_rows_follow_them():
    made = parts()

    def windows(fewest):
        options = {"seed": 1, "num_windows": 4, "fewest_ahead": fewest}
        validator = WindowValidator(made.sampler, made.validator.scale_to_std, **options)
        return sum(batch.size for batch in validator.batches)

    assert windows(0) == 4
    assert 4 < windows(60) < windows(10_000) == 32


def test_without_a_validator_training_goes_to_the_end_and_keeps_the_last_average(monkeypatch):
    made = parts(train__max_epochs=2, train__patience=1)
    averages = []
    update = WeightAverage.update

    def remembered(self, model, step):
        update(self, model, step)
        averages.append({k: v.clone() for k, v in self.tensors.items()})

    monkeypatch.setattr(WeightAverage, "update", remembered)
    assert len(made.trainer(validator=None).fit()) == 2
    assert same(weights_of(made.model), averages[-1])


def test_the_average_follows_the_weights_step_by_step(monkeypatch):
    made = parts(train__max_epochs=2, train__optimizer__ema_decay=0.7)
    weights = [weights_of(made.model)]
    update = WeightAverage.update

    def remembered(self, model, step):
        weights.append(weights_of(model))
        update(self, model, step)

    monkeypatch.setattr(WeightAverage, "update", remembered)
    made.trainer(validator=None).fit()
    expected = {k: v.double() for k, v in weights[0].items()}
    for step, new in enumerate(weights[1:], start=1):
        decay = min(0.7, (1 + step) / (10 + step))
        expected = {k: decay * expected[k] + (1 - decay) * v.double() for k, v in new.items()}
    for name, value in made.model.state_dict().items():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-5, atol=1e-6)


def test_validation_does_not_change_training():
    with_scores, without = parts(), parts()
    with_scores.trainer(validator=Scripted(3.0, 2.0, 1.0)).fit()
    without.trainer(validator=None).fit()
    assert same(weights_of(with_scores.model), weights_of(without.model))


@pytest.mark.parametrize(
    "bad",
    [math.nan, math.inf, SolverError("no", status="non_finite", time_reached=0.0)],
    ids=["nan", "inf", "error"],
)
def test_an_epoch_whose_predictions_are_not_finite_is_never_the_best(tmp_path, bad):
    made = parts(train__max_epochs=3)
    validator = Scripted(bad, 0.8, 0.9)
    trainer = made.trainer(validator=validator, run_dir=tmp_path)
    trainer.fit()
    assert trainer.progress.best_step == 8
    assert same(weights_of(made.model), validator.seen[1])
    lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert len(lines) == 4
    again = parts(train__max_epochs=3).trainer(run_dir=tmp_path)
    assert len(again.fit(resume=True)) == 3  # a state with such a score can be loaded


def test_all_epochs_not_finite_leaves_the_last_average():
    made = parts(train__max_epochs=2)
    trainer = made.trainer(validator=Scripted(math.nan, math.nan))
    trainer.fit()
    assert trainer.progress.best_score is None
    assert all(bool(torch.isfinite(v).all()) for v in weights_of(made.model).values())


class Clock:
    """A clock that moves by some seconds with each step, the first of which are told."""

    def __init__(self, seconds, *first):
        self.now, self.seconds, self.first = 100.0, seconds, list(first)

    def __call__(self):
        return self.now

    def trainer(self, made, **options):
        trainer = made.trainer(clock=self, **options)
        take_step = trainer._take_step

        def timed(rows):
            take_step(rows)
            self.now += self.first.pop(0) if self.first else self.seconds

        trainer._take_step = timed
        return trainer


def test_the_schedule_is_shortened_to_the_time_budget_and_recorded():
    events, clock = [], Clock(0.0625, 0.25)  # the first step warms up, and is not counted
    made = parts(train__max_epochs=100_000, train__max_time="3s")
    trainer = clock.trainer(made, on_event=events.append, validator=None)
    history = trainer.fit()
    # 5 % of the budget stay; the first step has taken 0.25 s
    steps = 1 + int((2.85 - 0.25) / 0.0625)
    assert trainer.progress.total_steps == trainer.progress.step == steps
    assert len(history) == -(-steps // 4)
    assert 2.7 < clock.now - 100.0 < 3.0
    plan = next(e["text"] for e in events if "s per epoch" in e.get("text", ""))
    # 15 % more to validate and save, as long as no epoch has shown what these take
    assert f"({4 + int((2.85 - 0.4375) / (1.15 * 0.0625))} of 400,000 steps" in plan
    assert "--max-time 3s" in plan
    assert not any("is over" in e.get("text", "") for e in events)
    epochs = [e for e in events if e["event"] == "epoch"]
    assert epochs[-1]["eta_seconds"] == 0.0
    assert epochs[-1]["seconds"] == clock.now - 100.0


def test_steps_that_were_slow_at_first_do_not_leave_half_of_the_budget_unused():
    events, clock = [], Clock(0.25, *[2.0] * 4)
    made = parts(train__max_epochs=100, train__max_time="40s")
    trainer = clock.trainer(made, on_event=events.append, validator=None)
    trainer.fit()
    assert 36 < clock.now - 100.0 < 40
    plans = [e["text"] for e in events if "s per epoch" in e.get("text", "")]
    assert len(plans) > 1  # another plan is said
    learning_rates = [e["lr"] for e in events if e["event"] == "epoch"]
    assert learning_rates[-1] < 0.1 * max(learning_rates)  # the schedule has come to its end


def test_steps_that_get_slower_end_with_the_budget_all_the_same():
    events, clock = [], Clock(1.0, *[0.125] * 9)
    made = parts(train__max_epochs=100, train__max_time="9s")
    trainer = clock.trainer(made, on_event=events.append, validator=None)
    trainer.fit()
    assert clock.now - 100.0 <= 9.5


def test_a_budget_shorter_than_an_epoch_ends_inside_it():
    trainer = Clock(0.125).trainer(parts(train__steps_per_epoch=3_000, train__max_time="1s"))
    (record,) = trainer.fit()
    # after four steps there is time for (0.95 - 0.5) / (1.15 * 0.125) more
    assert trainer.progress.total_steps == record["step"] == 7


def test_a_resumed_run_whose_budget_is_over_at_once_closes_an_epoch_all_the_same(tmp_path):
    stopped_after(1, tmp_path)
    clock = itertools.count(step=60).__next__  # each look at it is a minute later
    made = parts(train__max_time="1s")
    (_, second) = made.trainer(run_dir=tmp_path, clock=clock).fit(resume=True)
    assert second["epoch"] == 2


def test_a_generous_budget_changes_nothing():
    hurried, calm = parts(train__max_time="10min"), parts()
    assert hurried.trainer().fit() == calm.trainer().fit()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_state_restores_the_handlers_and_is_raised(tmp_path, number):
    made = parts()
    before = signal.getsignal(number)
    step_of = made.sampler.batch.__func__
    calls = []

    class Counting:
        def __getattr__(self, name):
            return getattr(made.sampler, name)

        def batch(self, *args, **options):
            calls.append(1)
            if len(calls) == 4:
                signal.raise_signal(number)
            return step_of(made.sampler, *args, **options)

    trainer = made.trainer(run_dir=tmp_path)
    trainer.sampler = Counting()
    with pytest.raises(Interrupted, match="after a checkpoint") as stop:
        trainer.fit()
    assert stop.value.signal == number
    assert signal.getsignal(number) is before
    # the batch that was being built was trained on: one call is for the typical window
    assert trainer.progress.step == 3
    resumed = parts().trainer(run_dir=tmp_path)
    assert len(resumed.fit(resume=True)) == 3
    whole = parts()
    assert whole.trainer().fit() == resumed.progress.history


def test_resuming_a_finished_run_gives_its_best_weights(tmp_path):
    made = parts()
    validator = Scripted(0.9, 0.5, 0.7)
    made.trainer(validator=validator, run_dir=tmp_path).fit()
    again = parts(train__seed=3)
    trainer = again.trainer(validator=Scripted(), run_dir=tmp_path)
    assert [r["validation_crps"] for r in trainer.fit(resume=True)] == [0.9, 0.5, 0.7]
    assert same(weights_of(again.model), validator.seen[1])


def test_resume_needs_a_folder_with_checkpoints(tmp_path):
    with pytest.raises(TrainingError, match="expected a run folder"):
        parts().trainer().fit(resume=True)
    with pytest.raises(CheckpointError, match=r"last\.json: cannot be read"):
        parts().trainer(run_dir=tmp_path).fit(resume=True)


def test_resume_refuses_the_state_of_another_model(tmp_path):
    parts(train__max_epochs=1).trainer(run_dir=tmp_path).fit()
    with pytest.raises(CheckpointError, match="expected"):
        parts(model__hidden_dim=7).trainer(run_dir=tmp_path).fit(resume=True)


@pytest.mark.gpu
def test_training_on_a_gpu_can_be_resumed(tmp_path, device):
    stopped_after(2, tmp_path, train__device=str(device), train__max_epochs=4)
    second = parts(train__device=str(device), train__max_epochs=4)
    assert len(second.trainer(run_dir=tmp_path, validator=None).fit(resume=True)) == 4
    assert next(second.model.parameters()).device.type == device.type


@pytest.mark.parametrize("objective", ["elbo", "iwae"])
def test_the_objective_is_chosen_by_name_and_falls(objective):
    made = parts(
        train__objective__name=objective,
        train__objective__num_draws=3,
        train__max_epochs=8,
        train__optimizer__lr=0.02,
        model__dropout=0.0,
    )
    history = made.trainer(validator=None).fit()
    assert history[-1]["train_loss"] < history[0]["train_loss"]
