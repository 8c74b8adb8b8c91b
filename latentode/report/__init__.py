"""A run on one page: what was read, what the model foretells, how good it is, what to do next.

Records are gathered from the files of a run, its model and its log (`of_run`, `add_model`,
`add_events`), JSON types all of them; `page_of` makes a page of them that holds them too. What a
run does not have is left out, and said.
"""

from latentode.report.page import page_of
from latentode.report.records import Records, add_events, add_model, of_run
from latentode.report.run_files import RunFiles

__all__ = ["Records", "RunFiles", "add_events", "add_model", "of_run", "page_of"]
