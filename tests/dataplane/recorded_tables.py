"""Tables of earlier versions, as the netlink messages by which these versions created them.

    python -m tests.dataplane.recorded_tables FILE

records the table of the checked-out version for `OBJECTS`. To record that of an earlier one, check it out elsewhere and
copy this file there. `replay` sends the messages again, so the table is that of the earlier version to the last byte.
"""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Final
from zlib import compress, decompress

import pytest
from tests.dataplane.network import address, in_child
from tests.engine.members import state_of
from tests.semantics.objects import Object, admits, labelled, namespaces, pod, policy, port

from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.nftables.constants import NFNL_MSG_BATCH_BEGIN
from ringfence.dataplane.program import Program
from ringfence.engine.state import State
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import FAMILIES


def _cluster_policy(name: str, tier: str, priority: int, **rules: list[Object]) -> Object:
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": tier, "priority": priority, "subject": {"namespaces": {}}, **rules},
    }


def _apps(*names: str) -> list[Object]:
    selectors = ({"matchLabels": {"app": name}} for name in names)
    return [{"pods": {"namespaceSelector": {}, "podSelector": selector}} for selector in selectors]


def _udp(number: int) -> list[Object]:
    return [{"udp": {"destinationPort": {"number": number}}}]


NAMES: Final = ("server", "friend", "stranger", "other")
OBJECTS: Final[list[Object]] = [
    *(
        pod(f"x/{name}", {"app": name}, addresses=[address(index, family) for family in FAMILIES])
        for index, name in enumerate(NAMES)
    ),
    _cluster_policy(
        "first",
        "Admin",
        1,
        ingress=[
            {"action": "Accept", "from": _apps("friend"), "protocols": _udp(80)},
            {"action": "Deny", "from": _apps("stranger")},
            {"action": "Pass", "from": _apps("other")},
        ],
        egress=[
            {"action": "Accept", "to": _apps("server"), "protocols": _udp(81)},
            {"action": "Deny", "to": [{"networks": [f"{address(3, FAMILIES[0])}/32", "192.0.2.0/24"]}]},
        ],
    ),
    _cluster_policy("second", "Admin", 2, ingress=[{"action": "Deny", "from": _apps("friend"), "protocols": _udp(82)}]),
    _cluster_policy("last", "Baseline", 1, ingress=[{"action": "Deny", "from": [{"namespaces": {}}]}]),
    policy("x/server", labelled(app="server"), ingress=[admits(namespaces({}, {}), ports=[port(80, "UDP")])]),
    policy("x/friend", labelled(app="friend"), ingress=[admits(namespaces({}, labelled(app="other")))]),
]
"""Pods with the same cluster policies, of which some have NetworkPolicies, too."""

BEFORE_SHARED_CHAINS: Final = Path(__file__).with_name("table_before_shared_chains.json")
"""Of commit e1f0e6a7, in which each pod's chain had all rules of the cluster policies that select it."""


def compiled(present: Program | None = None) -> tuple[State, Program]:
    """The state of the objects, and their program in this version if the program `present` is in the kernel."""
    state = state_of(OBJECTS)
    return state, Compiler(state, lambda member: True).program(present=present)


def replay(file: Path) -> None:
    """Create the recorded table in the present network namespace."""
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        for message in json.loads(file.read_text())["messages"]:
            netlink.send(decompress(b64decode(message)))
            assert netlink.errors() == []


def _type_of(messages: bytes) -> int:
    """The type of the first message (`struct nlmsghdr`): a transaction begins with one of its own."""
    return int.from_bytes(messages[4:6], sys.byteorder)


def _record(file: Path) -> None:
    found: list[str] = []
    send = NetlinkSocket.send

    def recorded(self: NetlinkSocket, messages: bytes) -> None:
        if _type_of(messages) == NFNL_MSG_BATCH_BEGIN:
            found.append(b64encode(compress(messages, 9)).decode())
        send(self, messages)

    kernel, (_, program) = Kernel(), compiled()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetlinkSocket, "send", recorded)
        kernel.apply(program)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    file.write_text(json.dumps({"commit": commit, "messages": found}, indent=1) + "\n")


if __name__ == "__main__":
    failure = in_child(lambda: _record(Path(sys.argv[1]).absolute()), seconds=60)
    sys.exit(failure.decode() or None)
