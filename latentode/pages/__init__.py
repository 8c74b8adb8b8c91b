"""Pages of one file: a style sheet, thin chart functions on a vendored uPlot, and safe embedding.

`document` puts a page together: everything inline, a policy that lets nothing be loaded and no
other script run, records as JSON. `render` fills a Jinja template, which escapes all that it is
given. What the charts take stands at the head of ``assets/charts.js``.
"""

from latentode.pages.document import document, embedded
from latentode.pages.templates import render

__all__ = ["document", "embedded", "render"]
