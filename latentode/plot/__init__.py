"""Pictures of logs, predictions, latent states, training and calibration.

Every function takes the result first and all else by keyword, draws into `ax` if it is given,
returns the axes it drew into, and shows nothing: use `save`, or the axes' own ``figure``.
"""

from latentode.plot.calibration import calibration as calibration
from latentode.plot.calibration import calibration_sentence as calibration_sentence
from latentode.plot.crossings import crossings as crossings
from latentode.plot.density import densities as densities
from latentode.plot.density import density as density
from latentode.plot.events import intensity as intensity
from latentode.plot.events import rescaled_gaps as rescaled_gaps
from latentode.plot.fan import forecast as forecast
from latentode.plot.fan import interpolation as interpolation
from latentode.plot.latent import latent_trajectory as latent_trajectory
from latentode.plot.log import readings as readings
from latentode.plot.style import save as save
from latentode.plot.training import training_curves as training_curves
