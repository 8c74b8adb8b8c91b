"""`check_model`: each planted fault is found by the rule that it breaks, and by no other."""

from dataclasses import replace

import pytest
import torch
from faulty_parts import (
    Around,
    CannotBeBuilt,
    ChangesItsInput,
    Counts,
    CountsThreads,
    DrawsBesideTheMiddle,
    DrawsTooWide,
    DrawsUnseeded,
    ForgetsWhatItDrew,
    HasNoSlope,
    IsNotFinite,
    IsSharedByCopies,
    LearnsNothing,
    LosesDigits,
    MixesWindows,
    NeedsEveryChannel,
    NeedsTwoRows,
    PriorDrawsWide,
    PriorSamplesUnseeded,
    QuantilesCross,
    Raises,
    ReadsPadding,
    Whole,
)

import latentode
from latentode import LatentODE, LatentODEConfig, check_model
from latentode.checks import subject as subject_module
from latentode.data.scaler import TimeScale
from latentode.errors import ConfigError, ModelCheckError
from latentode.models.encoders import ENCODERS, RNNEncoder
from latentode.models.latent_ode import LatentODEModel
from latentode.models.likelihoods import LIKELIHOODS
from latentode.models.priors import PRIORS, StandardNormal
from latentode.prediction.queries import Queries

ENCODER_FAULTS = {
    MixesWindows: "batch",
    ReadsPadding: "padding",
    DrawsUnseeded: "seeds",
    Counts: "seeds",
    ChangesItsInput: "inputs_untouched",
    NeedsTwoRows: "single_observation",
    NeedsEveryChannel: "missing_channel",
    HasNoSlope: "gradients",
    LearnsNothing: "gradients",
    LosesDigits: "precision",
    ForgetsWhatItDrew: "save_and_load",
    IsSharedByCopies: "deepcopy",
    CountsThreads: "threads",
    IsNotFinite: "answers",
    Raises: "answers",
    CannotBeBuilt: "builds",
}


@pytest.mark.parametrize("part", ENCODER_FAULTS, ids=lambda part: part.__name__)
def test_a_fault_of_an_encoder_is_found_by_its_rule_alone(part):
    checks = check_model(encoder=part, on_fail="return")
    assert checks.failed == (ENCODER_FAULTS[part],), str(checks)


def test_a_sound_encoder_of_ones_own_passes():
    assert check_model(encoder=Around).failed == ()
    assert ENCODERS["rnn"] is RNNEncoder


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        (QuantilesCross, "quantiles"),
        (DrawsTooWide, "draws_follow_density"),
        (DrawsBesideTheMiddle, "draws_follow_density"),
    ],
)
def test_a_fault_of_a_likelihood_is_found_by_its_rule_alone(part, rule):
    checks = check_model(likelihood=part, on_fail="return")
    assert checks.failed == (rule,), str(checks)


def test_a_likelihood_of_probabilities_has_no_density_to_be_checked():
    checks = check_model(likelihood=Whole)
    assert checks["draws_follow_density"].outcome == "not applicable"
    assert "probabilities" in checks["draws_follow_density"].detail


@pytest.mark.parametrize("part", [PriorDrawsWide, PriorSamplesUnseeded])
def test_a_fault_of_a_prior_is_found_by_its_rule_alone(part):
    checks = check_model(prior=part, on_fail="return")
    assert checks.failed == ("prior_density",), str(checks)
    assert PRIORS["normal"] is StandardNormal


def float32_of_all_time(self, times, anchors=0):
    whole = self.unit_ns
    return (times / whole).astype("float32").astype("float64") - (
        anchors / whole if isinstance(anchors, int) else (anchors / whole).astype("float32")
    )


def first_row_counts(forecast):
    def changed(self, log=None, **options):
        found = forecast(self, log, **options)
        return found if hasattr(log, "readings") else found + log["level"].iloc[:5].sum()

    return changed


def milliseconds_count(forecast):
    def changed(self, log=None, **options):
        unit = self.fitted_.config.data.time.unit
        return forecast(self, log, **options) + (unit == "ms")

    return changed


def lonely_series_count(forecast):
    def changed(self, log=None, **options):
        return forecast(self, log, **options) + (len(log) == 1)

    return changed


def places_count(query):
    def changed(self, visible, series, times, *more, **options):
        answers = query(self, visible, series, times, *more, **options)
        rising = 0.01 * (series[1:] < series[:-1]).any()
        return replace(answers, draws=answers.draws + rising)

    return changed


def second_answers_differ(query):
    def changed(self, visible, series, times, *more, **options):
        answers, draws = query(self, visible, series, times, *more, **options), None
        draws = answers.draws.copy()
        draws[:, 1:][:, times[1:] == times[:-1]] += 0.01
        return replace(answers, draws=draws)

    return changed


def windows_cost(solve):
    def changed(self, batch, *more, **options):
        solved = solve(self, batch, *more, **options)
        path = solved.trajectory
        stats = replace(path.stats, nfe=path.stats.nfe * batch.size)
        return replace(solved, trajectory=replace(path, stats=stats))

    return changed


@pytest.mark.parametrize(
    ("place", "name", "fault", "rule"),
    [
        (LatentODE, "forecast", first_row_counts, "row_order"),
        (LatentODE, "forecast", milliseconds_count, "time_unit"),
        (LatentODE, "forecast", lonely_series_count, "series_alone"),
        (Queries, "query", places_count, "query_order"),
        (Queries, "query", second_answers_differ, "duplicate_times"),
        (LatentODEModel, "solve", windows_cost, "evaluations"),
    ],
)
def test_a_fault_of_the_way_to_an_answer_is_found_by_its_rule_alone(
    monkeypatch, place, name, fault, rule
):
    monkeypatch.setattr(place, name, fault(getattr(place, name)))
    checks = check_model(on_fail="return")
    assert checks.failed == (rule,), str(checks)


def test_times_in_float32_are_found_by_the_shift(monkeypatch):
    monkeypatch.setattr(TimeScale, "to_model", float32_of_all_time)
    assert "time_shift" in check_model(on_fail="return").failed


def test_a_budget_that_a_solve_exceeds_is_found():
    config = LatentODEConfig().updated(**{"solver.max_nfe": 3})
    checks = check_model(config, on_fail="return")
    assert checks.failed, str(checks)


def test_what_fails_is_raised_with_its_numbers_and_the_table():
    with pytest.raises(ModelCheckError, match="got 1 that does not: batch") as raised:
        check_model(encoder=MixesWindows)
    text, checks = str(raised.value), raised.value.checks
    assert "got 1 that does not: batch." in text
    assert str(checks) in text
    assert "differs by" in checks["batch"].detail
    assert "more than 1e-04" in checks["batch"].detail
    assert checks.parts.startswith("encoder MixesWindows, likelihood student_t, ")
    assert isinstance(raised.value, AssertionError)
    assert raised.value.exit_code == 1


def test_what_would_only_repeat_a_failure_is_not_looked_at():
    checks = check_model(encoder=DrawsUnseeded, on_fail="return")
    assert checks["time_shift"].outcome == "not applicable"
    assert checks["time_shift"].detail == "tells nothing without seeds"
    assert checks["series_alone"].detail == "tells nothing without seeds, batch, padding"


def test_a_part_stands_in_a_registry_only_while_it_is_checked():
    before = dict(ENCODERS), dict(LIKELIHOODS), dict(PRIORS)
    check_model(encoder=CannotBeBuilt, likelihood=Whole, prior=PriorDrawsWide, on_fail="return")
    assert before == (ENCODERS, LIKELIHOODS, PRIORS)


def test_what_cannot_be_checked_is_refused():
    with pytest.raises(ConfigError, match="dynamics: expected a name, got the class Around"):
        check_model(dynamics=Around)
    with pytest.raises(ConfigError, match="encoder"):
        check_model(encoder="rnm")
    with pytest.raises(ConfigError, match='on_fail: expected "raise" or "return", got \'warn\''):
        check_model(on_fail="warn")


def test_settings_of_logs_and_training_are_not_looked_at():
    own = {"model.latent_dim": 5, "windows.context": "3s", "train.max_epochs": 7}
    settings = subject_module.settings_for(LatentODEConfig().updated(**own))
    assert (settings.model.latent_dim, settings.model.hidden_dim) == (5, 8)
    assert settings.windows.context == "36h"


def test_nothing_that_is_shared_changes():
    torch.manual_seed(4)
    expected = torch.randn(3)
    torch.manual_seed(4)
    threads = torch.get_num_threads()
    check_model()
    assert torch.equal(torch.randn(3), expected)
    assert torch.get_num_threads() == threads


def test_the_package_offers_it():
    assert latentode.check_model is check_model
