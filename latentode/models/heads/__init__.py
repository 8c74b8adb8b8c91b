"""What else the state explains, beside the readings; `base` has the contract.

`PoissonProcess` for the times of events, `LabelHead` for the classes of whole windows,
`TimeLabelHead` for those of times.
"""

from latentode.models.heads.base import Head, Scores
from latentode.models.heads.classes import ClassHead, StateSizes, label_log_prob
from latentode.models.heads.labels import LabelHead, path_summary
from latentode.models.heads.poisson_process import PoissonProcess
from latentode.models.heads.time_labels import TimeLabelHead, head_of_times

#: Heads of labels by what they are labels of, see `latentode.data.labels.Labels.kind`.
LABEL_HEADS: dict[str, type[ClassHead]] = {"series": LabelHead, "times": TimeLabelHead}

__all__ = [
    "LABEL_HEADS",
    "ClassHead",
    "Head",
    "LabelHead",
    "PoissonProcess",
    "Scores",
    "StateSizes",
    "TimeLabelHead",
    "head_of_times",
    "label_log_prob",
    "path_summary",
]
