"""Deliberate faults ("mutants"), and whether the tests notice them: `python -m tests.mutation --help`.

Not a test itself, and not part of `make test`: to find out which tests run what takes as long as the tests, and then
400 faults take some 10 minutes of two cores.
"""
