"""F01 to F08: what stands in a text file."""

import gzip
import itertools
import shlex

import numpy as np
import pytest
from cli_cases import answer_of, run
from places import ROOT
from programs import python

from latentode import read_log

HEADER = "time,level\n"
TIMES = [f"2024-01-{1 + hour // 24:02d} {hour % 24:02d}:00:00" for hour in range(200)]
LEVELS = [f"{np.sin(hour / 3):.3f}" for hour in range(200)]
ROWS = [f"{time},{level}" for time, level in zip(TIMES, LEVELS, strict=True)]


def text(*, header=HEADER, rows=ROWS, changed=None):
    """A log; `changed` gives some of its rows (by place, the header left out) other contents."""
    rows = list(rows)
    for place, row in (changed or {}).items():
        rows[place] = row
    return header + "\n".join(rows) + "\n"


def cells(*values):
    """Rows 50, 51, ... with these contents in place of their level."""
    return {place: f"{TIMES[place]},{value}" for place, value in enumerate(values, start=50)}


def written(folder, content, name="log.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refused(folder, path, *options):
    """What `train` says of a log that it refuses; nothing was trained or left."""
    result = run("train", path, *options, "--out", folder / "run")
    assert result.exit_code == 3, result.output
    assert result.stderr.startswith("error: ")
    assert str(path) in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (folder / "run").exists()
    return result.stderr


@pytest.mark.parametrize("content", ["", HEADER, HEADER + "\n\n"])
def test_f01_a_file_without_rows(tmp_path, content):
    assert "no data rows" in refused(tmp_path, written(tmp_path, content))


def test_f01_no_rows_after_a_filter(tmp_path):
    path = written(tmp_path, text(changed=dict.fromkeys(range(200), f"{TIMES[0]},ERR")))
    result = run("train", path, "--na", "ERR", "--out", tmp_path / "run")
    assert result.exit_code == 3
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32", "latin-1", "cp1252"])
def test_f02_encodings_are_known_by_their_mark_or_said(tmp_path, encoding):
    content = text(header="time,Temp°C\n").encode(encoding)
    answer = answer_of("inspect", written(tmp_path, content))
    assert answer["data"]["channels"] == ["Temp°C"]
    if encoding != "utf-8-sig":
        assert any(note["about"] == "encoding" for note in answer["data"]["decisions"])


def test_f02_another_encoding_can_be_named_and_a_wrong_name_is_told(tmp_path):
    path = written(tmp_path, text(header="time,Темп\n").encode("cp1251"))
    answer = answer_of("inspect", path, "--encoding", "cp1251")
    assert answer["data"]["channels"] == ["Темп"]
    result = run("inspect", path, "--encoding", "utf-8")
    assert result.exit_code == 3
    assert "--encoding" in result.stderr
    assert run("inspect", path, "--encoding", "utf-99").exit_code == 4


@pytest.mark.parametrize("end", ["", ",more"], ids=["whole", "ragged"])
def test_f02_another_encoding_far_down_is_no_traceback(tmp_path, end):
    rows = [f"{1_700_000_000 + 10 * place},{place % 7},ok" for place in range(60_000)]
    content = text(header="time,level,note\n", rows=[*rows, f"1700600000,1,Temp °C{end}"])
    path = written(tmp_path, content.encode("latin-1"))
    done = python(ROOT / "cli.py", "inspect", path, "--time-unit", "s")
    assert done.returncode == (3 if end else 0), done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (text().encode()[:900] + b"\0" + text().encode()[900:], "byte offset 900"),
        (np.random.default_rng(0).bytes(5000), "byte offset"),
        (b"\x89PNG\r\n\x1a\n" + bytes(400), "a PNG picture"),
    ],
    ids=["NUL", "random", "picture"],
)
def test_f03_bytes_that_are_no_text(tmp_path, content, place):
    assert place in refused(tmp_path, written(tmp_path, content))


def test_f03_a_compressed_file_that_breaks_off(tmp_path):
    whole = gzip.compress(text().encode())
    path = written(tmp_path, whole[: len(whole) // 2], "log.csv.gz")
    assert "byte offset" in refused(tmp_path, path)


def test_f04_more_fields_than_the_header_in_every_row(tmp_path):
    path = written(tmp_path, text(rows=[f"{row},7" for row in ROWS]))
    said = refused(tmp_path, path)
    assert "line 2: expected 2 fields as in the header, got 3" in said


def test_f04_ragged_rows_are_told_and_dropped_if_asked(tmp_path):
    path = written(tmp_path, text(changed={99: ROWS[99] + ",7", 120: TIMES[120]}))
    assert "line 101" in refused(tmp_path, path)
    answer = answer_of("inspect", path, "--on-bad-row", "drop")
    assert sum(answer["data"]["counts"].values()) == 2
    assert answer["data"]["num_readings"] == 198


@pytest.mark.parametrize("word", ["ERR", "unavailable", "1.2.3", "#REF!"])
def test_f05_words_among_numbers(tmp_path, word):
    path = written(tmp_path, text(changed=cells(word, word, word)))
    said = refused(tmp_path, path)
    assert "line 52, column 'level'" in said
    assert f"{word!r} 3 times" in said
    assert f"--na {shlex.quote(word)}" in said


def test_f05_a_word_after_hundreds_of_thousands_of_numbers(tmp_path):
    rows = [f"{1_700_000_000 + 10 * place},{place % 97}" for place in range(420_000)]
    path = written(tmp_path, text(rows=[*rows, "1704300000,broken"]))
    assert "line 420002, column 'level': 'broken'" in refused(tmp_path, path)


def test_f05_decimal_commas_and_marks_between_thousands(tmp_path):
    comma = text(header="time;level\n", rows=[row.replace(",", ";") for row in ROWS])
    log, _ = read_log(written(tmp_path, comma.replace(".", ",")))
    assert np.allclose(log.readings.values, np.array(LEVELS, float))
    rows = [f'{time},"{1000 + 11 * place:,}.5"' for place, time in enumerate(TIMES)]
    log, _ = read_log(written(tmp_path, text(rows=rows)))
    assert np.allclose(log.readings.values, 1000.5 + 11 * np.arange(200))


def test_f06_ids_are_kept_byte_for_byte(tmp_path):
    names = ["007", "7", "NA", "9007199254740993", "9007199254740992", "nan", "1e3", "1000"]
    rows = [f"{name},{row}" for name, row in zip(itertools.cycle(names), ROWS, strict=False)]
    path = written(tmp_path, text(header="device,time,level\n", rows=rows))
    answer = answer_of("inspect", path, "--id-column", "device")
    assert sorted(answer["data"]["series_ids"]) == sorted(names)


def test_f07_names_that_stand_twice_are_told_apart_and_said(tmp_path):
    rows = [f"{row},{place % 7}.5" for place, row in enumerate(ROWS)]
    path = written(tmp_path, text(header="time,level,level\n", rows=rows))
    answer = answer_of("inspect", path)
    assert answer["data"]["channels"] == ["level", "level.2"]
    rows = [f"{time},{row}" for time, row in zip(TIMES, ROWS, strict=True)]
    answer = answer_of("inspect", written(tmp_path, text(header="time,time,level\n", rows=rows)))
    assert answer["data"]["channels"] == ["level"]


@pytest.mark.parametrize("name", ["c{}", "c"], ids=["distinct", "all the same"])
def test_f07_a_hundred_thousand_columns(tmp_path, name):
    header = "time," + ",".join(map(name.format, range(100_000))) + "\n"
    path = written(tmp_path, text(header=header, rows=[f"{TIMES[0]}" + ",1" * 100_000]))
    result = run("inspect", path)
    assert result.exit_code == 7
    assert "at most 1000 channels" in result.stderr
    assert "--max-channels" in result.stderr


def test_f08_numbers_that_no_sensor_writes(tmp_path):
    path = written(tmp_path, text(changed=cells("inf", "-inf", "1e400", "1e300", "1e-320")))
    assert "5 cells are not numbers" in refused(tmp_path, path)
    options = ("--on-bad-row", "nan", "--max-bad", "0.05")
    answer = answer_of("inspect", path, *options)
    assert answer["data"]["num_readings"] == 195
    (channel,) = answer["data"]["channel_details"]
    assert -1 <= channel["min"] < channel["max"] <= 1
