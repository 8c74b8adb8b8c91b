"""Names of the package: which are public, and where a name that is meant is documented."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from typing import Any, get_origin

from docutils import nodes

#: Packages of others, and words that stand for what is given, which have no page here.
ELSEWHERE = (
    "torch", "numpy", "np", "pandas", "pd", "xarray", "xr", "matplotlib", "collections",
    "pathlib", "typing", "pyarrow", "pa", "pydantic", "click", "datetime", "abc", "types",
)  # fmt: skip


def aliases(package: Any) -> dict[str, str]:
    """Names of types that modules of a package give to longer ones, to be shown as they are.

    Args:
        package: The package; all its modules are loaded.
    """
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    modules = [sys.modules[name] for name in sys.modules if name.startswith(package.__name__)]
    named = [item for module in modules for item in vars(module).items()]
    return {
        name: name for name, thing in named if name[:1].isupper() and get_origin(thing) is not None
    } | {"ArrayLike": "ArrayLike"}


def _leave_out(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Members of a package that it only imports from others."""
    del app, name, options
    home = getattr(thing, "__module__", None)
    if what == "module" and not str(home).startswith("latentode"):
        return True
    return skip or None


def _aliases_by_name(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: str, returned: str
) -> tuple[str | None, str | None]:
    """Signatures with the names of `aliases`, which autodoc wraps where they stand in a union."""
    del app, what, name, thing, options
    alias = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
    return signature and alias.sub(r"\1", signature), returned and alias.sub(r"\1", returned)


def _dashes(app: Any, tree: nodes.document, name: str) -> None:
    """Between an argument and what is said of it."""
    del app, name
    for text in list(tree.findall(nodes.Text)):
        if text == " -- ":
            text.parent.replace(text, nodes.Text(" \N{EN DASH} "))


def _resolve(app: Any, env: Any, node: Any, content: nodes.Node) -> nodes.Node | None:
    """A link to the documented name of what is defined elsewhere in the package, or plain text."""
    if node.get("refdomain") != "py":
        return None
    domain, target = env.get_domain("py"), node["reftarget"].lstrip("~.")
    last = target.rpartition(".")[2]
    documented = [name for name in domain.objects if name == last or name.endswith(f".{last}")]
    same = [
        name for name in documented if _thing(name) is not None and _thing(name) is _thing(target)
    ]
    if same:
        return domain.resolve_xref(
            env, node["refdoc"], app.builder, node["reftype"], min(same, key=len), node, content
        )
    if node["reftype"] == "obj" or not target.startswith("latentode"):
        return content  # `a word` of a docstring; a type of another package
    return content if _is_private(target) else None


def _thing(name: str) -> Any:
    """What a dotted name means, None where it means nothing."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        thing: Any = sys.modules.get(".".join(parts[:length]))
        if thing is not None:
            for part in parts[length:]:
                thing = getattr(thing, part, None)
            return thing
    return None


def _is_private(name: str) -> bool:
    """Whether it is there, and no page is about it."""
    return _thing(name) is not None


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.connect("autodoc-skip-member", _leave_out)
    app.connect("autodoc-process-signature", _aliases_by_name)
    app.connect("doctree-resolved", _dashes)
    app.connect("missing-reference", _resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
