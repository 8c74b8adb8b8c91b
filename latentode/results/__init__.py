"""Predictions as labelled arrays, in original units and real time stamps, and their files.

`to_dataset` labels what a model returns (`from_queries` a flat list of predictions, `from_scores`
one number a series), `summarize` reduces draws to mean, spread and quantiles, `to_frame` lays that
out as a long table; `aggregate` takes draws together over periods, series and channels, and
`exceedance` says whether and when they cross a limit; `write`, `render` and `read` move predictions
to and from files. `join_scenarios` puts forecasts under several plans side by side: every function
here then answers for each of them. Use NetCDF
(``.nc``) to keep every draw; CSV, JSON and Parquet hold the summary.
"""

from latentode.results.aggregation import aggregate as aggregate
from latentode.results.dataset import summarize as summarize
from latentode.results.dataset import to_dataset as to_dataset
from latentode.results.exceedance import exceedance as exceedance
from latentode.results.exceedance import exceedance_frame as exceedance_frame
from latentode.results.exceedance import first_crossings as first_crossings
from latentode.results.frame import DEFAULT_QUANTILES as DEFAULT_QUANTILES
from latentode.results.frame import local_times as local_times
from latentode.results.frame import to_frame as to_frame
from latentode.results.queries import from_queries as from_queries
from latentode.results.queries import from_scores as from_scores
from latentode.results.scenarios import join_scenarios as join_scenarios
from latentode.results.storage import FORMATS as FORMATS
from latentode.results.storage import read as read
from latentode.results.storage import render as render
from latentode.results.storage import write as write
