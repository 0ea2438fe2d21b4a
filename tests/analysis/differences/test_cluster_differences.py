"""The effects of a change and their causes, one kind of change at a time."""

from pathlib import Path

import pytest
from tests.analysis.differences.clusters import BLOCKS, CILIUM, DB, WORKLOADS, compared, rows

from ringfence.analysis.differences import Change, ConnectionChange
from ringfence.analysis.possible import Outcome
from ringfence.render.differences import cause_text

DASH = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "    - podSelector: {matchLabels: {app: web}}\n")
ALL_TYPES = DB.replace("[Ingress]", "[Ingress, Egress]")
EGRESS = ALL_TYPES.replace("policyTypes: [Ingress, Egress]", "policyTypes: [Egress]")
NEW = WORKLOADS[WORKLOADS.index("apiVersion: apps/v1\n") :].partition("---\n")[0].replace("name: web", "name: new")


def causes(folder: Path, kind: ConnectionChange, before: tuple[str, ...], after: tuple[str, ...]) -> set[str]:
    found = {cause_text(cause) for one in compared(folder, before, after).of(kind) for cause in one.causes}
    return {text.replace(f"{folder}/", "") for text in found}


def test_a_dash_too_many_opens_connections_and_its_rule_is_the_cause(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DASH))
    assert rows(found, ConnectionChange.OPENED) == [
        "prod/Deployment/web, tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306",
    ]
    assert rows(found, ConnectionChange.CLOSED) == []
    assert found.of(ConnectionChange.OPENED)[0].attributed_to == (Change.POLICIES,)
    line = WORKLOADS.count("\n") + 1 + 8
    expected = {f"ingress rule 1 of prod/db now allows it (b.yaml:{line})"}
    assert causes(tmp_path, ConnectionChange.OPENED, (WORKLOADS, DB), (WORKLOADS, DASH)) == expected


def test_a_direction_that_is_dropped_opens_and_changes_the_isolation(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, ALL_TYPES), (WORKLOADS, EGRESS))
    assert [(one.is_isolated, one.direction.field) for one in found.isolation] == [(False, "ingress")]
    assert rows(found, ConnectionChange.OPENED)[0].startswith(
        "prod/Deployment/web, tools/Deployment/probe -> prod/StatefulSet/db:"
    )
    line = WORKLOADS.count("\n") + 2
    assert causes(tmp_path, ConnectionChange.OPENED, (WORKLOADS, ALL_TYPES), (WORKLOADS, EGRESS)) == {
        f"prod/db no longer isolates ingress (a.yaml:{line})"
    }


def test_a_new_policy_closes_also_what_passes_between_the_pods_of_a_workload(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS,), (WORKLOADS, DB))
    closed = {
        str(end) for one in found.of(ConnectionChange.CLOSED) if isinstance(one.sources, tuple) for end in one.sources
    }
    assert closed == {"prod/Deployment/web", "prod/StatefulSet/db", "tools/Deployment/probe"}
    assert {one.attributed_to for one in found.connections} == {(Change.POLICIES,)}


def test_a_relabelled_namespace_opens_and_its_label_is_the_cause(tmp_path: Path) -> None:
    relabelled = WORKLOADS.replace("{name: prod, labels: {team: shop}}", "{name: prod, labels: {team: infra}}")
    found = compared(tmp_path, (WORKLOADS, DB), (relabelled, DB))
    assert rows(found, ConnectionChange.OPENED) == ["prod/Deployment/web -> prod/StatefulSet/db: TCP 3306"]
    assert found.of(ConnectionChange.OPENED)[0].attributed_to == (Change.NAMESPACES,)
    line = WORKLOADS.count("\n") + 1 + 8
    assert causes(tmp_path, ConnectionChange.OPENED, (WORKLOADS, DB), (relabelled, DB)) == {
        "label team of namespace prod changed from 'shop' to 'infra'",
        f"ingress rule 1 of prod/db, which is unchanged, now allows it (b.yaml:{line})",
    }


def test_a_relabelled_workload_is_the_cause(tmp_path: Path) -> None:
    relabelled = WORKLOADS.replace("{app: probe}", "{app: web}")
    found = compared(tmp_path, (WORKLOADS, DB), (relabelled, DB))
    assert rows(found, ConnectionChange.OPENED) == ["tools/Deployment/probe -> prod/StatefulSet/db: TCP 3306"]
    assert found.of(ConnectionChange.OPENED)[0].attributed_to == (Change.WORKLOADS,)
    assert "label app of tools/Deployment/probe changed from 'probe' to 'web'" in {
        cause.text for cause in found.of(ConnectionChange.OPENED)[0].causes
    }


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(BLOCKS.replace("name: web,", "name: renamed,"), id="a policy that is renamed"),
        pytest.param(
            BLOCKS.replace(
                "    - ipBlock: {cidr: 198.51.100.0/24}\n",
                "    - ipBlock: {cidr: 198.51.100.0/25}\n    - ipBlock: {cidr: 198.51.100.128/25}\n",
            ),
            id="a block that is written as its halves",
        ),
        pytest.param(f"# a comment\n{BLOCKS}", id="a comment"),
    ],
)
def test_what_means_the_same_is_no_difference(tmp_path: Path, after: str) -> None:
    found = compared(tmp_path, (WORKLOADS, BLOCKS), (WORKLOADS, after))
    assert not found
    assert found.meaning is None or found.meaning.outcome is Outcome.HOLDS


def test_addresses_are_written_as_a_block_with_exceptions(tmp_path: Path) -> None:
    wider = BLOCKS.replace("{cidr: 198.51.100.0/24}", "{cidr: 198.51.0.0/16, except: [198.51.7.0/24]}")
    found = compared(tmp_path, (WORKLOADS, BLOCKS), (WORKLOADS, wider))
    assert rows(found, ConnectionChange.OPENED) == [
        "198.51.0.0/16 except 198.51.7.0/24, 198.51.100.0/24 -> prod/Deployment/web: all traffic"
    ]


def test_a_new_workload_is_listed_and_opens_nothing(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB, NEW))
    assert (found.connections, list(map(str, found.added)), found.removed) == ((), ["prod/Deployment/new"], ())
    assert found


def test_a_policy_that_is_not_read_and_changes_is_named(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB, CILIUM), (WORKLOADS, DB, CILIUM.replace("cluster", "world")))
    assert not found
    assert [(one.change, str(one.policy)) for one in found.unread] == [
        ("changed", "CiliumNetworkPolicy.cilium.io prod/guard")
    ]
    assert found.assumptions


def test_a_policy_that_is_not_read_and_only_moves_is_no_difference(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB, CILIUM), (CILIUM, WORKLOADS, DB))
    assert (found.unread, found.unknown, found.known) == ((), (), ())


def test_policies_for_pods_that_do_not_exist_yet_are_compared_too(tmp_path: Path) -> None:
    other = DB.replace("app: web", "app: cache")
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, other))
    assert (found.connections, found.isolation, found.exposure_changed) == ((), (), True)
    assert found


RENAMED = WORKLOADS.replace("{name: db, namespace: prod}", "{name: database, namespace: prod}")
TWIN = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: twin, namespace: prod}
spec: {replicas: 1, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}}}
"""


def test_a_workload_under_another_name_is_compared_as_one(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB), (RENAMED, DB))
    assert not found
    assert [f"{one.before} -> {one.after}" for one in found.renamed] == [
        "prod/StatefulSet/db -> prod/StatefulSet/database"
    ]
    assert (found.added, found.removed) == ((), ())
    found = compared(tmp_path, (WORKLOADS, DB), (RENAMED, DB.replace("3306", "3307")))
    assert (found.added, found.removed) == ((), ())


@pytest.mark.parametrize(
    "after",
    [
        pytest.param((RENAMED, TWIN), id="two have its labels"),
        pytest.param((RENAMED.replace("{app: db}", "{app: other}"),), id="its labels are others"),
        pytest.param((RENAMED.replace("database, namespace: prod", "database, namespace: tools"),), id="it has moved"),
    ],
)
def test_a_workload_that_is_not_recognized_is_removed_and_added(tmp_path: Path, after: tuple[str, ...]) -> None:
    found = compared(tmp_path, (WORKLOADS,), after)
    assert (found.renamed, [str(one) for one in found.removed]) == ((), ["prod/StatefulSet/db"])


def test_what_is_assumed_of_a_workload_that_came_is_no_change_of_what_is_assumed(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, BLOCKS), (WORKLOADS, NEW.replace("app: web", "app: new"), BLOCKS))
    assert found.added
    assert any(text.startswith("the addresses of 4 pods, ") for text in found.assumptions)
    assert (found.unknown, found.known) == ((), ())


def test_what_is_assumed_of_more_workloads_than_before_is_said_of_these(tmp_path: Path) -> None:
    closed = DB.replace("name: db,", "name: probe,").replace("prod", "tools").replace("app: db", "app: probe")
    closed = closed.partition("  policyTypes")[0] + "  policyTypes: [Ingress, Egress]\n"
    found = compared(tmp_path, (WORKLOADS, BLOCKS, closed), (WORKLOADS, BLOCKS))
    assumed = "is not known: it is assumed not to lie in ipBlock 198.51.100.0/24"
    assert (found.unknown, found.known) == ((f"the address of tools/Deployment/probe {assumed}",), ())
