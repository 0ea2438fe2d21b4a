"""Measurements of ringfence, each with its limit: `python -m benchmarks`, or `make bench`."""
