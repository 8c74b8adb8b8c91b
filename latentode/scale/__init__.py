"""Logs that outgrow one machine: parts of whole series, and work that goes part by part.

The unit of work is a file. `write_parts` puts every series of a log into one part, and nothing is
shuffled after that: training streams parts, and a prediction of a part needs that part alone.
"""

from latentode.scale.partitioning import partition
from latentode.scale.parts import Parts, PartsWriter, is_parts, write_parts

__all__ = ["Parts", "PartsWriter", "is_parts", "partition", "write_parts"]
