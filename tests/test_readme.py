"""What any text names is there; the commands of the way to every night run."""

import ast
import dataclasses
import functools
import importlib
import re
import shlex

import architecture
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from places import ROOT

from latentode import LatentODE
from latentode.cli.app import root
from latentode.config.data_options import DATA_OPTIONS

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = sorted((ROOT / "docs" / "decisions").glob("0*.md"))

FOLDERS = ("latentode", "tests", "docs", "examples", "benchmarks", "datasets", "findings", ".ci")
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*")
FILE = re.compile(r"`([\w./-]+\.(?:py|md))`")
NAME = re.compile(r"(?<![\w./-])latentode(?:\.[A-Za-z_]\w*)+")
LINK = re.compile(r"\]\(([^)#:]+)[^):]*\)")


def wells(start, hours):
    """A log of two wells, whose level follows an inflow that is planned."""
    parts = []
    for number, well in enumerate(("north", "south")):
        time = pd.date_range(start, periods=hours, freq="h")
        noise = np.random.default_rng((hours, number)).normal(0, 0.05, hours)
        inflow = (time.hour // 8).astype(float)
        level = 3 + 0.2 * inflow + noise
        parts.append(pd.DataFrame({"time": time, "well": well, "inflow": inflow, "level": level}))
    return pd.concat(parts)


def test_commands_of_the_way_to_every_night_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wells("2024-03-04", 160).to_csv("LOGS.csv", index=False)
    wells("2024-03-10 16:00", 60).to_csv("NEW.csv", index=False)
    wells("2024-03-11", 24).drop(columns="level").to_csv("PLAN.csv", index=False)
    page = (ROOT / "docs" / "what_to_type.md").read_text("utf-8")
    section = page.partition("## Forecasts, plans")[2].partition("\n## ")[0]
    typed = re.findall(r"`((?:train|forecast|evaluate|update) [^`]+)`", section)
    typed = [line for line in typed if ".onnx" not in line]  # needs an extra, and minutes
    assert [line.partition(" ")[0] for line in typed].count("forecast") == 4
    typed.sort(key=lambda line: not line.startswith("train"))  # what follows asks its model
    for number, line in enumerate(typed):
        words = [{"RUN": "run"}.get(word, word) for word in shlex.split(line)]
        if words[0] == "train":
            words += ["--out", "run" if number == 0 else "refit", "--epochs", "1"]
            words += ["--set", "train.steps_per_epoch=2", "--set", "solver.step_size=0.25"]
            words += [
                "--latent-dim",
                "2",
                "--hidden-dim",
                "8",
                "--context",
                "12h",
                "--horizon",
                "6h",
            ]
        if "--against" in words:
            asked = LatentODE.load("run").backtest_windows(pd.read_csv("LOGS.csv"))
            asked.assign(value=3.0).to_csv("MINE.csv", index=False)
        result = CliRunner().invoke(root, words, catch_exceptions=False)
        assert result.exit_code == 0, f"{words}: {result.output}"
    assert len(LatentODE.load("refit").fitted_.later) == 1
    assert len(LatentODE.load("run").fitted_.later) == 1


@functools.cache
def files():
    deep = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")]
    return sorted([*ROOT.glob("*.*"), *deep])


def texts():
    """Pages, and the docstrings of programs, by their path."""
    for path in files():
        if path.suffix == ".md" and "fixtures" not in path.parts:
            yield path, path.read_text("utf-8")
        elif path.suffix == ".py":
            yield path, "\n".join(docstrings(path))


def docstrings(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


@pytest.fixture(scope="module")
def every_text():
    found = dict(texts())
    assert len(found) > 400
    return {path.relative_to(ROOT).as_posix(): text for path, text in found.items()}


def missing_paths(text, folder=ROOT):
    """Paths, from the root or from a folder, and names of files that no file has."""
    named = {match.rstrip(".") for match in PATH.findall(text)}
    missing = {name for name in named if not any(ROOT.glob(name.rstrip("/")))}
    alone = {name for name in FILE.findall(text) if not PATH.match(name)}
    known = {path.name for path in files()}
    there = {name for name in alone if (folder / name).exists() or name in known}
    return sorted(missing | alone - there)


def exists(name):
    """Whether a dotted name is a module, or something in one, a field of a class included."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
            break
        except ModuleNotFoundError:
            continue
    for part in parts[length:]:
        fields = dataclasses.fields(thing) if dataclasses.is_dataclass(thing) else ()
        if part in {field.name for field in fields}:
            return True
        if not hasattr(thing, part):
            return False
        thing = getattr(thing, part)
    return True


def missing_names(text):
    return sorted(name for name in set(NAME.findall(text)) if not exists(name))


def test_every_path_that_a_text_names_is_there(every_text):
    missing = {
        where: missing_paths(text, (ROOT / where).parent) for where, text in every_text.items()
    }
    assert {where: names for where, names in missing.items() if names} == {}


def test_every_dotted_name_that_a_text_names_is_there(every_text):
    # the changelog names what has moved
    missing = {
        where: missing_names(text) for where, text in every_text.items() if where != "CHANGELOG.md"
    }
    assert {where: names for where, names in missing.items() if names} == {}


def test_what_is_not_there_is_found():
    assert missing_paths("see `latentode/ode/solve.py`, `tests/*/test_solve.py`, docs/.") == []
    assert missing_paths("see `latentode/ode/solver.py`.") == ["latentode/ode/solver.py"]
    text = "see `solve.py`, `solvers/grid.py`, `solver.py` and `models/grid.py`"
    assert missing_paths(text, ROOT / "latentode/ode") == ["models/grid.py", "solver.py"]
    assert missing_names("`latentode.metrics.crps_from_draws` of `latentode.LatentODE.fit`.") == []
    assert missing_names("`latentode.ode.Trajectory.states`, `latentode.data.dataset`") == []
    gone = ["latentode.data.frame", "latentode.ode.Trajectory.stats_of"]
    assert missing_names(" and ".join(gone)) == gone


def test_links_lead_somewhere(every_text):
    pages = {where: text for where, text in every_text.items() if where.endswith(".md")}
    links = [(where, link) for where, text in pages.items() for link in LINK.findall(text)]
    assert len(links) > 40
    assert [link for link in links if not ((ROOT / link[0]).parent / link[1]).exists()] == []


def test_every_target_of_make_that_a_text_names_is_there(every_text):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    pages = [text for where, text in every_text.items() if where.endswith(".md")]
    lines = [
        line
        for text in pages
        for line in re.findall(r"(?:^ *|`)make ([^`#\n]+)", text, re.MULTILINE)
    ]
    named = {word for line in lines for word in line.split() if re.fullmatch(r"[a-z-]+", word)}
    assert {"test", "check", "demo"} <= named
    assert named - targets == set()


def rows_of(cells):
    """Names in backticks of each cell."""
    return [set(re.findall(r"`([\w.]+)`", cell)) for cell in cells]


def test_the_layers_of_contributing_are_those_that_are_enforced():
    table = CONTRIBUTING.partition("## Layers")[2].partition("\n## ")[0]
    assert rows_of(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)) == architecture.LAYERS
    inner = re.findall(r"^- `([\w.]+)`: ((?:.|\n  )+)", table, re.MULTILINE)
    assert {name: rows_of(rows.split("|")) for name, rows in inner} == architecture.INNER


@pytest.mark.parametrize("option", [o for pair in DATA_OPTIONS for o in pair.split("/")])
def test_every_option_of_reading_answers_a_question_of_the_page(option):
    text = (ROOT / "docs" / "reading.md").read_text("utf-8")
    questions = text.partition("| question | option |")[2].partition("\n\n")[0]
    assert re.search(rf"`{option}[ =`]", questions)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem[:4])
def test_a_decision_has_its_four_parts_and_stands_in_the_index(page):
    number, text = PAGES.index(page) + 1, page.read_text("utf-8")
    title = re.match(rf"# {number}\. (.+)\n", text)
    assert title, f"{page.name} is decision {number}"
    assert page.name.startswith(f"{number:04d}-")
    parts = re.split(r"^## (\w+)$", text, flags=re.MULTILINE)
    assert parts[1::2] == ["Context", "Decision", "Numbers", "Consequence"]
    assert all(part.strip() for part in parts[2::2])
    index = (page.parent / "README.md").read_text("utf-8")
    assert f"| [{number}]({page.name}) | {title[1]} |" in index
