"""Facts that are read, about label keys and port names that no pod has: they are kept by key, and cost no more."""

from collections.abc import Collection

from ringfence.engine.population.facts import ReadableFact
from ringfence.engine.population.pods import PortName

FactKey = str | PortName
"""The key of a fact: a label key or a port name."""


def key_of(fact: ReadableFact) -> FactKey:
    """The key of a fact."""
    return fact if isinstance(fact, tuple) else fact.key


class UnusedFacts:
    """Facts by key. Most keys have one fact, kept without a set: sets for 80,000 keys would take 20 MB."""

    def __init__(self) -> None:
        self._by_key: dict[FactKey, ReadableFact | set[ReadableFact]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def add(self, fact: ReadableFact) -> None:
        """Add a fact, which must not be among these."""
        key = key_of(fact)
        present = self._by_key.setdefault(key, fact)
        if isinstance(present, set):
            present.add(fact)
        elif present is not fact:
            self._by_key[key] = {present, fact}

    def discard(self, fact: ReadableFact) -> bool:
        """Remove a fact, and return whether it was among these."""
        key = key_of(fact)
        present = self._by_key.get(key)
        if isinstance(present, set):
            if fact not in present:
                return False
            present.discard(fact)
            if not present:
                del self._by_key[key]
            return True
        if present != fact:
            return False
        del self._by_key[key]
        return True

    def about(self, key: FactKey) -> Collection[ReadableFact]:
        """The facts about a key."""
        present = self._by_key.get(key)
        return present if isinstance(present, set) else () if present is None else (present,)

    def take(self, key: FactKey) -> Collection[ReadableFact]:
        """Remove and return the facts about a key."""
        facts = self.about(key)
        self._by_key.pop(key, None)
        return facts
