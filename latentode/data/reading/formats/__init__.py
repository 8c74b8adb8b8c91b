"""What a log may be written in: one module per format."""
