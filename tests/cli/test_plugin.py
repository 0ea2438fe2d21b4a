"""`--plugin`: answers and lists say with which network plugin they were found, and which of its traits count."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.render.json_shapes import fits, schema, strict

from ringfence.cli import cli
from ringfence.trait_files import plugin_traits

MANIFESTS = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: prod, labels: {app: web}}
spec: {containers: [{name: web, image: web}]}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: prod, labels: {app: db}}
spec: {containers: [{name: db, image: db, ports: [{containerPort: 3306}]}]}
status: {podIP: 10.0.0.2}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/8}}]
"""
BLOCKS = "an ipBlock matches no pods (ipBlock-pods=no; documented: https://github.com/cilium/cilium/issues/9209)"
TEST = """
apiVersion: ringfence/v1
kind: ReachabilityTest
tests:
- {name: web reaches db, from: prod/web, to: prod/db, port: 3306, expect: allow}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all.yaml").write_text(MANIFESTS)
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "-f", "all.yaml"], prog_name="ringfence")


@pytest.mark.usefixtures("folder")
def test_an_answer_names_the_trait_that_decides() -> None:
    ended = run("can", "prod/web", "prod/db", "-p", "3306", "--plugin", "cilium@1.19")
    assert ended.exit_code == 1
    assert ended.stdout == f"no: prod/web -> prod/db on TCP 3306\nwith Cilium 1.19:\n  ! {BLOCKS}\n"
    assert run("can", "prod/web", "prod/db", "-p", "3306", "--plugin", "calico").exit_code == 0


@pytest.mark.usefixtures("folder")
def test_an_answer_that_depends_on_what_is_not_certain_says_so() -> None:
    ended = run("can", "prod/web", "prod/db", "-p", "3306", "--plugin", "windows", "--no-assumptions")
    assert ended.exit_code == 3
    assert "it is not known of Windows nodes (HNS) whether an ipBlock matches pods" in ended.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("can prod/web prod/db -p 3306", "can"),
        ("explain prod/web prod/db -p 3306", "explain"),
        ("sources prod/db", "sources"),
        ("destinations prod/web", "destinations"),
        ("connections", "connections"),
    ],
)
def test_documents_name_the_plugin_and_its_traits(command: str, name: str) -> None:
    document = json.loads(run(*command.split(), "--plugin", "cilium@1.20", "-o", "json").stdout)
    assert fits(document, strict(schema(name)))
    assert document["plugin"]["name"] == "cilium"
    assert [one["topic"] for one in document["plugin"]["traits"]] == ["ipBlock-pods"]
    assert document["assumptions"] == ["Cilium is assumed to be configured without policy-cidr-match-mode=pods"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["sources prod/db", "destinations prod/web", "connections", "matrix", "isolation"])
def test_lists_say_it_on_standard_error(command: str) -> None:
    plugin = "none" if command == "isolation" else "cilium@1.19"
    ended = run(*command.split(), "--plugin", plugin)
    assert ended.exit_code == 0
    text = "policies have no effect (enforcement=no; " if command == "isolation" else BLOCKS
    assert text in ended.stderr
    assert "no trait of it changes this list" in run(*command.split(), "--plugin", "calico").stderr
    assert "with " not in run(*command.split()).stderr


@pytest.mark.usefixtures("folder")
def test_a_document_of_isolation_names_the_plugin() -> None:
    document = json.loads(run("isolation", "--plugin", "none", "-o", "json").stdout)
    assert fits(document, strict(schema("isolation")))
    assert [one["topic"] for one in document["plugin"]["traits"]] == ["enforcement"]
    assert document["totals"]["neither"] == 2


def test_a_document_of_tests_names_the_plugin(folder: Path) -> None:
    (folder / "tests.yaml").write_text(TEST)
    document = json.loads(run("test", "tests.yaml", "--plugin", "cilium@1.19", "-o", "json").stdout)
    assert fits(document, strict(schema("test")))
    assert document["plugin"]["version"] == "1.19"
    assert [one["topic"] for one in document["plugin"]["traits"]] == ["ipBlock-pods"]
    assert "plugin" not in json.loads(run("test", "tests.yaml", "-o", "json").stdout)


@pytest.mark.usefixtures("folder")
def test_a_document_of_lint_has_what_the_plugin_changes() -> None:
    document = json.loads(run("lint", "--plugin", "cilium@1.19", "-o", "json").stdout)
    assert fits(document, strict(schema("lint")))
    assert document["plugin"]["name"] == "cilium"
    deviations = {one["trait"]["topic"]: one["changesAnswers"] for one in document["plugin"]["deviations"]}
    assert deviations["ipBlock-pods"]
    assert "plugin" not in json.loads(run("lint", "-o", "json").stdout)


@pytest.mark.usefixtures("folder")
def test_a_document_of_a_difference_names_the_plugins_of_both_sides() -> None:
    ended = CliRunner().invoke(
        cli, ["diff", "all.yaml", "--as", "calico", "--to-as", "cilium:enable-sctp=true", "-o", "json"]
    )
    document = json.loads(ended.stdout)
    assert fits(document, strict(schema("diff")))
    assert document["from"]["plugin"] == {"name": "calico", "title": "Calico", "version": "", "settings": {}}
    assert document["to"]["plugin"]["settings"] == {"enable-sctp": "true"}


@pytest.mark.usefixtures("folder")
def test_a_snapshot_is_compared_with_the_plugin_that_it_was_taken_with(folder: Path) -> None:
    taken = run("snapshot", "--plugin", "cilium@1.19")
    assert "connection prod/web -> prod/db" not in taken.stdout
    assert "connection prod/web -> prod/db" in run("snapshot").stdout
    assert BLOCKS in taken.stderr
    (folder / "all.lock").write_text(taken.stdout)
    assert run("test", "--snapshot", "all.lock", "--plugin", "cilium@1.19").exit_code == 0
    ended = run("test", "--snapshot", "all.lock")
    assert ended.exit_code == 2
    assert "was taken with --plugin cilium@1.19" in ended.stderr
    assert "use --plugin cilium@1.19" in ended.stderr
    assert run("test", "--snapshot", "all.lock", "--update").exit_code == 0
    assert (folder / "all.lock").read_text().startswith("# ringfence snapshot 1, without pods that do not exist yet\n")


def test_a_report_says_how_the_plugin_enforces_and_what_that_changes(folder: Path) -> None:
    def data(*words: str) -> Any:
        assert run("report", "-o", "report.json", *words).exit_code == 0
        return json.loads((folder / "report.json").read_text())

    upstream, cilium = data(), data("--plugin", "cilium@1.19")
    assert fits(cilium, strict(schema("report")))
    assert "plugin" not in upstream
    assert (cilium["plugin"]["title"], cilium["plugin"]["version"]) == ("Cilium", "1.19")
    assert [one["topic"] for one in cilium["plugin"]["traits"]] == ["ipBlock-pods"]
    assert cilium["rows"] != upstream["rows"]
    assert cilium["exposure"] is None
    assert data("--plugin", "none")["findings"] == upstream["findings"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["exposure", "redundant", "get netpol", "describe netpol", "validate"])
def test_a_command_without_the_option_says_why(command: str) -> None:
    ended = run(*command.split(), "--plugin", "cilium")
    assert ended.exit_code == 2
    assert "there is no option --plugin: " in ended.stderr


@pytest.mark.parametrize("option", ["-f", "-k", "-n", "--plugin"])
def test_doctor_says_why_it_takes_no_input(option: str) -> None:
    ended = CliRunner().invoke(cli, ["doctor", option, "x"])
    assert ended.exit_code == 2
    assert f"there is no option {option}: " in ended.stderr


def test_the_traits_of_a_version_are_those_that_hold_there(folder: Path) -> None:
    def explained(plugin: str, *words: str) -> str:
        return CliRunner().invoke(cli, ["doctor", "--explain-traits", plugin, *words]).stdout

    assert "first-port" in explained("cilium")
    assert "first-port" not in explained("cilium@1.19")
    assert "assumption: Cilium is assumed to be configured without enable-sctp=true" in explained("cilium@1.19")
    assert "enable-sctp" not in explained("cilium@1.19:enable-sctp=true").partition("\n")[2]
    (folder / "traits.json").write_text(explained("cilium@1.19", "-o", "json"))
    assert plugin_traits("traits.json").traits == plugin_traits("cilium@1.19").traits
    assert fits(json.loads((folder / "traits.json").read_text()), strict(schema("plugin-traits")))


def test_tests_are_judged_as_the_plugin_enforces(folder: Path) -> None:
    (folder / "tests.yaml").write_text(TEST)
    for plugin, code in (("calico", 0), ("cilium@1.19", 1)):
        ended = run("test", "tests.yaml", "--plugin", plugin)
        assert ended.exit_code == code, ended.output
    assert BLOCKS in ended.stderr


def test_a_file_with_traits_counts(folder: Path) -> None:
    (folder / "traits.yaml").write_text(
        "apiVersion: ringfence/v1\nkind: PluginTraits\ntraits:\n- {topic: ipBlock-pods, value: 'no', source: doctor}\n"
    )
    ended = run("can", "prod/web", "prod/db", "-p", "3306", "--plugin", "traits.yaml")
    assert ended.exit_code == 1
    assert "(ipBlock-pods=no; measured: doctor)" in ended.stdout


@pytest.mark.usefixtures("folder")
def test_pods_that_do_not_exist_yet_are_not_listed_with_a_plugin() -> None:
    ended = run("sources", "prod/db", "--possible", "--plugin", "cilium")
    assert ended.exit_code == 2
    assert "--possible and --plugin contradict each other" in ended.stderr


@pytest.mark.usefixtures("folder")
def test_a_migration_is_compared_for_the_same_files() -> None:
    def compared(*words: str) -> Result:
        return CliRunner().invoke(cli, ["diff", "all.yaml", *words], prog_name="ringfence")

    ended = compared("--as", "calico", "--to-as", "cilium@1.19")
    assert ended.exit_code == 1
    assert ended.stdout.startswith("all.yaml as calico -> all.yaml as cilium@1.19: 0 opened, 1 closed")
    assert "ipBlock-pods: with Calico, an ipBlock matches pods" in ended.stdout
    assert "(all.yaml:20)" in ended.stdout
    assert compared("--as", "calico", "--to-as", "antrea").exit_code == 0
    assert compared("all.yaml", "--plugin", "cilium").exit_code == 0
    assert compared("all.yaml", "--to-as", "cilium").exit_code == 1


@pytest.mark.usefixtures("folder")
def test_lint_says_what_the_plugin_changes_for_the_policies() -> None:
    ended = run("lint", "--plugin", "cilium@1.19")
    assert f"with Cilium 1.19:\n  {BLOCKS}: 1 policy\n    prod/db ingress[0] (all.yaml:20)\n" in ended.stderr
    assert "    - prod/web -> prod/db: all traffic\n" in ended.stderr
    assert run("lint", "--plugin", "calico").stderr.endswith(
        "with Calico: every policy here means what upstream says\n"
    )
    assert run("lint", "--plugin", "celium").exit_code == 2
