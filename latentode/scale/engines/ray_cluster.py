"""A cluster of Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from latentode.errors import ResourceError
from latentode.files.packages import optional_package
from latentode.scale.engines.results import Engine, Lost
from latentode.scale.engines.workers import Here, check_workers, what_is_here

_TRIES = 3  # of a part whose worker dies


@contextmanager
def ray_engine(address: str, here: Here) -> Iterator[Engine]:
    """Map with the workers of a cluster that runs; a part whose worker dies is done by another.

    Args:
        address: Of the cluster, such as ``10.0.0.1:6379``, or ``auto`` for that of this machine.
        here: What workers must find.

    Raises:
        DataError: If `ray` is not installed.
        ResourceError: If there is no cluster, or its workers do not find what they need.
    """
    ray = optional_package("ray", "ray", address, doing="as an engine")
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ResourceError(
            f"--address: expected a cluster of Ray, got no answer from {address} "
            f"({' '.join(str(error).split())}). Start one with `ray start --head`."
        ) from None
    try:
        try:
            found = ray.get(ray.remote(what_is_here).remote(here))
        except ray.exceptions.RayError as error:
            found = f"an error: {' '.join(str(error).split())[-200:]}"
        check_workers({address: found})
        yield _mapping(ray)
    finally:
        ray.shutdown()


def _mapping(ray: Any) -> Engine:
    def mapped(function: Callable[[int], Any], items: Sequence[int]) -> Iterator[Any]:
        remote = ray.remote(max_retries=_TRIES)(_call)
        item_of = {remote.remote(function, item): item for item in items}
        while item_of:
            (first, *_), _ = ray.wait(list(item_of), num_returns=1)
            item = item_of.pop(first)
            try:
                result = ray.get(first)
            except ray.exceptions.RayError as error:
                result = Lost(item, error)
            yield result

    return mapped


def _call(function: Callable[[int], Any], item: int) -> Any:
    return function(item)
