"""What a question about a log says to type leads to a reading, or to another question."""

import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from random_logs import stamps, walk

from latentode.cli.app import root

NUMBER = 300
_OPTION = r"--[a-z][a-z-]*(?:=\S+| (?!--)(?:\"[^\"]*\"|''|[^\s\"']+))?"
ADVICE = re.compile(rf"{_OPTION}(?: {_OPTION})*")


def frame(times=None, **columns):
    times = stamps(NUMBER) if times is None else times
    return pd.DataFrame({"time": times, **columns, "t": walk(NUMBER, 0)})


def with_cells(column, **cells):
    """A column of text some of whose cells are others: place -> cell."""
    texts = column.astype(str)
    return [cells.get(f"at_{place}", text) for place, text in enumerate(texts)]


def shifted(start, stop, moment):
    times = stamps(NUMBER).to_series(index=range(NUMBER))
    step = times[start:stop] - times[start]
    times[start:stop] = pd.Timestamp(moment) + step
    return times


def fall_back():
    """The night in which clocks of New York are set back, every 20 minutes, without a zone."""
    moments = pd.date_range("2024-11-01T04:00", periods=NUMBER, freq="20min", tz="UTC")
    return moments.tz_convert("America/New_York").tz_localize(None)


def side_by_side(**ids):
    keys = pd.MultiIndex.from_product(ids.values(), names=ids.keys()).to_frame(index=False)
    rows = stamps(40).to_frame(name="time").merge(keys, how="cross")
    return rows.assign(t=walk(len(rows), 0))


def half_hours():
    moments = pd.date_range("2024-03-01", periods=48 * 40, freq="30min")
    moments = moments.delete(slice(48 * 30 + 4, 48 * 30 + 6))  # when clocks go forward
    day = moments.strftime("%Y-%m-%d")
    period = pd.Series(day).groupby(day).cumcount() + 1
    return pd.DataFrame({"day": day, "period": period, "t": walk(len(day), 0)})


PLACE = np.arange(NUMBER)
WALK = walk(NUMBER, 1)
FIRST_FIVE = stamps(NUMBER).where(PLACE >= 5, pd.Timestamp("1970-01-01"))
BOTH_ENDS = shifted(100, 104, "2099-12-31").where(PLACE < 250, shifted(250, 253, "1970-01-01"))
MILLISECONDS = pd.DataFrame({"time": stamps(75, "s").repeat(4), "ms": [0, 250, 500, 750] * 75,
                             "t": walk(300, 0)})  # fmt: skip
TURNED_UNIT = pd.concat(
    pd.DataFrame({"time": stamps(NUMBER), "channel": name, "value": walk(NUMBER, seed),
                  "unit": np.where((name == "NO2") & (PLACE > 200), "ppb", "µg")})
    for seed, name in enumerate(["NO2", "PM10"])
)  # fmt: skip
OPEN_DATES = stamps(NUMBER, "1min").strftime("%d/%m/%Y %H:%M")

#: What is wrong -> the log, and what each advice leads to: numbers of readings and of series.
CASES = {
    "stamps too coarse": (frame(stamps(NUMBER, "10s").floor("min")),
                          {"--duplicates mean": (50, 1), "--duplicates last": (50, 1)}),
    "clock set back": (frame(shifted(200, NUMBER, "2024-03-06")), {"--duplicates last": (244, 1)}),
    "clock not set yet": (frame(FIRST_FIVE), {"--start 2024-03-05": (295, 1)}),
    "periods of a day": (half_hours(), {"--tz Europe/Berlin": (1918, 1)}),
    "two columns of ids": (side_by_side(Anlage=["a", "b"], tank=["x", "y", "z"]),
                           {'--id-column "Anlage,tank"': (240, 6)}),
    "depths": (side_by_side(depth=[0.5, 1.0, 2.5]), {'--id-column "depth"': (120, 3)}),
    "places": (side_by_side(lat=[54.5, 55.25], lon=[7.25, 7.5, 8.1]),
               {'--id-column "lat,lon"': (240, 6)}),
    "milliseconds": (MILLISECONDS, {'--id-column "ms"': (300, 4)}),
    "words among numbers": (
        frame(flow=with_cells(pd.Series(WALK), at_5="ERR", at_9="ERR", at_12="Tracking")),
        {"--na ERR,Tracking": (597, 1), "--on-bad-row nan": (597, 1)}),
    "a word beside states": (
        frame(mode=with_cells(pd.Series(np.where(PLACE % 9 < 4, "on", "off")), at_7="Störfall")),
        {"--na Störfall": (599, 1), "--on-bad-row nan": (599, 1)}),
    "bounds": (frame(flow=with_cells(pd.Series(WALK), at_5="<0.05", at_9="High")),
               {'--censored "bound"': (599, 1), '--censored "missing"': (598, 1)}),
    "a code": (frame(x=np.where(PLACE % 50 == 7, -9999, WALK)),
               {"--na=-9999": (594, 1), "--na ''": (600, 1)}),
    "years too early": (frame(shifted(100, 104, "2000-01-01")),
                        {"--start 2024-03-05": (296, 1), "--start any": (300, 1)}),
    "years too late": (frame(shifted(100, 104, "2099-12-31")),
                       {"--end 2024-03-08": (296, 1), "--end any": (300, 1)}),
    "both": (frame(BOTH_ENDS), {"--start 2024-03-05 --end 2024-03-08": (293, 1),
                                "--start any --end any": (300, 1)}),
    "a broken stamp": (frame(with_cells(stamps(NUMBER).to_series(), at_8="0000-00-00 00:00:00")),
                       {"--on-bad-row drop": (299, 1)}),
    "letters of two zones": (frame().rename(columns={"time": "Zeit (MEZ/MESZ)"}),
                             {"--tz Europe/Berlin": (300, 1)}),
    "serial days": (frame(45426 + PLACE / 144), dict.fromkeys(
        ["--time-unit excel", "--time-unit mjd", "--time-unit d"], (300, 1))),
    "order of day and month": (frame(OPEN_DATES), dict.fromkeys(
        ["--dayfirst", "--no-dayfirst"], (300, 1))),
    "grades in numbers": (frame(**{"Quality Code": np.where(PLACE % 9, 10, 151)}),
                          {"--quality 10": (266, 1), "--quality all": (300, 1)}),
    "grades in words": (frame(t_Status=np.where(PLACE % 9, "Geprüft", "Fehlerhaft")),
                        {"--quality geprüft": (266, 1), "--quality all": (300, 1)}),
    "a unit of one channel": (TURNED_UNIT, {'--channels "PM10"': (300, 1)}),
    "series untold": (
        pd.concat([frame(), frame().assign(t=walk(NUMBER, 3, 80.0))]).sort_values("time"),
        {"--duplicates mean": (300, 1), "--duplicates last": (300, 1)}),
    "too little": (frame()[:3], {}),
}  # fmt: skip


def inspected(path, *options):
    """What is asked about a log, and its numbers of readings and series where it is read."""
    result = CliRunner().invoke(root, ["inspect", str(path), *options, "--json"])
    answer = json.loads(result.stdout)
    if answer.get("error"):
        assert result.exit_code == answer["error"]["code"]
        return answer["error"]["message"], None
    data = answer["data"]
    return " ".join(data["questions"]), (data["num_readings"], data["num_series"])


@pytest.mark.parametrize("kind", CASES)
def test_every_advice_leads_on_when_it_is_typed(tmp_path, kind):
    log, leads_to = CASES[kind]
    path = tmp_path / "log.csv"
    log.to_csv(path, index=False)
    question, _ = inspected(path)
    assert question
    typed = re.sub(r"(--(?:no-)?dayfirst) or", r"\1,", question)  # flags take no value
    advised = {advice.rstrip(".,;)") for advice in ADVICE.findall(typed)}
    assert advised == set(leads_to)
    for advice in advised:
        assert inspected(path, *shlex.split(advice)) == ("", leads_to[advice]), advice
