"""Latent dynamics: vector fields of the latent state."""
