"""The estimator: data frames in, labelled predictions out, in original units."""

from latentode.estimator.latent_ode import LatentODE
from latentode.estimator.latent_space import LatentSpace
from latentode.estimator.recommendation import recommend

__all__ = ["LatentODE", "LatentSpace", "recommend"]
