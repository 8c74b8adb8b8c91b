"""Answers are those of the command line, to the byte; numbers of JSON are finite or null."""

import json

import pandas as pd
import pytest
from cli_cases import run

FORECASTS = {
    "as it is": ("", ()),
    "finer": (
        "?horizon=3h&every=15min&samples=50&quantiles=0.1,0.9",
        ("--horizon", "3h", "--every", "15min", "--samples", "50", "--quantiles", "0.1,0.9"),
    ),
    "from the last reading": ("?align=origin&every=1h", ("--align", "origin", "--every", "1h")),
    "one channel": (
        "?channels=flow&allow-missing-channels=true",
        ("--channels", "flow", "--allow-missing-channels"),
    ),
}


def by_command(*words):
    result = run(*words, "-o", "-")
    assert result.exit_code == 0, result.stderr
    return result.stdout.encode()


@pytest.mark.parametrize("case", FORECASTS)
def test_a_forecast_is_that_of_the_command_to_the_byte(server, folder, body, case):
    path, options = FORECASTS[case]
    reply = server.csv(f"/forecast{path}", body)
    assert reply.status == 200, reply.content
    assert reply.content == by_command("forecast", folder / "run", folder / "next.csv", *options)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"


def test_records_are_read_as_the_same_rows_of_a_file(server, folder, body):
    rows = json.loads(pd.read_csv(folder / "next.csv").to_json(orient="records"))
    reply = server.post("/forecast", {"readings": rows}, accept="text/csv")
    assert reply.content == server.csv("/forecast", body).content


def test_without_a_log_the_model_goes_on_from_what_it_remembers(server, folder):
    reply = server.ask("POST", "/forecast", accept="text/csv")
    assert reply.content == by_command("forecast", folder / "run")


def test_series_of_the_training_are_chosen_by_their_ids(server):
    reply = server.post("/forecast?every=1h", {"series": ["south", "=east"]})
    assert {row["series"] for row in reply.json["rows"]} == {"south", "=east"}
    unknown = server.post("/forecast", {"series": ["west"]})
    assert unknown.status == 422
    assert "no series 'west'" in unknown.message


def test_an_interpolation_is_that_of_the_command(server, folder, body):
    reply = server.csv("/interpolate?every=2h&samples=40", body)
    words = ("interpolate", folder / "run", folder / "next.csv", "--every", "2h", "--samples", "40")
    assert reply.content == by_command(*words)
    missing = server.csv("/interpolate?at-missing=true", body)
    assert missing.content == by_command(
        "interpolate", folder / "run", folder / "next.csv", "--at-missing"
    )


def test_times_are_asked_about_in_their_order(server, body):
    del body
    times = [
        {"id": "south", "time": "2025-03-06T09:00:00Z"},
        {"id": "north", "time": "2025-03-06T08:00:00Z"},
    ]
    content = {"series": ["north", "south"], "times": times}
    rows = server.post("/forecast?samples=20", content).json["rows"]
    assert [row["series"] for row in rows] == ["south", "south", "north", "north"]
    together = server.post("/forecast?every=1h", content)
    assert together.message == "times: name all times; every have no place."


def test_a_score_is_that_of_density(server, folder, body, tmp_path):
    output = tmp_path / "score.csv"
    assert run("density", folder / "run", folder / "next.csv", "-o", output).exit_code == 0
    assert server.csv("/score", body).content == output.read_bytes()
    found = server.csv("/score?samples=20", body, accept="application/json").json
    assert found["series"][0]["num_readings"] == len(
        [row for row in found["readings"] if row["mean"] is not None]
    )


def test_json_holds_what_the_file_of_the_command_holds(server, folder, body, tmp_path):
    output = tmp_path / "forecast.json"
    assert run("forecast", folder / "run", folder / "next.csv", "-o", output).exit_code == 0
    found = server.csv("/forecast", body, accept="application/json").json
    expected = json.loads(output.read_text())
    assert found.pop("warnings") == []
    assert found.pop("created")
    expected.pop("created")
    assert found == expected


def test_what_is_detected_is_told_with_the_newest_readings(server, body):
    found = server.csv("/inspect?rows=3", body, accept="application/json").json
    assert found["read"]["columns"]["id"] == "id"
    assert found["channels"] == ["level", "flow"]
    (series,) = found["series"]
    assert (series["id"], series["num_rows"], len(series["time"])) == ("south", 60, 3)
    assert found["plan"][0] == "read body.csv: 60 rows, wide layout"


def test_warnings_come_with_either_form(server, body):
    far = body + b"2025-03-09T00:00:00Z,south,1e9,\n"
    as_json = server.csv("/forecast", far, accept="application/json").json["warnings"]
    assert any("1e+09" in each or "far" in each for each in as_json), as_json
    assert json.loads(server.csv("/forecast", far).headers["latentode-warnings"]) == as_json


def test_errors_have_the_message_of_the_command(server, folder, tmp_path):
    log = tmp_path / "body.csv"
    log.write_text("time,id,level,flow\n2025-03-01T00:00:00Z,a,x,y\n2025-03-01T01:00:00Z,a,z,w\n")
    said = run("forecast", folder / "run", log).stderr.splitlines()[-1].removeprefix("error: ")
    reply = server.csv("/forecast", log.read_bytes())
    assert reply.status == 422
    assert reply.json["error"]["kind"] == "data"
    assert said.startswith("".join([str(tmp_path), "/", reply.message])[: len(said) // 2])
    assert reply.message in said


def test_a_model_without_events_says_so(server, body):
    reply = server.csv("/events", body)
    assert (reply.status, reply.json["error"]["kind"]) == (422, "config")
    assert "trained with events" in reply.message


def test_the_model_is_described(server):
    found = server.get("/info").json
    assert [each["name"] for each in found["channels"]] == ["level", "flow"]
    assert [each["id"] for each in found["series"]] == ["=east", "north", "south"]
    assert found["limits"]["times"] == 500
    assert found["limits"]["memory"] == 10_000_000
    assert found["answers"] == ["forecast", "interpolate", "inspect", "score"]
    assert "/" not in json.dumps(found["series"])


def test_the_page_that_needs_no_token_tells_nothing_of_the_model(server):
    text = server.get("/").content.decode()
    assert "<title>latentode</title>" in text
    assert '<h1 id="title">latentode</h1>' in text
    known = [server.get("/info").json["model"], "level", "flow", "south", "=east"]
    assert [name for name in known if f">{name}" in text or f'"{name}"' in text] == []
