"""Measurements of ringfence, each beside the limit that it has to keep: `python -m benchmarks`, or `make bench`."""
