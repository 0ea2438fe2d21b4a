"""Changed policies of unsupported kinds: what they change is not known."""

from collections.abc import Iterable

import msgspec

from ringfence.model.unread_policies import UnreadPolicy

_Key = tuple[str, str, str]


class UnreadChange(msgspec.Struct, frozen=True):
    """A policy of an unsupported kind before and after; None where it is missing."""

    before: UnreadPolicy | None
    after: UnreadPolicy | None

    @property
    def policy(self) -> UnreadPolicy:
        """The policy after the change, or before it if it was removed."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def change(self) -> str:
        """The kind of change: `added`, `removed` or `changed`."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def unread_changes(before: Iterable[UnreadPolicy], after: Iterable[UnreadPolicy]) -> tuple[UnreadChange, ...]:
    """The changed policies of unsupported kinds, in the order of kind, namespace and name."""
    old, new = _by_key(before), _by_key(after)
    return tuple(
        UnreadChange(old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if _content(old.get(key)) != _content(new.get(key))
    )


def _by_key(policies: Iterable[UnreadPolicy]) -> dict[_Key, UnreadPolicy]:
    return {(one.kind, one.namespace, one.name): one for one in policies}


def _content(policy: UnreadPolicy | None) -> object:
    return policy and (policy.digest, policy.bounds)
