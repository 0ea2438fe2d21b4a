"""Pods that do not exist yet: judged like pods that do, and in no list."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.semantics.judges import cluster_of
from tests.semantics.objects import NAME_LABEL, Object, admits, block, labelled, namespaces, pod, pods, policy, port

from ringfence import Cluster
from ringfence.model.policies import Direction
from ringfence.sets.traffic import Traffic

DB = policy(
    "prod/db", labelled(app="db"), ingress=[admits(pods(labelled(app="web")), ports=[port(5432), port("http")])]
)


def test_a_policy_file_alone_answers() -> None:
    cluster = cluster_of([DB])
    assert cluster.can("pod:prod/app=web", "pod:prod/app=db", port=5432)
    assert cluster.can("pod:prod/app=other", "pod:prod/app=db", port=5432).none
    assert cluster.can("pod:prod/", "pod:prod/app=db", port=5432).none
    assert cluster.can("203.0.113.7", "pod:prod/app=db", port=5432).none
    assert cluster.can("pod:prod/app=db", "internet", port=443)


def test_the_ports_of_a_pod_that_does_not_exist_yet_are_assumed() -> None:
    cluster = cluster_of([DB])
    assumption = "the ports of pod:prod/app=db are not known: it is assumed to have no port http/TCP"
    assert cluster.can("pod:prod/app=web", "pod:prod/app=db", port=80).assumptions == (assumption,)
    assert cluster.can("pod:prod/app=web", "pod:prod/app=db").assumptions == (assumption,)
    assert cluster.can("pod:prod/app=web", "pod:prod/app=db", port=5432).assumptions == ()
    assert cluster.can("pod:prod/app=other", "pod:prod/app=db", port=80).assumptions == ()


def test_what_is_assumed_of_several_parts_of_an_endpoint_is_said_once_of_the_endpoint() -> None:
    """Of one part only, it is said of the part; a longer name is not that of a part which begins like it."""
    blocks = admits(block("10.0.0.0/8"), ports=[port(9000)])
    web = policy("prod/web", labelled(app="web"), ingress=[admits(ports=[port("metrics")])])
    cluster = cluster_of([DB, policy("prod/db-2", labelled(app="db"), ingress=[blocks]), web])
    outside = "is not known: it is assumed not to lie in ipBlock 10.0.0.0/8"
    ports = "are not known: it is assumed to have no port"
    assert cluster.can("any-pod:*/*", "pod:prod/app=db", port=9000).assumptions == (
        f"the address of any-pod:*/* {outside}",
        f"the ports of pod:prod/app=db {ports} http/TCP",
    )
    to_all = cluster.can("pod:prod/app=other", "any-pod:prod/*", port=9000).assumptions
    assert f"the ports of any-pod:prod/app=web {ports} metrics/TCP" in to_all
    sources = cluster.sources("any-pod:prod/*", 9000).assumptions
    assert len(sources) == len(set(sources))


def test_the_exposure_of_a_pod_that_does_not_exist_yet_assumes_its_ports() -> None:
    cluster = cluster_of([DB])
    assumption = "the ports of any-pod:prod/app=db are not known: it is assumed to have no port http/TCP"
    assert cluster.exposure("any-pod:prod/*").assumptions == (assumption,)
    assert cluster.exposure("pod:prod/app=web").assumptions == ()
    everything = policy("prod/open", labelled(app="db"), ingress=[admits()])
    assert cluster_of([DB, everything]).exposure("pod:prod/app=db").assumptions == ()


def test_a_rule_by_port_name_that_would_deny_is_assumed_not_to_apply() -> None:
    """Without a protocol, because it is about the name for every protocol."""
    rule = {"action": "Deny", "from": [{"namespaces": {}}], "protocols": [{"destinationNamedPort": "metrics"}]}
    guard = {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": "guard"},
        "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, "ingress": [rule]},
    }
    cluster = cluster_of([guard])
    assumption = "the ports of pod:x/app=a are not known: it is assumed to have no port metrics"
    assert cluster.exposure("pod:x/app=a").assumptions == (assumption,)
    verdict = cluster.can("pod:y/app=b", "pod:x/app=a", port=9000)
    assert verdict.all
    assert verdict.assumptions == (assumption,)
    assert cluster.can("pod:y/app=b", "pod:x/app=a").assumptions == (assumption,)
    assert cluster.can("203.0.113.7", "pod:x/app=a", port=9000).assumptions == ()


def test_an_endpoint_is_named_in_place_of_its_parts_where_all_have_the_same_exposure() -> None:
    cluster = cluster_of([DB])

    def named(endpoint: str) -> list[list[str]]:
        rows = cluster.exposure(endpoint).rows
        return [list(map(str, row.workloads)) for row in rows if row.direction is Direction.INGRESS]

    assert named("any-pod:prod/*") == [
        ["any-pod:prod/app notin (db,web)", "any-pod:prod/app=web"],
        ["any-pod:prod/app=db"],
    ]
    assert named("any-pod:other/*") == [["any-pod:other/*"]]


def test_a_namespace_that_no_object_defines_has_its_name_as_a_label() -> None:
    by_name = admits(namespaces(labelled(**{NAME_LABEL: "dev"})))
    cluster = cluster_of([policy("prod/p", ingress=[by_name])])
    assert cluster.can("pod:dev/app=web", "pod:prod/app=db", port=80)
    assert cluster.can("pod:test/app=web", "pod:prod/app=db", port=80).none
    assert cluster.state.namespaces.names() == ["prod"], "asking creates no namespace"


def test_its_address_is_assumed_not_to_lie_in_a_block() -> None:
    cluster = cluster_of([policy("prod/p", ingress=[admits(block("10.0.0.0/8"))])])
    verdict = cluster.can("pod:dev/app=web", "pod:prod/app=db", port=80)
    assert verdict.none
    assert verdict.assumptions == (
        "the address of pod:dev/app=web is not known: it is assumed not to lie in ipBlock 10.0.0.0/8",
    )


def test_two_pods_with_the_same_labels_are_different_pods() -> None:
    cluster = cluster_of([policy("prod/p", ingress=[])])
    assert cluster.can("pod:prod/app=db", "pod:prod/app=db").none


def test_an_edit_selects_it_by_its_labels() -> None:
    verdict = cluster_of([DB]).can("pod:prod/app=other", "pod:prod/app=db", port=5432)
    assert any("app: other" in line for edit in verdict.edits for line in edit.lines)


def test_no_list_contains_it_after_a_question() -> None:
    objects = [DB, pod("prod/web", {"app": "web"})]
    cluster = cluster_of(objects)
    verdict = cluster.can("pod:dev/app=x", "pod:prod/app=db", port=5432)
    assert verdict.reasons
    assert verdict.edits
    assert [str(member) for member in cluster.state.population.members()] == ["prod/web"]
    assert list(cluster.connections()) == list(cluster_of(objects).connections())


@settings(deadline=None)
@given(strategies.clusters(), st.sampled_from(strategies.LABELS), st.sampled_from(strategies.NAMESPACES))
def test_it_is_judged_like_a_pod_with_its_labels(world: list[Object], labels: dict[str, str], space: str) -> None:
    cluster = cluster_of(world)
    ends = [*map(str, cluster.state.members()), *strategies.OUTSIDE]
    possible = f"pod:{space}/{','.join(f'{key}={value}' for key, value in labels.items())}"
    supposed = [traffics(cluster, possible, end) for end in ends]
    cluster.upsert(pod(f"{space}/real", labels))
    assert supposed == [traffics(cluster, f"{space}/pod/real", end) for end in ends]


def traffics(cluster: Cluster, a: str, b: str) -> tuple[Traffic, Traffic]:
    """The allowed traffic in both directions."""
    return cluster.can(a, b).traffic, cluster.can(b, a).traffic
