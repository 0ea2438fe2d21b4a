"""The exposure of each example, as a reader of its policies would write it by hand, and of single situations.

That it is right of every possible pod is in `test_exposure_by_force`; here it is as short as a person would say it.
"""

from pathlib import Path

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespace,
    namespaces,
    not_named,
    pod,
    pods,
    policy,
    port,
    sends,
    term,
    workload,
)

from ringfence import Cluster
from ringfence.analysis.lists import Exposure, exposed_workloads
from ringfence.engine.possible import Undecided
from ringfence.errors import EndpointError
from ringfence.render.possible_pods import possible_pods_text, possible_traffic_text

EXAMPLES = Path(__file__).parents[3] / "examples"

# ruff: noqa: E501  (the lines of a table)
BY_HAND = {
    "three-tier": """
        prod/api | egress | pods with role!=db of namespace prod | all traffic
        prod/api | egress | pods with role=db of namespace prod | TCP 3306
        prod/api | egress | any pod of any namespace other than prod | all traffic
        prod/api | egress | any address | all traffic
        prod/api prod/web staging/api | ingress | pods with role!=db of namespace prod | all traffic
        prod/api prod/web staging/api | ingress | any pod of any namespace other than prod | all traffic
        prod/api prod/web staging/api | ingress | any address | all traffic
        prod/db | ingress | pods with name=api-pod,role!=db of namespace prod | TCP 3306
        prod/db | egress | 192.168.5.10/32 | TCP 80
        prod/web staging/api | egress | pods with role!=db of namespace prod | all traffic
        prod/web staging/api | egress | any pod of any namespace other than prod | all traffic
        prod/web staging/api | egress | any address | all traffic
    """,
    "and-or": """
        authority/auditor | egress | any pod of any namespace | all traffic
        authority/auditor | egress | any address | all traffic
        authority/auditor authority/press-office clinic/auditor | ingress | any pod of any namespace | all traffic
        authority/auditor authority/press-office clinic/auditor | ingress | any address | all traffic
        authority/press-office clinic/auditor | egress | pods with app!=records of namespace clinic | all traffic
        authority/press-office clinic/auditor | egress | any pod of any namespace other than clinic | all traffic
        authority/press-office clinic/auditor | egress | any address | all traffic
        clinic/billing | ingress | pods with role=auditor of namespace clinic | all traffic
        clinic/billing | ingress | any pod in a namespace with trust=official | all traffic
        clinic/billing clinic/records | egress | pods with app notin (billing,records) of namespace clinic | all traffic
        clinic/billing clinic/records | egress | any pod of any namespace other than clinic | all traffic
        clinic/billing clinic/records | egress | any address | all traffic
        clinic/records | ingress | pods with role=auditor in a namespace with trust=official | all traffic
    """,
    "admin/baseline-default-deny": """
        library/archive library/catalogue | egress | any address | all traffic
        library/archive school/reader | ingress | any address | all traffic
        library/catalogue | ingress | any pod of namespace school | all traffic
        school/reader | egress | pods with app=catalogue of namespace library | all traffic
        school/reader | egress | any address | all traffic
    """,
    "admin/dns-for-all": """
        gallery/frames | ingress | any pod of any namespace | all traffic
        gallery/frames | ingress | any address | all traffic
        gallery/frames kube-system/coredns | egress | any pod of any namespace | all traffic
        gallery/frames kube-system/coredns | egress | any address | all traffic
        gallery/painter | ingress | pods with app!=painter of namespace gallery | all traffic
        gallery/painter | ingress | any pod of any namespace other than gallery | all traffic
        gallery/painter | ingress | any address | all traffic
        gallery/painter | egress | pods with app=frames of namespace gallery | all traffic
        gallery/painter | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        kube-system/coredns | ingress | pods with app!=painter of namespace gallery | all traffic
        kube-system/coredns | ingress | pods with app=painter of namespace gallery | TCP 53; UDP 53
        kube-system/coredns | ingress | any pod of any namespace other than gallery | all traffic
        kube-system/coredns | ingress | any address | all traffic
    """,
    "admin/no-exception": """
        payments/ledger | ingress | any pod of any namespace | all traffic
        payments/ledger | ingress | any address | all traffic
        payments/ledger | egress | any pod of any namespace | all traffic
        payments/ledger | egress | 0.0.0.0/0 except 169.254.169.254/32; ::/0 | all traffic
    """,
    "admin/tenant-isolation": """
        bakery/orders | egress | any pod of any namespace | all traffic
        bakery/orders | egress | any address | all traffic
        bakery/orders bakery-staging/orders | ingress | any pod in a namespace with tenant=north | all traffic
        bakery/orders bakery-staging/orders | ingress | any address | all traffic
        bakery/ovens | ingress | pods with app=orders of namespace bakery | all traffic
        bakery/ovens bakery-staging/orders | egress | pods with app!=ovens of namespace bakery | all traffic
        bakery/ovens bakery-staging/orders | egress | any pod of any namespace other than bakery | all traffic
        bakery/ovens bakery-staging/orders | egress | any address | all traffic
        brewery/cellar | ingress | any pod of any namespace | all traffic
        brewery/cellar | ingress | any address | all traffic
        brewery/cellar | egress | any pod in a namespace with tenant!=north | all traffic
        brewery/cellar | egress | any address | all traffic
    """,
    "recipes/deny-all-egress": """
        kube-system/coredns | ingress | any pod of namespace post | TCP 53; UDP 53
        kube-system/coredns | ingress | any pod of any namespace other than post | all traffic
        kube-system/coredns | ingress | any address | all traffic
        kube-system/coredns | egress | any pod of any namespace | all traffic
        kube-system/coredns | egress | any address | all traffic
        post/courier | ingress | any pod of any namespace other than post | all traffic
        post/courier | ingress | any address | all traffic
        post/courier | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        post/courier | egress | pods with app=depot of namespace post | TCP 8080
        post/depot | ingress | pods with app=courier of namespace post | TCP 8080
        post/depot | ingress | any pod of any namespace other than post | all traffic
        post/depot | ingress | any address | all traffic
        post/depot | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
    """,
    "recipes/deny-all-ingress": """
        bakery/counter bakery/oven | ingress | none |
        bakery/counter bakery/oven street/passer-by | egress | any pod of any namespace other than bakery | all traffic
        bakery/counter bakery/oven street/passer-by | egress | any address | all traffic
        street/passer-by | ingress | any pod of any namespace | all traffic
        street/passer-by | ingress | any address | all traffic
    """,
    "recipes/except": """
        library/crawler | ingress | pods with app!=crawler of namespace library | all traffic
        library/crawler | ingress | pods with app=crawler of namespace library | TCP 80,443
        library/crawler | ingress | any pod in a namespace to come | all traffic
        library/crawler | ingress | any address | all traffic
        library/crawler | egress | any pod of any namespace | TCP 80,443
        library/crawler | egress | 0.0.0.0/0 except 10.0.0.0/8, 169.254.169.254/32, 172.16.0.0/12, 192.168.0.0/16 | TCP 80,443
        library/crawler | egress | 192.168.7.20/32 | TCP 443
    """,
    "recipes/external-clients": """
        museum/till | ingress | 198.51.100.16/28 | TCP 8443
        museum/till museum/website | egress | pods with app notin (till,website) of namespace museum | all traffic
        museum/till museum/website | egress | pods with app=website of namespace museum | TCP 8443
        museum/till museum/website | egress | any pod in a namespace to come | all traffic
        museum/till museum/website | egress | any address | all traffic
        museum/website | ingress | any pod of any namespace | TCP 8443
        museum/website | ingress | any address | TCP 8443
    """,
    "recipes/from-a-namespace": """
        archive/shelves | ingress | any pod in a namespace with clearance=reader | all traffic
        archive/shelves archive/vault sales/agent | egress | pods with app notin (shelves,vault) of namespace archive | all traffic
        archive/shelves archive/vault sales/agent | egress | any pod of any namespace other than archive | all traffic
        archive/shelves archive/vault sales/agent | egress | any address | all traffic
        archive/vault | ingress | any pod of namespace research | all traffic
        research/historian | egress | any pod of any namespace | all traffic
        research/historian | egress | any address | all traffic
        research/historian sales/agent | ingress | any pod of any namespace | all traffic
        research/historian sales/agent | ingress | any address | all traffic
    """,
    "recipes/from-a-pod-in-a-namespace": """
        shop/checkout | egress | pods with app!=robot of namespace warehouse | all traffic
        shop/checkout | egress | pods with app=robot of namespace warehouse | TCP 7000
        shop/checkout | egress | any pod of any namespace other than warehouse | all traffic
        shop/checkout | egress | any address | all traffic
        shop/checkout shop/reviews warehouse/checkout | ingress | any pod of any namespace | all traffic
        shop/checkout shop/reviews warehouse/checkout | ingress | any address | all traffic
        shop/reviews warehouse/checkout warehouse/robot | egress | pods with app!=robot of namespace warehouse | all traffic
        shop/reviews warehouse/checkout warehouse/robot | egress | any pod of any namespace other than warehouse | all traffic
        shop/reviews warehouse/checkout warehouse/robot | egress | any address | all traffic
        warehouse/robot | ingress | pods with app=checkout of namespace shop | TCP 7000
    """,
    "recipes/named-ports": """
        ward/heart | ingress | pods with job=nurse of namespace ward | TCP 8081
        ward/heart ward/lung ward/spleen | egress | pods without organ of namespace ward | all traffic
        ward/heart ward/lung ward/spleen | egress | any pod in a namespace to come | all traffic
        ward/heart ward/lung ward/spleen | egress | any address | all traffic
        ward/lung | ingress | pods with job=nurse of namespace ward | TCP 9000
        ward/nurse | ingress | pods with job!=nurse of namespace ward | all traffic
        ward/nurse | ingress | any pod in a namespace to come | all traffic
        ward/nurse | ingress | any address | all traffic
        ward/nurse | egress | any pod of any namespace | TCP ports named health
        ward/spleen | ingress | none |
    """,
    "recipes/port-ranges": """
        exchange/caller | ingress | any pod of any namespace | all traffic
        exchange/caller | ingress | any address | all traffic
        exchange/caller | egress | pods with app!=switchboard of namespace exchange | all traffic
        exchange/caller | egress | pods with app=switchboard of namespace exchange | UDP 5060,16384-32767; SCTP 1-65535
        exchange/caller | egress | any pod in a namespace to come | all traffic
        exchange/caller | egress | any address | all traffic
        exchange/switchboard | ingress | pods with app=caller of namespace exchange | UDP 5060,16384-32767; SCTP 1-65535
        exchange/switchboard | egress | pods with app!=switchboard of namespace exchange | all traffic
        exchange/switchboard | egress | any pod in a namespace to come | all traffic
        exchange/switchboard | egress | any address | all traffic
    """,
    "recipes/several-policies": """
        park/child | egress | pods with app=fountain of namespace park | TCP 80
        park/child | egress | any pod in a namespace to come | all traffic
        park/child | egress | any address | all traffic
        park/child park/dog park/gardener | ingress | none |
        park/dog park/fountain | egress | any pod in a namespace to come | all traffic
        park/dog park/fountain | egress | any address | all traffic
        park/fountain | ingress | pods with visitor=child of namespace park | TCP 80
        park/fountain | ingress | pods with visitor=gardener of namespace park | all traffic
        park/gardener | egress | pods with material=stone of namespace park | all traffic
        park/gardener | egress | any pod in a namespace to come | all traffic
        park/gardener | egress | any address | all traffic
    """,
    "shop": """
        edge/Deployment/certificates | ingress | pods with app=prometheus of namespace monitoring | TCP 9402
        edge/Deployment/certificates | egress | pods with app=ingress-controller of namespace edge | TCP 443 if named http or https
        edge/Deployment/certificates | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        edge/Deployment/certificates | egress | any pod in a namespace to come | TCP 443
        edge/Deployment/certificates | egress | 0.0.0.0/0 except 10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16; ::/0 except fc00::/7, fe80::/10 | TCP 443
        edge/Deployment/certificates | egress | 172.16.0.10/32 | TCP 6443
        edge/Deployment/ingress-controller | ingress | pods with app=prometheus of namespace monitoring | TCP 10254
        edge/Deployment/ingress-controller | ingress | any pod in a namespace to come | TCP 8080,8443
        edge/Deployment/ingress-controller | ingress | 0.0.0.0/0 except 172.16.0.10/32; ::/0 | TCP 8080,8443
        edge/Deployment/ingress-controller | ingress | 172.16.0.10/32 | TCP 8080,8443,9443
        edge/Deployment/ingress-controller | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        edge/Deployment/ingress-controller | egress | pods with app=grafana of namespace monitoring | TCP 3000
        edge/Deployment/ingress-controller | egress | pods with app=storefront,tier=frontend of namespace shop | TCP ports named http
        edge/Deployment/ingress-controller | egress | 172.16.0.10/32 | TCP 6443
        kube-system/Deployment/coredns | ingress | pods with app!=prometheus of namespace monitoring | TCP 53; UDP 53
        kube-system/Deployment/coredns | ingress | pods with app=prometheus of namespace monitoring | TCP 53,9153; UDP 53
        kube-system/Deployment/coredns | ingress | any pod of any namespace other than kube-system and monitoring | TCP 53; UDP 53
        kube-system/Deployment/coredns | egress | 172.16.0.10/32 | TCP 6443
        kube-system/Deployment/coredns | egress | 192.0.2.53/32 | TCP 53; UDP 53
        monitoring/DaemonSet/node-exporter | ingress | pods with app=certificates of namespace edge | TCP 443
        monitoring/DaemonSet/node-exporter | ingress | any pod in a namespace to come | all traffic
        monitoring/DaemonSet/node-exporter | ingress | any address | all traffic
        monitoring/DaemonSet/node-exporter | egress | pods with app=ingress-controller of namespace edge | TCP ports named http or https
        monitoring/DaemonSet/node-exporter | egress | any pod in a namespace to come | all traffic
        monitoring/DaemonSet/node-exporter | egress | any address | all traffic
        monitoring/Deployment/grafana | ingress | pods with app=ingress-controller of namespace edge | TCP 3000
        monitoring/Deployment/grafana | ingress | pods with app=prometheus of namespace monitoring | TCP 3000
        monitoring/Deployment/grafana | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        monitoring/Deployment/grafana | egress | pods with app=prometheus of namespace monitoring | TCP 9090
        monitoring/StatefulSet/alertmanager | ingress | pods with app=prometheus of namespace monitoring | TCP 9093
        monitoring/StatefulSet/alertmanager | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        monitoring/StatefulSet/alertmanager | egress | 203.0.113.90/32 | TCP 443
        monitoring/StatefulSet/prometheus | ingress | pods with app in (grafana,prometheus) of namespace monitoring | TCP 9090
        monitoring/StatefulSet/prometheus | egress | pods with k8s-app!=kube-dns of namespace kube-system | TCP ports named metrics
        monitoring/StatefulSet/prometheus | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53; TCP 1-52,54-65535 if named metrics
        monitoring/StatefulSet/prometheus | egress | any pod of any namespace other than kube-system | TCP ports named metrics
        monitoring/StatefulSet/prometheus | egress | 172.16.0.0/24 except 172.16.0.10/32 | TCP 9100
        monitoring/StatefulSet/prometheus | egress | 172.16.0.10/32 | TCP 6443,9100
        shop/CronJob/backup | ingress | none |
        shop/CronJob/backup | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        shop/CronJob/backup | egress | pods with engine=postgres of namespace shop | TCP ports named postgres
        shop/CronJob/backup | egress | 203.0.113.80/32 | TCP 443
        shop/Deployment/cart | ingress | pods with app=prometheus of namespace monitoring | TCP 8081
        shop/Deployment/cart | ingress | pods with app in (checkout,storefront) of namespace shop | TCP 8080
        shop/Deployment/cart | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        shop/Deployment/cart | egress | pods with app=catalog of namespace shop | TCP ports named http
        shop/Deployment/cart | egress | pods with app=sessions of namespace shop | TCP 6379 if named valkey
        shop/Deployment/catalog | ingress | pods with app=prometheus of namespace monitoring | TCP 8081
        shop/Deployment/catalog | ingress | pods with app in (cart,storefront) of namespace shop | TCP 8080
        shop/Deployment/catalog | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        shop/Deployment/catalog | egress | pods with app=catalog-db of namespace shop | TCP ports named postgres
        shop/Deployment/checkout | ingress | pods with app=prometheus of namespace monitoring | TCP 8081
        shop/Deployment/checkout | ingress | pods with app=storefront of namespace shop | TCP 8080
        shop/Deployment/checkout | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        shop/Deployment/checkout | egress | pods with app=cart of namespace shop | TCP ports named http
        shop/Deployment/checkout | egress | pods with app=orders-db of namespace shop | TCP ports named postgres
        shop/Deployment/checkout | egress | pods with app=queue of namespace shop | TCP ports named amqp
        shop/Deployment/checkout | egress | 203.0.113.40/32 | TCP 443
        shop/Deployment/mailer | ingress | pods with app=prometheus of namespace monitoring | TCP 8081
        shop/Deployment/mailer | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        shop/Deployment/mailer | egress | pods with app=queue of namespace shop | TCP ports named amqp
        shop/Deployment/mailer | egress | 198.51.100.25/32 | TCP 587
        shop/Deployment/storefront | ingress | pods with app=ingress-controller of namespace edge | TCP 3000
        shop/Deployment/storefront | ingress | pods with app=prometheus of namespace monitoring | TCP 9464
        shop/Deployment/storefront | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        shop/Deployment/storefront | egress | pods with app in (cart,catalog,checkout) of namespace shop | TCP ports named http
        shop/StatefulSet/catalog-db | ingress | pods with app=prometheus of namespace monitoring | TCP 9187
        shop/StatefulSet/catalog-db | ingress | pods with app in (backup,catalog) of namespace shop | TCP 5432
        shop/StatefulSet/catalog-db shop/StatefulSet/orders-db shop/StatefulSet/queue shop/StatefulSet/sessions | egress | pods with k8s-app=kube-dns of namespace kube-system | TCP 53; UDP 53
        shop/StatefulSet/orders-db | ingress | pods with app=prometheus of namespace monitoring | TCP 9187
        shop/StatefulSet/orders-db | ingress | pods with app in (backup,checkout) of namespace shop | TCP 5432
        shop/StatefulSet/queue | ingress | pods with app=prometheus of namespace monitoring | TCP 15692
        shop/StatefulSet/queue | ingress | pods with app in (checkout,mailer) of namespace shop | TCP 5672
        shop/StatefulSet/sessions | ingress | pods with app=cart of namespace shop | TCP 6379
    """,
}
"""The lines of each folder: the workloads, the direction, the possible pods or addresses, and the traffic."""


def lines(cluster: Cluster, endpoint: str | None = None) -> list[str]:
    """The exposure as lines of text."""
    return [line for row in cluster.exposure(endpoint, examples=True).rows for line in lines_of(cluster, row)]


def lines_of(cluster: Cluster, row: Exposure) -> list[str]:
    names, existing = " ".join(map(str, row.workloads)), cluster.state.namespaces.names()
    start = f"{names} | {row.direction.field} |"
    found = [
        f"{start} {possible_pods_text(one.pods, existing)} | {possible_traffic_text(one.traffic)}" for one in row.pods
    ]
    found += [f"{start} {addresses} | {traffic}" for addresses, traffic in row.addresses]
    return found or [f"{start} none |"]


def written(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("folder", BY_HAND)
def test_an_example(folder: str) -> None:
    assert lines(Cluster.load(EXAMPLES / folder)) == written(BY_HAND[folder])


def test_every_example_with_a_readme_is_here() -> None:
    folders = {str(file.parent.relative_to(EXAMPLES)) for file in EXAMPLES.rglob("*.yaml")}
    assert folders - {"tests"} == set(BY_HAND)  # `tests` has no objects


CLOSED = policy("x/closed", ingress=[], egress=[])


def test_a_cluster_without_policies_is_exposed_to_all() -> None:
    (ingress, egress) = cluster_of([pod("x/a")]).exposure().rows
    for row in (ingress, egress):
        assert str(row.whole_cluster.by_number) == "all traffic"
        assert str(row.internet) == "all traffic"
        assert not row.isolated


def test_the_internet_is_exposed_to_only_as_a_whole() -> None:
    but_one = sends(block("0.0.0.0/0", "203.0.113.7/32"), block("::/0"), ports=[port(443)])
    some = cluster_of([pod("x/a"), policy("x/p", egress=[but_one])]).exposure().rows[1]
    assert not some.internet
    private = sends(block("0.0.0.0/0", "10.0.0.0/8"), block("::/0"), ports=[port(443)])
    whole = cluster_of([pod("x/a"), policy("x/p", egress=[private])]).exposure().rows[1]
    assert str(whole.internet) == "TCP 443"


def test_workloads_of_any_namespace_that_are_exposed_alike_share_a_row() -> None:
    (ingress, egress) = cluster_of([pod("x/a", {"app": "a"}), pod("y/b")]).exposure().rows
    assert [list(map(str, row.workloads)) for row in (ingress, egress)] == [["x/a", "y/b"], ["x/a", "y/b"]]


def test_pods_of_a_workload_that_are_exposed_differently_are_listed_one_by_one() -> None:
    owner = workload("x/w", "StatefulSet", pod("x/t"), replicas=2)
    owned = [
        pod(f"x/w-{number}", {"n": number})
        | {
            "metadata": {
                "name": f"w-{number}",
                "namespace": "x",
                "labels": {"n": number},
                "ownerReferences": [{"kind": "StatefulSet", "name": "w", "controller": True}],
            }
        }
        for number in ("0", "1")
    ]
    found = cluster_of([owner, *owned, policy("x/p", labelled(n="0"), ingress=[])]).exposure().rows
    assert [str(one) for row in found if row.isolated for one in row.workloads] == ["x/w-0"]


def test_a_pod_on_its_nodes_network_says_why_no_policy_applies() -> None:
    found = cluster_of([pod("x/a", hostNetwork=True), CLOSED]).exposure()
    assert {row.exempt for row in found.rows} == {"it uses its node's network, and policies do not apply to it"}
    assert found.assumptions == ("x/a uses its node's network: x/closed is assumed not to apply to it",)


def test_a_namespace_that_a_policy_names_and_nobody_made_may_come() -> None:
    by_name = namespaces(labelled(**{"kubernetes.io/metadata.name": "later"}))
    found = lines(cluster_of([pod("x/a"), policy("x/p", ingress=[admits(by_name)], egress=[])]))
    assert found[0] == "x/a | ingress | any pod of namespace later | all traffic"


def test_what_is_left_out_by_name_is_left_out() -> None:
    others = namespaces(not_named("y"), labelled(app="web"))
    found = lines(cluster_of([pod("x/a"), namespace("y"), policy("x/p", ingress=[admits(others)])]), "x/a")
    assert found[0] == "x/a | ingress | pods with app=web of any namespace other than y | all traffic"


def test_a_pod_that_does_not_exist_yet_has_an_exposure_too() -> None:
    db = policy("x/db", labelled(app="db"), ingress=[admits(pods(labelled(app="web")), ports=[port(5432)])])
    found = lines(cluster_of([db]), "pod:x/app=db")
    assert found[0] == "pod:x/app=db | ingress | pods with app=web of namespace x | TCP 5432"


def test_a_known_address_of_the_workload_is_matched_by_blocks_of_pods_to_come() -> None:
    world: list[Object] = [pod("x/a", addresses=["10.0.0.7"]), policy("y/p", egress=[sends(block("10.0.0.0/24"))])]
    assert lines(cluster_of(world), "x/a")[0] == "x/a | ingress | any pod of any namespace | all traffic"
    elsewhere: list[Object] = [pod("x/a", addresses=["10.9.0.7"]), world[1]]
    assert lines(cluster_of(elsewhere), "x/a")[0] == (
        "x/a | ingress | any pod of any namespace other than y | all traffic"
    )


def test_over_a_family_that_the_workload_lacks_pods_to_come_need_no_rule() -> None:
    to_both = [sends(block("10.0.0.0/24"), ports=[port(80)]), sends(block("fd00::/64"), ports=[port(80), port(81)])]
    world: list[Object] = [
        pod("x/one", addresses=["10.0.0.7"]),
        pod("x/both", addresses=["10.0.0.8", "fd00::8"]),
        pod("x/six", addresses=["fd00::9"]),
        policy("y/p", egress=to_both),
    ]
    found = {name: lines(cluster_of(world), name)[0].rpartition("| ")[2] for name in ("x/one", "x/both", "x/six")}
    assert found == {"x/one": "TCP 80", "x/both": "TCP 80", "x/six": "TCP 80-81"}


def test_a_port_name_of_the_workload_is_the_number_that_its_containers_say() -> None:
    web = pod("x/a", ports=[container_port("http", 8080)])
    found = lines(cluster_of([web, policy("x/p", ingress=[admits(ports=[port("http")])])]), "x/a")
    assert found[0] == "x/a | ingress | any pod of any namespace | TCP 8080"


def test_names_of_ports_that_two_policies_want() -> None:
    named = [port("web"), port("http")]
    world: list[Object] = [
        pod("x/a"),
        policy("x/out", egress=[sends(ports=[port("web"), port(80)])]),
        policy("y/in", ingress=[admits(ports=named)]),
        pod("y/b", ports=[container_port("web", 8080)]),
    ]
    found = [line for line in lines(cluster_of(world), "x/a") if "egress" in line]
    assert found == [
        "x/a | egress | any pod of namespace y | TCP 80 if named http; TCP ports named web",
        "x/a | egress | any pod of any namespace other than y | TCP 80; TCP 1-79,81-65535 if named web",
        "x/a | egress | any address | TCP 80",
    ]


def test_an_endpoint_outside_the_cluster_has_no_exposure() -> None:
    with pytest.raises(EndpointError, match="exposure is about pods"):
        cluster_of([pod("x/a")]).exposure("203.0.113.7")


def test_labels_that_overlap_in_too_many_ways_end_as_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposed_workloads, "MOST_STEPS", 20_000)
    rules = [
        admits(namespaces({}, term(f"key-{number}", "NotIn", *(f"v-{number}-{value}" for value in range(30)))))
        for number in range(40)
    ]
    several = [admits(namespaces({}, both(number))) for number in range(40)]
    cluster = cluster_of([pod("x/a"), policy("x/many", ingress=[*rules, *several])])
    with pytest.raises(Undecided, match=r"undecided at x/many spec\.ingress\["):
        cluster.exposure()


def test_looking_at_each_namespace_for_each_workload_ends_as_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each workload is isolated by a policy of its own that treats every namespace: the work is the square of them."""

    def cluster(count: int) -> Cluster:
        names = [f"n{number}" for number in range(count)]
        spaces = [namespace(name, team=name, env=f"e{number % 3}") for number, name in enumerate(names)]
        apart = {"key": "env", "operator": "NotIn", "values": ["e1"]}
        others = [
            namespaces({"matchExpressions": [{"key": "team", "operator": "NotIn", "values": [name]}, apart]})
            for name in names
        ]
        policies = [policy(f"{name}/p", ingress=[admits(one)]) for name, one in zip(names, others, strict=True)]
        return cluster_of([*spaces, *(pod(f"{name}/a") for name in names), *policies])

    monkeypatch.setattr(exposed_workloads, "MOST_STEPS", 5_000)
    assert len(cluster(20).exposure().rows) >= 20
    with pytest.raises(Undecided):
        cluster(100).exposure()


def test_a_selector_of_too_many_labels_ends_as_undecided() -> None:
    long = {"matchLabels": {f"key-{number}": "x" for number in range(600)}}
    peers = [pods(long), pods(labelled(app="web"))]
    with pytest.raises(Undecided, match="undecided at x/long"):
        cluster_of([pod("x/a"), policy("x/long", ingress=[admits(*peers)])]).exposure()


def both(number: int) -> Object:
    """A selector of two labels, which overlaps with that of every other number."""
    expressions = [
        {"key": f"key-{key % 40}", "operator": "NotIn", "values": [f"w-{number}"]}
        for key in (number, number * 7 + 3, number * 11 + 5)
    ]
    return {"matchExpressions": expressions}
