"""What is not known about a change: policies that are not read and differ, and assumptions that only one side makes."""

from collections.abc import Iterable, Iterator

import msgspec

from ringfence.analysis.lists import connection_assumptions
from ringfence.engine.doubts import doubt_text
from ringfence.engine.state import State
from ringfence.model.unread_policies import UnreadPolicy

_Key = tuple[str, str, str]


class UnreadChange(msgspec.Struct, frozen=True):
    """A policy of a kind that is not read, as it was and as it is; None where it is missing."""

    before: UnreadPolicy | None
    after: UnreadPolicy | None

    @property
    def policy(self) -> UnreadPolicy:
        """The policy as it is, or as it was if it was removed."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def change(self) -> str:
        """What became of it: `added`, `removed` or `changed`."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def unread_changes(before: State, after: State) -> tuple[UnreadChange, ...]:
    """The policies that are not read and differ, by kind, namespace and name."""
    old, new = _by_key(before.doubts), _by_key(after.doubts)
    return tuple(
        UnreadChange(old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if _content(old.get(key)) != _content(new.get(key))
    )


def assumptions_of_both(before: State, after: State) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """All assumptions about the connections of both, those that are new, and those that are no longer made.

    What policies that are not read may do is in the first only: `unread_changes` names those that differ.
    """
    old, new = (connection_assumptions(state) for state in (before, after))
    doubts = {text for state in (before, after) for text in _doubts(state)}
    together = tuple(dict.fromkeys((*new, *old)))
    added = tuple(text for text in new if text not in old and text not in doubts)
    gone = tuple(text for text in old if text not in new and text not in doubts)
    return together, added, gone


def _doubts(state: State) -> Iterator[str]:
    for policy in state.doubts:
        for direction in policy.directions():
            yield doubt_text(policy, direction)


def _by_key(policies: Iterable[UnreadPolicy]) -> dict[_Key, UnreadPolicy]:
    return {(one.kind, one.namespace, one.name): one for one in policies}


def _content(policy: UnreadPolicy | None) -> object:
    return policy and (policy.digest, policy.bounds)
