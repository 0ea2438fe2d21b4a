"""Which Node object represents this machine, and the error if `--node` names none or another one."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from tests.agent.events import read
from tests.dataplane.network import in_own_network, ip
from tests.semantics.objects import Object, node

from ringfence.agent.own_node import Machine, this_machine, wrong_node_error
from ringfence.model.objects import Node
from ringfence.sets.addresses import Addresses

BOOT, OTHER_BOOT = "8f6d0c1e-0000-4000-8000-000000000001", "8f6d0c1e-0000-4000-8000-000000000002"
MACHINE = Machine("Worker-1.example.org", BOOT, "4C4C4544-0001", Addresses.of(ip_network("192.0.2.1/32")))


def named(name: str, *addresses: str, boot: str = "", hardware: str = "", host_name: str = "") -> Node:
    written: Object = node(name, *addresses)
    written["status"]["nodeInfo"] = {"bootID": boot, "systemUUID": hardware}
    written["metadata"]["labels"] = {"kubernetes.io/hostname": host_name}
    obj = read(written)
    assert isinstance(obj, Node)
    return obj


def error_of(name: str, *nodes: Node) -> str:
    return wrong_node_error(name, {one.metadata.name: one for one in nodes}, MACHINE)


class TestANodeThatExists:
    @pytest.mark.parametrize(
        "own",
        [
            pytest.param(named("a", boot=BOOT), id="it has the boot"),
            pytest.param(named("a", "192.0.2.1", boot=OTHER_BOOT), id="it has the address, and was just booted"),
            pytest.param(named("a"), id="its kubelet has reported nothing yet"),
            pytest.param(named("a", "203.0.113.9", boot=OTHER_BOOT), id="its address is translated, and it was booted"),
        ],
    )
    def test_a_node_that_exists_is_this_machine_unless_another_one_is(self, own: Node) -> None:
        assert error_of("a", own, named("b", "192.0.2.2", boot=OTHER_BOOT)) == ""

    def test_a_node_is_this_machine_although_others_share_its_boot(self) -> None:
        """The nodes of kind do: they are containers on one machine."""
        assert error_of("a", named("a", "192.0.2.1", boot=BOOT), named("b", "192.0.2.2", boot=BOOT)) == ""

    @pytest.mark.parametrize(
        ("other", "sign"),
        [
            pytest.param(named("b", "192.0.2.2", boot=BOOT), "boot ID", id="boot"),
            pytest.param(named("b", "192.0.2.1"), "address", id="address"),
        ],
    )
    def test_a_node_is_another_machine_if_another_node_is_this_one(self, other: Node, sign: str) -> None:
        message = error_of("a", named("a", "192.0.2.9", boot=OTHER_BOOT), other)
        assert message.startswith("the Node a is another machine: this machine has ")
        assert sign in message
        assert message.endswith(" of the Node b: use --node b")

    def test_the_host_name_alone_does_not_make_a_node_another_machine(self) -> None:
        assert error_of("a", named("a"), named("worker-1", host_name="worker-1")) == ""


class TestANodeThatDoesNotExist:
    @pytest.mark.parametrize(
        ("right", "sign"),
        [
            pytest.param(named("right", boot=BOOT), "the boot ID", id="boot"),
            pytest.param(named("right", "192.0.2.1"), "an address", id="address"),
            pytest.param(named("right", hardware="4c4c4544-0001"), "the system UUID", id="hardware"),
            pytest.param(named("right", host_name="worker-1"), "the host name", id="label of the host name"),
            pytest.param(named("worker-1.internal"), "the host name", id="its own name"),
        ],
    )
    def test_the_right_name_is_the_remedy(self, right: Node, sign: str) -> None:
        name = right.metadata.name
        message = error_of("wrong", right, named("b", "192.0.2.2", boot=OTHER_BOOT, hardware="x", host_name="b"))
        assert message == f"there is no Node wrong: this machine has {sign} of the Node {name}: use --node {name}"

    def test_a_sign_that_several_nodes_have_decides_nothing(self) -> None:
        message = error_of("wrong", named("a", boot=BOOT), named("b", "192.0.2.1", boot=BOOT))
        assert message.endswith("this machine has an address of the Node b: use --node b")

    def test_some_nodes_are_named_where_no_sign_decides(self) -> None:
        assert error_of("wrong", *map(named, "edcba")) == (
            "there is no Node wrong: check --node: the Nodes are a, b, c and 2 others"
        )
        assert error_of("wrong") == "there is no Node wrong: check --node: there are no Nodes"


class TestThisMachine:
    @in_own_network
    def test_this_machine_has_the_boot_and_the_addresses_of_the_kernel(self) -> None:
        ip("address add 192.0.2.7/32 dev lo")
        machine = this_machine()
        assert machine.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert machine.addresses & Addresses.of(ip_network("192.0.2.7/32"))

    def test_identifiers_that_cannot_be_read_are_empty(self, tmp_path: Path) -> None:
        machine = this_machine(tmp_path)
        assert (machine.boot_id, machine.system_uuid) == ("", "")
