"""Logs in, ragged data sets, windows and padded batches out."""
