"""How good predictions are, in numbers and in words.

`evaluate_task` scores a model on one task with known answers, which `forecast_task` and
`interpolation_task` cut from a data set, beside `NaiveRows`; `table` lays the scores out as text.
Each is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latentode.lazy_names import loader

if TYPE_CHECKING:
    from latentode.evaluation.evaluate import evaluate_task as evaluate_task
    from latentode.evaluation.naive_rows import NaiveRows as NaiveRows
    from latentode.evaluation.summary import table as table
    from latentode.evaluation.tasks import forecast_task as forecast_task
    from latentode.evaluation.tasks import interpolation_task as interpolation_task

_HOMES = {
    "NaiveRows": "naive_rows",
    "evaluate_task": "evaluate",
    "forecast_task": "tasks",
    "interpolation_task": "tasks",
    "table": "summary",
}
__all__ = sorted(_HOMES)


__getattr__ = loader(__name__, _HOMES)
