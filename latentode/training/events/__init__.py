"""Training of point processes of events alone."""
