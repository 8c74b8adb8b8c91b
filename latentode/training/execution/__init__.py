"""How a step runs: as a CUDA graph or not, in what precision, on how many processes."""
