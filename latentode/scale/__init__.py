"""Logs that outgrow one machine: parts of whole series, and work that goes part by part.

The unit of work is a file. `write_parts` puts every series of a log into one part, and nothing is
shuffled after that: training streams parts, and a prediction of a part needs that part alone.

Names are loaded when they are first used: to write parts needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latentode.lazy_names import loader

if TYPE_CHECKING:
    from latentode.scale.mapping import PartResults as PartResults
    from latentode.scale.mapping import map_parts as map_parts
    from latentode.scale.partitioning import partition as partition
    from latentode.scale.parts import Parts as Parts
    from latentode.scale.parts import PartsWriter as PartsWriter
    from latentode.scale.parts import is_parts as is_parts
    from latentode.scale.parts import write_parts as write_parts
    from latentode.scale.shard import Shard as Shard
    from latentode.scale.training import fit as fit

_HOMES = {
    "PartResults": "mapping",
    "Parts": "parts",
    "PartsWriter": "parts",
    "Shard": "shard",
    "fit": "training",
    "is_parts": "parts",
    "map_parts": "mapping",
    "partition": "partitioning",
    "write_parts": "parts",
}
__all__ = sorted(_HOMES)


__getattr__ = loader(__name__, _HOMES)
