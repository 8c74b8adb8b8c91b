"""Pictures of predictions, latent states, training and calibration.

Every function takes the result first and all else by keyword, draws into `ax` if it is given,
returns the axes it drew into, and shows nothing: use `save`, or the axes' own ``figure``.
"""

from latentode.plot.calibration import calibration
from latentode.plot.density import densities, density
from latentode.plot.events import intensity, rescaled_gaps
from latentode.plot.fan import forecast, interpolation
from latentode.plot.latent import latent_trajectory
from latentode.plot.style import save
from latentode.plot.training import training_curves

__all__ = [
    "calibration",
    "densities",
    "density",
    "forecast",
    "intensity",
    "interpolation",
    "latent_trajectory",
    "rescaled_gaps",
    "save",
    "training_curves",
]
