"""Texts of a table are defused wherever they stand, numbers nowhere."""

import pandas as pd
import pytest

from latentode.results.csv_text import csv_of


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_names_and_index_are_defused(start):
    text = f"{start}1+1"
    frame = pd.DataFrame({text: [text, "b"], "x": [-1.0, 2.0]}, index=pd.Index([text, "i"]))
    frame.index.name = text
    safe = "'" + text
    # Python 3.13 puts quotes around a carriage return
    lines = csv_of(frame, index=True).decode().replace('"', "").split("\n")
    assert lines == [f"{safe},{safe},x", f"{safe},{safe},-1.0", "i,b,2.0", ""]


def test_the_table_itself_stays_as_it_is():
    frame = pd.DataFrame({"a": ["=1"], "b": [1]})
    frame.columns = ["a", "a"]
    assert csv_of(frame) == b"a,a\n'=1,1\n"
    assert frame.iloc[0, 0] == "=1"
