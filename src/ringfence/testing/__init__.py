"""Tests of what policies must allow and deny: test files, their outcomes in a cluster, and assertions."""

from ringfence.testing.assertions import (
    assert_allowed,
    assert_denied,
    assert_isolated,
    assert_only_from,
    assert_only_to,
)

__all__ = ["assert_allowed", "assert_denied", "assert_isolated", "assert_only_from", "assert_only_to"]
