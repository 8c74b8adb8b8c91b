"""Several forecasts of one log, each under a plan of its own: the dimension ``scenario``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from latentode.errors import ConfigError

SCENARIO = "scenario"
_Options = ParamSpec("_Options")
_Answer = TypeVar("_Answer")


def join_scenarios(parts: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Put forecasts of the same times side by side.

    Args:
        parts: Result of `to_dataset` by name of the scenario.

    Returns:
        A data set with ``scenario`` as its first dimension; ``time`` is that of all.

    Raises:
        ConfigError: If they are of other series or times.
    """
    names, datasets = list(parts), list(parts.values())
    first = datasets[0]
    for name, other in parts.items():
        if not (other["series"].equals(first["series"]) and other["time"].equals(first["time"])):
            raise ConfigError(
                f"plan: expected scenarios of the same times, got others of {names[0]!r} and "
                f"{name!r}: a series without a reading begins with its plan. Tell when with --from "
                "(in Python origin)."
            )
    return _joined(names, datasets)


def by_scenario(
    function: Callable[Concatenate[xr.Dataset, _Options], _Answer],
) -> Callable[Concatenate[xr.Dataset, _Options], _Answer]:
    """Let a function of a prediction answer for each scenario, where there are several."""

    @wraps(function)
    def answer(
        dataset: xr.Dataset, *arguments: _Options.args, **options: _Options.kwargs
    ) -> _Answer:
        if SCENARIO not in dataset.dims:
            return function(dataset, *arguments, **options)
        names = [str(name) for name in dataset[SCENARIO].values]
        parts: Any = [
            function(dataset.isel({SCENARIO: index}, drop=True), *arguments, **options)
            for index in range(len(names))
        ]
        if isinstance(parts[0], xr.Dataset):
            joined: Any = _joined(names, parts)
            return joined
        whole: Any = pd.concat(parts, ignore_index=True)
        whole.insert(0, SCENARIO, np.repeat(np.array(names, object), [len(p) for p in parts]))
        return whole

    return answer


def _joined(names: list[str], parts: list[xr.Dataset]) -> xr.Dataset:
    return xr.concat(
        parts,
        pd.Index(names, dtype=object, name=SCENARIO),
        data_vars="all",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
