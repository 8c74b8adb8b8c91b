"""Predictions of an exported model, by onnxruntime, numpy and scipy, without torch.

`exported.ExportedModel` is such a model, read from its file; `predictor.ExportedPredictor` answers
queries with it, by the windows, the noise and the tables that `latentode.prediction` has for all.
"""
