"""Which tests execute which lines, learned once, and the tests of a mutation."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import pytest

from benchmarks.mutants.mutations import PACKAGES

if TYPE_CHECKING:
    from cosmic_ray.work_item import MutationSpec

TESTS = tuple(
    f"tests/{name}"
    for name in ("ode", "flows", "models", "prediction", "data", "estimators", "evaluation")
)
# seconds of tests a mutation is tried with; the tests of the module come first, then the fast ones
MOST_SECONDS = 20.0


class Recorder:
    """Plugin of pytest that notes lines, seconds and outcome of every test."""

    def __init__(self, tree: Path, folder: Path) -> None:
        places = [str(tree / "latentode" / package) for package in PACKAGES]
        self._coverage = coverage.Coverage(data_file=str(folder / "lines"), source=places)
        self._seconds_at = folder / "seconds.json"
        self._seconds: dict[str, float] = {}
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Note the lines under the name of the test."""
        self._coverage.switch_context(item.nodeid)
        done = yield
        self._coverage.switch_context("")
        return done

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the seconds of each of its phases."""
        before = self._seconds.get(report.nodeid, 0.0)
        # a test that fails, or is skipped, on the tree as it is says nothing of a mutant
        taken = before + report.duration if report.passed else float("nan")
        self._seconds[report.nodeid] = taken

    def pytest_sessionfinish(self) -> None:
        """Write both down."""
        self._coverage.stop()
        self._coverage.save()
        self._seconds_at.write_text(json.dumps(self._seconds))


class Selected:
    """Plugin of pytest that runs the tests of a list, in its order, as far as they are there."""

    def __init__(self, tests: list[str]) -> None:
        self._order = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the others out."""
        chosen = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])


class Selection:
    """Tests of a mutation: those that execute the statement that it changes."""

    def __init__(self, folder: Path) -> None:
        self._lines = coverage.CoverageData(str(folder / "lines"))
        self._lines.read()
        seconds = json.loads((folder / "seconds.json").read_text())
        self.seconds = {test: taken for test, taken in seconds.items() if taken == taken}
        self.left_out = len(seconds) - len(self.seconds)

    def of(self, mutation: MutationSpec, tree: Path) -> list[list[str]]:
        """Tests in two helpings: those of the file that executes it most, then of all others."""
        by_line = self._lines.contexts_by_lineno(str(mutation.module_path))
        lines = statement(mutation.module_path.read_text(), mutation.start_pos[0])
        tests = {test for line in lines for test in by_line.get(line, ())} - {""}
        if not tests and any(by_line.get(line) for line in lines):  # executed on import
            tests = {test for found in by_line.values() for test in found} - {""}
        tests &= set(self.seconds)
        files = [_file(test) for test in tests]
        own = max(sorted(set(files)), key=lambda file: _nearness(file, mutation, tree), default="")
        if _nearness(own, mutation, tree) == 0:
            own = max(sorted(set(files)), key=files.count, default="")
        ordered = sorted(tests, key=lambda test: (_file(test) != own, self.seconds[test], test))
        chosen, spent = [], 0.0
        for test in ordered:
            spent += self.seconds[test]
            if chosen and spent > MOST_SECONDS:
                break
            chosen.append(test)
        first = [test for test in chosen if _file(test) == own]
        return [helping for helping in (first, chosen[len(first) :]) if helping]


def _file(test: str) -> str:
    return test.split("::")[0]


def _nearness(file: str, mutation: MutationSpec, tree: Path) -> int:
    """Whether a file is the one of a module's tests, as the rules of the tree name it."""
    module = mutation.module_path.relative_to(tree / "latentode")
    return int(file == str(Path("tests") / module.parent / f"test_{module.name}"))


def statement(text: str, line: int) -> range:
    """Lines of the innermost statement around a line, of a block its head."""
    found = range(line, line + 1)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno or node.lineno
            if node.lineno <= line <= max(end, node.lineno):
                found = range(node.lineno, max(end, node.lineno) + 1)
    return found
