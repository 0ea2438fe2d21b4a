"""Topics: the behaviour in which network plugins differ, and the values that each topic can have.

A topic with a `field` changes answers, through that field of `Traits`; others are information for the reader. The value
`unknown` is allowed in every topic: the engine then uses upstream's value, and an answer that depends on it says so.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ringfence.plugins.traits import UPSTREAM, Excepts, OwnNode

UNKNOWN: Final = "unknown"
LEFT_OPEN: Final = "open"
"""The value of `Topic.upstream` if upstream leaves the behaviour to plugins: then no plugin differs from upstream."""


class TopicValue(msgspec.Struct, frozen=True):
    """A value of a topic: its meaning as a sentence, and its form for the engine.

    `or_else` is another value of the topic that may hold, because this one depends on more than the engine knows.
    """

    text: str
    engine: Any = None
    or_else: str = ""


class Topic(msgspec.Struct, frozen=True):
    """A question that every plugin answers with one of `values`; `upstream` is the value of upstream."""

    name: str
    title: str
    upstream: str
    values: Mapping[str, TopicValue]
    field: str = ""

    def engine_value(self, value: str) -> Any:
        """A value in the engine's form; for `unknown`, upstream's."""
        return getattr(UPSTREAM, self.field) if value == UNKNOWN else self.values[value].engine

    def text(self, value: str) -> str:
        """The meaning of a value, as a sentence without a capital letter and without a full stop."""
        return f"not known: {self.title}" if value == UNKNOWN else self.values[value].text


_ALL: Final = (
    Topic(
        "enforcement",
        "whether policies are enforced",
        "yes",
        {"yes": TopicValue("policies are enforced", True), "no": TopicValue("policies have no effect", False)},
        "enforced",
    ),
    Topic(
        "ipBlock-pods",
        "whether an ipBlock matches pods",
        "yes",
        {
            "yes": TopicValue("an ipBlock matches pods by their addresses", True),
            "no": TopicValue("an ipBlock matches no pods", False),
        },
        "blocks_match_pods",
    ),
    Topic(
        "ipBlock-nodes",
        "whether an ipBlock matches nodes",
        "yes",
        {
            "yes": TopicValue("an ipBlock matches the addresses of nodes", True),
            "no": TopicValue("an ipBlock matches no addresses of nodes", False),
        },
        "blocks_match_nodes",
    ),
    Topic(
        "hostNetwork",
        # kubernetes.io, "Network Policies": undefined. Most plugins treat them as traffic of their node.
        "what hostNetwork pods are as subject and as peer",
        "node",
        {
            "node": TopicValue(
                "policies do not apply to hostNetwork pods, and as peers they are the address of their node"
            ),
            "identity": TopicValue(
                "policies do not apply to hostNetwork pods, and as peers they have the node's identity"
            ),
        },
    ),
    Topic(
        "node-to-own-pod",
        # kubernetes.io, "Network Policies": traffic to and from the node on which a pod runs is always allowed.
        "whether a node always reaches its pods",
        "always",
        {
            "always": TopicValue("a node always reaches the pods that run on it", True),
            "policy": TopicValue("a node reaches the pods that run on it only as policies allow", False),
        },
        "node_reaches_own_pods",
    ),
    Topic(
        "pod-to-own-node",
        "what a pod may send to its own node",
        "open",
        {
            "open": TopicValue("upstream leaves open what a pod may send to its own node", OwnNode.OPEN),
            "policy": TopicValue("a pod reaches its own node only as policies allow", OwnNode.POLICY),
            "always": TopicValue("a pod always reaches its own node", OwnNode.ALWAYS),
        },
        "own_node",
    ),
    Topic(
        "own-service",
        "whether a pod reaches itself through its Service",
        "open",
        {
            "open": TopicValue("upstream leaves open whether a pod reaches itself through its Service"),
            "always": TopicValue("a pod always reaches itself through its Service"),
            "varies": TopicValue(
                "whether a pod reaches itself through its Service depends on how the node rewrites it"
            ),
        },
    ),
    Topic(
        "loopback",
        "whether a pod reaches its own address",
        "always",
        {"always": TopicValue("a pod always reaches its own address: such packets never leave it")},
    ),
    Topic(
        "established",
        # kubernetes.io, "Network Policies": whether a change affects existing connections is implementation-defined.
        "what happens to open connections when a policy is tightened",
        "open",
        {
            "open": TopicValue("upstream leaves open what happens to connections that a tightened policy forbids"),
            "continue": TopicValue("connections that a tightened policy forbids continue"),
            "cut": TopicValue("connections that a tightened policy forbids are cut"),
            "varies": TopicValue("connections that a tightened policy forbids may continue"),
        },
    ),
    Topic(
        "pod-start",
        "what a new pod may do before its policies are in force",
        "open",
        {
            "open": TopicValue("a new pod may be open until its policies are in force"),
            "closed": TopicValue("a new pod is closed until its policies are in force"),
            "varies": TopicValue("whether a new pod is open until its policies are in force depends on settings"),
        },
    ),
    Topic(
        "sctp",
        "whether rules for SCTP count",
        "yes",
        {
            "yes": TopicValue("port entries for SCTP count", True),
            "ignored": TopicValue("port entries for SCTP allow nothing", False),
        },
        "sctp",
    ),
    Topic(
        "endPort",
        "whether endPort counts",
        "yes",
        {
            "yes": TopicValue("an entry with endPort means the whole range", True),
            "first-port": TopicValue("an entry with endPort means its first port alone", False),
        },
        "port_ranges",
    ),
    Topic(
        "named-ports",
        "whether named ports count",
        "yes",
        {
            "yes": TopicValue("a named port means the container ports of that name", True),
            "too-wide": TopicValue("a named port may also open other ports", True),
            "by-service": TopicValue(
                "a named port counts only if a Service has a port of the same name", True, or_else="no"
            ),
            "no": TopicValue("a port entry with a name allows nothing", False),
        },
        "port_names",
    ),
    Topic(
        "service-port",
        "which port of a Service egress rules name",
        "target",
        {
            "target": TopicValue("egress rules name the target port of a Service", False),
            "service": TopicValue(
                "egress rules name the port of the Service itself, which is seen before it is rewritten", True
            ),
        },
        "service_ports",
    ),
    Topic(
        "ipv6",
        "whether policies restrict IPv6",
        "yes",
        {
            "yes": TopicValue("policies restrict IPv6 as IPv4", True),
            "no": TopicValue("policies do not restrict IPv6", False),
        },
        "ipv6",
    ),
    Topic(
        "standalone-pods",
        "whether policies apply to pods without ownerReferences",
        "yes",
        {
            "yes": TopicValue("policies apply to pods without ownerReferences", True),
            "no": TopicValue("policies do not apply to pods without ownerReferences", False),
        },
        "standalone_pods",
    ),
    Topic(
        "except",
        "what the except of an ipBlock does",
        "own-block",
        {
            "own-block": TopicValue("except narrows its own ipBlock", Excepts.OWN_BLOCK),
            "every-block": TopicValue("except narrows every ipBlock of the policy", Excepts.EVERY_BLOCK),
            "ignored": TopicValue("except has no effect", Excepts.IGNORED),
        },
        "excepts",
    ),
    Topic(
        "negations",
        "whether selectors with NotIn and DoesNotExist match",
        "yes",
        {
            "yes": TopicValue("selectors with NotIn and DoesNotExist match", True),
            "no": TopicValue("selectors with NotIn and DoesNotExist select nothing", False),
        },
        "negations",
    ),
    Topic(
        "denied-packet",
        "what happens to a denied packet",
        "open",
        {
            "open": TopicValue("upstream leaves open what happens to a denied packet"),
            "drop": TopicValue("a denied packet is dropped, so that a client waits"),
            "reject": TopicValue("a denied packet is answered, so that a client fails at once"),
        },
    ),
    Topic(
        "icmp",
        "what isolated pods may send and receive by ICMP",
        "open",
        {
            "open": TopicValue("upstream leaves ICMP open"),
            "rules-without-ports": TopicValue("rules without ports allow ICMP, and rules with ports do not"),
            "denied": TopicValue("ICMP of an isolated pod is denied"),
            "varies": TopicValue("ICMP may be judged by other rules than TCP and UDP"),
        },
    ),
    Topic(
        "limits",
        "limits of size",
        "none",
        {"none": TopicValue("no limit is known"), "limited": TopicValue("there are limits of size")},
    ),
)

TOPICS: Final[Mapping[str, Topic]] = {topic.name: topic for topic in _ALL}
"""All topics by name, in the order in which they are listed."""

MODELLED: Final = tuple(topic for topic in _ALL if topic.field)
"""The topics that change answers."""
