"""Tests of what policies must allow and must not: test files, and what a cluster says about them."""
