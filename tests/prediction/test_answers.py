"""Answers of a model, in arrays."""

from latentode.prediction.answers import Predictions


def test_there_is_room_for_what_was_asked_and_for_nothing_else():
    asked = Predictions.unanswered((5, 2), 3, drawn=True, latent=4)
    assert asked.draws.shape == (3, 5, 2)
    assert asked.latent.shape == (3, 5, 4)
    assert asked.rates.size == asked.classes.size == 0
    events = Predictions.unanswered((5, 2), 3, drawn=False, marks=2, classes=3)
    assert events.rates.shape == (3, 5, 2)
    assert events.classes.shape == (5, 3)
    assert events.draws.size == events.latent.size == 0
