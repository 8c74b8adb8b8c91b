"""Predictions as labelled arrays, in original units and real time stamps, and their files.

`to_dataset` labels what a model returns (`from_queries` a flat list of predictions, `from_scores`
one number a series), `summarize` reduces draws to mean, spread and quantiles, `to_frame` lays that
out as a long table; `write`, `render` and `read` move predictions to and from files. Use NetCDF
(``.nc``) to keep every draw; CSV, JSON and Parquet hold the summary.
"""

from latentode.results.dataset import summarize, to_dataset
from latentode.results.frame import DEFAULT_QUANTILES, local_times, to_frame
from latentode.results.queries import from_queries, from_scores
from latentode.results.storage import FORMATS, read, render, write

__all__ = [
    "DEFAULT_QUANTILES",
    "FORMATS",
    "from_queries",
    "from_scores",
    "local_times",
    "read",
    "render",
    "summarize",
    "to_dataset",
    "to_frame",
    "write",
]
