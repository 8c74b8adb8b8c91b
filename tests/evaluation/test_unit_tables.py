"""Tables in the units of the channels."""

import numpy as np
from ar_process import ar_result
from small_series import HOUR

from latentode.evaluation.lead_bins import LeadBins
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
