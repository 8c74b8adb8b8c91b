"""What a run is on disk: its folder, its training, its models and predictions."""
