"""The mistakes that people make when they write NetworkPolicies, as a table of data.

Each is a policy as its author wrote it, its intended effect, and its real effect. Number 25 of the usual list is
missing here, because it is not about the meaning of policies: a network plugin that does not support them enforces
nothing.
"""

from textwrap import dedent, indent
from typing import Final, NamedTuple

from tests.semantics.objects import (
    Object,
    container_port,
    namespace,
    node,
    pod,
)


class Mistake(NamedTuple):
    """Manifests with a mistake; the claims that the author expected, none of which holds, and those that hold."""

    number: int
    title: str
    manifests: str
    hoped: tuple[str, ...]
    really: tuple[str, ...]


HTTP: Final = [container_port("http", 8080)]
WORLD: Final[list[Object]] = [
    namespace("prod", team="a"),
    namespace("test", team="b"),
    node("worker", "192.168.0.1"),
    pod("prod/web", {"app": "web"}, ports=HTTP, addresses=["10.244.1.1", "fd00:1::1"]),
    pod("prod/api", {"app": "api"}, ports=HTTP, addresses=["10.244.1.2", "fd00:1::2"]),
    pod("prod/db", {"app": "db"}, addresses=["10.244.1.3", "fd00:1::3"], nodeName="worker"),
    pod("prod/pending", {"app": "web"}, phase="Pending"),
    pod("prod/agent", {"app": "agent"}, hostNetwork=True, nodeName="worker"),
    pod("test/web", {"app": "web"}, addresses=["10.244.2.1", "fd00:2::1"]),
    pod("test/db", {"app": "db", "stage": "dev"}, addresses=["10.244.2.2", "fd00:2::2"]),
    pod("kube-system/dns", {"k8s-app": "kube-dns"}, addresses=["10.244.0.1", "fd00::1"]),
]


HEAD: Final = """---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {name}
  {metadata}
spec:
"""


def policy(spec: str, *, name: str = "mistake", metadata: str = "namespace: prod") -> str:
    """A policy in the namespace prod, with `spec` as in a manifest."""
    return HEAD.format(name=name, metadata=metadata) + indent(dedent(spec).strip("\n"), "  ") + "\n"


MISTAKES: Final = (
    Mistake(
        1,
        "two dashes where one peer was meant",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from:
              - namespaceSelector: {matchLabels: {team: b}}
              - podSelector: {matchLabels: {app: web}}
        """),
        hoped=("deny test/db -> prod/db", "deny prod/web -> prod/db"),
        really=("allow test/db -> prod/db", "allow test/web -> prod/db", "allow prod/web -> prod/db"),
    ),
    Mistake(
        2,
        "a podSelector alone for pods of another namespace",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from:
              - podSelector: {matchLabels: {app: web}}
        """),
        hoped=("allow test/web -> prod/db",),
        really=("deny test/web -> prod/db", "allow prod/web -> prod/db"),
    ),
    Mistake(
        3,
        "egress to the database, and none to DNS",
        policy("""
            podSelector: {matchLabels: {app: web}}
            policyTypes: [Egress]
            egress:
            - to:
              - podSelector: {matchLabels: {app: db}}
        """),
        hoped=("allow prod/web -> kube-system/dns on UDP/53",),
        really=("deny prod/web -> kube-system/dns on UDP/53", "allow prod/web -> prod/db"),
    ),
    Mistake(
        4,
        "DNS over UDP only: a long answer is asked for again over TCP",
        policy("""
            podSelector: {}
            policyTypes: [Egress]
            egress:
            - ports:
              - {protocol: UDP, port: 53}
        """),
        hoped=("allow prod/web -> kube-system/dns on TCP/53",),
        really=("deny prod/web -> kube-system/dns on TCP/53", "allow prod/web -> kube-system/dns on UDP/53"),
    ),
    Mistake(
        5,
        "the pods of DNS, looked for in the policy's own namespace",
        policy("""
            podSelector: {}
            policyTypes: [Egress]
            egress:
            - to:
              - podSelector: {matchLabels: {k8s-app: kube-dns}}
        """),
        hoped=("allow prod/web -> kube-system/dns",),
        really=("deny prod/web -> kube-system/dns",),
    ),
    Mistake(
        6,
        "the port of the Service where that of the pod is needed",
        policy("""
            podSelector: {matchLabels: {app: api}}
            ingress:
            - ports: [{port: 80}]  # the Service api has port: 80, targetPort: 8080
        """),
        hoped=("allow prod/web -> prod/api on TCP/8080",),
        really=("deny prod/web -> prod/api on TCP/8080", "allow prod/web -> prod/api on TCP/80"),
    ),
    Mistake(
        7,
        "no namespace in the policy: it is created in another one",
        policy("podSelector: {matchLabels: {app: db}}", metadata="labels: {protects: prod}"),
        hoped=("deny prod/web -> prod/db",),
        really=("allow prod/web -> prod/db",),
    ),
    Mistake(
        8,
        "a selector that matches no pod isolates none",
        policy("podSelector: {matchLabels: {app: database}}"),
        hoped=("deny prod/web -> prod/db",),
        really=("allow prod/web -> prod/db",),
    ),
    Mistake(
        9,
        "the labels of the Deployment, which are not those of its pods",
        policy("podSelector: {matchLabels: {app: cart}}")
        + """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: prod, labels: {app: cart}}
spec:
  selector: {matchLabels: {component: cart}}
  template:
    metadata: {labels: {component: cart}}
    spec: {containers: [{name: cart, image: example.org/cart:1}]}
""",
        hoped=("deny test/web -> prod/cart",),
        really=("allow test/web -> prod/cart",),
    ),
    Mistake(
        10,
        "a namespace by a label `name`, which nobody gave it",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from:
              - namespaceSelector: {matchLabels: {name: test}}
        """),
        hoped=("allow test/web -> prod/db",),
        really=("deny test/web -> prod/db",),
    ),
    Mistake(
        11,
        "the pods' network as an ipBlock: it matches the pods that are there now, not those that come later",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from:
              - ipBlock: {cidr: 10.244.0.0/16}
              - ipBlock: {cidr: "fd00::/16"}
        """),
        hoped=("allow prod/pending -> prod/db",),
        really=("deny prod/pending -> prod/db", "allow prod/web -> prod/db"),
    ),
    Mistake(
        12,
        "the address of a Service: what arrives has that of a pod",
        policy("""
            podSelector: {matchLabels: {app: web}}
            policyTypes: [Egress]
            egress:
            - to:
              - ipBlock: {cidr: 10.96.0.10/32}
        """),
        hoped=("allow prod/web -> kube-system/dns on UDP/53",),
        really=("deny prod/web -> kube-system/dns on UDP/53",),
    ),
    Mistake(
        13,
        "a policy that should forbid what another allows",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from:
              - podSelector: {matchLabels: {app: web}}
        """)
        + policy(
            """
            podSelector: {matchLabels: {app: db}}
            ingress: []
            """,
            name="forbid",
        ),
        hoped=("deny prod/web -> prod/db",),
        really=("allow prod/web -> prod/db", "deny prod/api -> prod/db"),
    ),
    Mistake(
        14,
        "a policy for ingress that should isolate its pod altogether",
        policy("""
            podSelector: {matchLabels: {app: db}}
            policyTypes: [Ingress]
            ingress: []
        """),
        hoped=("deny prod/db -> prod/web",),
        really=("allow prod/db -> prod/web", "deny prod/web -> prod/db"),
    ),
    Mistake(
        15,
        "an empty list of egress rules, and no policyTypes: that is about ingress",
        policy("""
            podSelector: {matchLabels: {app: db}}
            egress: []
        """),
        hoped=("deny prod/db -> prod/web", "allow prod/web -> prod/db"),
        really=("allow prod/db -> prod/web", "deny prod/web -> prod/db"),
    ),
    Mistake(
        16,
        "egress rules, and policyTypes that do not name Egress",
        policy("""
            podSelector: {matchLabels: {app: web}}
            policyTypes: [Ingress]
            egress:
            - to:
              - podSelector: {matchLabels: {app: api}}
        """),
        hoped=("deny prod/web -> prod/db",),
        really=("allow prod/web -> prod/db",),
    ),
    Mistake(
        17,
        "egress rules, and no policyTypes: ingress is denied as well",
        policy("""
            podSelector: {matchLabels: {app: api}}
            egress:
            - to:
              - podSelector: {matchLabels: {app: db}}
        """),
        hoped=("allow prod/web -> prod/api",),
        really=("deny prod/web -> prod/api", "allow prod/api -> prod/db", "deny prod/api -> prod/web"),
    ),
    Mistake(
        18,
        "an empty rule where no rule was meant",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - {}
        """),
        hoped=("deny test/web -> prod/db",),
        really=("allow test/web -> prod/db",),
    ),
    Mistake(
        19,
        "an empty list of peers: that is everybody, not nobody",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from: []
        """),
        hoped=("deny test/web -> prod/db",),
        really=("allow test/web -> prod/db",),
    ),
    Mistake(
        20,
        "0.0.0.0/0 for everything outside: that is one family of two",
        policy("""
            podSelector: {matchLabels: {app: web}}
            policyTypes: [Egress]
            egress:
            - to:
              - ipBlock: {cidr: 0.0.0.0/0}
        """),
        hoped=("allow prod/web -> 2001:db8::1",),
        really=("deny prod/web -> 2001:db8::1", "allow prod/web -> 203.0.113.7"),
    ),
    Mistake(
        24,
        "a pod on its node's network, which no policy isolates",
        policy("podSelector: {matchLabels: {app: agent}}"),
        hoped=("deny prod/web -> prod/agent",),
        really=("allow prod/web -> prod/agent",),
    ),
    Mistake(
        26,
        "a port without a protocol for all protocols: it is TCP",
        policy("""
            podSelector: {}
            policyTypes: [Egress]
            egress:
            - ports:
              - port: 53
        """),
        hoped=("allow prod/web -> kube-system/dns on UDP/53",),
        really=("deny prod/web -> kube-system/dns on UDP/53", "allow prod/web -> kube-system/dns on TCP/53"),
    ),
    Mistake(
        28,
        "the egress of the client is allowed, and the ingress of the server is not",
        policy("""
            podSelector: {matchLabels: {app: web}}
            policyTypes: [Egress]
            egress:
            - to:
              - podSelector: {matchLabels: {app: db}}
        """)
        + policy("podSelector: {matchLabels: {app: db}}", name="closed"),
        hoped=("allow prod/web -> prod/db",),
        really=("deny prod/web -> prod/db",),
    ),
    Mistake(
        29,
        "NotIn for what has the label, with another value",
        policy("""
            podSelector: {matchLabels: {app: db}}
            ingress:
            - from:
              - namespaceSelector: {}
                podSelector:
                  matchExpressions:
                  - {key: stage, operator: NotIn, values: [dev]}
        """),
        hoped=("deny test/web -> prod/db",),
        really=("allow test/web -> prod/db", "deny test/db -> prod/db"),
    ),
    Mistake(
        31,
        "a rule is missing for the probes of the kubelet: it needs none",
        policy("podSelector: {matchLabels: {app: db}}"),
        hoped=("deny 192.168.0.1 -> prod/db",),
        really=("allow 192.168.0.1 -> prod/db",),
    ),
    Mistake(
        33,
        "what one policy excepts, a broader one allows",
        policy("""
            podSelector: {matchLabels: {app: web}}
            policyTypes: [Egress]
            egress:
            - to:
              - ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.0/28]}
        """)
        + policy(
            """
            podSelector: {}
            policyTypes: [Egress]
            egress:
            - ports: [{port: 443}]
            """,
            name="broader",
        ),
        hoped=("deny prod/web -> 203.0.113.7 on TCP/443",),
        really=("allow prod/web -> 203.0.113.7 on TCP/443", "deny prod/web -> 203.0.113.7 on TCP/80"),
    ),
    Mistake(
        34,
        "no egress rule for the answers: they need none",
        policy("""
            podSelector: {matchLabels: {app: db}}
            policyTypes: [Ingress, Egress]
            ingress:
            - from:
              - podSelector: {matchLabels: {app: web}}
        """),
        hoped=("deny prod/web -> prod/db",),
        really=("allow prod/web -> prod/db", "deny prod/db -> prod/web"),
    ),
    Mistake(
        35,
        "the cloud's metadata service, kept out of one rule and let in by the next",
        policy("""
            podSelector: {matchLabels: {app: web}}
            policyTypes: [Egress]
            egress:
            - to:
              - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}
            - ports: [{port: 80}]
        """),
        hoped=("deny prod/web -> 169.254.169.254 on TCP/80",),
        really=("allow prod/web -> 169.254.169.254 on TCP/80", "deny prod/web -> 169.254.169.254 on TCP/443"),
    ),
)
