"""Measurements, one command each: `python -m benchmarks.NAME`. `make bench` runs them all. Ratios decide, never absolute times."""
