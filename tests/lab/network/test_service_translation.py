"""Service translation: nodes rewrite cluster addresses to pods."""

import os
import subprocess
from ipaddress import ip_address

import pytest
from tests.lab.sandboxes import in_sandbox

from ringfence.errors import LaboratoryError
from ringfence.lab.network.linux import in_network_namespace, open_network_namespace
from ringfence.lab.network.service_translation import NodeServices, service_ruleset
from ringfence.lab.network.topology import LabBackend, LabPod, LabPort, LabService, LabServicePort, Topology

A, B = (LabPod(f"x/{name}", "n", (ip_address(f"10.0.0.{i}"), ip_address(f"fd00::{i}"))) for i, name in enumerate("ab"))


def topology(*ports: LabServicePort, addresses: tuple[str, ...] = ("10.96.0.1",), name: str = "x/s") -> Topology:
    return Topology((), (A, B), (LabService(name, tuple(map(ip_address, addresses)), ports),))


def to(*backends: str, protocol: str = "TCP") -> LabServicePort:
    return LabServicePort(
        "", LabPort(80, protocol), tuple(LabBackend(ip_address(backend), 8080) for backend in backends)
    )


def test_a_service_port_leads_to_one_of_its_backends_at_random() -> None:
    rules = service_ruleset(topology(to("10.0.0.0", "10.0.0.1")))
    assert "services4 { 10.96.0.1 . tcp . 80 : goto service0 }" in rules
    assert "dnat ip to numgen random mod 2 map { 0 : 10.0.0.0 . 8080, 1 : 10.0.0.1 . 8080 }" in rules


def test_each_family_leads_to_backends_of_its_own() -> None:
    rules = service_ruleset(topology(to("10.0.0.0", "fd00::1"), addresses=("10.96.0.1", "fd00:96::1")))
    assert "dnat ip to numgen random mod 1 map { 0 : 10.0.0.0 . 8080 }" in rules
    assert "dnat ip6 to numgen random mod 1 map { 0 : fd00::1 . 8080 }" in rules


@pytest.mark.parametrize("backends", [(), ("fd00::1",)], ids=["none at all", "none of this family"])
def test_a_service_without_backends_is_not_translated(backends: tuple[str, ...]) -> None:
    assert "10.96.0.1" not in service_ruleset(topology(to(*backends)))


def test_each_protocol_is_translated_for_itself() -> None:
    rules = service_ruleset(topology(to("10.0.0.0"), to("10.0.0.1", protocol="UDP")))
    assert "10.96.0.1 . tcp . 80 : goto service0" in rules
    assert "10.96.0.1 . udp . 80 : goto service1" in rules


def test_a_pod_that_reaches_itself_is_masqueraded() -> None:
    rules = service_ruleset(topology())
    assert "hairpin4 { 10.0.0.0 . 10.0.0.0 }" in rules
    assert "hairpin6 { fd00::1 . fd00::1 }" in rules


def test_names_of_objects_are_not_in_the_ruleset() -> None:
    assert "hostile" not in service_ruleset(topology(to("10.0.0.0"), name="x/hostile; flush ruleset"))


def listed(namespace: int) -> str:
    with in_network_namespace(namespace):
        return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def test_a_ruleset_replaces_the_one_before() -> None:
    def found() -> list[bool]:
        here = open_network_namespace()
        services = NodeServices(here)
        services.apply(service_ruleset(topology(to("10.0.0.0"))))
        first = listed(here)
        services.apply(service_ruleset(topology(addresses=("10.96.0.2",))))
        return ["10.96.0.1" in first, "10.96.0.1" in listed(here), "prerouting" in listed(here)]

    assert in_sandbox(found) == [True, False, True]


def test_a_ruleset_that_is_loaded_is_not_loaded_again() -> None:
    def found() -> list[bool]:
        here = open_network_namespace()
        services = NodeServices(here)
        rules = service_ruleset(topology())
        services.apply(rules)
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        services.apply(rules)
        unchanged = listed(here)
        services.apply(service_ruleset(topology(to("10.0.0.0"))))
        return ["ringfence-services" in unchanged, "ringfence-services" in listed(here)]

    assert in_sandbox(found) == [False, True]


def test_what_nft_refuses_is_an_error_and_tried_again() -> None:
    def messages() -> list[str]:
        services = NodeServices(open_network_namespace())
        found = []
        for _ in range(2):
            with pytest.raises(LaboratoryError) as caught:
                services.apply("nonsense\n")
            found.append(str(caught.value))
        return found

    first, second = in_sandbox(messages)
    assert first.startswith("Services cannot be translated: nft: ")
    assert first == second


def test_without_nft_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    with pytest.raises(LaboratoryError, match="the program nft is missing: install the package nftables"):
        NodeServices(os.open("/proc/self/ns/net", os.O_RDONLY)).apply("x")
