"""The network of a laboratory, in the terms of its options."""

import msgspec
from msgspec import UNSET, UnsetType


class LaboratoryNetwork(msgspec.Struct, frozen=True, rename="camel"):
    """The pod network, the nodes' reverse path filter and, if there are bridges, whether their traffic is filtered."""

    pod_network: str = "routed"
    rp_filter: str = "off"
    br_netfilter: bool | UnsetType = UNSET

    def __str__(self) -> str:
        filtered = " without br_netfilter" if self.br_netfilter is False else ""
        rp_filter = "" if self.rp_filter == "off" else f", rp_filter {self.rp_filter}"
        return f"{self.pod_network}{filtered}{rp_filter}"
