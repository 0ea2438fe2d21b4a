"""Checks of the node: which Node this machine is, and which of its settings prevent the enforcement of policies."""

from collections.abc import Iterator, Sequence
from typing import Final

from ringfence.agent.enforcement import Enforcement
from ringfence.agent.own_node import this_machine, wrong_node_error
from ringfence.agent.settings import Settings
from ringfence.agent.view import View
from ringfence.dataplane import forwarding
from ringfence.dataplane.pod_ports import PodPorts
from ringfence.engine.population import Member
from ringfence.sets.addresses import address_text

SOURCE_ROUTES: Final = (
    "packets with IPv4 source routes bypass the ingress policies of the pods on this node: "
    "sysctl -w net.ipv4.conf.all.accept_source_route=0"
)


class NodeChecks:
    """The results of the last checks."""

    def __init__(self, settings: Settings, view: View, ports: PodPorts | None = None) -> None:
        self._settings = settings
        self._view = view
        self._ports = ports
        self.wrong_node = ""
        """Why the Node of this machine is unknown; empty if it is known. Valid once the view is complete."""
        self.bypassing_bridges: list[str] = []
        """The names of bridges whose packets bypass packet filters."""
        self.follows_source_routes = False
        """Whether this node forwards packets by their IPv4 source routes, so that they bypass ingress policies."""
        self.pod_outside_ranges: Member | None = None
        """A pod of the node with an address outside of the ranges in which unknown pods are held; None without one."""

    def identify(self) -> bool:
        """Check whether the Node of this machine is known. Returns whether the result has changed."""
        # The machine is read again each time, because its addresses can change.
        before = self.wrong_node
        self.wrong_node = wrong_node_error(self._settings.node, self._view.state.nodes, this_machine())
        return self.wrong_node != before

    def check(self, enforcement: Enforcement) -> None:
        """Check the links of the node, and the addresses of its pods."""
        self.bypassing_bridges = forwarding.unfiltered_bridges()
        self.follows_source_routes = forwarding.follows_source_routes()
        self.pod_outside_ranges = enforcement.pod_outside_ranges()

    def errors(self) -> Iterator[str]:
        """The conditions of the node that the rules cannot make up for, each with its remedy."""
        if self._ports:
            yield from _errors_of_ports(self._ports)
        if self.bypassing_bridges:
            yield bypass(self.bypassing_bridges)
        if self.follows_source_routes:
            yield SOURCE_ROUTES


def bypass(bridges: Sequence[str]) -> str:
    """The message about bridges whose packets bypass packet filters, with the remedy."""
    return (
        f"packets between pods on the bridge {' and '.join(bridges)} bypass packet filters: "
        "modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1 "
        "net.bridge.bridge-nf-call-ip6tables=1"
    )


def _errors_of_ports(ports: PodPorts) -> Iterator[str]:
    if unreadable := ports.veth_pairs.unreadable:
        first, number = unreadable[0], len(unreadable)
        which = f"the port {first} of a bridge" if number == 1 else f"{number} ports of bridges, such as {first}"
        yield (
            f"the agent cannot read which pod is at {which}, because it has no rights over the pod's network: "
            "run it in the initial user namespace of the machine"
        )
    if contested := ports.contested:
        named, number = " and ".join(sorted(address_text(*one) for one in contested[0])), len(contested)
        which = f"the pod with {named}" if number == 1 else f"{number} pods, such as the one with {named},"
        yield (
            f"{which} may be at several ports of bridges and {'is' if number == 1 else 'are'} closed "
            "there: a container with NET_ADMIN has taken a pod's address, or a pod that has ended has left its link"
        )
