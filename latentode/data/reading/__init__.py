"""From a file or frame to readings, events, labels and query times."""
