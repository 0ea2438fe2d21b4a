"""The pods that take part, found by name and by address."""

import pytest
from tests.engine.members import member

from ringfence.engine.population.directory import Directory
from ringfence.engine.population.pods import Member, Reference
from ringfence.sets.addresses import parse_address

WEB = member("x/web", addresses=["10.0.0.1", "fd00::1"])
HOST = member("x/agent", hostNetwork=True, hostIP="10.0.0.1")


@pytest.fixture
def directory() -> Directory:
    directory = Directory()
    for one in (WEB, HOST):
        directory.add(one)
    return directory


def named(kind: str, name: str) -> Member:
    made = member(f"x/{name}")
    made.reference = Reference("x", kind, name)
    return made


def test_a_pod_is_found_by_its_name(directory: Directory) -> None:
    assert directory.find("x", "Pod", "web") is directory.get(WEB.reference) is WEB


@pytest.mark.parametrize("of", [("y", "Pod", "web"), ("x", "Deployment", "web"), ("x", "Pod", "wbe")])
def test_another_namespace_kind_or_name_is_another_pod(directory: Directory, of: tuple[str, str, str]) -> None:
    assert directory.find(*of) is None
    assert directory.get(Reference(*of)) is None


def test_a_name_may_be_that_of_several_kinds(directory: Directory) -> None:
    template = named("Deployment", "web")
    directory.add(template)
    assert directory.named("x", "web") == [WEB, template]
    assert set(directory.within("x")) == set(directory) == {WEB, HOST, template}


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1"])
def test_an_address_is_that_of_its_pod_and_not_of_a_host_network_pod(directory: Directory, address: str) -> None:
    assert directory.at(*parse_address(address)) == [WEB]


def test_an_address_may_have_two_pods_for_a_moment(directory: Directory) -> None:
    new = member("x/new", addresses=["10.0.0.1"])
    directory.add(new)
    assert directory.at(*parse_address("10.0.0.1")) == [WEB, new]
    directory.discard(WEB)
    assert directory.at(*parse_address("10.0.0.1")) == [new]
    assert directory.at(*parse_address("fd00::1")) == []


def test_a_removed_pod_is_no_longer_found(directory: Directory) -> None:
    directory.discard(WEB)
    directory.discard(HOST)
    assert list(directory) == list(directory.within("x")) == directory.named("x", "web") == []
    assert directory.at(*parse_address("10.0.0.1")) == []
