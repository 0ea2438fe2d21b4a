"""The types of what the Python API returns: they are exported, documented, and print readably."""

import inspect
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import ringfence.types
from ringfence import Cluster, Verdict
from ringfence.types import Addresses, Connection, Endpoint, Member, Reference, Traffic

ROOT = Path(__file__).parents[1]
ENGINE = "state"
"""The engine of a cluster, which is not part of the Python API."""
BUILT_IN = {"Any", "str", "int", "bool", "list", "tuple", "dict", "Iterator", "NoneType", "Counter", "TypeVar"}


@pytest.fixture
def cluster() -> Cluster:
    return Cluster.load(ROOT / "examples" / "three-tier")


def public_members(cls: type) -> Iterator[tuple[str, typing.Any]]:
    """The calls and properties of a class, without the engine's state, which is not part of the Python API."""
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        function = getattr(member, "__func__", None) or getattr(member, "func", None) or getattr(member, "fget", member)
        if not name.startswith("_") and name != ENGINE and inspect.isfunction(function):
            yield f"{cls.__name__}.{name}", function


def named_in(annotation: typing.Any) -> Iterator[str]:
    """The names of all types in an annotation."""
    if arguments := typing.get_args(annotation):
        for inner in arguments:
            yield from named_in(inner)
    elif isinstance(annotation, type):
        yield annotation.__name__


@pytest.mark.parametrize(("name", "function"), [*public_members(Cluster), *public_members(Verdict)])
def test_what_a_public_call_returns_has_a_public_name(name: str, function: typing.Any) -> None:
    annotation = function.__annotations__["return"]
    if isinstance(annotation, str):
        assert set(re.findall(r"\w+", annotation)) <= {*ringfence.types.__all__, *BUILT_IN}
        return
    assert set(named_in(annotation)) <= {*ringfence.types.__all__, *BUILT_IN}


@pytest.mark.parametrize("cls", [Cluster, Verdict])
def test_every_public_call_is_documented(cls: type) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    parts = [base for base in cls.__mro__ if base.__module__.startswith(("ringfence.cluster", "ringfence.verdict"))]
    own = {name for part in parts for name in vars(part) if not name.startswith("_") and name != ENGINE}
    assert [name for name in sorted(own) if not re.search(rf"`(\w+\.)?{name}\b", page)] == []


@pytest.mark.parametrize("name", ringfence.types.__all__)
def test_every_exported_type_has_a_docstring(name: str) -> None:
    exported = getattr(ringfence.types, name)
    if isinstance(exported, type):
        assert inspect.getdoc(exported)


def test_values_print_readably(cluster: Cluster) -> None:
    verdict = cluster.can("prod/web", "prod/db", port=3306)
    (edit,) = verdict.edits
    (connection,) = [one for one in cluster.connections() if str(one.source) == "prod/db"]
    db = Reference("prod", "StatefulSet", "db")
    printed = {
        "<Verdict: none, prod/web to prod/db on TCP 3306>": verdict,
        "<Traffic: TCP 80,443; UDP 53>": Traffic(tcp=((80, 80), (443, 443)), udp=((53, 53),)),
        "<Addresses: 192.168.5.10/32>": connection.destination,
        "<Connection: prod/db -> 192.168.5.10/32: TCP 80>": connection,
        "<Reference: prod/StatefulSet/db>": db,
        "<Member: prod/db>": next(iter(cluster.can("prod/web", "prod/db").destination.ends)),
        "<Edit: in prod/db-policy, add to spec.ingress[0].from>": edit,
    }
    assert {repr(value): value for value in printed.values()} == printed
    assert str(edit).splitlines()[1:] == ["    - podSelector:", "        matchLabels:", "          name: web-pod"]


def test_an_edit_that_is_applied_reverses_the_answer(cluster: Cluster) -> None:
    for edit in cluster.can("prod/web", "prod/db", port=3306).edits:
        cluster.upsert(edit.after)
    assert cluster.can("prod/web", "prod/db", port=3306)


def test_the_ends_of_a_connection_are_objects_or_addresses(cluster: Cluster) -> None:
    for one in cluster.connections(pods=True):
        assert isinstance(one, Connection)
        assert {type(one.source), type(one.destination)} <= {Reference, Addresses}
        assert isinstance(one.traffic, Traffic)
    assert isinstance(cluster.can("prod/web", "prod/db").source, Endpoint)
    assert issubclass(Member, object)
