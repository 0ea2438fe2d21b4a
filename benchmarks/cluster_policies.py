"""Cluster policies of a made-up cluster: 25 rules each, the maximum of the API, about whole teams and environments.

Most are of the Admin tier. Each selects pods of some teams or of an environment, and accepts, denies or passes traffic
with pods of others and with networks.
"""

from collections.abc import Iterator
from random import Random

from benchmarks.clusters import CHARTS, ENVIRONMENTS, TEAMS, Object, Plan

RULES = 25
"""The most rules that a policy may have for one direction."""

ACTIONS = ("Accept", "Accept", "Deny", "Pass")
BASELINE = 0.1
"""The share of policies of the Baseline tier."""

EVERYWHERE = 0.05
"""The share of policies about a whole environment."""


def cluster_policies(plan: Plan) -> Iterator[Object]:
    """All cluster policies of a cluster."""
    random = Random(plan.seed)
    for number in range(plan.cluster_policies):
        tier = "Baseline" if random.random() < BASELINE else "Admin"
        yield cluster_policy(f"guard-{number:04}", number % 1_001, tier, _spec(random))


def cluster_policy(name: str, priority: int, tier: str, spec: Object) -> Object:
    """A ClusterNetworkPolicy."""
    metadata = {"name": name}
    head = {"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": metadata}
    return {**head, "spec": {"tier": tier, "priority": priority, **spec}}


def _spec(random: Random) -> Object:
    ingress = [_rule(random, "from", [_pods(random)]) for _ in range(RULES)]
    egress = [_rule(random, "to", [_destination(random)]) for _ in range(RULES)]
    return {"subject": _subject(random), "ingress": ingress, "egress": egress}


def _subject(random: Random) -> Object:
    """Few policies are about all; most are about a tenant, or one kind of pods of some tenants."""
    if random.random() < EVERYWHERE:
        return {"namespaces": _environment(random)}
    namespaces = _teams(random, "In", random.choice((1, 1, 2)))
    return {"namespaces": namespaces} if random.random() < 0.7 else _of_chart(random, namespaces)


def _rule(random: Random, field: str, peers: list[Object]) -> Object:
    rule: Object = {"action": random.choice(ACTIONS), field: peers}
    return {**rule, "protocols": [_ports(random)]} if random.random() < 0.8 else rule


def _pods(random: Random) -> Object:
    """The pods of some namespaces, or of one chart in them."""
    if random.random() < 0.2:
        namespaces = _environment(random)
    else:
        namespaces = _teams(random, random.choice(("In", "In", "In", "NotIn")), random.choice((1, 2, 4)))
    return {"namespaces": namespaces} if random.random() < 0.5 else _of_chart(random, namespaces)


def _of_chart(random: Random, namespaces: Object) -> Object:
    labels = {"matchLabels": {"app.kubernetes.io/name": random.choice(CHARTS).name}}
    return {"pods": {"namespaceSelector": namespaces, "podSelector": labels}}


def _environment(random: Random) -> Object:
    return {"matchLabels": {"environment": random.choice(ENVIRONMENTS)}}


def _teams(random: Random, operator: str, count: int) -> Object:
    teams = sorted(random.sample(TEAMS, k=count))
    return {"matchExpressions": [{"key": "team", "operator": operator, "values": teams}]}


def _destination(random: Random) -> Object:
    if random.random() < 0.8:
        return _pods(random)
    networks = (f"203.{random.randrange(64)}.{random.randrange(256)}.0/24" for _ in range(3))
    return {"networks": list(dict.fromkeys(networks))}


def _ports(random: Random) -> Object:
    protocol = random.choice(("tcp", "tcp", "udp"))
    match random.randrange(4):
        case 0:
            start = random.choice((1, 8_000, 9_000, 30_000))
            port: Object = {"range": {"start": start, "end": start + random.choice((99, 999))}}
        case 1:
            name, _ = random.choice(random.choice([chart for chart in CHARTS if chart.ports]).ports)
            return {"destinationNamedPort": name}
        case _:
            port = {"number": random.choice((53, 80, 443, 5432, 8000, 8080, 9090))}
    return {protocol: {"destinationPort": port}}
