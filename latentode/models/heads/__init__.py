"""What else the state explains, beside the readings.

`PoissonProcess` for the times of events, `LabelHead` for the classes of whole windows,
`TimeLabelHead` for those of times.
"""

from latentode.models.heads.labels import (
    LabelHead,
    TimeLabelHead,
    label_codes,
    label_log_prob,
    label_logits,
    path_summary,
)
from latentode.models.heads.poisson_process import PoissonProcess

__all__ = [
    "LabelHead",
    "PoissonProcess",
    "TimeLabelHead",
    "label_codes",
    "label_log_prob",
    "label_logits",
    "path_summary",
]
