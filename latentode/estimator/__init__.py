"""The estimator: data frames in, labelled predictions out, in original units."""

from latentode.estimator.latent_ode import LatentODE

__all__ = ["LatentODE"]
