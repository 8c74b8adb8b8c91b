"""Whether stated probabilities are met, in pictures and in a sentence."""

import numpy as np
import pytest

from latentode import plot
from latentode.errors import ConfigError


@pytest.mark.parametrize(
    ("share", "word"), [(0.98, "too wide"), (0.93, "about right"), (0.8, "too narrow")]
)
def test_calibration_says_whether_bands_are_right(share, word):
    report = {"pit": [5] * 10, "overall": {"model": {"coverage_90": share}}}
    said = f"The bands are {word}: 90% bands held {share:.0%} of the readings."
    assert plot.calibration_sentence(report) == said
    assert plot.calibration(report)[0].figure.get_suptitle() == said


def test_calibration_says_from_bars_alone_what_lies_between_the_outermost():
    said = plot.calibration_sentence({"pit": [0, 0, 1, 1, 1, 1, 2, 2, 2, 0]})
    assert said.splitlines() == [
        "The bands are too wide: 80% bands held 100% of the readings.",
        "Forecasts are rather too low: 70% of the readings lay above the median.",
    ]
    assert plot.calibration_sentence({"coverage": {0.9: 0.9}}) == ""


@pytest.mark.parametrize("scale", [1, 100])
def test_calibration_draws_a_density_whatever_the_scale(scale):
    name = "pit" if scale == 1 else "pit_histogram"
    (axes,) = plot.calibration({name: np.array([0.1, 0.4, 0.3, 0.2]) * scale})
    assert [bar.get_height() for bar in axes.patches][:4] == pytest.approx([0.4, 1.6, 1.2, 0.8])


def test_calibration_draws_every_entry_of_an_evaluation():
    report = {
        "pit": [3, 5, 4],
        "coverage": {"0.9": 0.8, 0.5: 0.4},
        "channels": {"a_$": {"model": {"coverage_90": 0.7}}, "b": {"model": {"coverage_90": None}}},
        "num_targets": 12,
    }
    pit, coverage, channels = plot.calibration(report)
    assert "95 % band" in [text.get_text() for text in pit.get_legend().get_texts()]
    assert np.transpose(coverage.get_lines()[1].get_data()).tolist() == [[0.5, 0.4], [0.9, 0.8]]
    assert [text.get_text() for text in channels.get_yticklabels()] == ["a_$", "b"]


@pytest.mark.parametrize("report", [{}, {"pit": []}, {"mae": 1.0}])
def test_calibration_refuses_a_report_without_entries(report):
    with pytest.raises(ConfigError, match="expected one of"):
        plot.calibration(report)
    with pytest.raises(ConfigError, match="expected counts of readings"):
        plot.calibration({"pit": [0, 0]})
