"""Opening a log: every module of this folder with a `FORMAT` is asked whether it can."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pandas as pd

from latentode.config import DataConfig
from latentode.data.reading import formats
from latentode.data.reading.formats.table import Format, LogSource, Table, check_distinct
from latentode.data.reading.formats.text_blocks import binary_kind, first_bytes
from latentode.errors import DataError, ResourceError


def _all_formats() -> tuple[Format, ...]:
    names = [f"{formats.__name__}.{module.name}" for module in iter_modules(formats.__path__)]
    modules = [import_module(name) for name in names if name != __name__]
    present = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return tuple(sorted(present, key=lambda log_format: log_format.rank))


#: The formats, in the order of asking.
FORMATS = _all_formats()


def open_table(source: str | os.PathLike[str] | pd.DataFrame, config: DataConfig) -> Table:
    """Open a log.

    Args:
        source: File, or data frame.
        config: How it is read.

    Returns:
        The table.

    Raises:
        DataError: If no format can open it, it is damaged or empty, or has a column name twice.
        ResourceError: If it has more columns than ``max_channels`` allows.
    """
    log = Path(source) if isinstance(source, str | os.PathLike) else source
    table = _open(LogSource(log, config, first_bytes(log) if isinstance(log, Path) else b""))
    check_distinct(table.columns, table.name)
    if len(table.columns) > config.max_channels + 50:
        raise ResourceError(
            f"{table.name}: expected at most {config.max_channels} channels, got "
            f"{len(table.columns)} columns. Raise --max-channels, or choose some with --channels."
        )
    return table


def _open(source: LogSource) -> Table:
    layout = source.config.layout
    for log_format in FORMATS:
        ruled_out = log_format.layout is not None and layout not in ("auto", log_format.layout)
        if not ruled_out and log_format.can_open(source):
            return log_format.open(source)
    *names, last = [log_format.name for log_format in FORMATS]
    kind = binary_kind(source.start) or f"an object of type {type(source.log).__name__!r}"
    raise DataError(
        f"{source.log if source.start else 'log'}: expected one of {', '.join(names)} and {last}, "
        f"got {kind}. Export it as CSV, or give a data frame."
    )
