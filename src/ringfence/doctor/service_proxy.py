"""Finds which program translates Services on the nodes, and the address of DNS.

Both determine which addresses a policy sees.

Source: kubernetes.io, "Virtual IPs and Service Proxies", "Using NodeLocal DNSCache in Kubernetes Clusters".
"""

from typing import Final

from ringfence.doctor.observed import Observed
from ringfence.errors import InputError
from ringfence.sources.manifests import parse_yaml

KUBE_PROXY_CONFIG: Final = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
DNS_SERVICE: Final = "/api/v1/namespaces/kube-system/services/kube-dns"
_FILE: Final = "config.conf"
# What kube-proxy uses on Linux if `mode` is empty (kubernetes.io, "kube-proxy Configuration (v1alpha1)").
_DEFAULT_MODE: Final = "iptables"
_NODE_LOCAL_DNS: Final = ("node-local-dns", "nodelocaldns")
_MAX_BYTES: Final = 1 << 16


def proxy_text(observed: Observed) -> str:
    """Describes how Services are translated: by kube-proxy and in which mode, or without kube-proxy."""
    if KUBE_PROXY_CONFIG in observed.config_maps:
        mode = _mode(observed.settings_of(KUBE_PROXY_CONFIG).get(_FILE, ""))
        return f"kube-proxy in mode {mode}" if mode else "kube-proxy, whose settings cannot be read"
    if observed.is_unseen(KUBE_PROXY_CONFIG):
        return "unknown: the ConfigMap kube-system/kube-proxy cannot be read"
    if any(observed.daemon_sets_named("kube-proxy")):
        return "kube-proxy, in a mode that no ConfigMap shows"
    return "no kube-proxy is seen: the plugin or the distribution translates Services"


def dns_text(observed: Observed) -> str:
    """Describes which addresses pods use for DNS: the Service, and a cache on their node; empty if neither is found.

    A podSelector cannot match the cache, so egress rules for it need an ipBlock.
    """
    service = observed.services.get(DNS_SERVICE)
    parts = [f"Service kube-system/kube-dns at {service.spec.cluster_ip}"] if service else []
    if cache := next(observed.daemon_sets_named(*_NODE_LOCAL_DNS), None):
        parts.append(
            f"{cache.title} answers on each node under a link-local address, such as 169.254.20.10: "
            "egress to DNS needs an ipBlock for it, too"
        )
    return "; ".join(parts)


def _mode(text: str) -> str:
    """The mode in a KubeProxyConfiguration; empty if the text is not a KubeProxyConfiguration that can be read."""
    if len(text) > _MAX_BYTES:
        return ""
    try:
        documents = parse_yaml(text)
    except InputError:
        return ""
    if not documents or not isinstance(read := documents[0], dict):
        return ""
    mode = read.get("mode")
    if mode in ("", None):
        return _DEFAULT_MODE
    return mode if isinstance(mode, str) else ""
