"""What is said of cells that are not numbers, and that the options in it can be typed."""

import re

import pyarrow as pa
import pytest
from typed_options import typed

from latentode.config.data import CellsConfig
from latentode.data.reading.cells.bad_cells import bad_cells_message, list_option, na_option
from latentode.data.reading.cells.numbers import read_numbers


def read(cells, settings=None):
    column = pa.chunked_array([pa.array(cells)])
    return read_numbers(column, settings or CellsConfig(), name="x", at="line {}".format)


def message(cells, settings=None):
    settings = settings or CellsConfig()
    numbers = read(cells, settings)
    return bad_cells_message(
        numbers.texts, len(numbers.bad), len(numbers.bad) / len(cells), settings
    )


def test_every_spelling_stands_there_once_with_count_and_first_place():
    said = message(["1", "ERR", "2", "fault", "ERR"])
    assert said.startswith("3 cells are not numbers ")
    assert "line 1, column 'x': 'ERR' 2 times; line 3, column 'x': 'fault')" in said
    assert "--na ERR,fault if that means missing" in said


def test_what_was_said_to_be_missing_stays_in_the_option():
    assert "--na ERR,fault if" in message(["1", "ERR", "fault"], CellsConfig(na=("ERR",)))
    settings = CellsConfig(states=("Auto=1",))
    assert "--states Auto=1,ON=1 reads" in message(["2", "Auto", "ON"], settings)


def test_share_above_the_limit_is_said_with_a_limit_that_suffices():
    assert "--on-bad-row nan to leave out" in message(["1"] * 99 + ["ERR"])
    said = message(["1", "2", "3", "ERR"])
    assert "--on-bad-row nan --max-bad 0.25 to leave out" in said
    assert typed("--on-bad-row nan --max-bad 0.25").cells.max_bad == 0.25
    said = message(["1", "2", "3", "ERR"], CellsConfig(on_bad_row="nan"))
    assert "25% of the values and more than --max-bad allows" in said
    assert "or --max-bad 0.25 to leave out" in said


def test_very_many_spellings_are_counted():
    assert "40 cells of other spellings" in message(["1"] + [f"E-{i:03d}" for i in range(100)])


def test_spellings_that_are_mended_alike_are_named_by_three():
    said = message(["1", *(f"({i}.5)" for i in range(30))])
    assert said.count("line ") == 3
    assert "27 cells of other spellings" in said


@pytest.mark.parametrize("cells", [["<0.05", "1"], [">2 mg", "1 mg"], ["<0.05", "OL", "1"]])
def test_bounds_are_never_called_missing(cells):
    said = message(cells)
    assert "bounds" in said
    assert "--na" not in said
    assert "--on-bad-row" not in said
    for choice in re.findall(r'--censored "\w+"', said):
        assert not len(read(cells, typed(choice).cells).bad)
    assert len(re.findall(r'--censored "\w+"', said)) == 2


def test_limit_without_a_number_can_only_be_left_out():
    said = message(["High", "Low", "5"])
    assert '--censored "missing"' in said
    assert '"bound"' not in said
    assert "--na" not in said


@pytest.mark.parametrize("words", ["less than", "Greater than", "below", "kleiner als", "über"])
def test_words_for_bounds_are_never_called_missing(words):
    said = message(["20.5", f"{words} 0.05", "21"])
    assert f"--censored \"bound\" reads '{words} 0.05' as 0.05" in said
    assert "--na" not in said


@pytest.mark.parametrize("word", ["Alarm", "Störung", "T", "n"])
def test_words_for_faults_are_no_states_beside_numbers(word):
    said = message(["20.5", word, "21"])
    assert "--states" not in said
    assert f"--na {word} if that means missing" in said


@pytest.mark.parametrize("words", [("ON", "OFF"), ("Open", "Closed"), ("ja", "nein")])
def test_states_beside_numbers_are_never_called_missing(words):
    cells = ["20.5", *words, "21"]
    said = message(cells)
    assert "--na" not in said
    option = re.search(r"--states \S+", said)[0]
    assert read(cells, typed(option).cells).values.tolist() == [20.5, 1, 0, 21]


def test_number_without_its_multiple_is_not_called_missing():
    assert "--na" not in message(["950", "960", "1.2k"])
    assert "--na '-11059 No Good'" in message(["1", "2", "-11059 No Good"]).replace(
        "--na=", "--na "
    )


@pytest.mark.parametrize(
    "texts",
    [
        ["I/O Timeout", "No Data", "[-11059] No Good Data, Calculation"],
        ["it's", 'say "x"', "$HOME", "`ls`", "a\\b", "#REF!", "-1.#IND"],
        ["---", "--.-"],
        ["-9999", "-9999.00"],
        [","],
    ],
)
def test_na_can_be_typed_as_it_stands(texts):
    assert typed(na_option(texts)).cells.na == tuple(texts)


def test_na_of_nothing_says_that_every_value_is_kept():
    assert typed("--na ''").cells.na == ()
    assert typed("").cells.na is None


def test_states_and_bounds_are_options():
    assert typed(list_option("--states", ["On hold=0", "Auto=1.5"])).cells.states == (
        "On hold=0",
        "Auto=1.5",
    )
    assert typed("--censored missing").cells.censored == "missing"
    assert typed("--decimal .").cells.decimal == "."


@pytest.mark.parametrize("state", ["Auto", "=1", "Auto=x", "Auto="])
def test_state_without_a_number_is_refused(state):
    with pytest.raises(ValueError, match="expected WORD=NUMBER"):
        CellsConfig(states=(state,))
