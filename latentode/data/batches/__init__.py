"""Padded tensors: what a model is given."""
