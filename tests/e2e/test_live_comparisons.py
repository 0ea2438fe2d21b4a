"""Comparisons: two real clusters, a cluster and revisions, and a cluster with supposed changes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from ringfence.cli import cli
from tests.sources.git_repositories import GitRepository

from .control_plane import ControlPlane, running
from .live_shop import LIVE_SHOP, create_live_shop

SHOP = LIVE_SHOP.format("shop")
POLICY = SHOP.rpartition("---\n")[2]
OPENED = POLICY.replace("podSelector: {matchLabels: {app: web}}", "namespaceSelector: {}")
CLOSED = POLICY.replace("app: web}}", "app: api}}")
assert POLICY not in (OPENED, CLOSED)


def with_shop(server: ControlPlane) -> ControlPlane:
    server.kubectl("create", "namespace", "shop")
    create_live_shop(server, "shop")
    return server


@pytest.fixture(scope="module")
def first(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with the shop."""
    with running(tmp_path_factory.mktemp("first")) as server:
        yield with_shop(server)


@pytest.fixture(scope="module")
def second(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with the shop, in which every pod of any namespace reaches the database."""
    with running(tmp_path_factory.mktemp("second")) as server:
        with_shop(server).kubectl("replace", "--filename=-", stdin=OPENED)
        yield server


@pytest.fixture
def kubeconfig(first: ControlPlane, second: ControlPlane, tmp_path: Path) -> Path:
    """A kubeconfig with a context for each cluster. The first context is the current one."""
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "first"}
    for name, server in (("first", first), ("second", second)):
        own = yaml.safe_load(server.kubeconfig.read_text())
        for key in ("clusters", "users"):
            (entry,) = own[key]
            merged.setdefault(key, []).append({**entry, "name": name})
        merged.setdefault("contexts", []).append({"name": name, "context": {"cluster": name, "user": name}})
    file = tmp_path / "both.kubeconfig"
    file.write_text(yaml.safe_dump(merged))
    return file


def run(kubeconfig: Path, *words: str, stdin: str = "") -> Result:
    return CliRunner(env={"KUBECONFIG": str(kubeconfig)}).invoke(cli, words, input=stdin)


def test_two_clusters_are_compared(kubeconfig: Path, second: ControlPlane) -> None:
    both = ("--context", "first", "--to-context", "second")
    result = run(kubeconfig, "diff", *both)
    assert (result.exit_code, result.stdout.partition(":")[0]) == (1, "first -> second")
    found = json.loads(run(kubeconfig, "diff", *both, "-o", "json").stdout)
    assert (found["summary"]["closed"], found["summary"]["policiesChanged"]) == (0, 1)
    assert found["exposure"]
    assert {cause["file"] for row in found["exposure"] for cause in row["causes"]} == {second.url}
    assert run(kubeconfig, "diff", *both, "--fail-on", "closed").exit_code == 0
    assert run(kubeconfig, "equivalent", *both).exit_code == 1
    assert run(kubeconfig, "allows-at-most", *both).exit_code == 0
    back = ("--context", "second", "--to-context", "first")
    assert run(kubeconfig, "diff", *back, "--fail-on", "opened").exit_code == 0
    assert run(kubeconfig, "allows-at-most", *back).exit_code == 1


def test_tests_are_judged_by_the_cluster_of_the_context_that_is_named(kubeconfig: Path, tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text(
        "apiVersion: ringfence/v1\nkind: ReachabilityTest\nmetadata: {namespace: shop}\ntests:\n"
        "- {name: others, from: 'pod:default/app=x', to: db, port: 3306, expect: deny, accept: assumptions}\n"
    )
    outcomes = {
        context: run(kubeconfig, "test", str(file), "--context", context).exit_code for context in ("first", "second")
    }
    assert outcomes == {"first": 0, "second": 1}
    unknown = run(kubeconfig, "test", str(file), "--context", "third")
    assert unknown.exit_code == 2
    assert "third" in unknown.stderr


def test_a_cluster_is_compared_with_revisions_and_the_index(
    kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    repository = GitRepository(folder)
    repository.write("k8s/shop.yaml", SHOP)
    repository.commit()
    repository.write("k8s/shop.yaml", SHOP.replace(POLICY, CLOSED))
    repository.commit()
    repository.write("k8s/shop.yaml", SHOP.replace(POLICY, ""))
    repository("add", "-A")
    repository.write("k8s/shop.yaml", SHOP.replace(POLICY, OPENED))

    def closed_and_opened(*words: str) -> tuple[bool, bool]:
        summary = json.loads(run(kubeconfig, "diff", "--live", *words, "-f", "k8s", "-o", "json").stdout)["summary"]
        return bool(summary["closed"]), bool(summary["opened"] or summary["exposure"])

    # The pods of the files have no addresses, so this does not compare verdicts that depend on the address of a pod.
    assert run(kubeconfig, "equivalent", "--live", "k8s").exit_code == 1
    assert closed_and_opened("HEAD~1") == (False, False)
    assert closed_and_opened("HEAD")[0]
    assert closed_and_opened("--staged") == (False, True)
    assert closed_and_opened() == (False, True)


QUESTIONS = (
    ("can", "shop/web", "shop/db", "-p", "3306", "-o", "json"),
    ("can", "pod:default/app=x", "shop/db", "-p", "3306", "-o", "json"),
    ("sources", "shop/db", "-o", "json"),
    ("destinations", "shop/web", "-o", "json"),
    ("isolation", "-o", "json"),
    ("exposure", "shop/db", "-o", "json"),
    ("connections", "-o", "json"),
)


def answers(server: ControlPlane, *words: str) -> list[tuple[int, Any]]:
    """The answers to the questions, without the places of policies: a supposed policy is in a file."""

    def without_places(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_places(one) for key, one in value.items() if key not in ("file", "line", "supposed")}
        return [without_places(one) for one in value] if isinstance(value, list) else value

    found = []
    for question in QUESTIONS:
        result = run(server.kubeconfig, *question, *words)
        found.append((result.exit_code, without_places(json.loads(result.stdout))))
    return found


@pytest.mark.parametrize("supposed", [OPENED, CLOSED], ids=["opened", "closed"])
def test_a_change_supposed_for_a_cluster_has_the_effect_of_applying_it(
    first: ControlPlane, tmp_path: Path, supposed: str
) -> None:
    file = tmp_path / "supposed.yaml"
    file.write_text(supposed)
    now = answers(first)
    expected = answers(first, "--suppose", str(file))
    assert expected != now
    first.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=supposed)
    try:
        assert answers(first) == expected
    finally:
        first.kubectl("replace", "--filename=-", stdin=POLICY)
    assert answers(first) == now


def test_a_cluster_without_a_policy_answers_as_after_it_was_deleted(first: ControlPlane) -> None:
    expected = answers(first, "--without", "shop/db-policy")
    assert expected != answers(first)
    first.kubectl("delete", "networkpolicy", "db-policy", "--namespace=shop")
    try:
        assert answers(first) == expected
    finally:
        first.kubectl("create", "--filename=-", stdin=POLICY)
