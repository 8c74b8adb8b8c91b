"""Mutations of the package, without those that change no answer, and a sample of them."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it is loaded where it is used, as the tests of this program are run without it
    from cosmic_ray.work_item import MutationSpec, WorkItem

PACKAGES = ("ode", "flows", "models/likelihoods", "prediction", "data")

# One mistake of each kind that a programmer makes: the other operator of a pair, a limit moved by
# one, a condition turned around, a constant moved, a loop left out, an exception not caught. The
# other hundred and seventy operators of cosmic-ray put `x >> y` or `x % y` for `x + y`, which any
# test that executes the line fails on: they would raise the score and find nothing. Removed
# decorators do so, too (`@property`, `@dataclass`).
KINDS = {
    f"core/{name}"
    for name in (
        *(f"ReplaceBinaryOperator_{pair}" for pair in (
            "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_FloorDiv", "Pow_Mul",
            "BitAnd_BitOr", "BitOr_BitAnd", "BitXor_BitAnd", "LShift_RShift", "RShift_LShift",
        )),
        *(f"ReplaceComparisonOperator_{pair}" for pair in (
            "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE",
            "GtE_Gt", "GtE_Lt", "Is_IsNot", "IsNot_Is",
        )),
        *(f"ReplaceUnaryOperator_Delete_{name}" for name in ("USub", "Invert", "Not")),
        "AddNot", "ReplaceAndWithOr", "ReplaceOrWithAnd", "ReplaceTrueWithFalse",
        "ReplaceFalseWithTrue", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak",
        "NumberReplacer", "ZeroIterationForLoop", "ExceptionReplacer",
    )
}  # fmt: skip


def sampled(tree: Path, seed: int, size: int) -> tuple[list[WorkItem], dict[str, int]]:
    """Draw `size` mutations of each package, in a random order, and count what was drawn from."""
    drawn, counts = [], {}
    for package in PACKAGES:
        known = [item for path in modules(tree, package) for item in mutations(path)]
        generator = random.Random(f"{seed} {package}")
        drawn += generator.sample(known, min(size, len(known)))
        counts[package] = len(known)
    random.Random(seed).shuffle(drawn)
    return drawn, counts


def modules(tree: Path, package: str) -> list[Path]:
    """Modules of a package, in an order that is the same everywhere."""
    return sorted((tree / "latentode" / package).rglob("*.py"))


def mutations(path: Path) -> Iterator[WorkItem]:
    """All mutations of a module that may change what it computes."""
    from cosmic_ray.commands.init import _all_work_items as all_mutations

    text = path.read_text()
    left_out = list(spans(ast.parse(text)))
    rows = text.splitlines()
    for item in all_mutations([path], {}):
        (mutation,) = item.mutations
        row, column = mutation.start_pos
        inside = any(start <= (row, column) < end for start, end in left_out)
        # the star of arguments that have to be named is taken for a multiplication
        named_only = rows[row - 1][column:].startswith("*,")
        if mutation.operator_name in KINDS and not inside and not named_only:
            yield item


def mutated(mutation: MutationSpec) -> str:
    """Text of the module with the mutation."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    operator = get_operator(mutation.operator_name)()
    return mutate_code(mutation.module_path.read_text(), operator, mutation.occurrence)


def spans(module: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Types, invariants, decorators, and where a warning says that it comes from."""
    for node in ast.walk(module):
        yield from map(_span, getattr(node, "decorator_list", ()))
        if isinstance(node, ast.Assert):
            yield _span(node)
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation:
            yield _span(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns:
            yield _span(node.returns)
        elif isinstance(node, ast.keyword) and node.arg in ("strict", "stacklevel"):
            yield _span(node.value)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield _span(node)


def _span(node: ast.stmt | ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
