"""A public function says what it raises, and explains its parameters where they are many."""

import ast
import inspect
import re
from dataclasses import dataclass

import pytest
from places import ROOT

from latentode import errors

FEWEST = 3  # parameters that are explained one by one
ERRORS = {name for name, value in vars(errors).items() if inspect.isclass(value)}
# commands explain their options to click
EXEMPT = "latentode/cli/commands/"


@dataclass(frozen=True)
class Function:
    """A public function, or a public method of a public class."""

    where: str
    node: ast.FunctionDef
    bound: bool  # its first parameter is the instance or the class

    @property
    def parameters(self):
        args = self.node.args
        plain = [*args.posonlyargs, *args.args][self.bound :]
        parts = [*plain, args.vararg, *args.kwonlyargs, args.kwarg]
        return [part.arg for part in parts if part is not None]

    def section(self, title):
        """Lines of a section of the docstring without its indent; None where there is none."""
        lines = (ast.get_docstring(self.node) or "").split("\n")
        if f"{title}:" not in lines:
            return None
        rest = lines[lines.index(f"{title}:") + 1 :]
        ends = [i for i, line in enumerate(rest) if line and not line.startswith(" ")]
        return [line[4:] for line in rest[: ends[0] if ends else None]]


def functions(path, text):
    return list(_public(ast.parse(text).body, path, in_class=False))


def _public(body, place, *, in_class):
    for node in body:
        name = getattr(node, "name", "_")
        if name.startswith("_"):
            continue
        if isinstance(node, ast.ClassDef):
            yield from _public(node.body, f"{place}: {name}", in_class=True)
        elif isinstance(node, ast.FunctionDef):
            static = "staticmethod" in [ast.unparse(each) for each in node.decorator_list]
            yield Function(f"{place}: {name}", node, in_class and not static)


def raise_violations(functions):
    """Those that raise an error of the package in their body, and do not say which."""
    found = []
    for function in functions:
        said = set(re.findall(r"\w+", " ".join(function.section("Raises") or ())))
        unsaid = sorted(_raised(function.node) & ERRORS - said)
        found += [f"{function.where} raises {name}, and does not say so" for name in unsaid]
    return found


def _raised(function):
    """Names of what is raised in the body itself, not in functions inside it."""
    names, todo = set(), list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            names.add(ast.unparse(node.exc.func).split(".")[-1])
        todo += ast.iter_child_nodes(node)
    return names


def args_violations(functions):
    """Those of many parameters without "Args", and those whose "Args" are not the signature's."""
    found = []
    for function in functions:
        lines, names = function.section("Args"), function.parameters
        if (ast.get_docstring(function.node) or "").startswith("See `"):
            continue  # the contract that it keeps explains them
        said = [name for line in lines or () for name in _explained(line)]
        if lines is None and len(names) >= FEWEST:
            found.append(f"{function.where} has {len(names)} parameters and no Args")
        elif lines is not None and said != names:
            found.append(f"{function.where} has Args {', '.join(said)} for {', '.join(names)}")
    return found


def _explained(line):
    """Parameters that a line of "Args" begins to explain; none if it goes on with the last."""
    head = re.match(r"((?:\*{0,2}\w+(?:, )?)+):(?: |$)", line)
    return [part.strip("* ") for part in head.group(1).split(",")] if head else []


@pytest.fixture(scope="module")
def package():
    paths = {path.relative_to(ROOT).as_posix(): path for path in ROOT.glob("latentode/**/*.py")}
    return [
        function
        for path, file in sorted(paths.items())
        if not path.startswith(EXEMPT)
        for function in functions(path, file.read_text("utf-8"))
    ]


@pytest.mark.parametrize("rule", [raise_violations, args_violations])
def test_public_functions_say(rule, package):
    assert len(package) > 300
    assert rule(package) == []


ARGS = '"""Do.\n\n    Args:\n        {}\n    """'
GOES_ON = "a, *b: Both: one.\n            d: e.\n        **c: More."


@pytest.mark.parametrize(
    ("rule", "text", "message"),
    [
        (raise_violations, 'def f():\n "Do."\n raise DataError("no")', "f raises DataError"),
        (
            raise_violations,
            'class A:\n def f(self):\n  "Do."\n  if self:\n   raise errors.ShapeError("no")',
            "A: f raises ShapeError",
        ),
        (
            raise_violations,
            'def f():\n """Do.\n\n Raises:\n     DataError: If.\n """\n raise ConfigError("no")',
            "f raises ConfigError",
        ),
        (args_violations, 'def f(a, b, *, c):\n "Do."', "f has 3 parameters and no Args"),
        (args_violations, 'class A:\n def f(self, a, *b, **c):\n  "Do."', "A: f has 3 parameters"),
        (args_violations, f"def f(a, b):\n    {ARGS.format('a: One.')}", "f has Args a for a, b"),
        (args_violations, f"def f(a):\n    {ARGS.format('b: One.')}", "f has Args b for a"),
    ],
)
def test_each_rule_finds_a_planted_violation(rule, text, message):
    (found,) = rule(functions("place.py", text))
    assert message in found


@pytest.mark.parametrize(
    "text",
    [
        'def f(a, b):\n "Do."',
        'class A:\n def f(self, a, b):\n  "Do."\n @staticmethod\n def g(a, b):\n  "Do."',
        'def _f(a, b, c):\n raise DataError("no")',
        'class _A:\n def f(self, a, b, c):\n  raise DataError("no")',
        'def f():\n "Do."\n raise ValueError("no")',
        'class A:\n def f(self, a, b, c):\n  "See `B`: those of it."',
        'def f():\n "Do."\n def inner():\n  raise DataError("no")',
        f"def f(a, *b, **c):\n    {ARGS.format(GOES_ON)}",
        'def f():\n """Do.\n\n Raises:\n     DataError: If.\n """\n raise DataError("no")',
    ],
)
def test_the_rules_accept(text):
    found = functions("place.py", text)
    assert raise_violations(found) + args_violations(found) == []
