"""Policies as `kubectl get` and `kubectl describe` print them, byte for byte."""

import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pytest
import yaml
from hypothesis import given
from tests.model.policy_trees import Tree, policies, written

from ringfence.model.objects import NetworkPolicy
from ringfence.render.descriptions import TableOptions
from ringfence.render.policies import (
    description,
    in_list_order,
    names_text,
    policy_table,
    selector_text,
)

CASES: Final = Path(__file__).parent.parent / "cases" / "kubectl"
NOW: Final = datetime(2024, 5, 11, 7, 8, 9, tzinfo=UTC)


def read(path: Path) -> list[NetworkPolicy]:
    return [msgspec.convert(document, NetworkPolicy) for document in yaml.safe_load_all(path.read_text()) if document]


def policy(name: str, namespace: str = "default", created: str | None = None, **metadata: Any) -> NetworkPolicy:
    tree = {"metadata": {"name": name, "namespace": namespace, "creationTimestamp": created, **metadata}}
    return msgspec.convert(tree, NetworkPolicy)


POLICIES: Final = read(CASES / "policies.yaml")
DESCRIBED: Final = sorted((CASES / "describe").glob("*.yaml"))


@pytest.mark.parametrize("case", POLICIES, ids=lambda case: f"{case.metadata.namespace}-{case.metadata.name}")
def test_describe(case: NetworkPolicy) -> None:
    expected = CASES / f"describe-{case.metadata.namespace}-{case.metadata.name}.txt"
    assert description([case], zone=UTC) == expected.read_text()


@pytest.mark.parametrize("path", DESCRIBED, ids=lambda path: path.stem)
def test_describe_what_policies_can_say(path: Path) -> None:
    [case] = read(path)
    assert description([case], zone=UTC) == path.with_suffix(".txt").read_text()


def test_describe_all_in_the_order_of_the_api_server() -> None:
    assert description(in_list_order(POLICIES), zone=UTC) == (CASES / "describe-all.txt").read_text()


def test_a_namespace_is_listed_by_its_key_in_the_store() -> None:
    """A dash sorts before the slash after the namespace, so `a-b` comes before `a`."""
    listed = in_list_order([policy("p", "b"), policy("q", "a"), policy("p", "a"), policy("z", "a-b")])
    assert [f"{each.metadata.namespace}/{each.metadata.name}" for each in listed] == ["a-b/z", "a/p", "a/q", "b/p"]


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("America/New_York", "2024-05-06 03:08:09 -0400 EDT"),
        ("Asia/Kolkata", "2024-05-06 12:38:09 +0530 IST"),
        ("America/Sao_Paulo", "2024-05-06 04:08:09 -0300 -03"),
    ],
)
def test_describe_writes_times_in_the_given_zone(zone: str, text: str) -> None:
    described = description([policy("p", created="2024-05-06T07:08:09Z")], zone=ZoneInfo(zone))
    assert f"\nCreated on:   {text}\n" in described


def test_the_default_zone_is_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        described = description([policy("p", created="2024-05-06T07:08:09Z")])
    time.tzset()
    assert "\nCreated on:   2024-05-06 12:38:09 +0530 IST\n" in described


@pytest.mark.parametrize("created", ["2024-05-06T09:08:09+02:00", "2024-05-06T07:08:09.75Z"])
def test_describe_understands_every_way_to_write_a_time(created: str) -> None:
    assert "\nCreated on:   2024-05-06 07:08:09 +0000 UTC\n" in description([policy("p", created=created)], zone=UTC)


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("hours", [-11, 14])
def test_the_first_and_the_last_possible_time_can_be_described(created: str, hours: int) -> None:
    assert "Created on:" in description([policy("p", created=created)], zone=timezone(timedelta(hours=hours)))


def test_a_long_line_is_cut_between_characters() -> None:
    described = description([policy("p", annotations={"note": "é" * 100})], zone=UTC)
    assert f"\n{' ' * 16}{'é' * 69}...\n" in described
    described = description([policy("p", annotations={"note": "e" + "é" * 100})], zone=UTC)
    assert f"\n{' ' * 16}e{'é' * 68}...\n" in described


@pytest.mark.parametrize(("length", "shown"), [(138, "e" * 138), (139, "e" * 138 + "...")])
def test_a_line_of_138_bytes_is_the_longest_that_is_shown_whole(length: int, shown: str) -> None:
    """kubectl's `maxAnnotationLen` is 140, for the line and its two spaces."""
    described = description([policy("p", annotations={"note": "e" * length})], zone=UTC)
    assert f"\n{' ' * 16}{shown}\n" in described


def test_get() -> None:
    assert policy_table(in_list_order(POLICIES)[3:], now=NOW) == (
        "NAME            POD-SELECTOR     AGE\n"
        "db-and-backup   role=db,tier=1   5d\n"
        "db-policy       role=db          5d\n"
        "deny-all        <none>           5d\n"
    )


def test_get_in_all_namespaces() -> None:
    assert policy_table(in_list_order(POLICIES), now=NOW, options=TableOptions(namespaces=True)) == (
        "NAMESPACE   NAME                POD-SELECTOR                                               AGE\n"
        "default     allow-all-ingress   <none>                                                     5d\n"
        "default     egress-only         app=job                                                    5d\n"
        "default     expressions         app=shop,!canary,env notin (dev),owner,tier in (api,web)   5d\n"
        "prod        db-and-backup       role=db,tier=1                                             5d\n"
        "prod        db-policy           role=db                                                    5d\n"
        "prod        deny-all            <none>                                                     5d\n"
    )


def test_get_with_labels() -> None:
    shown = [
        policy("p", labels={"a": "2", "a-b": "1", "example.com/team": "data"}),
        policy("q", labels={"team": "web"}),
        policy("r"),
    ]
    assert policy_table(
        shown, now=NOW, options=TableOptions(labels=True, label_columns=("example.com/team", "team"))
    ) == (
        "NAME   POD-SELECTOR   AGE         TEAM   TEAM   LABELS\n"
        "p      <none>         <unknown>   data          a-b=1,a=2,example.com/team=data\n"
        "q      <none>         <unknown>          web    team=web\n"
        "r      <none>         <unknown>                 <none>\n"
    )


def test_get_without_headers() -> None:
    assert policy_table([policy("p")], now=NOW, options=TableOptions(headers=False)) == "p     <none>   <unknown>\n"


def test_get_nothing() -> None:
    assert policy_table([], now=NOW) == names_text([]) == description([]) == ""


def test_names() -> None:
    assert names_text([policy("p"), policy("q", "prod")]) == (
        "networkpolicy.networking.k8s.io/p\nnetworkpolicy.networking.k8s.io/q\n"
    )


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("{}", "<none>"),
        ("{matchLabels: {b: '1', a: ''}}", "a=,b=1"),
        ("{matchExpressions: [{key: k, operator: In, values: [v]}]}", "k in (v)"),
        ("{matchExpressions: [{key: k, operator: In, values: ['']}]}", "k in ()"),
        ("{matchExpressions: [{key: k, operator: NotIn, values: [c, a, b, a]}]}", "k notin (a,a,b,c)"),
        pytest.param(
            "{matchLabels: {z: '1', a: '2'}, matchExpressions: [{key: m, operator: Exists}, "
            "{key: d, operator: DoesNotExist}]}",
            "a=2,!d,m,z=1",
            id="sorted by key, whatever stands before it",
        ),
        pytest.param(
            "{matchExpressions: [{key: k, operator: Exists}, {key: k, operator: In, values: [w]}], "
            "matchLabels: {k: v}}",
            "k=v,k,k in (w)",
            id="labels first, then expressions as written",
        ),
        ("{matchExpressions: [{key: k, operator: Gt, values: ['1']}]}", "<error>"),
        ("{matchLabels: {k: '*'}}", "<error>"),
    ],
)
def test_selectors(selector: str, text: str) -> None:
    assert selector_text(written(f"podSelector: {selector}").spec.pod_selector) == text


@given(policies)
def test_any_policy_can_be_printed(tree: Tree) -> None:
    case = msgspec.convert(tree, NetworkPolicy)
    assert description([case], zone=UTC).endswith("\n")
    assert policy_table([case], now=NOW, options=TableOptions(namespaces=True, labels=True)).count("\n") == 2
