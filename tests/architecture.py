"""The rules of the package's structure, as functions on a mapping of paths to source texts.

Each rule returns its violations as sentences. `tests/test_architecture.py` applies them to the
package and shows that each finds a planted violation.
"""

import ast
import functools
import re
import sys
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

Sources = Mapping[str, str]
PACKAGE = "latentode"
MAX_FILE = 250  # lines of code of a file of the package
MAX_FUNCTION = 50
BANNED_NAMES = {"utils", "util", "misc", "helpers", "helper", "common"}
BANNED_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "yaml", "joblib"}
BANNED_CALLS = {"eval", "exec", "print", "__import__", "exit", "quit", "breakpoint"}
BANNED_ATTRIBUTES = {("torch", "load"), ("torch", "save"), ("os", "system")}

# A module imports only from lower layers. Members of one layer do not know each other; modules of
# one family (data, ode, cli, ...) do, unless the family has rows of its own in `INNER`.
LAYERS = [
    {"errors", "hashing", "lazy_names"},
    {"config", "files", "progress_bar", "pages"},
    {"data", "ode"},
    {"flows", "results", "model_card"},
    {"models"},
    {"prediction"},
    {"evaluation", "runtime"},
    {"training", "plot", "export"},
    {"estimators"},
    {"scale", "checks", "registration", "report", "serve"},
    {"cli"},
    {"__main__"},
]  # fmt: skip

# Rows inside a folder, by the same rule.
INNER = {
    "data": [
        {"dataset"},
        {"channel_readings"},
        {
            "alignment", "events", "calendar", "counters", "scaler", "splits", "windows",
            "targets", "frames",
        },
        {"stored_streams", "climatology", "families", "clock_steps", "parting"},
        {"labels", "learned"},
        {"batches", "synthetic"},
        {"schema"},
        {"reading"},
    ],
    "data.reading": [
        {"doubts", "roles"},
        {"formats", "tally"},
        {"cells"},
        {"profile", "second_look"},
        {"report", "column_profile", "sample_times", "unrolled"},
        {"assembly", "series_clocks", "series_readings", "series_evidence", "row_counters"},
        {
            "time_role", "series_role", "long_role", "side_columns", "quality_columns", "stacking",
            "transposed", "hours_across", "carried_dates", "cell_pairs", "row_policy",
        },
        {"column_roles", "key_columns", "cell_policy"},
        {"understand", "keyed_rows"},
        {"opened_log"},
        {"log", "query_times", "observation_windows", "block_checks"},
        {"events", "plans", "blocks"},
        {"log_events", "labels"},
    ],
    "ode": [
        {"networks", "quadrature", "brownian"},
        {"fields", "trajectory"},
        {"solvers"},
        {"solve", "stochastic", "knots", "running", "divergence"},
        {"odeint"},
    ],
    "models": [
        {"nn", "objectives", "copula_arrays"},
        {"encoders", "decoders", "dynamics", "priors", "likelihoods", "calibration", "copula"},
        {"solved"},
        {"heads"},
        {"point_processes", "shooting", "latent_noise"},
        {"latent_ode"},
        {"inference"},
        {"fitted"},
    ],
    "training": [
        {"terms", "optimizer", "stopping", "repeatable", "state_folder"},
        {"execution"},
        {
            "step", "state", "validation", "solver_watch", "refinement", "prior_fitting",
            "memory_fit", "direct_fit", "events",
        },
        {"label_rules", "trainer", "calibration", "copula_fit", "lines"},
        {"held_out", "prepare"},
        {"fit"},
        {"refit"},
        {"update"},
    ],
}  # fmt: skip
# Only these may ask which kind labels are of: all others ask the labels and their head.
KNOW_LABEL_KINDS = ("latentode/data/labels.py", "latentode/models/heads/")
LABEL_KINDS = {"SeriesLabels", "TimeLabels", "LabelHead", "TimeLabelHead", "ClassHead"}

LAYER_OF = {family: rank for rank, families in enumerate(LAYERS) for family in families}

# Where a third-party package may be imported: families, or single modules of them.
ALLOWED = {
    "numpy": set(LAYER_OF),
    "torch": {
        "data.batches", "ode", "flows", "models", "prediction", "evaluation", "training",
        "export", "estimators", "scale", "checks", "cli",
    },
    "torchdiffeq": {"ode.solvers.adaptive"},
    "scipy": {
        "flows.flow_matching",
        "evaluation.event_baselines",
        "evaluation.event_sequences",
        "evaluation.natural_spline",
        "models.likelihoods.quantiles",
        "prediction",
        "runtime",
    },
    "pandas": {"data", "results", "estimators", "serve", "cli"},
    "pyarrow": {"data", "scale"},
    "xarray": {"results", "estimators", "data.reading.formats.netcdf_file"},
    "h5py": {"data.reading.formats.netcdf_file"},
    "matplotlib": {"plot"},
    "click": {"cli"},
    "rich": {"cli", "progress_bar"},
    "jinja2": {"pages"},
    "fastapi": {"serve.app"},
    "starlette": {"serve.app"},
    "uvicorn": {"serve.server"},
    "h11": {"serve.server"},
    "prometheus_client": {"serve.metrics"},
    "pydantic": {
        "config", "cli.commands.config", "cli.settings", "scale", "serve.questions", "serve.app",
    },
    "safetensors": {"models.fitted.model_folder", "runtime.exported", "training.state"},
}  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One imported module, with what the rules ask about it."""

    source: str  # importing module, absolute
    target: str  # imported module, absolute
    line: int
    for_types_only: bool
    at_start: bool


def module_name(path: str) -> str:
    """``latentode/ode/solve.py`` -> ``latentode.ode.solve``; a package is named by its folder."""
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def inner_name(module: str) -> str:
    """Name without the package, "" for the package itself."""
    return module.removeprefix(PACKAGE).lstrip(".")


def family(module: str) -> str:
    """``latentode.ode.solve`` -> ``ode``."""
    return inner_name(module).split(".")[0]


def imports(sources: Sources) -> Iterator[Import]:
    """Every import of every module, those inside functions and type-checking blocks included."""
    modules = frozenset(module_name(path) for path in sources)
    for path, text in sources.items():
        yield from _imports_of(module_name(path), text, modules)


@functools.cache
def _imports_of(source: str, text: str, modules: frozenset[str]) -> list[Import]:
    return [
        Import(source, target, node.lineno, for_types, at_start)
        for node, at_start, for_types in _import_nodes(_parsed(text).body)
        for target in _targets(node, modules)
    ]


@functools.cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _import_nodes(
    body: list[ast.AST], at_start: bool = True, for_types: bool = False
) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Import statements; whether they run on import, and whether only a type checker sees them."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_start and not for_types, for_types
            continue
        inside = at_start and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        checked = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):  # expressions have none
            statements = getattr(node, part, None)
            if isinstance(statements, list):
                yield from _import_nodes(
                    statements, inside, for_types or (checked and part == "body")
                )


def _targets(node: ast.AST, modules: Set[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        base = node.module or ""
        inner = [f"{base}.{alias.name}" for alias in node.names]
        # "from package import name" means the module of that name, if there is one
        return sorted({name if name in modules else base for name in inner})
    return []


def layer_violations(sources: Sources) -> list[str]:
    """Imports that do not go down."""
    found = []
    for path in sources:
        if family(module_name(path)) not in {"", *LAYER_OF}:
            found.append(f"{path}: family {family(module_name(path))!r} has no layer")
    for item in imports(sources):
        source, target = family(item.source), family(item.target)
        if not item.target.startswith(PACKAGE) or source in ("", target):
            continue
        where = f"{item.source}:{item.line} imports {item.target}"
        if not target:
            found.append(f"{where}: import from the module that defines the name")
        elif LAYER_OF.get(target, 99) >= LAYER_OF.get(source, 99):
            found.append(f"{where}: not a lower layer")
    return found


def inner_violations(sources: Sources) -> list[str]:
    """Imports inside a folder with rows that do not go down; its ``__init__`` hands names on."""
    found = []
    for folder, rows in INNER.items():
        rank = {name: row for row, names in enumerate(rows) for name in names}
        for item in imports(sources):
            source, target = _within(folder, item.source), _within(folder, item.target)
            if source and source not in rank:
                found.append(f"{item.source}: {source!r} has no row in {folder}")
            elif source and target and source != target and rank.get(target, 99) >= rank[source]:
                found.append(f"{item.source}:{item.line} imports {item.target}: not a lower row")
    return found


def _within(folder: str, module: str) -> str:
    """``models``, ``latentode.models.nn.mlp`` -> ``nn``; "" outside the folder."""
    prefix = f"{PACKAGE}.{folder}."
    return module.removeprefix(prefix).split(".")[0] if module.startswith(prefix) else ""


def unknown_places(sources: Sources) -> list[str]:
    """Names in the tables that no file or folder of the package has."""
    modules = {inner_name(module_name(path)) for path in sources}
    known = modules | {name.rsplit(".", n)[0] for name in modules for n in range(name.count("."))}
    named = {
        *LAYER_OF,
        *(place for places in ALLOWED.values() for place in places),
        *(f"{folder}.{name}" for folder, rows in INNER.items() for row in rows for name in row),
    }
    return sorted(f"{name} is in a table, and nowhere else" for name in named - known)


def cycles(sources: Sources) -> list[str]:
    """Import cycles between modules, imports inside functions included."""
    edges: dict[str, set[str]] = {module_name(path): set() for path in sources}
    for item in imports(sources):
        if item.target in edges and item.target != item.source:
            edges[item.source].add(item.target)
    found, done, path = [], set(), []

    def visit(module: str) -> None:
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            path.append(module)
            for target in sorted(edges[module]):
                visit(target)
            path.pop()
            done.add(module)

    for module in sorted(edges):
        visit(module)
    return found


def import_form_violations(sources: Sources) -> list[str]:
    """Star imports and relative imports."""
    found = []
    for path, text in sources.items():
        for node in ast.walk(_parsed(text)):
            if isinstance(node, ast.ImportFrom) and node.level:
                found.append(f"{path}:{node.lineno}: relative import")
            if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
                found.append(f"{path}:{node.lineno}: star import")
    return found


def name_violations(sources: Sources) -> list[str]:
    """Modules whose name says nothing."""
    return [
        f"{path}: name a module by what it does"
        for path in sources
        if BANNED_NAMES & set(path.removesuffix(".py").split("/"))
    ]


def third_party_violations(sources: Sources) -> list[str]:
    """Third-party packages outside their place; annotations may name any of them."""
    found = []
    for item in imports(sources):
        root = item.target.split(".")[0]
        if root in sys.stdlib_module_names or root == PACKAGE or item.for_types_only:
            continue
        source = inner_name(item.source)
        places = ALLOWED.get(root, set())
        if not any(source == place or source.startswith(f"{place}.") for place in places):
            found.append(f"{item.source}:{item.line}: {root} has no place here")
    return found


def banned_violations(sources: Sources) -> list[str]:
    """What runs code out of data, prints from the library, or ends the process."""
    found = []
    for path, text in sources.items():
        for node in ast.walk(_parsed(text)):
            what = _banned(node)
            if what:
                found.append(f"{path}:{getattr(node, 'lineno', 0)}: {what}")
    return found


def _banned(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id if node.func.id in BANNED_CALLS else None
    if isinstance(node, ast.Attribute):
        base = node.value.id if isinstance(node.value, ast.Name) else ""
        banned = (base, node.attr) in BANNED_ATTRIBUTES or node.attr in (
            "extractall",
            "read_pickle",
        )
        return f"{base}.{node.attr}" if banned else None
    if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
        is_off = isinstance(node.value, ast.Constant) and node.value.value is False
        return None if is_off else "allow_pickle"
    if isinstance(node, ast.Import | ast.ImportFrom):
        roots = {name.split(".")[0] for name in _targets(node, set())}
        from_torch = isinstance(node, ast.ImportFrom) and node.module == "torch"
        roots |= {a.name for a in node.names if from_torch and a.name in ("load", "save")}
        return ", ".join(sorted(roots & (BANNED_IMPORTS | {"load", "save"}))) or None
    return None


def label_violations(sources: Sources) -> list[str]:
    """Questions which kind labels are of, outside of the modules that know the kinds."""
    found = []
    for path, text in sources.items():
        if path.startswith(KNOW_LABEL_KINDS):
            continue
        for node in ast.walk(_parsed(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "isinstance",
                "issubclass",
            ):
                subject, kinds = (ast.unparse(part) for part in node.args)
                named = LABEL_KINDS & set(re.findall(r"\w+", kinds))
                if named or subject.endswith((".labels", ".label_head")):
                    found.append(f"{path}:{node.lineno}: ask the labels, whichever kind they are")
    return found


@functools.cache
def code_lines(text: str) -> frozenset[int]:
    """Numbers of the lines that hold code: no docstring, blank line or comment."""
    lines = enumerate(text.splitlines(), start=1)
    held = {number for number, line in lines if line.strip() and line.strip()[0] != "#"}
    for node in ast.walk(_parsed(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            held -= _docstring_lines(node)
    return frozenset(held)


def _docstring_lines(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
    if ast.get_docstring(node, clean=False) is None:
        return set()
    first = node.body[0]
    return set(range(first.lineno, first.end_lineno + 1))


def length_violations(sources: Sources, limit: int = MAX_FILE) -> list[str]:
    """Files with too much code to be read in one sitting."""
    return [
        f"{path}: {len(code_lines(text))} lines of code, at most {limit}"
        for path, text in sources.items()
        if len(code_lines(text)) > limit
    ]


def function_violations(sources: Sources, limit: int = MAX_FUNCTION) -> list[str]:
    """Functions with too much code to be seen at once."""
    found = []
    for path, text in sources.items():
        for node in ast.walk(_parsed(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = len(code_lines(text) & set(range(node.lineno, node.end_lineno + 1)))
                if count > limit:
                    found.append(f"{path}: {node.name} has {count} lines of code, at most {limit}")
    return found


NUMBER_NODES = (
    ast.Constant, ast.UnaryOp, ast.BinOp, ast.Tuple, ast.Name, ast.Attribute, ast.Call,
    ast.operator, ast.unaryop, ast.expr_context,
)  # fmt: skip


def reason_violations(sources: Sources) -> list[str]:
    """Private numbers of a module without a comment on the line, or above them or their group."""
    found = []
    for path, text in sources.items():
        lines, explained = text.splitlines(), -1
        for node in _parsed(text).body:
            names = _private_names(node)
            if not names or not _is_number(node.value):
                continue
            above = lines[node.lineno - 2].startswith("#") or explained == node.lineno - 1
            beside = any("#" in line for line in lines[node.lineno - 1 : node.end_lineno])
            explained = node.end_lineno if above else -1
            if not above and not beside:
                found.append(f"{path}:{node.lineno}: {', '.join(names)} has no reason")
    return found


def _private_names(node: ast.AST) -> list[str]:
    """Names that a statement assigns to, if all are private."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    named = [part for target in targets for part in getattr(target, "elts", [target])]
    names = [part.id for part in named if isinstance(part, ast.Name)]
    return names if all(name.startswith("_") for name in names) else []


def _is_number(value: ast.expr) -> bool:
    """Whether an expression is made of numbers alone, and has one; tuples of them too."""
    nodes = list(ast.walk(value))
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    numbers = [c for c in constants if isinstance(c, int | float) and not isinstance(c, bool)]
    return (
        bool(numbers)
        and len(numbers) == len(constants)
        and all(isinstance(node, NUMBER_NODES) for node in nodes)
    )


def eager_violations(sources: Sources) -> list[str]:
    """What ``import latentode`` would load besides the standard library and `lazy_names`."""
    return [
        f"{item.source}:{item.line}: {item.target} is loaded with the package"
        for item in imports(sources)
        if item.source == PACKAGE
        and item.at_start
        and item.target != f"{PACKAGE}.lazy_names"
        and item.target.split(".")[0] not in sys.stdlib_module_names
    ]


def loaded_with(module: str, sources: Sources) -> set[str]:
    """Third-party packages that importing a module loads, directly or through other modules."""
    edges: dict[str, set[str]] = {}
    for item in imports(sources):
        if item.at_start:
            edges.setdefault(item.source, set()).add(item.target)
    seen, todo = set(), [module]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            parents = [current.rpartition(".")[0]] if current.startswith(f"{PACKAGE}.") else []
            todo += [*edges.get(current, ()), *parents]
    roots = {name.split(".")[0] for name in seen}
    return roots - set(sys.stdlib_module_names) - {PACKAGE}
