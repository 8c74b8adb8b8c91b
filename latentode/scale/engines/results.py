"""What comes back from whatever maps: results, futures, or the news that one was lost."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

#: Maps a function over items; what it gives are results or futures, in any order.
Engine = Callable[[Callable[[int], Any], Sequence[int]], Iterable[Any]]


class Lost(NamedTuple):
    """Stands for the result of an item that an engine could not get.

    Attributes:
        item: The item.
        why: What happened to it.
    """

    item: int
    why: BaseException


def results_of(
    engine: Engine, function: Callable[[int], Any], items: Sequence[int]
) -> Iterator[Any]:
    """Results as they are there.

    Args:
        engine: What maps.
        function: What is mapped; its results say of which item they are.
        items: Over these.
    """
    if not items:
        return
    found = iter(engine(function, items))
    for first in found:
        if not hasattr(first, "result"):
            yield first
            continue
        yield from _as_completed([first, *found], items)
        return


def _as_completed(futures: list[Any], items: Sequence[int]) -> Iterator[Any]:
    """Results of futures, which are in the order of the items, as they are done."""
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    for place, future in enumerate(futures):
        future.add_done_callback(lambda _, place=place: ended.put(place))
    for _ in range(len(futures)):
        place = ended.get()
        future, futures[place] = futures[place], None  # a cluster forgets what nobody holds
        try:
            result = future.result()
        except Exception as error:
            result = Lost(items[place], error)
        yield result
