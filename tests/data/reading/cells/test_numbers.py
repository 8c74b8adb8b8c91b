"""Columns of values as float64: typed columns, plain text, and numbers of other forms."""

import decimal

import numpy as np
import pyarrow as pa
import pytest

from latentode.config.data import CellsConfig
from latentode.data.reading.cells.numbers import read_numbers, sample_numbers

NAN = np.nan


def column(cells, kind=None):
    return pa.chunked_array([pa.array(cells, kind)])


def read(cells, *, kind=None, decimal=".", **settings):
    return read_numbers(
        column(cells, kind), CellsConfig(**settings), name="x", decimal=decimal, at="line {}".format
    )


def asked(numbers):
    return " ".join(question.message for question in numbers.questions)


def said(numbers):
    return " ".join(map(str, numbers.decisions))


def check(numbers, values, *, bad=()):
    np.testing.assert_array_equal(numbers.values, values)
    assert numbers.bad.tolist() == list(bad)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.int8(), pa.uint16(), pa.int64(), pa.float16(), pa.float32(), pa.float64()),
        *(pa.decimal128(24, 2), pa.dictionary(pa.int8(), pa.int64())),
    ],
)
def test_typed_numbers_are_widened_and_nulls_are_missing(kind):
    cells = pa.array([3, None, 101], pa.int64())
    cells = cells.dictionary_encode() if pa.types.is_dictionary(kind) else cells.cast(kind)
    check(read_numbers(pa.chunked_array([cells]), CellsConfig(), name="x"), [3, NAN, 101])


def test_narrow_floats_keep_their_own_value():
    check(read([0.1, 65504], kind=pa.float16()), [float(np.float16(0.1)), 65504])
    check(read([0.1], kind=pa.float32()), [float(np.float32(0.1))])


def test_decimals_become_the_nearest_double():
    texts = [f"{i}.{i * 7919 % 1000:03d}" for i in range(-3000, 3000)]
    numbers = read([decimal.Decimal(text) for text in texts], kind=pa.decimal128(12, 3))
    check(numbers, [float(text) for text in texts])


def test_booleans_are_one_and_zero_whatever_number_is_missing():
    check(read([True, False, None], na=("1",)), [1, 0, NAN])
    check(read(["true", "False", "2.5"]), [1, 0, 2.5])


@pytest.mark.parametrize(
    "texts", [["1.981D-05", "2.600D+01"], ["1,981E-05", "2,600E+01"], ["1,981d-05", "2,600D+01"]]
)
def test_exponents_of_all_programs_are_read_whatever_the_mark(texts):
    numbers = read(texts)
    check(numbers, [1.981e-5, 26])
    assert not numbers.questions


def test_empty_column_has_no_reading():
    check(read([None, None]), [NAN, NAN])
    check(read(["", "NA"]), [NAN, NAN])
    check(read([], kind=pa.string()), [])


@pytest.mark.parametrize(
    "kind", [pa.timestamp("ns"), pa.date32(), pa.duration("s"), pa.time64("us")]
)
def test_times_are_not_readings(kind):
    numbers = read([1, None, 2], kind=kind)
    check(numbers, [NAN] * 3, bad=[0, 2])
    assert numbers.text_only == ("x",)


@pytest.mark.parametrize("size", [np.inf, -1e39, 1e-310])
@pytest.mark.parametrize("typed", [True, False])
def test_what_no_sensor_writes_is_bad(size, typed):
    cells = [1.0, size, 2.0, size]
    numbers = read(cells if typed else list(map(repr, cells)))
    check(numbers, [1, NAN, 2, NAN], bad=[1, 3])
    (text,) = numbers.texts
    assert (float(text.text), text.count, text.row, text.kind) == (size, 2, 1, "size")


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
)
def test_text_of_every_type_is_read(kind):
    cells = pa.array([" 1.5", "+2e3", "ERR", None, "na ", "-.5"])
    cells = cells.dictionary_encode() if pa.types.is_dictionary(kind) else cells.cast(kind)
    numbers = read_numbers(pa.chunked_array([cells, cells]), CellsConfig(), name="x")
    check(numbers, [1.5, 2000, NAN, NAN, NAN, -0.5] * 2, bad=[2, 8])


@pytest.mark.parametrize("cell", ["-9999", "-9999.0", " -9999.00", -9999, -9999.0])
def test_number_of_na_is_missing_by_value(cell):
    cells = [cell, type(cell)("7")]
    check(read(cells, na=("-9999",)), [NAN, 7])
    check(read(cells, na=("-9999,00",)), [NAN, 7])
    check(read(cells, na=()), [-9999, 7])
    check(read(cells), [-9999, 7])


def test_number_of_na_is_compared_in_the_type_of_the_column():
    check(read([-999.9, 1e20, 5], kind=pa.float32(), na=("-999.9", "1e20")), [NAN, NAN, 5])
    check(read(["-999.9 m", "3.5 m"], na=("-999.9",)), [NAN, 3.5])
    check(read([np.inf, 1.0], na=("inf",)), [NAN, 1])


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["'-0.125", "0.5"], [-0.125, 0.5]),
        (['="21.5"', '"22"'], [21.5, 22]),
        (["−5", "–6", "+7", "- 8"], [-5, -6, 7, -8]),
        (["5-", "2.5-"], [-5, -2.5]),
        (["\u00a05", "6\u202f"], [5, 6]),
        (["1,234.5", "7"], [1234.5, 7]),
        (["1,234", "999.5"], [1234, 999.5]),
        (["1,234,567", "1,234"], [1234567, 1234]),
        (["1,23,456.5"], [123456.5]),
        (["1 234,5", "1 234"], [1234.5, 1234]),
        (["1'234.5", "2’345"], [1234.5, 2345]),
        (["1.234,5", "1.234", "12,5"], [1234.5, 1234, 12.5]),
        (["0,412", "1,234"], [0.412, 1.234]),
        (["1234,567", "1,234"], [1234.567, 1.234]),
        (["12,5", "7"], [12.5, 7]),
        (["1,234", "997", "998", "999"], [1234, 997, 998, 999]),
    ],
)
def test_forms_with_one_meaning_are_read(cells, values):
    numbers = read(cells)
    check(numbers, values)
    assert not numbers.questions


def test_point_in_a_log_of_decimal_commas_is_read_where_it_has_one_meaning():
    check(read(["1.5", "2.25"], decimal=","), [1.5, 2.25])
    check(read(["2.345", "999,5"], decimal=","), [2345, 999.5])


@pytest.mark.parametrize(("usual", "mark"), [(".", ","), (",", ".")])
def test_three_digits_behind_the_other_mark_are_asked_about_and_both_answers_work(usual, mark):
    cells = [f"{i}{mark}{i + 100}" for i in range(1, 9)]
    question = asked(read(cells, decimal=usual))
    assert f"'1{mark}101' at line 0 (8 such cells)" in question
    for answer in ".,":
        assert f"--decimal {answer} to read it as" in question
        answered = read_numbers(
            column(cells), CellsConfig(decimal=answer), name="x", decimal=answer
        )
        is_fraction = answer == mark
        check(answered, [float(cell.replace(mark, "." if is_fraction else "")) for cell in cells])
        assert not answered.questions


def test_three_digits_behind_the_usual_mark_are_a_fraction():
    check(read(["1.234", "2.345"]), [1.234, 2.345])
    check(read(["1,234", "2,345"], decimal=","), [1.234, 2.345])


def test_code_with_a_flag_behind_it_is_asked_about():
    cells = ["+0180,1", "-0015,1", "+9999,9"]
    assert "--decimal ," in asked(read(cells))
    check(read(cells, decimal=","), [180.1, -15.1, 9999.9])


def test_cell_of_the_other_mark_is_bad_where_marks_disagree():
    numbers = read(["1.5", "2,25", "3.5"])
    check(numbers, [1.5, NAN, 3.5], bad=[1])
    assert numbers.texts[0].kind == "mark"


@pytest.mark.parametrize(
    ("cells", "unit", "values"),
    [
        (["21.5 °C", "-3 °C"], "°C", [21.5, -3]),
        (["21.5C", "22 ºC", "23 deg C", "24 ℃"], "°C", [21.5, 22, 23, 24]),
        (["45%", "50 %"], "%", [45, 50]),
        (["$ 3.20", "-$4"], "$", [3.2, -4]),
        (["12 km/h", "13 km/h"], "km/h", [12, 13]),
        (["1013hPa", ""], "hPa", [1013, NAN]),
        (["16 m3/h", "0", "17 m3/h"], "m3/h", [16, 0, 17]),
        (["1,5 bar", "2 bar"], "bar", [1.5, 2]),
        (["T=21.5", "T=22"], "T=", [21.5, 22]),
    ],
)
def test_unit_is_taken_off_and_said(cells, unit, values):
    numbers = read(cells)
    check(numbers, values)
    assert numbers.units == {"x": unit}
    assert repr(unit) in said(numbers)


def test_numbers_without_the_unit_of_most_are_counted():
    numbers = read(["21 °C", "22 °C", "23"])
    check(numbers, [21, 22, 23])
    assert "1 cells without it" in said(numbers)


@pytest.mark.parametrize(
    "cells",
    [["20 °C", "68 °F"], ["90 mg/dL", "5.1 mmol/L"], ["950 W", "1.2 kW"], ["1.2k", "2k", "7"]],
)
def test_two_units_are_asked_about_with_counts_and_places(cells):
    numbers = read([*cells, cells[0]])
    assert "mixes units: 2 of" in asked(numbers).replace("3 of", "2 of")
    assert f"{cells[0]!r} at line 0" in asked(numbers)


@pytest.mark.parametrize("channel", ["", "x="])
def test_numbers_of_a_unit_are_left_out_where_na_names_it(channel):
    cells = ["20 °C", "68 °F", "21 °C", "68 °F", "68 °F"]
    numbers = read(cells, na=(f"{channel}°F",))
    check(numbers, [20, NAN, 21, NAN, NAN])
    assert numbers.units == {"x": "°C"}
    assert "numbers in '°F' are left out" in said(numbers)
    check(read(cells, na=(f"{channel}°C",)), [NAN, 68, NAN, 68, 68])


def test_number_in_thousands_beside_bare_numbers_is_not_read_as_one_of_them():
    numbers = read(["950", "960", "1.2k"])
    check(numbers, [950, 960, NAN], bad=[2])


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["ON", "off", "On"], [1, 0, 1]),
        (["Closed", "Open"], [0, 1]),
        (["ein", "aus"], [1, 0]),
        (["zu", "auf"], [0, 1]),
        (["oui", "non"], [1, 0]),
        (["Arrêt", "Marche"], [0, 1]),
        (["Normal", "ALARM"], [0, 1]),
        (["no", "si"], [0, 1]),
        (["on", "0", "1"], [1, 0, 1]),
        (["High", "Low"], [1, 0]),
        (["off", "", "off"], [0, NAN, 0]),
    ],
)
def test_two_states_are_zero_and_one_and_said(cells, values):
    numbers = read(cells)
    check(numbers, values)
    assert all(repr(cell) in said(numbers) for cell in cells[:1])


def test_other_words_are_left_out_and_how_to_read_them_is_said():
    numbers = read(["Manual", "Auto", "Manual"])
    assert numbers.text_only == ("x",)
    assert "--states Manual=0,Auto=1" in said(numbers)
    check(read(["Manual", "auto", "7"], states=("Manual=0", "Auto=1")), [0, 1, 7])


def test_words_of_the_setting_are_numbered_as_a_person_would():
    numbers = read(["LOW", "OFF", "HIGH", "AUTO"])
    assert "--states OFF=0,LOW=1,HIGH=2,AUTO=3" in said(numbers)


def test_blanks_between_thousands_are_said():
    numbers = read(["2 503", "1 200"])
    check(numbers, [2503, 1200])
    assert "marks between thousands are left out ('2 503' at line 0" in said(numbers)


def test_few_words_beside_states_are_bad_cells():
    numbers = read(["Open", "Closed", "Open", "Fault"])
    check(numbers, [1, 0, 1, NAN], bad=[3])
    assert numbers.texts[0].kind == "word"


@pytest.mark.parametrize("cell", ["---", "--.-", "--", "-", "—", "***", "...", "?", "n.a.", "- -"])
def test_dashes_are_no_reading_and_said(cell):
    numbers = read(["1", cell, "2", cell])
    check(numbers, [1, NAN, 2, NAN])
    assert f"{cell!r} (2 cells)" in said(numbers)


def test_bounds_are_asked_about_read_or_left_out():
    cells = ["<0.05", "0.2", "> 200", "ND", "≤1 mg"]
    numbers = read(cells[:4])
    check(numbers, [NAN, 0.2, NAN, NAN], bad=[0, 2, 3])
    assert [text.kind for text in numbers.texts] == ["bound", "bound", "limit"]
    check(read(cells[:4], censored="bound"), [0.05, 0.2, 200, NAN])
    check(read(cells[:4], censored="missing"), [NAN, 0.2, NAN, NAN])
    check(read(["<0.05 mg/L", "0.2 mg/L"], censored="bound"), [0.05, 0.2])


@pytest.mark.parametrize("word", ["High", "LO", "OL", "n.d.", "<LOD", "> max"])
def test_limit_without_a_number_is_one_beside_numbers(word):
    numbers = read(["1", word, "2"])
    assert [text.kind for text in numbers.texts] == ["limit"]
    left_out = read(["1", word, "2"], censored="missing")
    check(left_out, [1, NAN, 2])
    assert said(left_out).count("bound") == 1
    check(read(["1", word, "2"], censored="bound"), [1, NAN, 2])


def test_parentheses_are_bad():
    numbers = read(["(1.5)", "2", "3"])
    check(numbers, [NAN, 2, 3], bad=[0])
    assert numbers.texts[0].kind == "parentheses"


@pytest.mark.parametrize(
    "cell",
    ["1.#INF", "-1.#IND", "#DIV/0!", "#REF!", "0x1F", "1_000", "٣", "1..5", "12:30", "4-Mar"],
)
def test_damaged_numbers_are_bad(cell):
    check(read(["1", cell, "2", "3"]), [1, NAN, 2, 3], bad=[1])


@pytest.mark.parametrize("cells", [["3 of 10", "4 of 10"], ["5;1;2", "6;2;3"]])
def test_column_of_digits_that_is_left_out_is_asked_about(cells):
    numbers = read(cells)
    assert numbers.text_only == ("x",)
    assert "--channels" in asked(numbers)


@pytest.mark.parametrize(
    "cells",
    [
        *(["pump 1", "pump 2"], ["2024-01-01", "2024-01-02"], ["12:30", "12:40"], ["12A3", "7F00"]),
        *(["192.168.0.1", "192.168.0.2"], ["1.2.3", "1.2.4"], ["fine", "dull"]),
    ],
)
def test_names_dates_and_codes_are_left_out_without_a_question(cells):
    numbers = read(cells)
    assert numbers.text_only == ("x",)
    assert not numbers.questions


def test_channels_of_a_long_log_are_told_apart():
    cells = ["on", "21.5 °C", "7", "note", "off", "22 °C", "ERR", "other", "on", "x"]
    codes = np.array([0, 1, 2, 3, 0, 1, 2, 3, -1, -1])
    numbers = read_numbers(
        column(cells), CellsConfig(), name="v", groups=codes, group_names=["s", "t", "u", "w"]
    )
    check(
        numbers,
        [1, 21.5, 7, NAN, 0, 22, NAN, NAN, 1, NAN],
        bad=[3, 6, 7, 9],
    )
    assert numbers.units == {"t": "°C"}
    assert numbers.text_only == ("w",)
    assert [(t.channel, t.text) for t in numbers.texts if t.channel == "u"] == [("u", "ERR")]
    assert "column 'v', channel 's'" in said(numbers)


def test_sample_has_the_numbers_of_a_column_but_no_states():
    cells = ["21 °C", "", "22 °C", "ERR"]
    values = sample_numbers(column(cells), CellsConfig())
    np.testing.assert_array_equal(values, [21, NAN, 22, NAN])
    assert np.isnan(sample_numbers(column(["on", "off"]), CellsConfig())).all()
    assert sample_numbers(column([True, False]), CellsConfig()).tolist() == [1, 0]
