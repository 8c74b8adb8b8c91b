"""What is installed of what latentode needs, and of what its extras need."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

_CHECKOUT = Path(__file__).resolve().parents[2] / "pyproject.toml"
_OF_DEVELOPERS = {"test", "bench", "fuzz", "mutants", "dev", "docs"}


@dataclass(frozen=True)
class Needed:
    """A package that is needed.

    Attributes:
        name: What pip calls it.
        wanted: Versions that will do, such as ">=2.2".
        extra: The extra that it is of; "" for what is always needed.
        found: The version that is installed; None without.
    """

    name: str
    wanted: str
    extra: str
    found: str | None

    @property
    def fits(self) -> bool:
        """Whether a version that will do is installed."""
        if self.found is None:
            return False
        return Requirement(f"{self.name}{self.wanted}").specifier.contains(
            self.found, prereleases=True
        )

    @property
    def fault(self) -> str | None:
        """What is wrong with it, and what to type; None where nothing is."""
        if self.fits:
            return None
        what = f"latentode[{self.extra}]" if self.extra else f"{self.name}{self.wanted}"
        return (
            f"expected the package {self.name} {self.wanted}, got {self.found or 'none'}. Type "
            f"`{sys.executable} -m pip install '{what}'`"
        )


def needed() -> list[Needed]:
    """All packages that are needed, those of extras behind the others."""
    return sorted(set(_needed()), key=lambda each: (each.extra, each.name.lower()))


def of_extras(packages: list[Needed]) -> dict[str, dict[str, Any]]:
    """Extra -> whether it is installed, and what to type where it is not.

    Args:
        packages: What is needed.
    """
    found: dict[str, dict[str, Any]] = {}
    for extra in sorted({each.extra for each in packages if each.extra}):
        missing = [each.name for each in packages if each.extra == extra and not each.fits]
        install = f"{sys.executable} -m pip install 'latentode[{extra}]'"
        found[extra] = {"missing": missing, "install": install if missing else None}
    return found


def _needed() -> Iterator[Needed]:
    for text in _texts():
        requirement = Requirement(text)
        extra = _extra_of(requirement)
        if extra in _OF_DEVELOPERS or not _applies(requirement, extra):
            continue
        yield Needed(
            requirement.name, str(requirement.specifier), extra, _version(requirement.name)
        )


def _texts() -> list[str]:
    """Requirements, as the metadata of an installed package, or as a checkout, has them."""
    if not _CHECKOUT.is_file():
        return requires("latentode") or []
    project = tomllib.loads(_CHECKOUT.read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    own = [f'{each}; extra == "{name}"' for name, of_it in extras.items() for each in of_it]
    return [*project["dependencies"], *own]


def _extra_of(requirement: Requirement) -> str:
    """Extra whose marker a requirement has; "" without."""
    words = str(requirement.marker or "").replace("'", '"').partition('extra == "')[2]
    return words.partition('"')[0]


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
