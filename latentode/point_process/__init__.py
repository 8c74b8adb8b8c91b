"""Prediction of events: intensities, survival, the next event and simulated continuations."""
