"""Tables as the shells of databases print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_files import read, said, write
from random_logs import SEEDS, few, stamps, walk

from latentode.data.reading.log import read_log
from latentode.errors import DataError

_NAMES = st.lists(
    st.sampled_from(["temp", "relative humidity", "Flow (m3/h)", "p", "rpm of pump 2", "level"]),
    min_size=1,
    max_size=4,
    unique=True,
)


def psql(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    names, *cells = rows
    head = " | ".join(name.center(width) for name, width in zip(names, widths, strict=True))
    lines = [
        " | ".join(c.rjust(width) for c, width in zip(row, widths, strict=True)) for row in cells
    ]
    rule = "-+-".join("-" * width for width in widths)
    return (
        f" {head} \n-{rule}-\n"
        + "".join(f" {line}\n" for line in lines)
        + f"({len(cells)} rows)\n\n"
    )


def mysql(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+\n"
    lines = [
        "| " + " | ".join(c.ljust(width) for c, width in zip(row, widths, strict=True)) + " |\n"
        for row in rows
    ]
    end = f"{len(rows) - 1} rows in set (0.01 sec)\n"
    return rule + lines[0] + rule + "".join(lines[1:]) + rule + end


def unaligned(rows):
    return "".join("|".join(row) + "\n" for row in rows) + f"({len(rows) - 1} rows)\n"


def rows_of(names, seed, size=40):
    values = [walk(size, seed + place) for place in range(len(names))]
    columns = [stamps(size).strftime("%Y-%m-%d %H:%M:%S")]
    columns += [[f"{value:.4f}" for value in each] for each in values]
    return [["time", *names], *map(list, zip(*columns, strict=True))]


@few
@given(_NAMES, st.sampled_from([psql, mysql, unaligned]), SEEDS)
def test_a_printed_table_is_read_with_its_names(tmp_path_factory, names, shell, seed):
    rows = rows_of(names, seed)
    dataset, report = read_log(write(tmp_path_factory.mktemp("log"), shell(rows)))
    assert dataset.channels == tuple(names)
    assert dataset.readings.times.tolist() == stamps(40).as_unit("ns").asi8.tolist()
    assert f"{float(dataset.readings.values[-1]):.4f}" == rows[-1][-1]
    assert any("40 rows" in note and "below the rows left out" in note for note in said(report))


def test_a_table_that_is_cut_is_said_to_be(tmp_path):
    text = psql(rows_of(["temp"], 1)).replace("(40 rows)", "(45 rows)")
    notes = said(read(tmp_path, text)[1])
    assert any(
        "'(45 rows)' below the rows left out (although 40 rows are there)" in n for n in notes
    )


def test_other_lines_of_another_length_are_refused(tmp_path):
    text = psql(rows_of(["temp"], 1)) + "connection lost\n"
    with pytest.raises(DataError, match="line 45: expected 2 fields"):
        read(tmp_path, text)
