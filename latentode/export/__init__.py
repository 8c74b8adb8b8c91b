"""A fitted model as one file for programs without it: ONNX, or a program of torch.export.

`files.export` is the door; `latentode.runtime` reads what it writes.
"""
