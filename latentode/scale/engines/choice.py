"""From the words of a caller to what maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

from latentode.scale.engines.dask_cluster import dask_engine
from latentode.scale.engines.processes import Processes
from latentode.scale.engines.ray_cluster import ray_engine
from latentode.scale.engines.results import Engine
from latentode.scale.engines.workers import Here

Cluster = Literal["dask", "ray"]
CLUSTERS: tuple[str, ...] = get_args(Cluster)


@contextmanager
def engine_of(
    here: Here, *, workers: int = 1, cluster: str | None = None, address: str = ""
) -> Iterator[Engine]:
    """What maps, while the block runs.

    Args:
        here: What the workers of a cluster must find.
        workers: Processes of this machine; 1 for this process itself.
        cluster: A member of `CLUSTERS`, in the place of processes.
        address: Of the cluster.
    """
    if cluster is None:
        yield map if workers == 1 else Processes(workers)
        return
    engine = {"dask": dask_engine, "ray": ray_engine}[cluster]
    with engine(address, here) as mapped:
        yield mapped
