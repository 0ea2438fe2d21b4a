"""Events as watches deliver them, from objects as the API server writes them."""

from collections.abc import Iterable

from tests.semantics.objects import Object as Written

from ringfence.agent.view import FOLLOWED_KINDS
from ringfence.model.decoding import decode
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.objects import Object
from ringfence.sources.cluster.events import Event, Listed, Page, Removed, Upserted


def read(written: Written) -> Object:
    """The object of the model for a written one."""
    obj = decode(written)
    assert obj is not None
    return obj


def upserted(written: Written) -> Upserted:
    return Upserted(read(written))


def removed(written: Written) -> Removed:
    obj = read(written)
    return Removed(kind_of(obj), namespace_of(obj), obj.metadata.name)


def listing(*written: Written, kinds: Iterable[str] = FOLLOWED_KINDS) -> list[Event]:
    """What the watches report at first: all objects of these kinds."""
    events: list[Event] = []
    for kind in kinds:
        objects = [read(one) for one in written if one["kind"] == kind]
        events.append(Page(kind, objects))
        events.append(Listed(kind, frozenset((namespace_of(one), one.metadata.name) for one in objects)))
    return events
