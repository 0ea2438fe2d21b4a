"""The DNS servers of a cluster: in which namespace they are, and by which labels policies name them."""

from collections.abc import Mapping
from typing import Final

import msgspec

DNS_SERVERS: Final = ("kube-system/k8s-app=kube-dns", "openshift-dns/dns.operator.openshift.io/daemonset-dns=default")
"""The DNS servers of Kubernetes and of OpenShift, as `dns_server` reads them."""

DNS_PORTS: Final = (53, 5353)
"""The UDP ports at which the pods of these are asked: of Kubernetes and of OpenShift."""


class DnsServer(msgspec.Struct, frozen=True):
    """The pods of a DNS server."""

    namespace: str
    labels: Mapping[str, str]

    def __str__(self) -> str:
        labels = ",".join(f"{key}={value}" for key, value in self.labels.items())
        return f"{labels} in namespace {self.namespace}"


def dns_server(text: str) -> DnsServer:
    """A DNS server as configurations name it: `NAMESPACE/LABEL=VALUE`, with more labels behind commas.

    Raises ValueError for a text of another form.
    """
    namespace, _, labels = text.partition("/")
    pairs = [label.partition("=") for label in labels.split(",")]
    if not namespace or not all(key and value for key, _, value in pairs):
        raise ValueError(f"{text!r} is not NAMESPACE/LABEL=VALUE")
    return DnsServer(namespace, {key: value for key, _, value in pairs})
