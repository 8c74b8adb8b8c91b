"""What columns look like, and that a glance at a long log is enough."""

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from log_files import settings, write
from random_logs import NAMES, SEEDS, few, one_after_another, stamps, walk

from latentode.data.reading.column_profile import profile_table
from latentode.data.reading.formats.table import Table
from latentode.data.reading.log import profile_log, read_log
from latentode.data.reading.profile import Sample


def columns(**cells):
    return Table({name: pa.chunked_array([each]) for name, each in cells.items()})


@few
@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=2, max_size=60))
def test_a_profile_counts_what_numpy_counts(cells):
    if all(each is None for each in cells):
        cells = [*cells, 1]
    profile = profile_table(columns(x=pa.array(cells, pa.int64())))[0]
    numbers = np.array([each for each in cells if each is not None], float)
    assert profile.kinds["number"] == len(numbers)
    assert profile.kinds["empty"] == len(cells) - len(numbers)
    assert profile.distinct == len(np.unique(numbers))
    assert (profile.least, profile.greatest) == (numbers.min(), numbers.max())
    assert profile.median == np.median(numbers)


def test_steps_and_order_are_in_the_profile():
    profile = profile_table(columns(n=pa.array(np.arange(100) * 3)))[0]
    assert (profile.step, profile.step_share, profile.rising) == (3, 1, 1)
    assert "step 3 in 100 % of the rows" in str(profile)


def test_a_sample_of_a_long_table_is_blocks_of_successive_rows():
    numbers = np.arange(1_000_000)
    table = Table({"n": pa.chunked_array(np.array_split(numbers, 7))})
    sample = Sample(table)
    assert 10_000 <= len(sample.rows) <= 50_000
    assert (sample.rows[0], sample.rows[-1]) == (0, 999_999)
    assert np.array_equal(sample["n"].numbers, numbers[sample.rows])
    assert sample["n"].num_distinct == len(sample.rows)


@few
@given(st.integers(2, 6))
def test_a_sample_of_whole_times_has_all_rows_of_each_of_them(number):
    times = np.tile(np.arange(60_000), number)
    sample = Sample(columns(time=pa.array(times, pa.timestamp("s")))).whole_times(["time"])
    assert 0 < len(sample.rows) < 60_000 * number
    assert (np.bincount(times[sample.rows])[np.unique(times[sample.rows])] == number).all()


@few
@given(NAMES, SEEDS, st.sampled_from([["a", "b"], [1, 2, 3]]), st.booleans())
def test_a_log_has_the_same_roles_as_csv_frame_and_parquet(tmp_path_factory, name, seed, ids, long):
    frame = one_after_another(ids, 40, seed, name, n=lambda number, _: np.arange(number))
    if long:
        frame = frame.drop(columns="n").melt(["time", name], var_name="variable")
    folder = tmp_path_factory.mktemp("logs")
    frame.to_parquet(folder / "log.parquet")
    csv = write(folder, frame.to_csv(index=False))
    roles = []
    for source in (frame, csv, folder / "log.parquet"):
        dataset, report = read_log(source, settings())
        roles.append((report.columns, report.layout, report.left_out, dataset.series_ids))
    assert roles[0] == roles[1] == roles[2]
    assert roles[0][0]["id"] == name


def test_the_profile_of_a_log_is_that_of_its_columns():
    frame = pd.DataFrame({"time": stamps(30), "t": walk(30, 0), "note": ["x"] * 30})
    profiles = {each.name: each for each in profile_log(frame, settings())}
    assert profiles["time"].form == "dates with a time of day"
    assert profiles["note"].kinds["text"] == 30
    assert not profiles["t"].whole
