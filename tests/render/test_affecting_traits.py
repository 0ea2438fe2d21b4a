"""What a plugin changes, in words: each trait with its rules and connections, of which the first few are listed."""

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import block, labelled, pod, policy, port, sends

from ringfence.analysis.differences import affecting_traits
from ringfence.engine.state import State
from ringfence.plugins import named_traits
from ringfence.render.affecting_traits import affected_text, affecting_json, affecting_text

CILIUM = named_traits("cilium")


def to_addresses(count: int) -> State:
    """As many policies: each allows `x/web` a port of a server by its address. With Cilium, a block matches no pods."""
    numbers = range(count)
    servers = [pod(f"x/s{number}", addresses=[f"10.0.0.{number}"]) for number in numbers]
    policies = [
        policy(
            f"x/p{number}",
            labelled(app="web"),
            egress=[sends(block(f"10.0.0.{number}/32"), ports=[port(8000 + number)])],
        )
        for number in numbers
    ]
    return cluster_of([pod("x/web", {"app": "web"}, addresses=["10.1.0.1"]), *servers, *policies]).state


def lines_about_pods(count: int) -> list[str]:
    """The lines of the trait that ipBlocks match no pods."""
    found = [one for one in affecting_traits(to_addresses(count), CILIUM) if one.chosen.topic.name == "ipBlock-pods"]
    return affecting_text(found).splitlines()


@pytest.mark.parametrize(
    ("count", "policies", "rest"),
    [
        (1, "1 policy", []),
        (5, "5 policies", []),
        (6, "6 policies", ["  ... and 1 more rule"]),
        (7, "7 policies", ["  ... and 2 more rules"]),
    ],
)
def test_five_rules_are_listed_and_the_others_counted(count: int, policies: str, rest: list[str]) -> None:
    trait, *others = lines_about_pods(count)
    assert trait.startswith("an ipBlock matches no pods (ipBlock-pods=no; ")
    assert trait.endswith(f": {policies}")
    assert others == [
        *(f"  x/p{number} egress[0]" for number in range(min(count, 5))),
        *rest,
        *(f"  - x/web -> x/s{number}: TCP {8000 + number}" for number in range(count)),
    ]


@pytest.mark.parametrize(
    ("count", "rest"), [(10, []), (11, ["  ... and 1 more connection"]), (12, ["  ... and 2 more connections"])]
)
def test_ten_connections_are_listed_and_the_others_counted(count: int, rest: list[str]) -> None:
    lines = lines_about_pods(count)
    listed = [number for number, line in enumerate(lines) if line.startswith("  - x/web -> ")]
    assert len(listed) == 10
    assert lines[listed[-1] + 1 :] == rest


def test_the_traits_stand_under_the_name_of_the_plugin() -> None:
    found = affecting_traits(to_addresses(1), CILIUM)
    heading, *lines = affected_text(CILIUM, found).splitlines()
    assert heading == f"with {CILIUM.name}:"
    assert lines == [f"  {line}" for line in affecting_text(found).splitlines()]
    assert lines[-1] == "    no connection changes", "no block has an address of a node"


def test_the_json_of_a_trait_has_its_rules_and_its_connections() -> None:
    found = affecting_traits(to_addresses(2), CILIUM)
    (one,) = (one for one in affecting_json(found) if one["trait"]["topic"] == "ipBlock-pods")
    assert one["rules"] == [
        {"namespace": "x", "name": f"p{number}", "direction": "egress", "index": 0} for number in range(2)
    ]
    assert one["connections"] == [
        {
            "change": "closed",
            "sources": [{"namespace": "x", "kind": "Pod", "name": "web"}],
            "destinations": [{"namespace": "x", "kind": "Pod", "name": f"s{number}"}],
            "traffic": [{"protocol": "TCP", "ports": str(8000 + number)}],
        }
        for number in range(2)
    ]
    assert one["changesAnswers"]


def test_the_json_of_addresses_has_their_cidrs() -> None:
    """Of an entry with endPort, this version applies the first port only."""
    wide = policy("x/p", labelled(app="web"), egress=[sends(block("192.0.2.0/24"), ports=[port(80, to=90)])])
    found = affecting_traits(cluster_of([pod("x/web", {"app": "web"}), wide]).state, named_traits("cilium@1.15"))
    (row,) = (row for one in affecting_json(found) for row in one["connections"])
    assert row["destinations"] == [{"addresses": ["192.0.2.0/24"]}]
    assert row["traffic"] == [{"protocol": "TCP", "ports": "81-90"}]


def test_a_plugin_that_changes_nothing_says_so() -> None:
    found = affecting_traits(cluster_of([pod("x/web")]).state, CILIUM)
    assert affected_text(CILIUM, found) == f"with {CILIUM.name}: every policy here means what upstream says"
