"""From the latent trajectory to channels."""
