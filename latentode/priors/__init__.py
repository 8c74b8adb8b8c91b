"""Priors of the initial latent state."""

from latentode.priors.normal import StandardNormal

__all__ = ["StandardNormal"]
