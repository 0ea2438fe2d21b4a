"""The arithmetic: intervals, addresses, traffic, bitsets and boxes, as immutable values that know nothing else."""
