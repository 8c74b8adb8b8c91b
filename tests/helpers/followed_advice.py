"""Follow what the message of a doubtful log says to type, as a person would."""

import re

import numpy as np
from typed_options import typed

from latentode.data.reading.log import read_log
from latentode.errors import DataError

_VALUE = r"(?:\"[^\"]*\"|'[^']*'|[^\s;()]+?)(?=[.,;:)?]*(?:\s|$))"
_OPTION = rf"--(?:no-)?dayfirst|--[a-z]+(?:-[a-z]+)*[= ]{_VALUE}"
_PROSE = re.compile(r" (or|and|as|if|is|where|that|to|allows|again)$")


def commands(message):
    """What a message says to type: options that stand side by side go together."""
    found = re.findall(rf"(?:{_OPTION})(?: (?:{_OPTION}))*", message)
    for each in dict.fromkeys(command for command in found if not _PROSE.search(command)):
        flag, _, value = each.partition(" ")
        yield from (f"{flag} {one}" for one in value.split("|")) if "|" in value else [each]


def outcome(path, told):
    """What is asked or refused of a log, and what was read; None where nothing was."""
    try:
        dataset, report = read_log(path, told)
    except DataError as error:
        return [str(error)], None
    return [
        question.message for question in report.questions if question.about != "length"
    ], dataset


def readings(dataset):
    source = dataset.readings
    times = source.times[source.reading_rows()]
    if dataset.clock.kind == "elapsed" or (np.ptp(times) < 2 * 86400e9 and times.min() < 86400e9):
        times = times - times.min()
    return sorted(zip(times.tolist(), source.values.tolist(), strict=True))


def as_numbers(truth):
    """A truth as `readings` are, in nanoseconds."""
    first, _ = truth[0]
    if isinstance(first, int | float):
        return sorted((int(time), float(value)) for time, value in truth)
    return sorted((int(np.datetime64(t, "ns").astype(int)), float(v)) for t, v in truth)


def followed(path, told, truths):
    """Type all that is advised, and what is advised then; all readings that this led to."""
    messages, dataset = outcome(path, typed(" ".join(told)))
    if not messages:
        assert readings(dataset) in truths, f"{told} gives {readings(dataset)[:3]}"
        return [readings(dataset)]
    assert len(told) < 4, messages
    found = []
    for command in commands(" ".join(messages)):
        assert command not in told, f"{command} is advised again: {messages}"
        found += followed(path, [*told, command], truths)
    assert found, f"{told}: nothing to type in {messages}"
    return found
