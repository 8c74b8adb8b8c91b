"""The estimator: data frames in, labelled predictions out, in original units."""

from latentode.estimators.latent_ode import LatentODE
from latentode.estimators.latent_view import LatentSpace
from latentode.estimators.recommendation import recommend

__all__ = ["LatentODE", "LatentSpace", "recommend"]
