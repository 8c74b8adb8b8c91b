"""Scores of events in sentences."""

import pytest

from latentode.evaluation.event_summary import event_sentences

FIT = {"statistic": 0.1, "p_value": 0.4, "count": 30}
TESTS = dict.fromkeys(("time_rescaling", "uniformity", "dispersion"), FIT)
SCORES = {"events": 30, "gain_per_event": 0.514, "tests": {"all": TESTS, "hot": TESTS}}


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (0.514, "The model is 0.514 nats per event better than a constant rate of each kind."),
        (
            -0.514,
            "The model is 0.514 nats per event worse than a constant rate of each kind: in",
        ),
        (1e-5, "The model is as good as a constant rate"),
    ],
)
def test_the_gain_over_constant_rates_is_said_in_words(gain, said):
    verdict, fit = event_sentences(SCORES | {"gain_per_event": gain})
    assert verdict.startswith(said)
    assert fit == "Does it fit? Nothing speaks against it: every p is 0.05 or more."


def test_what_speaks_against_the_fit_is_named():
    hot = TESTS | {"dispersion": FIT | {"p_value": 0.003}}
    fit = event_sentences(SCORES | {"tests": {"all": TESTS, "hot": hot}})[1]
    assert fit == "Does it fit? Not in everything: how they cluster of hot (p = 0.003)."


def test_naive_forecasts_that_are_better_over_ten_gaps_are_named():
    ahead = {
        "otd": {"model": 4.0, "most popular": 3.0, "history density": None},
        "t_map": {"model": 0.4, "most popular": 0.2, "history density": 0.4},
    }
    said = event_sentences(SCORES | {"long_horizon": ahead})[2:]
    assert said == ["Ten mean gaps ahead the model loses to 'most popular' by OTD 4 against 3."]


def test_of_no_events_nothing_is_said():
    assert event_sentences(SCORES | {"events": 0})[0].startswith("There are no events")
