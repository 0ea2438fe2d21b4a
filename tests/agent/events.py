"""Watch events, built from objects in the form in which the API server writes them."""

from collections.abc import Iterable

from msgspec import json
from tests.semantics.objects import Object as Written

from ringfence.agent.view import FOLLOWED_KINDS, name_of
from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS, Kind
from ringfence.model.objects import Object
from ringfence.sources.cluster.events import Event, Listed, Page, Removed, Upserted
from ringfence.sources.cluster.undecoded import Undecoded


def read(written: Written) -> Object:
    """Decode a written object into an object of the model."""
    obj = decode(written)
    assert obj is not None
    return obj


def kind_of_written(written: Written) -> Kind:
    """The kind of a written object."""
    kind = KINDS.find(written["apiVersion"], written["kind"])
    assert kind is not None
    return kind


def undecoded(written: Written) -> Undecoded:
    """A policy in the form in which a watch delivers it."""
    metadata = written["metadata"]
    return Undecoded.of(kind_of_written(written), metadata.get("namespace", ""), metadata["name"], json.encode(written))


def delivered(written: Written) -> Object | Undecoded:
    """An object in the form in which a watch delivers it."""
    return undecoded(written) if kind_of_written(written).is_policy else read(written)


def upserted(written: Written) -> Upserted:
    return Upserted(delivered(written))


def removed(written: Written) -> Removed:
    return Removed(*name_of(delivered(written)))


def listing(*written: Written, kinds: Iterable[str] = FOLLOWED_KINDS) -> list[Event]:
    """The events of an initial list that contains all objects of these kinds."""
    events: list[Event] = []
    for kind in kinds:
        objects = [delivered(one) for one in written if kind_of_written(one).key == kind]
        events.append(Page(kind, objects))
        events.append(Listed(kind, frozenset(name_of(one)[1:] for one in objects)))
    return events
