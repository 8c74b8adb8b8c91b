"""Events beside a log, over HTTP: the tables of ``events``."""

import json

import numpy as np
import pandas as pd
import pytest
from cli_cases import run
from served import serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(folder, small, tmp_path_factory):
    """With a model of readings and events, and the events of the later log."""
    home = tmp_path_factory.mktemp("events")
    log = pd.read_csv(folder / "log.csv")
    stamps = pd.to_datetime(log["time"]) + pd.Timedelta("7min")
    events = pd.DataFrame(
        {"id": log["id"], "time": stamps, "mark": np.where(log.index % 2, "a", "b")}
    )
    events = events[np.arange(len(events)) % 7 == 3]
    events.to_csv(home / "events.csv", index=False)
    later = pd.read_csv(folder / "next.csv")
    span = pd.to_datetime(later["time"]).agg(["min", "max"])
    inside = (events["id"] == "south") & events["time"].between(*span)
    events[inside].to_csv(home / "next.csv", index=False)
    words = ("--out", home / "run", "--events", home / "events.csv", *small)
    result = run("train", folder / "log.csv", *words)
    assert result.exit_code == 0, result.stderr
    return home


def test_rates_and_next_events_are_those_of_the_command(home, folder):
    words = ("--events", home / "next.csv", "--horizon", "4h", "--samples", "20")
    done = run("events", home / "run", folder / "next.csv", *words, "--out", home / "out")
    assert done.exit_code == 0, done.stderr
    tables = {"readings": folder / "next.csv", "events": home / "next.csv"}
    content = {
        name: json.loads(pd.read_csv(path).to_json(orient="records"))
        for name, path in tables.items()
    }
    with serving(home / "run") as server:
        for table in ("intensity", "next_event"):
            path = f"/events?horizon=4h&samples=20&table={table}"
            reply = server.post(path, content, accept="text/csv")
            assert reply.content == (home / "out" / f"{table}.csv").read_bytes()
        found = server.post("/events?samples=20", content).json
        assert set(found) == {"warnings", "unit", "intensity", "next_event"}
        remembered = server.post("/events?samples=20&horizon=4h", {"series": ["south"]}).json
        assert {row["series"] for row in remembered["intensity"]} == {"south"}
        assert "events" in server.get("/info").json["answers"]
