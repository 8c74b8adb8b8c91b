"""Tables in the units of the channels."""

import numpy as np
import pytest
from ar_process import ar_dataset, ar_result
from small_series import DAY, HOUR, whole_span

from latentode.evaluation import evaluate_task, forecast_task
from latentode.evaluation.lead_bins import LeadBins
from latentode.evaluation.naive_rows import NaiveRows
from latentode.evaluation.unit_tables import unit_tables

BINS = LeadBins(np.array([1, 3, 6]) * HOUR)


def test_each_channel_has_a_table_by_lead_time_in_its_unit():
    result = ar_result(lead_bins=BINS)
    (title, rows), (other, _) = unit_tables(result)
    assert (title, other) == ("a (3,600 readings scored)", "b [ppm] (3,600 readings scored)")
    assert rows[0] == [
        "lead time",
        "MAE",
        "best naive",
        "CRPS",
        "best naive",
        "coverage 90%",
        "width 90%",
    ]
    assert [row[0] for row in rows[1:]] == ["up to 1h", "1h to 3h", "3h to 6h", "all lead times"]
    entry = result["channels"]["a"]
    first, whole = entry["lead_times"]["up to 1h"], entry
    for row, part in ((rows[1], first), (rows[-1], whole)):
        least = min(part["baselines"], key=lambda name, part=part: part["baselines"][name]["mae"])
        assert row[1] == f"{part['model']['mae']:.4g}"
        assert row[2] == f"{part['baselines'][least]['mae']:.4g} {least}"
        assert row[5] == f"{part['model']['coverage_90']:.1%}"


def test_without_lead_times_one_table_has_all_channels():
    ((title, rows),) = unit_tables(ar_result())
    assert title == "in the units of the log"
    assert [row[0] for row in rows] == ["channel", "a", "b [ppm]"]


def test_a_wide_log_has_tables_of_the_first_channels_and_counts_the_others():
    result = ar_result(lead_bins=BINS)
    result["channels"] = {f"c{n}": result["channels"]["a"] for n in range(15)}
    tables = unit_tables(result)
    assert len(tables) == 13
    assert tables[-1] == ("(3 more channels are in the JSON)", [])


def test_a_row_of_ones_own_stands_between_the_model_and_the_best_naive_one():
    yours = {key: np.full(7_200, 200.0) for key in ("mae", "rmse", "crps")}
    result = ar_result(lead_bins=BINS, yours=yours)
    _, rows = unit_tables(result)[0]
    assert rows[0][:4] == ["lead time", "MAE", "yours", "best naive"]
    assert {row[2] for row in rows[1:]} == {"200"}
    said = [text for text in result["sentences"] if "your forecasts" in text]
    assert len(said) == 3
    assert said[0].startswith("The model beats your forecasts by MAE")


@pytest.mark.parametrize(("windows", "said"), [(60, 1), (10, 0)])
def test_lead_times_at_which_the_model_loses_are_named_where_they_have_readings_enough(
    windows, said
):
    def wrong_at_first(visible, targets):
        lead = targets.times - visible.readings.first_and_last()[1][targets.window]
        return np.tile(targets.values + 99.0 * (lead == HOUR), (30, 1)), np.zeros(len(targets))

    dataset = ar_dataset(length=1_000)
    task = forecast_task(
        dataset, context_ns=DAY, horizon_ns=6 * HOUR, max_windows=windows, **whole_span(dataset)
    )
    result = evaluate_task(
        task, wrong_at_first, scale=np.ones(2), naive=NaiveRows(np.zeros(2)), lead_bins=BINS
    )
    found = [text for text in result["sentences"] if "at lead times" in text]
    assert result["lead_times"]["up to 1h"]["num_targets"] == 2 * windows
    assert len(found) == said
    for text in found:
        assert text.startswith("By CRPS the model loses at lead times up to 1h (99 against ")
        assert "1h to 3h" not in text
