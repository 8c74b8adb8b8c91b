"""Lines that are too long to be one, in every text that is read."""

import gzip

import pytest

from latentode.config import DataConfig
from latentode.data.reading.blocks import LogBlocks
from latentode.data.reading.formats import text_blocks
from latentode.data.reading.formats.text_blocks import LONGEST_RECORD
from latentode.data.reading.log import read_log

HEADER = "time,level\n"
ROWS = [f"{i},{i % 7}\n" for i in range(2_000)]
LONG = "1" * (LONGEST_RECORD + 1) + "\n"
TEXTS = {
    "at first": LONG + HEADER + "".join(ROWS),
    "below": HEADER + "".join(ROWS[:1000]) + LONG + "".join(ROWS[1000:]),
    "last": HEADER + "".join(ROWS) + LONG.rstrip("\n"),
    "with quotes": HEADER + "".join(ROWS) + '5,"' + LONG,
}
LINES = {"at first": 1, "below": 1002, "last": 2002, "with quotes": 2002}


def written(folder, text, form):
    path = folder / f"log.{form}"
    if form == "gz":
        path.write_bytes(gzip.compress(text.encode(), compresslevel=1))
    else:
        path.write_text(text, encoding={"utf16": "utf-16", "latin": "latin-1"}.get(form, "utf-8"))
    return path


def config(**data):
    return DataConfig(time={"unit": "s"}, **data)


@pytest.mark.parametrize("form", ["csv", "gz", "utf16", "latin"])
@pytest.mark.parametrize("place", TEXTS)
def test_a_line_that_is_too_long_is_refused_with_its_number(tmp_path, place, form):
    path = written(tmp_path, TEXTS[place], form)
    told = f"log.{form}: expected lines of at most 4,194,304 bytes.*in line {LINES[place]}"
    with pytest.raises(Exception, match=told):
        read_log(path, config())


@pytest.mark.parametrize("place", TEXTS)
def test_so_it_is_in_blocks_of_rows(tmp_path, place):
    blocks = LogBlocks(written(tmp_path, TEXTS[place], "csv"), config(), 1 << 16)
    with pytest.raises(Exception, match=f"in line {LINES[place]}"):
        list(blocks.read())


@pytest.mark.parametrize("size", [64, 1_000, 100_000])
def test_the_number_of_the_line_does_not_depend_on_how_it_is_read(tmp_path, monkeypatch, size):
    monkeypatch.setattr(text_blocks, "BLOCK_BYTES", size)
    monkeypatch.setattr(text_blocks, "LONGEST_RECORD", 50)
    path = written(tmp_path, HEADER + "".join(ROWS) + "1" * 51 + "\n", "gz")
    with pytest.raises(Exception, match=r"at most 50 bytes.*in line 2002"):
        read_log(path, config())
    path = written(tmp_path, HEADER + "".join(ROWS) + "2000,1." + "0" * 43 + "\n", "gz")
    assert read_log(path, config())[0].readings.num_readings == 2_001


@pytest.mark.parametrize("form", ["csv", "gz"])
def test_a_line_of_nearly_that_length_is_read(tmp_path, form):
    note = "x" * (LONGEST_RECORD - 100)
    rows = [f"{i},{i % 7},{note if i == 1000 else 'y'}\n" for i in range(2_000)]
    dataset, _ = read_log(
        written(tmp_path, "time,level,note\n" + "".join(rows), form),
        config(columns={"channels": ("level",)}),
    )
    assert dataset.readings.num_readings == 2_000
