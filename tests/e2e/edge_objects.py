"""Services, pods, workloads and others that are wrong or nearly wrong: one for each check that ringfence does.

They are YAML, as a person writes them. The file does not contain the expected errors: the real server reports them.
"""

# One object is one line, however long it is.
# ruff: noqa: E501

from collections.abc import Iterator
from typing import Final

SERVICES: Final = {
    "targetPort in quotes": 'ports: [{port: 80, targetPort: "8080"}]',
    "targetPort with capitals": "ports: [{port: 80, targetPort: HTTP}]",
    "targetPort empty": 'ports: [{port: 80, targetPort: ""}]',
    "targetPort zero": "ports: [{port: 80, targetPort: 0}]",
    "targetPort beyond the last": "ports: [{port: 80, targetPort: 70000}]",
    "protocol in lower case": "ports: [{port: 80, protocol: tcp}]",
    "protocol empty": 'ports: [{port: 80, protocol: ""}]',
    "several ports without names": "ports: [{port: 80}, {port: 81}]",
    "one of two ports without a name": "ports: [{port: 80, name: a}, {port: 81}]",
    "two names alike": "ports: [{port: 80, name: a}, {port: 81, name: a}]",
    "two wrong names alike": "ports: [{port: 80, name: A}, {port: 81, name: A}]",
    "two numbers alike": "ports: [{port: 80, name: a}, {port: 80, name: b}]",
    "a number under two protocols": "ports: [{port: 53, name: a}, {port: 53, name: b, protocol: UDP}]",
    "two numbers alike of no protocol": "ports: [{port: 80, name: a, protocol: tcp}, {port: 80, name: b, protocol: tcp}]",
    "name with a dot": "ports: [{port: 80, name: a.b}]",
    "name of digits": 'ports: [{port: 80, name: "80"}]',
    "name of 63 letters": f"ports: [{{port: 80, name: {'a' * 63}}}]",
    "name of 64 letters": f"ports: [{{port: 80, name: {'a' * 64}}}]",
    "port zero": "ports: [{port: 0}]",
    "port missing": "ports: [{name: a}]",
    "port negative": "ports: [{port: -1}]",
    "port beyond the last": "ports: [{port: 65536}]",
    "port beyond the last with a targetPort": "ports: [{port: 65536, targetPort: 80}]",
    "no ports": "selector: {app: a}",
    "no ports, null": "ports: null",
    "no ports, headless": "clusterIP: None",
    "no ports, external name": "{type: ExternalName, externalName: example.com}",
    "type unknown": "{type: Clusterip, ports: [{port: 80}]}",
    "type empty": '{type: "", ports: [{port: 80}]}',
    "external name missing": "type: ExternalName",
    "external name with a dot at its end": "{type: ExternalName, externalName: example.com.}",
    "external name of a dot": "{type: ExternalName, externalName: .}",
    "external name with a capital": "{type: ExternalName, externalName: Example.com}",
    "external name and an address": "{type: ExternalName, externalName: example.com, clusterIP: 10.96.0.9}",
    "external name, headless": "{type: ExternalName, externalName: example.com, clusterIP: None}",
    "node port, headless": "{type: NodePort, clusterIP: None, ports: [{port: 80}]}",
    "load balancer, headless": "{type: LoadBalancer, clusterIP: None, ports: [{port: 80}]}",
    "address that is none": "{clusterIP: 10.96.0, ports: [{port: 80}]}",
    "address that is none, and a wrong port": "{clusterIP: 10.96.0, ports: [{port: 0}]}",
    "address with leading zeros": "{clusterIP: 10.096.0.9, ports: [{port: 80}]}",
    "address of IPv4 in IPv6": "{clusterIP: '::ffff:10.96.0.9', ports: [{port: 80}]}",
    "address in lower case": "{clusterIP: none, ports: [{port: 80}]}",
    "addresses in the newer field only": "{clusterIPs: [10.96.0.9], ports: [{port: 80}]}",
    "addresses that differ": "{clusterIP: 10.96.0.9, clusterIPs: [10.96.0.10], ports: [{port: 80}]}",
    "addresses of one family": "{clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9, 10.96.0.10], ports: [{port: 80}]}",
    "three addresses": "{clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9, 'fd00:10:96::9', 10.96.0.11], ports: [{port: 80}]}",
    "None and an address": "{clusterIP: None, clusterIPs: [None, 10.96.0.9], ports: [{port: 80}]}",
    "an address and None": "{clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9, None], ports: [{port: 80}]}",
    "selector with a wrong key": "{selector: {a b: c}, ports: [{port: 80}]}",
    "selector with a wrong value": "{selector: {a: b c}, ports: [{port: 80}]}",
    "everything wrong with one port": 'ports: [{port: 0, name: A_, protocol: tcp, targetPort: "80"}]',
}

PODS: Final = {
    "port name too long": "ports: [{containerPort: 80, name: a-very-long-port-name}]",
    "port name of digits": 'ports: [{containerPort: 80, name: "80"}]',
    "port names alike": "ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]",
    "wrong port names alike": "ports: [{containerPort: 80, name: A}, {containerPort: 81, name: A}]",
    "port missing": "ports: [{name: a}]",
    "port beyond the last": "ports: [{containerPort: 65536}]",
    "port negative": "ports: [{containerPort: -5}]",
    "port twice": "ports: [{containerPort: 80}, {containerPort: 80}]",
    "protocol in lower case": "ports: [{containerPort: 80, protocol: tcp}]",
    "protocol empty": 'ports: [{containerPort: 80, protocol: ""}]',
    "host port beyond the last": "ports: [{containerPort: 80, hostPort: 65536}]",
    "host ports alike": "ports: [{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 80}]",
    "host ports alike under two protocols": "ports: [{containerPort: 80, hostPort: 80}, {containerPort: 81, hostPort: 80, protocol: UDP}]",
    "restart policy unknown": "restartPolicy: Sometimes",
    "restart policy": "restartPolicy: Never",
}
"""Fields of a container, which becomes the first of a pod, of a template, and of the init containers of a pod."""

POD_SPECS: Final = {
    "host network": "{hostNetwork: true, CONTAINER, ports: [{containerPort: 80}]}]}",
    "host network with the host port": "{hostNetwork: true, CONTAINER, ports: [{containerPort: 80, hostPort: 80}]}]}",
    "host network with another port": "{hostNetwork: true, CONTAINER, ports: [{containerPort: 80, hostPort: 81}]}]}",
    "host network with a port twice": "{hostNetwork: true, CONTAINER, ports: [{containerPort: 80}]}, {name: d, image: i, ports: [{containerPort: 80}]}]}",
    "node name with a capital": "{nodeName: Node1, CONTAINER}]}",
}

WORKLOADS: Final = {
    "selector missing": "template: {metadata: {labels: {app: a}}, POD}",
    "selector and labels missing": "template: {POD}",
    "selector empty": "{selector: {}, template: {metadata: {labels: {app: a}}, POD}}",
    "selector that does not match": "{selector: {matchLabels: {app: b}}, template: {metadata: {labels: {app: a, x: <y>}}, POD}}",
    "selector without labels to match": "{selector: {matchLabels: {app: b}}, template: {POD}}",
    "selector without labels, null": "{selector: {matchLabels: {app: b}}, template: {metadata: {labels: null}, POD}}",
    "selector with empty labels to match": "{selector: {matchLabels: {app: b}}, template: {metadata: {labels: {}}, POD}}",
    "selector with an unknown operator": "{selector: {matchLabels: {a: b}, matchExpressions: [{key: a, operator: in, values: [b]}]}, template: {POD}}",
    "selector with a wrong value": "{selector: {matchLabels: {app: b c}}, template: {metadata: {labels: {app: b c}}, POD}}",
    "selector with In and no values": "{selector: {matchExpressions: [{key: a, operator: In}]}, template: {POD}}",
    "selector with Exists and values": "{selector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}, template: {POD}}",
    "selector by expressions": "{selector: {matchExpressions: [{key: a, operator: Exists}]}, template: {metadata: {labels: {a: b}}, POD}}",
    "labels that are wrong": "{selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a, b/: c}}, POD}}",
    "replicas negative": "{replicas: -1, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, POD}}",
    "replicas zero": "{replicas: 0, selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, POD}}",
}

SLICES: Final = {
    "address type missing": "endpoints: []",
    "address type unknown": "{addressType: ipv4, endpoints: []}",
    "IPv4": "{addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}]}",
    "IPv4 that is IPv6": "{addressType: IPv4, endpoints: [{addresses: ['2001:db8::1']}]}",
    "IPv4 with leading zeros": "{addressType: IPv4, endpoints: [{addresses: [10.0.0.01]}]}",
    "IPv4 that is none": "{addressType: IPv4, endpoints: [{addresses: [web]}]}",
    "IPv4 loopback": "{addressType: IPv4, endpoints: [{addresses: [127.0.0.1, 0.0.0.0, 169.254.1.1, 224.0.0.1]}]}",
    "IPv6": "{addressType: IPv6, endpoints: [{addresses: ['2001:db8::1']}]}",
    "IPv6 in capitals": "{addressType: IPv6, endpoints: [{addresses: ['2001:DB8::1']}]}",
    "IPv6 that is IPv4": "{addressType: IPv6, endpoints: [{addresses: [10.0.0.1]}]}",
    "IPv6 that is IPv4 inside": "{addressType: IPv6, endpoints: [{addresses: ['::ffff:10.0.0.1']}]}",
    "IPv6 loopback": "{addressType: IPv6, endpoints: [{addresses: ['::1', '::', 'fe80::1', 'ff02::1']}]}",
    "FQDN": "{addressType: FQDN, endpoints: [{addresses: [example.com.]}]}",
    "FQDN of one label": "{addressType: FQDN, endpoints: [{addresses: [example]}]}",
    "FQDN with a capital": "{addressType: FQDN, endpoints: [{addresses: [Example.com]}]}",
    "FQDN empty": "{addressType: FQDN, endpoints: [{addresses: ['']}]}",
    "no addresses": "{addressType: IPv4, endpoints: [{addresses: []}]}",
    "101 addresses": f"{{addressType: IPv4, endpoints: [{{addresses: [{', '.join(f'10.0.0.{i}' for i in range(101))}]}}]}}",
    "1001 endpoints": f"{{addressType: IPv4, endpoints: [{', '.join('{addresses: [10.0.0.1]}' for _ in range(1001))}]}}",
    "port names alike": "{addressType: IPv4, endpoints: [], ports: [{name: a, port: 1}, {name: a, port: 2}]}",
    "ports without names": "{addressType: IPv4, endpoints: [], ports: [{port: 1}, {port: 2}]}",
    "port name with a capital": "{addressType: IPv4, endpoints: [], ports: [{name: A, port: 1}]}",
    "port name with a dot": "{addressType: IPv4, endpoints: [], ports: [{name: a.b, port: 1}]}",
    "protocol in lower case": "{addressType: IPv4, endpoints: [], ports: [{port: 1, protocol: tcp}]}",
    "protocol empty": '{addressType: IPv4, endpoints: [], ports: [{port: 1, protocol: ""}]}',
    "port beyond the last": "{addressType: IPv4, endpoints: [], ports: [{port: 70000}]}",
    "port zero": "{addressType: IPv4, endpoints: [], ports: [{port: 0}]}",
}

METADATA: Final = {
    "name with a capital": "{name: Web}",
    "name with a dot": "{name: a.b}",
    "name that begins with a digit": "{name: 1a}",
    "name with an underscore": "{name: a_b}",
    "name of 52 letters": f"{{name: {'a' * 52}}}",
    "name of 53 letters": f"{{name: {'a' * 53}}}",
    "name of 63 letters": f"{{name: {'a' * 63}}}",
    "name of 64 letters": f"{{name: {'a' * 64}}}",
    "name of 254 letters": f"{{name: {'a' * 254}}}",
    "label key": "{name: a, labels: {a b: c}}",
    "label value": "{name: a, labels: {a: b c}}",
    "no name": "{labels: {a: b}}",
}

NODES: Final = {
    "pod range": "podCIDRs: [10.0.0.0/24]",
    "pod range that is none": "podCIDRs: [10.0.0.0]",
    "pod ranges of two families": "podCIDRs: [10.0.0.0/24, 'fd00::/64']",
    "pod ranges of one family": "podCIDRs: [10.0.0.0/24, 10.0.1.0/24]",
    "pod range with bits beyond": "podCIDRs: [10.0.0.1/24]",
}

_CONTAINER: Final = "name: c, image: i"
_POD: Final = f"spec: {{containers: [{{{_CONTAINER}}}]}}"
_APPS: Final = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")

KINDS: Final = {
    "Namespace": "v1",
    "Pod": "v1",
    "Service": "v1",
    "Node": "v1",
    "ReplicationController": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
}

_TEMPLATE: Final = f"{{metadata: {{labels: {{app: a}}}}, {_POD}}}"
_JOB: Final = f"{{template: {{spec: {{restartPolicy: Never, containers: [{{{_CONTAINER}}}]}}}}}}"
_RIGHT: Final = {
    "Pod": f"spec: {{containers: [{{{_CONTAINER}}}]}}",
    "Service": "spec: {ports: [{port: 80}]}",
    "ReplicationController": f"spec: {{template: {_TEMPLATE}}}",
    **dict.fromkeys(_APPS, f"spec: {{selector: {{matchLabels: {{app: a}}}}, template: {_TEMPLATE}}}"),
    "Job": f"spec: {_JOB}",
    "CronJob": f"spec: {{schedule: '* * * * *', jobTemplate: {{spec: {_JOB}}}}}",
    "EndpointSlice": "{addressType: IPv4, endpoints: []}"[1:-1].replace(", ", "\n"),
}
"""What each kind needs beside its metadata."""


def objects() -> Iterator[tuple[str, str, str]]:
    """Every object, as its kind, a name for the case, and a YAML document."""
    for kind in KINDS:
        for name, metadata in METADATA.items():
            yield kind, name, _document(kind, metadata, _RIGHT.get(kind, ""))
    for name, spec in SERVICES.items():
        yield "Service", name, _document("Service", "{name: x}", f"spec: {_flow(spec)}")
    for name, fields in PODS.items():
        container = f"{{{_CONTAINER}, {fields}}}"
        first = f"spec: {{containers: [{container}, {{name: d, image: i, {fields}}}]}}"
        yield "Pod", name, _document("Pod", "{name: x}", first)
        init = f"spec: {{initContainers: [{container}, {{name: e, image: i, {fields}}}], containers: [{{name: d, image: i}}]}}"
        yield "Pod", f"init container: {name}", _document("Pod", "{name: x}", init)
        yield "Deployment", f"template: {name}", _document("Deployment", "{name: x}", _deployment(first))
    for name, spec in POD_SPECS.items():
        written = "spec: " + spec.replace("CONTAINER", f"containers: [{{{_CONTAINER}").replace("CONTAINER", "")
        yield "Pod", name, _document("Pod", "{name: x}", written)
        yield "Deployment", name, _document("Deployment", "{name: x}", _deployment(written))
    for kind in _APPS:
        for name, spec in WORKLOADS.items():
            if kind != "DaemonSet" or "replicas" not in name:
                yield kind, name, _document(kind, "{name: x}", f"spec: {_flow(spec.replace('POD', _POD))}")
    for name, fields in SLICES.items():
        document = {"EndpointSlice": _flow(fields)}["EndpointSlice"][1:-1]
        yield (
            "EndpointSlice",
            name,
            f"{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: x}}, {document}}}",
        )
    for name, spec in NODES.items():
        yield "Node", name, _document("Node", "{name: x}", f"spec: {_flow(spec)}")


def _deployment(pod: str) -> str:
    return f"spec: {{selector: {{matchLabels: {{app: a}}}}, template: {{metadata: {{labels: {{app: a}}}}, {pod}}}}}"


def _flow(fields: str) -> str:
    return fields if fields.startswith("{") else f"{{{fields}}}"


def _document(kind: str, metadata: str, fields: str) -> str:
    return f"apiVersion: {KINDS[kind]}\nkind: {kind}\nmetadata: {metadata}\n{fields}\n"
