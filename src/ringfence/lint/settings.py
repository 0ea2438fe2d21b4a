"""What rules know about a cluster beyond its objects."""

from typing import Final

import msgspec

from ringfence.model.dns_servers import DNS_SERVERS

SYSTEM_NAMESPACES: Final = ("kube-system", "kube-public", "kube-node-lease")
"""The namespaces that every cluster has for itself."""


class LintSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the input does not say.

    `complete` says that the input is the whole cluster: what it does not hold does not exist. `plugin` is the network
    plugin that enforces the policies (`ovn-kubernetes`), or empty. `pod_cidrs` and `service_cidrs` are the ranges of
    which pods and Services get their addresses, `ingress_namespaces` the namespaces with ingress controllers.
    The rules about posture leave out the `system_namespaces`. `known_labels` are keys of labels that operators and
    webhooks give to pods: a pod may have any value of them. `dns` are the DNS servers, as `model/dns_servers.py` reads
    them.
    """

    complete: bool = False
    plugin: str = ""
    pod_cidrs: tuple[str, ...] = ()
    service_cidrs: tuple[str, ...] = ()
    ingress_namespaces: tuple[str, ...] = ()
    system_namespaces: tuple[str, ...] = SYSTEM_NAMESPACES
    known_labels: tuple[str, ...] = ()
    dns: tuple[str, ...] = DNS_SERVERS


DEFAULT_SETTINGS: Final = LintSettings()
