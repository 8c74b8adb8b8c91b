"""Small networks of the parts of a model."""
