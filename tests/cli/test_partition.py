"""partition on the command line: parts and a manifest, or a refusal and nothing."""

import io
import re

import pytest
from cli_cases import answer_of, run
from rich.console import Console

from latentode.cli.runs.progress import reading_display
from latentode.cli.session import Session
from latentode.data.reading.log import read_log
from latentode.scale import Parts, write_parts


@pytest.fixture
def log(tmp_path):
    rows = [
        f"p{n},2024-01-{1 + t // 24:02} {t % 24:02}:00,{(7 * n + t) % 11 / 4}"
        for n in range(6)
        for t in range(60)
    ]
    path = tmp_path / "log.csv"
    path.write_text("\n".join(["pump,time,flow", *rows]) + "\n")
    return path


def test_a_log_becomes_a_folder_of_parts_whose_path_is_printed(log, tmp_path):
    result = run("partition", log, tmp_path / "parts", "--parts", "3")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path / 'parts'}\n"
    assert "columns: time time; id pump; channels flow" in result.stderr
    assert re.search(r"6 series, 360 rows, 360 readings in \d of 3 parts", result.stderr)
    expected = write_parts(read_log(log)[0], tmp_path / "expected", 3)
    made = Parts.open(tmp_path / "parts")
    assert [each.sha256 for each in made.manifest.parts] == [
        each.sha256 for each in expected.manifest.parts
    ]
    assert made.manifest.log == ("log.csv",)
    assert made.manifest.reading["columns"]["id"] == "pump"


def test_json_has_the_facts_of_the_manifest(log, tmp_path):
    data = answer_of("partition", log, tmp_path / "parts", "--parts", "2")["data"]
    assert (data["num_parts"], data["series"], data["readings"]) == (2, 6, 360)
    assert data["channels"][0]["maximum"] == 2.5
    assert "parts" not in data


def test_long_logs_are_read_in_blocks_as_the_first_is(log, tmp_path, monkeypatch):
    monkeypatch.setattr("latentode.data.reading.blocks.BLOCK_BYTES", 2_000)
    import latentode.scale.partitioning as module

    whole = module.partition
    monkeypatch.setattr(
        module, "partition", lambda *words, **named: whole(*words, **named, block_bytes=2_000)
    )
    monkeypatch.setattr("latentode.scale.partition", module.partition, raising=False)
    result = run("partition", log, tmp_path / "parts", "--parts", "3")
    assert result.exit_code == 0, result.stderr
    assert "all other rows are read as these first ones" in result.stderr
    assert "6 series, 360 rows" in result.stderr


def test_a_refused_log_leaves_nothing(log, tmp_path):
    log.write_text(log.read_text() + "p9,2024-01-01 00:00,odd\n")
    result = run("partition", log, tmp_path / "parts")
    assert result.exit_code == 3
    assert "line 362" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


def test_parts_are_replaced_only_with_overwrite(log, tmp_path):
    assert run("partition", log, tmp_path / "parts").exit_code == 0
    result = run("partition", log, tmp_path / "parts", "--parts", "1")
    assert result.exit_code == 8
    assert "--overwrite" in result.stderr
    assert run("partition", log, tmp_path / "parts", "--parts", "1", "--overwrite").exit_code == 0
    assert len(Parts.open(tmp_path / "parts")) == 1


def test_inspect_says_what_the_manifest_of_parts_says(log, tmp_path):
    run("partition", log, tmp_path / "parts", "--parts", "2")
    result = run("inspect", tmp_path / "parts")
    assert result.exit_code == 0, result.stderr
    for line in (
        "2 parts of log.csv",
        "time: calendar, 2024-01-01T00:00 to 2024-01-03T11:00",
        "series: 6; channels: 1; readings: 360 at 360 times",
        "channel flow: 0 to 2.5, mean",
    ):
        assert line in result.stdout
    assert answer_of("inspect", tmp_path / "parts")["data"]["series"] == 6
    refused = run("inspect", tmp_path / "parts", "--tz", "UTC")
    assert refused.exit_code == 2
    assert "--tz" in refused.stderr


def test_a_bar_shows_bytes_and_rate_on_a_terminal_alone():
    session = Session(log_format="rich")
    session.console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with reading_display(session) as show:
        show(30_000_000, 120_000_000)
    assert "30.0/120.0 MB" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", session.console.file.getvalue())
    with reading_display(Session(log_format="plain")) as show:
        assert show is None
