"""Columns of numbers in the forms that people write, made at random."""

import re

import numpy as np
import pyarrow as pa
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typed_options import typed

from latentode.config.data import CellsConfig
from latentode.data.reading.cells.bad_cells import bad_cells_message, na_option
from latentode.data.reading.cells.numbers import read_numbers
from latentode.data.reading.cells.states import STATES

quick = hypothesis_settings(max_examples=40, deadline=None)

UNITS = ["°C", "%", "km/h", "hPa", "m3/h", "W/m2", "mg/dL", "ppm", "kWh", "µg/m³", "V", "°F"]
NUMBERS = st.builds("{}.{}".format, st.integers(-99_999, 999_999), st.integers(0, 99))
#: How a text such as "-1234.5" is written; each form has one meaning.
FORMS = {
    "plain": lambda text: text,
    "comma": lambda text: text.replace(".", ","),
    "comma between thousands": lambda text: grouped(text, ","),
    "blank between thousands": lambda text: grouped(text, " "),
    "narrow blank and comma": lambda text: grouped(text, "\u202f").replace(".", ","),
    "apostrophe between thousands": lambda text: grouped(text, "'"),
    "points and comma": lambda text: grouped(text, "_").replace(".", ",").replace("_", "."),
    "long minus": lambda text: text.replace("-", "−"),
    "apostrophe before minus": lambda text: text.replace("-", "'-"),
    "trailing minus": lambda text: f"{text[1:]}-" if text.startswith("-") else text,
    "formula": lambda text: f'="{text}"',
}
WORDS = st.text(st.sampled_from("ABCDEFGxyz /,;[]'\"$#!()"), min_size=2, max_size=12)


def grouped(text, mark):
    whole, _, fraction = text.partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}".replace(",", mark) + "." + fraction


def read(cells, settings=None, **groups):
    column = pa.chunked_array([pa.array(cells, pa.string())])
    return read_numbers(column, settings or CellsConfig(), name="x", **groups)


@quick
@given(st.lists(NUMBERS, min_size=1, max_size=20), st.sampled_from(sorted(FORMS)))
def test_numbers_are_read_back_exactly_from_every_form(texts, form):
    numbers = read([FORMS[form](text) for text in texts])
    assert numbers.values.tolist() == [float(text) for text in texts]
    assert not len(numbers.bad)
    assert not numbers.questions


@quick
@given(
    st.lists(NUMBERS, min_size=2, max_size=20),
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(UNITS),
    st.sampled_from(["{number} {unit}", "{number}{unit}", " {number}\u00a0{unit}"]),
)
def test_numbers_with_one_unit_are_read_back_and_the_unit_is_kept(texts, form, unit, layout):
    assume(form not in ("formula", "trailing minus"))
    cells = [layout.format(number=FORMS[form](text), unit=unit) for text in texts]
    numbers = read(cells)
    assert numbers.values.tolist() == [float(text) for text in texts]
    assert numbers.units == {"x": unit}
    assert not numbers.questions


@quick
@given(
    st.lists(st.tuples(NUMBERS, st.booleans()), min_size=2, max_size=30),
    st.lists(st.sampled_from(UNITS), min_size=2, max_size=2, unique=True),
)
def test_two_units_are_never_read_as_one(cells, units):
    second = sum(which for _, which in cells)
    assume(0 < second < len(cells))
    numbers = read([f"{text} {units[which]}" for text, which in cells])
    if all(re.search(r"\d", unit) for unit in units):
        assert not np.isfinite(numbers.values).any()
        return
    question = " ".join(each.message for each in numbers.questions)
    assert f"{second} of {units[1]!r}" in question
    assert f"{len(cells) - second} of {units[0]!r}" in question
    read_units = {
        which for (_, which), value in zip(cells, numbers.values, strict=True) if value == value
    }
    assert len(read_units) == 1


@quick
@given(
    st.lists(NUMBERS, min_size=1, max_size=10),
    st.lists(WORDS, min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_all_bad_spellings_are_named_and_the_advised_option_reads_the_rest(texts, words, random):
    cells = [*texts, *words, *words]
    random.shuffle(cells)
    numbers = read(cells)
    kinds = {text.kind for text in numbers.texts}
    assume(kinds <= {"word"})
    distinct = {word.strip() for word in words} - {""}
    assert {text.text for text in numbers.texts} == {t.text for t in numbers.texts} & distinct
    for text in numbers.texts:
        rows = [row for row, cell in enumerate(cells) if cell.strip() == text.text]
        assert (text.count, text.row) == (len(rows), rows[0])
    if numbers.texts:
        said = bad_cells_message(numbers.texts, len(numbers.bad), 0.0, CellsConfig())
        option = na_option(text.text for text in numbers.texts)
        assert option in said or len(numbers.texts) > 1
        again = read(cells, typed(said[said.index("--na") : said.index(" if that means")]).cells)
        assert not len(again.bad)
        np.testing.assert_array_equal(again.values, numbers.values)


@quick
@given(
    st.sampled_from(STATES),
    st.lists(st.booleans(), min_size=2, max_size=20),
    st.sampled_from([str.lower, str.upper, str.capitalize]),
)
def test_states_are_zero_and_one(pair, states, spelling):
    assume(len(set(states)) == 2)
    numbers = read([spelling(pair[state]) for state in states])
    assert numbers.values.tolist() == [float(state) for state in states]
    if pair == ("false", "true"):  # numbers everywhere, and nothing to say
        return
    (decision,) = numbers.decisions
    assert f"{spelling(pair[1])!r} is 1" in decision.choice
    overruled = read([spelling(pair[state]) for state in states], typed(decision.option).cells)
    assert overruled.values.tolist() == [1 - float(state) for state in states]


@quick
@given(
    st.lists(
        st.text(st.sampled_from("abcde "), min_size=1).filter(str.strip),
        min_size=1,
        max_size=4,
        unique_by=str.strip,
    ),
    st.data(),
)
def test_words_of_the_setting_are_its_numbers(words, data):
    numbers = {word.strip(): data.draw(st.integers(-9, 9)) for word in words}
    cells = data.draw(st.lists(st.sampled_from(sorted(numbers)), min_size=1))
    settings = CellsConfig(states=tuple(f"{word}={number}" for word, number in numbers.items()))
    assert read(cells, settings).values.tolist() == [numbers[cell] for cell in cells]


@quick
@given(
    st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=20),
    st.sampled_from([pa.int32(), pa.float32(), pa.float64(), pa.string()]),
    st.sampled_from(["{}", "{}.0", "{}.00"]),
    st.integers(-10_000, 10_000),
)
def test_numbers_of_na_are_missing_in_columns_of_every_type(cells, kind, spelling, code):
    cells = [*cells, code]
    column = pa.chunked_array([pa.array(cells, pa.int32()).cast(kind)])
    numbers = read_numbers(column, CellsConfig(na=(spelling.format(code),)), name="x")
    expected = [np.nan if cell == code else float(cell) for cell in cells]
    np.testing.assert_array_equal(numbers.values, expected)


CELLS = st.one_of(
    NUMBERS,
    st.builds("{} {}".format, NUMBERS, st.sampled_from(UNITS)),
    st.sampled_from(
        ["on", "off", "ERR", "---", "<0.5", "High", "", "1,234", "(3)", "1e400", "12:30"]
    ),
    st.text(max_size=6),
)


@quick
@given(st.lists(st.tuples(st.integers(0, 2), CELLS), min_size=1, max_size=25))
def test_channels_of_a_long_log_are_read_as_columns_of_their_own(rows):
    codes = np.array([code for code, _ in rows])
    cells = [cell for _, cell in rows]
    together = read(cells, groups=codes, group_names=["a", "b", "c"])
    for code in np.unique(codes):
        mine = np.flatnonzero(codes == code)
        alone = read([cells[row] for row in mine])
        np.testing.assert_array_equal(together.values[mine], alone.values)
        assert set(mine[alone.bad]) == set(together.bad) & set(mine)
        assert bool(alone.text_only) == ("abc"[code] in together.text_only)


@quick
@given(st.lists(CELLS, min_size=1, max_size=25))
def test_every_cell_is_a_number_or_missing_or_named(cells):
    numbers = read(cells)
    assert np.isnan(numbers.values[numbers.bad]).all()
    assert not np.isinf(numbers.values).any()
    assert sum(text.count for text in numbers.texts) == len(numbers.bad)
    coded = pa.chunked_array([pa.array(cells).dictionary_encode()])
    again = read_numbers(coded, CellsConfig(), name="x")
    np.testing.assert_array_equal(again.values, numbers.values)
    assert again.texts == numbers.texts
