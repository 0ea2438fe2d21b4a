"""Which Node object is this machine: the one that `--node` names, or, if that is wrong, which other one.

The kubelet reports the boot ID of its machine, which is unique, and its addresses. Nodes that are containers of one
machine (kind) share a boot ID, and a Node may be registered before its kubelet reports anything. So the named Node
counts as another machine only if it does not match this machine and another Node does.

Source: Kubernetes API, `core/v1` NodeStatus; `Documentation/admin-guide/sysctl/kernel.rst` (`random`) of the kernel.
"""

import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from ringfence.model.objects import Node, NodeSystemInfo
from ringfence.netlink.addresses import list_addresses
from ringfence.netlink.constants import NETLINK_ROUTE
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Addresses, parse_address

ROOT: Final = Path("/")

_NAMED: Final = 3
"""The number of Nodes that a message names if none is known to be this machine."""

_HOST_NAME_LABEL: Final = "kubernetes.io/hostname"


class Machine(NamedTuple):
    """The identity of this machine. A text is empty if it cannot be read."""

    host_name: str
    boot_id: str
    system_uuid: str
    addresses: Addresses


def this_machine(root: Path = ROOT) -> Machine:
    """The machine on which this process runs, with the addresses of its network namespace."""
    with closing(NetlinkSocket(NETLINK_ROUTE)) as routes:
        addresses = list_addresses(routes)
    return Machine(
        socket.gethostname(),
        _read(root / "proc/sys/kernel/random/boot_id"),
        _read(root / "sys/class/dmi/id/product_uuid"),
        addresses,
    )


def wrong_node_error(name: str, nodes: Mapping[str, Node], machine: Machine) -> str:
    """Why `name` is not the Node of `machine`, with the remedy; empty if it may be."""
    named = nodes.get(name)
    if named is None:
        return f"there is no Node {name}: {_remedy(nodes, machine)}"
    if _is_running_on(named, machine):
        return ""
    others = {other: node for other, node in nodes.items() if _is_running_on(node, machine)}
    return f"the Node {name} is another machine: {_remedy(others, machine)}" if others else ""


def _is_running_on(node: Node, machine: Machine) -> bool:
    return _has_boot_of(node, machine) or _has_address_of(node, machine)


def _remedy(nodes: Mapping[str, Node], machine: Machine) -> str:
    for is_of, reason in _SIGNS.items():
        found = [name for name, node in nodes.items() if is_of(node, machine)]
        if len(found) == 1:
            return f"this machine {reason} the Node {found[0]}: use --node {found[0]}"
    some = ", ".join(sorted(nodes)[:_NAMED])
    more = f" and {len(nodes) - _NAMED} others" if len(nodes) > _NAMED else ""
    return f"check --node: the Nodes are {some}{more}" if nodes else "check --node: there are no Nodes"


# --- signs ------------------------------------------------------------------------------------------------------------


def _has_boot_of(node: Node, machine: Machine) -> bool:
    return bool(machine.boot_id) and _info(node).boot_id == machine.boot_id


def _has_address_of(node: Node, machine: Machine) -> bool:
    return any(_contains(machine.addresses, one.address) for one in node.status.addresses or ())


def _has_hardware_of(node: Node, machine: Machine) -> bool:
    return bool(machine.system_uuid) and _info(node).system_uuid.lower() == machine.system_uuid.lower()


def _has_host_name_of(node: Node, machine: Machine) -> bool:
    """Whether the host names are equal up to the first dot, ignoring case: a Node's name is in lower case."""
    label = (node.metadata.labels or {}).get(_HOST_NAME_LABEL, "")
    reported = {one.address for one in node.status.addresses or () if one.type in ("Hostname", "InternalDNS")}
    names = {_short(name) for name in (label, node.metadata.name, *reported) if name}
    return _short(machine.host_name) in names


_SIGNS: Final[dict[Callable[[Node, Machine], bool], str]] = {
    _has_boot_of: "has the boot ID of",
    _has_address_of: "has an address of",
    _has_hardware_of: "has the system UUID of",
    _has_host_name_of: "has the host name of",
}
"""The signs by which a Node matches a machine, the most reliable one first."""


def _short(name: str) -> str:
    return name.lower().partition(".")[0]


def _info(node: Node) -> NodeSystemInfo:
    return node.status.node_info or NodeSystemInfo()


def _contains(addresses: Addresses, text: str) -> bool:
    try:
        return addresses.contains(*parse_address(text))
    except ValueError:  # the addresses of a Node include its host name
        return False


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # only root can read the system UUID, and not every machine has one
        return ""
