"""Files of which every line stands in quotes as a whole."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_files import arrays, said, write

from latentode.data.reading.formats.wrapped_lines import are_wrapped
from latentode.data.reading.log import read_log


def quoted(text, sep):
    """A text as a spreadsheet writes it that took each line for one cell."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=sep, lineterminator="\n")
    for line in text.splitlines():
        writer.writerow([line])
    return out.getvalue()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 99)), min_size=5, max_size=30),
    st.sampled_from([",", ";"]),
    st.sampled_from(["", "\r"]),
    st.booleans(),
    st.booleans(),
)
def test_a_log_reads_the_same_with_its_lines_in_quotes(
    tmp_path_factory, cells, sep, end, title, names_quoted
):
    folder = tmp_path_factory.mktemp("log")
    head = f"time{sep}flow{sep}level"
    if names_quoted:
        head = f'time{sep}"flow"{sep}"le""vel"'
    rows = [f"2024-03-04 06:{i:02d}:00{sep}{a}.25{sep}{b}" for i, (a, b) in enumerate(cells)]
    text = "\n".join([*(["Station"] if title else []), head, *rows]) + "\n"
    plain, _ = read_log(write(folder, text, "plain.csv"))
    path = write(folder, quoted(text, sep).replace("\n", end + "\n"), "log.csv")
    wrapped, report = read_log(path)
    assert arrays(plain.readings) == arrays(wrapped.readings)
    assert any("quotes around whole lines" in words for words in said(report))


@pytest.mark.parametrize(
    "text",
    [
        '"time","flow"\n"2024-03-04","1"\n',
        '"time"\n"2024-03-04"\n',
        '"time";"flow"\n"2024-03-04";"1,5"\n',
        "time,flow\n2024-03-04,1\n",
        '"a,b",c\n"2024-03-04, 06:00",1\n',
        "",
    ],
)
def test_quoted_cells_are_no_wrapped_lines(text):
    assert not are_wrapped(text.splitlines(keepends=True))
