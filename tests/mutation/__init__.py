"""Deliberate faults ("mutants"), and whether the tests notice them: `python -m tests.mutation --help`.

Not a test itself, and not part of `make test`: a run of 400 faults takes some 30 minutes on two cores.
"""
