"""The arithmetic: intervals, addresses, traffic and bitsets, as immutable values that know nothing else."""
