"""A cluster of Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from latentode.errors import ResourceError
from latentode.files.packages import optional_package
from latentode.scale.engines.results import Engine
from latentode.scale.engines.workers import Here, check_workers, what_is_here

_PATIENCE = "20s"  # a scheduler that does not answer then is not there


@contextmanager
def dask_engine(address: str, here: Here) -> Iterator[Engine]:
    """Map with the workers of a scheduler that runs; a part whose worker dies is done by another.

    Args:
        address: Of the scheduler, such as ``tcp://10.0.0.1:8786``.
        here: What workers must find.

    Raises:
        DataError: If `distributed` is not installed.
        ResourceError: If there is no scheduler, or its workers do not find what they need.
    """
    distributed = optional_package("distributed", "dask", address, doing="as an engine")
    try:
        client = distributed.Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ResourceError(
            f"--address: expected a scheduler of Dask, got no answer from {address} ({error}). "
            "Start one with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`."
        ) from None
    with client:
        try:
            found = client.run(what_is_here, here)
        except ModuleNotFoundError as error:
            found = {address: f"no module {error.name}"}
        if not found:
            raise ResourceError(
                f"--address: expected workers at {address}, got a scheduler without any. Start "
                f"them with `dask worker {address} --nthreads 1`."
            )
        check_workers(found)

        def mapped(function: Callable[[int], Any], items: Sequence[int]) -> Any:
            # a result of a file is not that of the same words another day
            return client.map(function, items, pure=False)

        yield mapped
