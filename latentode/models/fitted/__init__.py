"""A trained model with all that it needs to predict, and its folder."""
