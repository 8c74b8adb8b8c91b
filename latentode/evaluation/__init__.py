"""How good predictions are, in numbers and in words."""
