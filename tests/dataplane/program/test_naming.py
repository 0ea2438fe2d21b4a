"""Names of kernel objects: equal values have the same name in every process; different values have different names."""

import subprocess
import sys
from typing import NamedTuple

import pytest

from ringfence.dataplane.program import Goto, HashSet, Jump, RangeSet, digest
from ringfence.dataplane.program.keys import PORT

VALUES = [None, 1, "1", b"1", ("1",), ("1", "1"), ("11",), frozenset({"1"}), ((), ("1",)), (((), "1"),), ("", "1"), ()]


def test_different_values_have_different_names() -> None:
    assert len({digest(value) for value in VALUES}) == len(VALUES)
    assert digest(HashSet(PORT)) != digest(RangeSet(PORT))
    assert digest(Jump("a")) != digest(Goto("a")), "they have the same fields"


def test_the_order_of_a_set_does_not_count() -> None:
    assert digest(frozenset("abcdef")) == digest(frozenset("fedcba"))
    assert digest(("a", "b")) != digest(("b", "a"))


def test_named_fields_do_not_count() -> None:
    class Pair(NamedTuple):
        first: str
        second: int

    assert digest(Pair("a", 1)) == digest(("a", 1))
    assert digest((Pair("a", 1),)) != digest((Pair("a", 2),))


def test_every_process_gives_the_same_name() -> None:
    """The name does not depend on the hash seed of the process."""
    source = "from ringfence.dataplane.program import digest; print(digest(frozenset({('a', 1), ('b', None)})))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(frozenset({("a", 1), ("b", None)}))


def test_a_value_that_has_no_order_of_its_own_has_no_name() -> None:
    with pytest.raises(TypeError, match="dict has no name in the kernel"):
        digest({})
