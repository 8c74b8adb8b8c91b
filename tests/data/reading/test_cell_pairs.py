"""Cells of two numbers, as 120/80."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, said, settings, write
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError


def columns_of(seed, size=60):
    numbers = np.random.default_rng(seed)
    return [numbers.integers(low, low + 40, size).tolist() for low in (100, 60, 50)]


def log(form, seed, name="bp"):
    high, low, pulse = columns_of(seed)
    rows = zip(stamps(60), high, low, pulse, strict=True)
    text = "".join(f"{t},{form.format(a, b)},{p}\n" for t, a, b, p in rows)
    return f"time,{name},pulse\n{text}"


@few
@given(st.sampled_from(["{}/{}", "{} / {}", "{}|{}", "{};{}", "{}x{}", "{}.5/{}.25"]), SEEDS)
def test_two_numbers_in_a_cell_are_asked_about_and_read_as_two_channels(
    tmp_path_factory, form, seed
):
    path = write(tmp_path_factory.mktemp("log"), log(form, seed))
    with pytest.raises(DataError, match=r"'bp' has two numbers in each cell.*with --pairs bp,"):
        read_log(path)
    dataset, report = read_log(path, settings(columns__pairs=("bp",)))
    assert dataset.channels == ("bp 1", "bp 2", "pulse")
    high, low, pulse = columns_of(seed)
    values = dataset.readings.values.reshape(60, 3).T
    more = (0.5, 0.25) if "5" in form else (0.0, 0.0)
    assert values.tolist() == [[v + more[0] for v in high], [v + more[1] for v in low], pulse]
    assert "'bp' parted into 'bp 1' and 'bp 2' (as --pairs says)" in said(report)


def test_pairs_of_several_columns_are_asked_about_with_one_option(tmp_path):
    times, values = stamps(30), walk(30, 1)
    rows = "".join(f"{t},{v}/{v},{v}/7,{v}\n" for t, v in zip(times, values, strict=True))
    with pytest.raises(DataError, match="with --pairs a,b, or"):
        read(tmp_path, "time,a,b,c\n" + rows)
    with pytest.raises(DataError, match=r"'b' has two numbers.*with --pairs a,b, or"):
        read(tmp_path, "time,a,b,c\n" + rows, columns__pairs=("a",))


def test_cells_that_are_no_pair_are_judged_as_any_other(tmp_path):
    text = log("{}/{}", 3).replace("\n2024-03-05 00:10:00,", "\n2024-03-05 00:10:00,Err ", 1)
    with pytest.raises(DataError, match="2 cells are not numbers"):
        read(tmp_path, text, columns__pairs=("bp",))


def test_a_column_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no column 'pb'\. Did you mean 'bp'"):
        read(tmp_path, log("{}/{}", 3), columns__pairs=("pb",))


def test_pairs_of_a_frame_and_of_a_later_log_are_parted_too():
    high, low, pulse = columns_of(3)
    cells = [f"{a}/{b}" for a, b in zip(high, low, strict=True)]
    frame = pd.DataFrame({"time": stamps(60), "bp": cells, "pulse": pulse})
    told = settings(columns__pairs=("bp",))
    dataset, report = read_log(frame, told)
    later, _ = read_log(frame[:20], report.pinned(told), allow_missing=True)
    assert later.channels == dataset.channels == ("bp 1", "bp 2", "pulse")
