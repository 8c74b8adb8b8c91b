"""From a fitted model to numbers."""
