"""Messages of the reader in the words of Python: no option is left, and what they name works."""

import ast
import re

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from log_files import read, settings

from latentode.config import LatentODEConfig
from latentode.config.data_options import DATA_OPTIONS, READING, in_python
from latentode.config.reading_arguments import reading_settings
from latentode.data.reading.log import read_log
from latentode.errors import ConfigError, DataError

FLAGS = [name for flags in DATA_OPTIONS for name in flags.split("/")]
NAMED = re.compile(
    rf"(?<![\w.-])({'|'.join(READING)})"
    r"=('(?:[^'\\]|\\.)*'|\"[^\"]*\"|\([^)]*\)|\w+(?:\.\d+)?)"
)
WORDS = st.sampled_from(["off line", "E2", "n.v.", "a,b", "it's", '5"', "Überlauf", "-", "NIL|X"])


def dates(number, form="2024-03-04T{:02}:{:02}"):
    return [form.format(6 + row // 60 % 12, row % 60) for row in range(number)]


def table(header, *columns, sep=","):
    rows = zip(*columns, strict=True)
    return "\n".join([header, *(sep.join(map(str, row)) for row in rows)]) + "\n"


def numbers(number):
    return [round(20 + 3 * ((7 * row) % 11) / 11, 2) for row in range(number)]


@st.composite
def doubtful_logs(draw):
    """The text of a log that something has to be asked about, decided or refused; and settings."""
    number = draw(st.integers(12, 60))
    times, values = dates(number), numbers(number)
    some = draw(st.sets(st.integers(0, number - 1), min_size=3, max_size=number // 3))
    word = draw(WORDS)
    cell = f'"{word.replace(chr(34), 2 * chr(34))}"'
    spoilt = [cell if row in some else value for row, value in enumerate(values)]
    rows, told = list(enumerate(times)), {}
    kinds = {
        "words": table("time,x,y", times, spoilt, values),
        "codes": table(
            "time,x", times, [-9999 if row in some else v for row, v in enumerate(values)]
        ),
        "bounds": table(
            "time,x", times, ["<0.05" if row in some else v for row, v in enumerate(values)]
        ),
        "states": table(
            "time,x", times, ["Auto" if row in some else v for row, v in enumerate(values)]
        ),
        "far": table("time,x", ["2099-12-31" if n in some else t for n, t in rows], values),
        "open order": table("time,x", dates(number, "03/04/2024 {:02}:{:02}"), values),
        "repeats": table("time,x", [times[row // 3] for row in range(number)], values),
        "no time": table("first,second", values, values[::-1]),
        "small numbers": table("time,x", range(number), values),
        "time of day": table("time,x", dates(number, "{:02}:{:02}"), values),
        "letters": table("time,x", dates(number, "2024-03-04 {:02}:{:02} IST"), values),
        "thousands": table("time;x", times, ["1,234"] * number, sep=";"),
        "events": table("time,mark", times, ["hot"] * number),
        "ragged": table(
            "time,x", times, [f"{v},7" if n in some else v for n, v in enumerate(values)]
        ),
        "no header": table(f"{times[0]},1", times, values),
        "bad time": table("time,x", [cell if n in some else t for n, t in rows], values),
        "no id": table("time,id,x", times, ["" if n in some else "a" for n, _ in rows], values),
        "counter": table("n,time,x", range(number), times, values),
        "text": table("time,note,x", times, [cell] * number, values),
    }  # fmt: skip
    kind = draw(st.sampled_from(sorted(kinds)))
    if kind == "words":
        told = draw(st.sampled_from([{}, {"cells__on_bad_row": "nan", "cells__max_bad": 0.5}]))
    return kinds[kind], told


def messages_of(folder, text, told):
    """All that reading a log says."""
    try:
        _, report = read(folder, text, **told)
    except (DataError, ConfigError) as error:
        return [str(error)]
    return [*(each.message for each in report.questions), *map(str, report.decisions)]


def check(message):
    """No option is left, and every setting that is named with a value can be given that."""
    said = in_python(message)
    assert not [flag for flag in FLAGS if re.search(rf"{flag}(?![\w-])", said)], said
    assert "--" not in said.replace("'---'", "").replace("'--.-'", ""), said
    for name, value in NAMED.findall(said):
        LatentODEConfig().updated(**reading_settings({name: ast.literal_eval(value)}))


@hypothesis_settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(doubtful_logs())
def test_no_message_of_the_reader_names_an_option_in_python(tmp_path, log):
    for message in messages_of(tmp_path, *log):
        check(message)


@pytest.mark.parametrize(
    "told",
    [
        {"time__format": "%Q"}, {"time__format": "%H"}, {"time__tz": "CST"},
        {"time__tz": "Moon/Sea"}, {"time__unit": "ms"}, {"time__start": "soon"},
        {"time__start": "2025-01-01", "time__end": "2024-01-01"}, {"cells__header_row": 99},
        {"cells__sep": "||"}, {"cells__encoding": "klingon"}, {"columns__time": "when"},
        {"columns__channels": ("no",)}, {"columns__static": ("x",)}, {"columns__future": ("no",)},
        {"columns__id": "no"}, {"layout": "long"}, {"source__table": "log"}, {"max_channels": 1},
        {"source__query": "SELECT 1"}, {"time__ambiguous": "first"}, {"duplicates": "error"},
    ],
)  # fmt: skip
def test_no_refusal_of_a_setting_names_an_option_in_python(tmp_path, told):
    text = table("time,x,y", dates(40) + dates(1), numbers(41), numbers(41))
    text = (
        text.replace("x,y", ",".join(["x", *(f"y{n}" for n in range(60))]))
        if ("max_channels" in told)
        else text
    )
    for message in messages_of(tmp_path, text, told):
        check(message)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Pass --na=-9999 if so.", "Pass na=('-9999',) if so."),
        ("Pass --na 'a b,-' if so.", "Pass na=('a b', '-') if so."),
        ("or --na '' if every value counts.", "or na=() if every value counts."),
        ("(to overrule: --id-column NAME)", "(to overrule: id_column='NAME')"),
        ("Pass --dayfirst or --no-dayfirst.",
         "Pass dayfirst=True or dayfirst=False."),
        ("Pass --tz +01:00.", "Pass tz='+01:00'."),
        ("--tz, the zone of it", "tz, the zone of it"),
        ("--decimal , or --decimal .", "decimal=',' or decimal='.'"),
        ("--on-bad-row nan --max-bad 25%.",
         "on_bad_row='nan' max_bad=0.25."),
        ("--time-unit s|ms (or excel)", "time_unit='s' or 'ms' (or excel)"),
        ("more than --max-bad allows", "more than max_bad allows"),
        ("--header-row 3: no", "header_row=3: no"),
        ("pass --table ''.", "pass table=None."),
        ("or --counters meter.", "or counters=('meter',)."),
        ("Model them with train --events.", "Model them with events."),
        ("Correct --time-format, or not.", "Correct time_format, or not."),
        ("A dash -- and --json stay.", "A dash -- and --json stay."),
    ],
)  # fmt: skip
def test_options_become_arguments_and_settings(message, said):
    assert in_python(message).split(" Settings are given as")[0] == said


def test_where_settings_go_is_said_once_and_works():
    said = in_python("Pass --split time.")
    settings_go = 'LatentODE(config=LatentODEConfig().updated(**{"windows.split": ...})).'
    assert said == f"Pass windows.split='time'. Settings are given as {settings_go}"
    assert in_python("Name it with --id-column.") == "Name it with id_column."
    assert in_python("Name it with --id-column.", {}, "See {name}.").startswith(
        "Name it with data.columns.id. See data.columns.id."
    )


def test_a_setting_of_a_message_settles_it(tmp_path):
    text = table("time,x", dates(40), [-9999 if row % 5 == 0 else v for row, v in
                                       enumerate(numbers(40))])  # fmt: skip
    _, report = read(tmp_path, text)
    (question,) = report.questions
    named = NAMED.findall(in_python(question.message))
    assert named
    for name, value in named:
        config = LatentODEConfig().updated(**reading_settings({name: ast.literal_eval(value)}))
        _, settled = read_log(tmp_path / "log.csv", config.data)
        assert settled.questions == ()
    assert settings(cells__na=()) == config.data
