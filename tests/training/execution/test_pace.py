"""Time left of a training, and how often it is told."""

import itertools

import pytest
from training_cases import parts

from latentode.config import TrainConfig
from latentode.errors import ConfigError
from latentode.models.fitted.device import device_of
from latentode.training.execution.pace import Pace


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_time_left_counts_the_steps_of_this_call_only():
    clock = Clock()
    pace = Pace(TrainConfig(max_time=None), first_step=90, clock=clock)
    assert pace.seconds_left(90, 200) is None
    clock.now += 20
    assert pace.seconds_left(100, 200) == pytest.approx(200)  # 2 s a step, 100 to go
    assert pace.seconds_left(200, 200) == 0


def test_time_left_is_at_most_the_rest_of_the_budget():
    clock = Clock()
    pace = Pace(TrainConfig(max_time="30s"), first_step=0, clock=clock)
    clock.now += 20
    assert pace.seconds_left(10, 1000) == pytest.approx(10)
    assert not pace.is_over
    clock.now += 10
    assert pace.is_over
    assert pace.seconds_left(15, 1000) == 0


def test_reports_are_due_at_most_a_few_times_a_second():
    clock = Clock()
    pace = Pace(TrainConfig(), first_step=0, clock=clock)
    due = 0
    for _ in range(1000):
        clock.now += 0.01
        due += pace.is_report_due()
    assert 30 <= due <= 40  # ten seconds, a report in 0.25 s


def test_trainer_reports_steps_between_epochs():
    events = []
    parts().trainer(on_event=events.append, clock=itertools.count().__next__).fit()
    steps = [event for event in events if event["event"] == "step"]
    epochs = [event for event in events if event["event"] == "epoch"]
    assert [event["step"] for event in steps] == list(range(1, 13))
    assert {event["total_steps"] for event in steps} == {12}
    assert {event["total_epochs"] for event in epochs} == {3}
    assert steps[-1]["train_loss"] == pytest.approx(epochs[-1]["train_loss"])


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "meta"])
def test_device_that_is_not_there_is_a_config_error(name):
    with pytest.raises(ConfigError, match="device: expected"):
        device_of(name)
