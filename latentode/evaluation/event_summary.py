"""What the scores of events mean, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LEVEL = 0.05  # of the tests of fit
_ABOUT = {
    "time_rescaling": "the gaps between events",
    "uniformity": "their drift over time",
    "dispersion": "how they cluster",
}
_EQUAL = 5e-4  # nats per event that round to nothing


def event_sentences(scores: Mapping[str, Any]) -> list[str]:
    """Say whether a model of events is better than constant rates, and whether it fits.

    Args:
        scores: "events", "gain_per_event" and "tests" by mark; perhaps "long_horizon".

    Returns:
        Sentences.
    """
    if not scores["events"]:
        return ["There are no events in this part, so nothing can be said of the model."]
    return [
        _against_constant(scores),
        _on_fit(scores["tests"]),
        *_on_far_events(scores.get("long_horizon") or {}),
    ]


def _against_constant(scores: Mapping[str, Any]) -> str:
    gain = scores["gain_per_event"]
    if abs(gain) < _EQUAL:
        return (
            "The model is as good as a constant rate of each kind of event, no better and no worse."
        )
    if gain > 0:
        return f"The model is {gain:.3g} nats per event better than a constant rate of each kind."
    return (
        f"The model is {-gain:.3g} nats per event worse than a constant rate of each kind: in this "
        "part it is better to expect events at the rates that they had in training."
    )


def _on_fit(tests: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    against = [
        f"{about} of {group} (p = {tests[group][name]['p_value']:.2g})"
        for group in tests
        for name, about in _ABOUT.items()
        if tests[group][name]["p_value"] < _LEVEL
    ]
    if not against:
        return f"Does it fit? Nothing speaks against it: every p is {_LEVEL} or more."
    return f"Does it fit? Not in everything: {', '.join(against)}."


def _on_far_events(scores: Mapping[str, Any]) -> Iterator[str]:
    """Naive forecasts that are better over ten mean gaps."""
    for key, heading, least in (("otd", "OTD", True), ("t_map", "T-mAP", False)):
        found = {name: value for name, value in scores.get(key, {}).items() if value is not None}
        if "model" not in found:
            continue
        best = min(found, key=found.__getitem__) if least else max(found, key=found.__getitem__)
        if best != "model" and found[best] != found["model"]:
            yield (
                f"Ten mean gaps ahead the model loses to {best!r} by {heading} "
                f"{found['model']:.3g} against {found[best]:.3g}."
            )
