"""Cells that hold no number: left out, refused, or text that is no channel."""
