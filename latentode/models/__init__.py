"""The parts of a Latent ODE, the model that joins them, and point processes of events alone."""
