"""Predictions as labelled arrays, in original units and real time stamps, and their files.

`to_dataset` labels what a model returns, `summarize` reduces draws to mean, spread and quantiles,
`to_frame` lays that out as a long table; `write`, `render` and `read` move predictions to and from
files. Use NetCDF (``.nc``) to keep every draw; CSV, JSON and Parquet hold the summary.
"""

from latentode.results.dataset import summarize, to_dataset
from latentode.results.frame import DEFAULT_QUANTILES, to_frame
from latentode.results.storage import FORMATS, read, render, write

__all__ = [
    "DEFAULT_QUANTILES",
    "FORMATS",
    "read",
    "render",
    "summarize",
    "to_dataset",
    "to_frame",
    "write",
]
