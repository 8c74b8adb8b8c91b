"""Units that change midway, in several columns."""

import pytest
from followed_advice import as_numbers, followed
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, write
from random_logs import SEEDS, few, stamps, walk

from latentode.errors import DataError

_UNITS = st.sampled_from([("°C", "°F"), ("bar", "psi"), ("m3/h", "l/min"), ("kW", "MW")])


def log(units, names, change, seed):
    """Readings of which each column changes its unit in one row, and their times by column."""
    columns = [walk(60, seed + place, 20 + place) for place in range(len(names))]
    rows = [
        f"{time},"
        + ",".join(f"{column[row]:.4f} {units[int(row >= change)]}" for column in columns)
        for row, time in enumerate(stamps(60))
    ]
    return "time," + ",".join(names) + "\n" + "\n".join(rows) + "\n", columns


@few
@given(_UNITS, st.integers(1, 4), st.integers(15, 45), SEEDS)
def test_a_change_of_unit_in_all_columns_is_answered_by_one_option(
    tmp_path_factory, units, number, change, seed
):
    names = [f"channel {place}" for place in range(number)]
    text, columns = log(units, names, change, seed)
    times = stamps(60)

    def truth(rows):
        return as_numbers([(times[i], f"{c[i]:.4f}") for i in rows for c in columns])

    truths = [truth(range(change)), truth(range(change, 60))]
    found = followed(write(tmp_path_factory.mktemp("log"), text), [], truths)
    assert {str(each) for each in found} == {str(each) for each in truths}


def test_what_was_told_is_told_again(tmp_path):
    text, _ = log(("°C", "°F"), ["a", "b"], 30, 1)
    with pytest.raises(DataError, match="--na 'ERR,a=°F,b=°F' or --na 'ERR,a=°C,b=°C'"):
        read(tmp_path, text, cells__na=("ERR",))
