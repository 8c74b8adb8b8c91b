"""Public data sets that benchmarks read by path, and generators of what can be made again."""
