"""Our server beside its peers and its bounds. `python -m benchmarks.serve`."""
