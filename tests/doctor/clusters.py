"""Sample clusters: the minimal API objects that each plugin and distribution leaves, and the expected diagnosis."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

Object = Mapping[str, Any]


class SampleCluster(NamedTuple):
    """The objects of a cluster, the answer for each of its nodes, and words that the report must contain."""

    name: str
    objects: Sequence[Object]
    answers: Mapping[str, str]
    words: tuple[str, ...] = ()


def node(
    name: str,
    *,
    kubelet: str = "v1.34.0",
    labels: Mapping[str, str] = {},
    annotations: Mapping[str, str] = {},
) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": dict(labels), "annotations": dict(annotations)},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": kubelet, "operatingSystem": "linux"},
        },
    }


def container(name: str, image: str, *args: str, **env: str) -> Object:
    variables = [{"name": key, "value": value} for key, value in env.items()]
    return {"name": name, "image": image, "args": list(args), "env": variables}


def daemon_set(name: str, *containers: Object, namespace: str = "kube-system", account: str = "") -> Object:
    labels = {"app": name}
    spec = {"serviceAccountName": account or name, "containers": list(containers)}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }


def pod_of(owner: Object, node_name: str, *, ready: bool = True) -> Object:
    metadata = owner["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-{node_name}",
            "namespace": metadata["namespace"],
            "labels": owner["spec"]["selector"]["matchLabels"],
        },
        "spec": {"nodeName": node_name, "containers": [{"name": "main", "image": "example.com/main"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def config_map(name: str, data: Mapping[str, str], namespace: str = "kube-system") -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}


def watching(account: str, namespace: str = "kube-system") -> list[Object]:
    """A role that may watch NetworkPolicies, and its binding to a service account."""
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list", "watch"]}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": account}
    return [
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": account}, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": account},
            "roleRef": role,
            "subjects": [subject],
        },
    ]


def _one(
    name: str, owner: Object, *others: Object, answer: str = "enforced", words: tuple[str, ...] = ()
) -> SampleCluster:
    """A cluster with one node, on which the pod of a DaemonSet is ready."""
    return SampleCluster(name, [node("a"), owner, pod_of(owner, "a"), *others], {"a": answer}, words)


_CALICO: Final = daemon_set("calico-node", container("calico-node", "docker.io/calico/node:v3.30.1"))
_CILIUM: Final = daemon_set("cilium", container("cilium-agent", "quay.io/cilium/cilium:v1.18.2@sha256:0123"))
_AWS_ON: Final = daemon_set(
    "aws-node",
    container("aws-node", "example.com/amazon-k8s-cni:v1.20.4", NETWORK_POLICY_ENFORCING_MODE="standard"),
    container("aws-eks-nodeagent", "example.com/aws-network-policy-agent:v1.2.7", "--enable-network-policy=true"),
)
_AWS_OFF: Final = daemon_set(
    "aws-node",
    container("aws-node", "example.com/amazon-k8s-cni:v1.20.4"),
    container("aws-eks-nodeagent", "example.com/aws-network-policy-agent:v1.2.7", "--enable-network-policy=false"),
)
_FLANNEL: Final = daemon_set(
    "kube-flannel-ds", container("kube-flannel", "ghcr.io/flannel-io/flannel:v0.27.4"), namespace="kube-flannel"
)
_FLANNEL_WITH: Final = daemon_set(
    "kube-flannel-ds",
    container("kube-flannel", "ghcr.io/flannel-io/flannel:v0.28.0"),
    container("netpol", "registry.example/networking/kube-network-policies:v0.9.2"),
    namespace="kube-flannel",
    account="flannel",
)
_RINGFENCE: Final = daemon_set("ringfence-agent", container("agent", "example.com/ringfence:0.3.0"))
_OBSERVING: Final = daemon_set(
    "ringfence-agent", container("agent", "example.com/ringfence:0.3.0", "--mode", "observe")
)
_TIGERA: Final = daemon_set(
    "calico-node", container("calico-node", "quay.io/calico/node:v3.30.1"), namespace="calico-system"
)
_OPENSHIFT: Final = daemon_set(
    "ovnkube-node",
    container("ovnkube-controller", "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0123"),
    namespace="openshift-ovn-kubernetes",
)
_OPENSHIFT_NODE: Final = node("a", labels={"node.openshift.io/os_id": "rhcos"})
_KUBE_OVN: Final = daemon_set("kube-ovn-cni", container("cni-server", "docker.io/kubeovn/kube-ovn:v1.14.0"))
_UNKNOWN: Final = daemon_set("fence", container("fence", "example.com/fence:1.0"))
_K3S_ARGUMENTS: Final = '["server","--flannel-backend","vxlan"]'


def _k3s(name: str, arguments: str) -> Object:
    return node(name, kubelet="v1.34.1+k3s1", annotations={"k3s.io/node-args": arguments})


CLUSTERS: Final = (
    _one("Calico", _CALICO, words=("Calico 3.30.1",)),
    _one("Canal", daemon_set("canal", container("calico-node", "docker.io/calico/node:v3.30.1")), words=("Calico",)),
    _one(
        "Calico without Felix",
        daemon_set("calico-node", container("calico-node", "docker.io/calico/node:v3.30.1", FELIX_ENABLED="false")),
        answer="not enforced",
        words=("FELIX_ENABLED",),
    ),
    _one("Cilium", _CILIUM, config_map("cilium-config", {"enable-policy": "default"}), words=("Cilium 1.18.2",)),
    _one("Cilium without its settings", _CILIUM, answer="inconclusive", words=("cilium-config", "does not exist")),
    _one(
        "Cilium that is turned off",
        _CILIUM,
        config_map("cilium-config", {"enable-policy": "never"}),
        answer="not enforced",
        words=("enable-policy",),
    ),
    _one(
        "Cilium that only audits",
        _CILIUM,
        config_map("cilium-config", {"policy-audit-mode": "true"}),
        answer="not enforced",
        words=("policy-audit-mode",),
    ),
    _one(
        "Cilium that ignores NetworkPolicies",
        _CILIUM,
        config_map("cilium-config", {"enable-k8s-networkpolicy": "false"}),
        answer="not enforced",
        words=("enable-k8s-networkpolicy",),
    ),
    _one(
        "GKE Dataplane V2",
        daemon_set("anetd", container("cilium-agent", "gke.gcr.io/cilium:v1.16.5")),
        config_map("cilium-config", {"enable-policy": "default"}),
    ),
    SampleCluster(
        "OpenShift",
        [_OPENSHIFT_NODE, _OPENSHIFT, pod_of(_OPENSHIFT, "a")],
        {"a": "enforced"},
        ("OVN-Kubernetes",),
    ),
    _one(
        "a namespace named as one of OpenShift's",
        _OPENSHIFT,
        answer="inconclusive",
        words=("may not be OVN-Kubernetes", "may not watch networkpolicies.networking.k8s.io"),
    ),
    _one("Antrea", daemon_set("antrea-agent", container("antrea-agent", "antrea/antrea-agent-ubuntu:v2.3.0"))),
    _one("OVN-Kubernetes", daemon_set("ovnkube-node", container("ovnkube-controller", "example.com/ovn-kube:1"))),
    _one("kube-router", daemon_set("kube-router", container("kube-router", "cloudnativelabs/kube-router:v2.5.0"))),
    _one(
        "kube-router without its firewall",
        daemon_set(
            "kube-router", container("kube-router", "cloudnativelabs/kube-router:v2.5.0", "--run-firewall=false")
        ),
        answer="not enforced",
        words=("run-firewall",),
    ),
    _one("Amazon VPC CNI", _AWS_ON, words=("Amazon VPC CNI", "network-policy-enforcing-mode=standard")),
    _one("Amazon VPC CNI as it comes", _AWS_OFF, answer="not enforced", words=("enable-network-policy",)),
    SampleCluster(
        "Fargate beside other nodes",
        [node("a"), node("f", labels={"eks.amazonaws.com/compute-type": "fargate"}), _AWS_ON, pod_of(_AWS_ON, "a")],
        {"a": "enforced", "f": "not enforced"},
        ("Fargate",),
    ),
    SampleCluster(
        "EKS Auto Mode",
        [
            node("a", labels={"eks.amazonaws.com/compute-type": "auto"}),
            config_map("amazon-vpc-cni", {"enable-network-policy-controller": "true"}),
        ],
        {"a": "enforced"},
        ("EKS Auto Mode",),
    ),
    _one("Azure NPM", daemon_set("azure-npm", container("azure-npm", "example.com/azure-npm:v1.6.30"))),
    _one("kindnet", daemon_set("kindnet", container("kindnet-cni", "docker.io/kindest/kindnetd:v20250512-df8de77b"))),
    _one(
        "kindnet before policies",
        daemon_set("kindnet", container("kindnet-cni", "docker.io/kindest/kindnetd:v20240202-8f1494ea")),
        answer="not enforced",
        words=("0.24",),
    ),
    _one(
        "kube-network-policies",
        daemon_set("kube-network-policies", container("main", "example.com/kube-network-policies:v0.9.2")),
    ),
    _one(
        "kindnet with a version of its own",
        daemon_set("kindnet", container("kindnet-cni", "ghcr.io/aojea/kindnetd:v1.8.0")),
    ),
    _one(
        "kindnet with an old version of its own",
        daemon_set("kindnet", container("kindnet-cni", "ghcr.io/aojea/kindnetd:v1.2.1")),
        answer="not enforced",
        words=("1.3.0",),
    ),
    _one("Flannel", _FLANNEL, answer="not enforced", words=("Flannel",)),
    _one(
        "Flannel with policies", _FLANNEL_WITH, *watching("flannel", "kube-flannel"), words=("kube-network-policies",)
    ),
    _one(
        "Flannel with policies of which nothing shows that an administrator put it there",
        _FLANNEL_WITH,
        answer="inconclusive",
    ),
    _one(
        "Flannel with policies on Talos",
        daemon_set(
            "kube-flannel",
            container("kube-flannel", "ghcr.io/siderolabs/flannel:v0.28.0"),
            container("kube-network-policies", "registry.k8s.io/networking/kube-network-policies:v0.9.2"),
        ),
    ),
    _one(
        "Calico by the operator of Tigera",
        _TIGERA,
        *watching("calico-node", "calico-system"),
        words=("Calico 3.30.1",),
    ),
    _one(
        "Calico on RKE2",
        daemon_set("rke2-canal", container("calico-node", "docker.io/rancher/hardened-calico:v3.30.1-build20250801")),
        words=("Calico 3.30.1",),
    ),
    _one(
        "kube-router on k0s",
        daemon_set("kube-router", container("kube-router", "quay.io/k0sproject/kube-router:v2.5.0-iptables1.8.9-0")),
        words=("kube-router 2.5.0",),
    ),
    _one(
        "Cilium under another name",
        daemon_set(
            "net-fabric", container("cilium-agent", "mirror.example:5000/cilium/cilium:v1.18.2"), namespace="net"
        ),
        config_map("cilium-config", {"enable-policy": "default"}, namespace="net"),
        *watching("net-fabric", "net"),
        words=("Cilium 1.18.2", "DaemonSet net/net-fabric"),
    ),
    _one("Kube-OVN, whose controller watches", _KUBE_OVN, answer="inconclusive", words=("of which no trait is known",)),
    _one(
        "a DaemonSet of a tenant with the name of a plugin",
        daemon_set("calico-node", container("calico-node", "docker.io/calico/node:v3.30.1"), namespace="tenant"),
        answer="inconclusive",
        words=("DaemonSet tenant/calico-node may not be Calico", "in the namespace tenant"),
    ),
    _one(
        "another program with the name of a plugin",
        daemon_set("calico-node", container("calico-node", "registry.example/pause:3.10")),
        answer="inconclusive",
        words=("may not be Calico", "its images are registry.example/pause:3.10"),
    ),
    _one("ringfence", _RINGFENCE),
    _one("ringfence that observes", _OBSERVING, answer="not enforced", words=("mode is observe",)),
    SampleCluster("k3s", [_k3s("a", _K3S_ARGUMENTS)], {"a": "enforced"}, ("k3s",)),
    SampleCluster(
        "k3s without its controller",
        [_k3s("a", '["server","--disable-network-policy"]')],
        {"a": "not enforced"},
        ("--disable-network-policy",),
    ),
    SampleCluster("k3s of which only agents show", [_k3s("a", '["agent"]')], {"a": "inconclusive"}),
    SampleCluster("nothing", [node("a")], {"a": "not enforced"}, ("none is seen",)),
    SampleCluster("nothing on a managed cluster", [node("a", kubelet="v1.34.1-eks-5e0fdde")], {"a": "inconclusive"}),
    _one("an unknown program that watches policies", _UNKNOWN, *watching("fence"), answer="inconclusive"),
    _one("an unknown program that does not", _UNKNOWN, answer="not enforced"),
    SampleCluster(
        "a node that the plugin misses",
        [node("a"), node("b"), node("c"), _CALICO, pod_of(_CALICO, "a"), pod_of(_CALICO, "c", ready=False)],
        {"a": "enforced", "b": "not enforced", "c": "inconclusive"},
        ("no pod of Calico 3.30.1 is on this node", "may be stale"),
    ),
    SampleCluster(
        "two plugins at once",
        [node("a"), _CALICO, pod_of(_CALICO, "a"), _RINGFENCE, pod_of(_RINGFENCE, "a")],
        {"a": "enforced"},
        ("both enforce policies",),
    ),
)
