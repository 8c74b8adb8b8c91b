"""What the page on nightly jobs says came of its code, on logs that are shorter."""

import pandas as pd
import pytest

from latentode import LatentODE

pytestmark = pytest.mark.page("docs/every_night.md")


def test_inspect_names_the_options_that_train_is_given(found):
    for option in ("--tz Europe/Berlin", "--na=-999"):
        assert option in found.after("cli.py inspect")
    assert "counters, modelled by their rates: outflow" in found.after("cli.py train")


def test_the_run_tells_what_it_has_learned(found):
    info = found.after("cli.py info")
    assert "Refit on all of its log, up to 2025-10-31T22:50:51Z" in info
    assert "updated on old and new readings up to 2025-11-" in found.after("cli.py update")


def test_the_forecast_of_the_night_is_at_full_hours_of_all_reservoirs(found):
    table = pd.read_csv(found.folder / "tonight.csv")
    assert [*table.columns] == ["series", "time", "channel", "mean", "sd", "q0.05", "q0.5", "q0.95"]
    times = [time for _, time in table.groupby("series")["time"]]
    assert all(time.str.fullmatch(r"2025-11-[01]\d \d\d:00:00\+01:00").all() for time in times)
    assert len({tuple(time) for time in times}) == 1
    assert set(table["series"]) == {"Mill", "North", "South"}
    assert (found.folder / "tonight-max-by-day.csv").exists()
    assert (found.folder / "tonight-exceeds.csv").exists()


def test_models_that_were_are_kept(found):
    earlier = found.folder / "runs" / "reservoirs" / "earlier"
    kept = [LatentODE.load(earlier / f"model-{n}").fitted_ for n in (1, 2)]
    assert [[each.kind for each in model.later] for model in kept] == [[], ["refit"]]


def test_python_does_the_same(found):
    names = found.names
    assert [each.kind for each in names["model"].fitted_.later] == ["refit", "update"]
    assert names["forecast"].sizes["series"] == 3
    assert len(names["table"]) == 3 * 4 * 24
