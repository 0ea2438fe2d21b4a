"""Marks: random numbers that stand for facts, so that a set of facts is one number.

The mark of a set is the XOR of the marks of its members: adding a member and removing it are the same operation, the
order does not matter, and two sets are equal if their marks are. So it costs one step to change what holds for a pod,
and one to compare two pods, however many facts policies read. Sets of the facts themselves would take as much memory
and time as there are rules times pods: 3,000 rules that each exclude one address hold for nearly every pod.

Two different sets have the same mark with a probability of 2^-128: marks are random, so nobody can choose facts that
collide. Source: Zobrist, "A New Hashing Method with Application for Game Playing" (1970); Bellare and Micciancio, "A
New Paradigm for Collision-Free Hashing: Incrementality at Reduced Cost" (EUROCRYPT 1997), XHASH with random oracles.
"""

from random import Random
from typing import Final

Mark = int

NO_FACTS: Final[Mark] = 0
"""The mark of the empty set."""

# A generator of its own, which the system's entropy seeds: a program that seeds the module `random` again and again
# would otherwise get the same marks for different facts.
_random = Random()


def new_mark() -> Mark:
    """The mark of one fact, different from all others."""
    return _random.getrandbits(128)
