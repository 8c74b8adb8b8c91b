"""What maps a function over items: processes of this machine, a cluster of Dask or of Ray."""
