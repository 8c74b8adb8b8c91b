"""The program that puts mistakes into a copy of the package: what it changes, runs and counts."""

import ast
import dataclasses

import pytest
from scipy.stats import binomtest

from benchmarks.mutants import report, selection, trials
from benchmarks.mutants.mutations import PACKAGES, spans

MODULE = """\
LIMIT: int | None = 3 - 1


@lru_cache(maxsize=8)
def cut(values: list[int | None], limit: int = 2 + 1) -> list[int] | None:
    assert limit > 0
    for value in (
        values[1:]
    ):
        if value < limit and zip(values, strict=True):
            return [value]
    return None
"""


@pytest.mark.parametrize(("killed", "tried"), [(0, 7), (7, 7), (53, 60), (1, 2)])
def test_the_interval_of_a_score_is_that_of_wilson(killed, tried):
    interval = binomtest(killed, tried).proportion_ci(method="wilson")
    assert report.wilson(killed, tried) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_types_invariants_and_decorators_are_no_mutants():
    lines = MODULE.splitlines()
    left_out = [lines[start[0] - 1][start[1] : end[1]] for start, end in spans(ast.parse(MODULE))]
    types = ["int | None", "list[int] | None", "list[int | None]", "int"]
    assert sorted(left_out) == sorted([*types, "lru_cache(maxsize=8)", "assert limit > 0", "True"])


@pytest.mark.parametrize(
    ("line", "found"), [(1, [1]), (2, [2]), (5, [5]), (8, [7, 8, 9]), (10, [10]), (11, [11])]
)
def test_a_mutation_is_tried_with_the_tests_of_its_statement_or_of_the_head_of_its_block(
    line, found
):
    assert list(selection.statement(MODULE, line)) == found


def test_a_mutant_gives_its_place_back(tmp_path):
    module = tmp_path / "a.py"
    module.write_text("whole")
    with trials.replaced(module, "mutant"):
        assert module.read_text() == "mutant"
    assert module.read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a.py"]


def test_the_module_of_a_run_that_was_killed_is_put_back(tmp_path):
    module = tmp_path / "inner" / "a.py"
    module.parent.mkdir()
    module.write_text("whole")
    trials.replaced(module, "mutant").__enter__()
    trials.restore(tmp_path)
    assert module.read_text() == "whole"


@dataclasses.dataclass
class Mutation:
    module_path: object
    start_pos: tuple = (9, 0)


@dataclasses.dataclass
class Item:
    mutations: tuple


@dataclasses.dataclass
class Result:
    is_killed: bool
    output: str
    diff: str = "    - value < limit\n    + value <= limit"


def test_the_report_counts_each_package_and_shows_who_survived(tmp_path):
    def done(place, *result):
        return Item((Mutation(tmp_path / "latentode" / place),)), Result(*result)

    completed = [
        done("ode/solve.py", True, "pytest ended 1"),
        done("ode/solve.py", True, "timed out"),
        done("data/events.py", False, "pytest ended 0"),
        done("data/frames.py", True, report.NOT_FOUND),
    ]
    said = list(report.lines(completed, dict.fromkeys(PACKAGES, 10), tmp_path))
    assert said[2].startswith("| ode | 10 | 2 | 1 | 1 | 0 | 100.0 % | ")
    assert said[3] == "| flows | 10 | 0 | 0 | 0 | 0 | | |"
    assert said[6].startswith("| data | 10 | 1 | 0 | 0 | 1 | 0.0 % | ")
    assert said[7].startswith("| all | 50 | 3 | 1 | 1 | 1 | 66.7 % | ")
    assert said[8:10] == [
        "\n1 are outside the score:",
        "latentode/data/frames.py:9 (its tests were not found)",
    ]
    place, before, after = said[-1].splitlines()
    assert place == "latentode/data/events.py:9 (pytest ended 0)"
    assert (before.strip(), after.strip()) == ("- value < limit", "+ value <= limit")


def test_a_difference_is_of_the_lines_that_changed():
    assert report.difference("a = 1\nb = 2\n", "a = 1\nb = 3\n") == "    - b = 2\n    + b = 3"
