"""`connections` and `matrix`: what -n selects, and the message if nothing is left."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from tests.render.json_shapes import fits, schema, strict

from ringfence.cli import cli
from ringfence.render import pictures

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"


def run(command: str, path: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, [*command.split(), "-f", str(path)])


def test_connections_of_a_namespace_are_those_that_touch_it() -> None:
    found = json.loads(run("connections -n staging -o json").stdout)["connections"]
    ends = [{one[side].get("namespace") for side in ("source", "destination")} for one in found]
    assert ends
    assert all("staging" in pair for pair in ends)


def test_the_matrix_of_a_namespace_leaves_out_the_others() -> None:
    assert run("matrix -n staging").stdout == (
        "                        1    2\n1 staging/api           ·   all\n2 outside the cluster  all   ·\n"
    )


def test_the_most_exposed_come_first_if_asked() -> None:
    rows = [line.split()[1] for line in run("matrix --order exposure").stdout.splitlines()[1:5]]
    assert rows == ["prod/api", "prod/web", "prod/db", "staging/api"]
    picture = ElementTree.fromstring(run("matrix --order exposure -o svg").stdout)
    ends = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "end"]
    assert ends == ["api", "web", "db", "api", "other addresses"]


def test_addresses_are_in_notes_below_the_matrix() -> None:
    assert run("matrix -n prod").stdout.endswith("\n\n* prod/db -> 192.168.5.10/32: TCP 80\n")


ASK_ABOUT_POSSIBLE_PODS = (
    "With policies alone, ask about possible pods: ringfence can pod:prod/app=web pod:prod/app=db\n"
)


@pytest.mark.parametrize("command", ["connections", "connections -o json", "matrix"])
@pytest.mark.parametrize(
    ("option", "path", "message"),
    [
        ("-n prod", EXAMPLE / "db-policy.yaml", "No pods or workloads found in prod namespace.\n"),
        ("", EXAMPLE / "db-policy.yaml", "No pods or workloads found.\n"),
    ],
)
def test_a_message_says_if_there_are_no_pods(command: str, option: str, path: Path, message: str) -> None:
    result = run(f"{command} {option}", path)
    assert (result.exit_code, result.stderr) == (0, message + ASK_ABOUT_POSSIBLE_PODS)


@pytest.mark.parametrize("command", ["connections", "connections -o json", "matrix"])
def test_a_misspelt_namespace_is_an_error(command: str) -> None:
    result = run(f"{command} -n stagin")
    message = "error: there is no namespace stagin; did you mean staging?\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)


DOUBTED = """\
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: z}}
---
apiVersion: crd.antrea.io/v1beta1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {appliedTo: [{podSelector: {}}], ingress: [{action: Drop}]}
"""


@pytest.mark.parametrize("command", ["connections", "connections -o csv", "connections -n z", "matrix", "matrix -n x"])
def test_policies_that_are_not_read_are_named_beside_the_list(command: str, tmp_path: Path) -> None:
    """A connection from z/b ends in x/a, so the list of z depends on the policy in x; its matrix does not."""
    (tmp_path / "all.yaml").write_text(DOUBTED)
    doubt = f"NetworkPolicy.crd.antrea.io x/p ({tmp_path}/all.yaml:5) is not read: "
    doubt += "it may change the ingress of the pods that it selects"
    assert run(command, tmp_path).stderr == f"assumption: {doubt}\n"
    assert json.loads(run("connections -o json", tmp_path).stdout)["assumptions"] == [doubt]
    assert run("matrix -n z", tmp_path).stderr == ""


def test_with_pods_the_pods_of_a_workload_are_listed(tmp_path: Path) -> None:
    """The two pods of the StatefulSet are alike, so they are one row without the option."""
    owner = "ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: u, controller: true}]"
    pods = [f"{{apiVersion: v1, kind: Pod, metadata: {{name: db-{number}, {owner}}}}}\n---\n" for number in range(2)]
    (tmp_path / "db.yaml").write_text("".join(pods))
    assert "1 default/StatefulSet/db" in run("matrix", tmp_path).stdout
    assert "2 default/db-1" in run("matrix --pods", tmp_path).stdout
    assert "2 default/db-1" in run("matrix --by pod", tmp_path).stdout
    assert "default/StatefulSet/db " in run("connections", tmp_path).stdout
    assert "default/db-0 " in run("connections --pods", tmp_path).stdout


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        ("--from prod/web --to prod/api", "prod/web   prod/api      all traffic\n"),
        ("--to prod/db -p 3306 -p 53/UDP", "prod/api   prod/db       TCP 3306\n"),
        ("--from 192.168.5.0/24 --to prod/web", "192.168.5.0/24   prod/web      all traffic\n"),
        ("-n staging --from api --to prod/web", "staging/api   prod/web      all traffic\n"),
        ("-n staging -A --from prod/api --to prod/web", "prod/api   prod/web      all traffic\n"),
    ],
)
def test_a_part_of_the_list(options: str, printed: str) -> None:
    result = run(f"connections {options}")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.partition("\n")[2] == printed


@pytest.mark.parametrize("command", ["connections", "matrix"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--from prod/wbe", "error: prod/wbe: there is no pod or workload wbe in namespace prod; did you mean web?\n"),
        ("-l a/b/c", "error: -l a/b/c: "),
        ("--to prod/db -p metrics", "error: prod/db has no port called metrics"),
    ],
)
def test_what_names_nothing_is_an_error(command: str, options: str, message: str) -> None:
    result = run(f"{command} {options}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)


def test_by_namespace() -> None:
    assert "prod/*        staging/*" in run("connections --by namespace").stdout
    assert "1 prod/*" in run("matrix --by namespace").stdout


def test_a_matrix_of_endpoints_has_only_these() -> None:
    assert run("matrix --from prod/web --from prod/api --to prod/db").stdout == (
        "             a\n1 prod/api  3306\n2 prod/web   -\n\na prod/db\n"
    )


def many_pods(folder: Path, pods: int, *, alike: bool) -> Path:
    """A file with pods, each of its own namespace and with a policy that lets one other in, or none."""
    texts = []
    for number in range(pods):
        head = f"metadata: {{name: p{number}, namespace: n{number % 5}, labels: {{app: a{number}}}}}"
        texts.append(f"{{apiVersion: v1, kind: Pod, {head}}}\n")
        if not alike:
            spec = (
                f"podSelector: {{matchLabels: {{app: a{number}}}}}, ingress: [{{ports: [{{port: {number + 1}}}], "
                f"from: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{app: a{number // 2}}}}}}}]}}]"
            )
            kind = "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy"
            texts.append(f"{{{kind}, {head}, spec: {{{spec}}}}}\n")
    path = folder / "pods.yaml"
    path.write_text("---\n".join(texts))
    return path


def test_equal_rows_of_a_large_matrix_are_written_once(tmp_path: Path) -> None:
    result = run("matrix", many_pods(tmp_path, 100, alike=True))
    assert result.stderr == ""
    assert result.stdout.startswith(
        "                                                                         1    2\n"
        "1 all 20 in n0, all 20 in n1, all 20 in n2, all 20 in n3, all 20 in n4  all  all\n"
        "2 outside the cluster                                                   all   ·\n"
        "\n1 n0/p0, n0/p10, "
    )


def test_a_matrix_that_is_too_wide_is_by_namespace(tmp_path: Path) -> None:
    path = many_pods(tmp_path, 100, alike=False)
    result = run("matrix", path)
    assert re.fullmatch(
        r"the matrix is \d+ characters wide, so it is printed by namespace: use --by workload for the whole of it, "
        r"or --from, --to, -n and -l for a part\n",
        result.stderr,
    )
    assert result.stdout.splitlines()[1].startswith("1 n0/*")
    whole = run("matrix --by workload", path)
    assert whole.stderr == ""
    assert len(whole.stdout.splitlines()) > 100


@pytest.mark.parametrize("command", ["connections", "connections -o json", "matrix"])
def test_a_list_that_depends_on_an_assumption_exits_with_3_if_none_is_wanted(command: str, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(DOUBTED)
    assert run(command, tmp_path).exit_code == 0
    assert run(f"{command} --no-assumptions", tmp_path).exit_code == 3
    (tmp_path / "all.yaml").write_text(DOUBTED.rpartition("---")[0])
    assert run(f"{command} --no-assumptions", tmp_path).exit_code == 0


UNDEFINED = """\
{apiVersion: v1, kind: Namespace, metadata: {name: x}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: z}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: a}}}], ports: [{port: 80}]}]}
"""


@pytest.mark.parametrize("command", ["connections", "connections -n z", "connections --to x/a -p 80", "matrix"])
def test_a_namespace_that_is_not_defined_is_named_where_a_list_depends_on_its_labels(
    command: str, tmp_path: Path
) -> None:
    (tmp_path / "all.yaml").write_text(UNDEFINED)
    result = run(f"{command} --no-assumptions", tmp_path)
    taken = "it is assumed to have no label but kubernetes.io/metadata.name=z"
    assert result.stderr == f"assumption: no Namespace object for z is in the input: {taken}\n"
    assert result.exit_code == 3


@pytest.mark.parametrize(
    "command", ["connections --from x/a", "connections --to x/a -p 81", "connections --to z/b", "matrix -n x"]
)
def test_a_list_that_does_not_depend_on_a_namespace_does_not_name_it(command: str, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(UNDEFINED)
    result = run(f"{command} --no-assumptions", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("output", ["dot", "mermaid"])
def test_a_graph_with_too_many_edges_is_by_namespace(output: str, tmp_path: Path) -> None:
    path = many_pods(tmp_path, 200, alike=False)
    result = run(f"connections -o {output}", path)
    assert re.fullmatch(
        r"the graph has \d+ edges, so it is printed by namespace: use --by workload for the whole of it, "
        r"or --from, --to, -n and -l for a part\n",
        result.stderr,
    )
    assert "n4/*" in result.stdout
    whole = run(f"connections --by workload -o {output}", path)
    assert re.match(r"the graph has \d+ edges; Mermaid draws up to 500", whole.stderr)
    assert "p99" in whole.stdout


@pytest.mark.parametrize(
    ("command", "size"), [("connections", "the map has 200 boxes"), ("matrix", "the matrix has 200")]
)
def test_a_picture_of_too_many_is_by_namespace_or_says_what_it_leaves_out(
    command: str, size: str, tmp_path: Path
) -> None:
    path = many_pods(tmp_path, 200, alike=False)
    result = run(f"{command} -o svg", path)
    assert result.stderr.startswith(size)
    assert "so it is printed by namespace" in result.stderr
    assert "n4" in result.stdout
    assert "p99" not in result.stdout
    part = run(f"{command} -o svg --by workload", path)
    assert part.stderr.startswith("53 of 200 are drawn together, those with the fewest connections")
    assert "more pods" in part.stdout


@pytest.mark.parametrize(("command", "bound"), [("connections", "MOST_BOXES"), ("matrix", "MOST_ROWS")])
def test_a_picture_of_as_many_as_fit_is_not_by_namespace(
    command: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, bound, 0)
    size = re.match(r"the (?:map|matrix) has (\d+) ", run(f"{command} -o svg").stderr)
    assert size
    monkeypatch.setattr(pictures, bound, int(size[1]))
    assert "by namespace" not in run(f"{command} -o svg").stderr


def test_a_map_with_too_many_arrows_is_by_namespace_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringfence.render.pictures.maps.READABLE_ARROWS", 8)
    assert "by namespace" not in run("connections -o svg").stderr
    monkeypatch.setattr("ringfence.render.pictures.maps.READABLE_ARROWS", 7)
    result = run("connections -o svg")
    assert "the map has 8 arrows, so it is printed by namespace: use --by workload" in result.stderr
    assert ">namespaces<" in result.stdout
    assert "by namespace" not in run("connections -o svg --by workload").stderr
    assert "by namespace" not in run("connections -o svg -n staging").stderr


@pytest.mark.parametrize("command", ["connections", "matrix"])
def test_a_picture_is_an_svg_document_and_its_assumptions_are_messages(command: str) -> None:
    result = run(f"{command} -o svg --no-assumptions")
    assert result.stdout.startswith("<svg ")
    assert "ipBlock 192.168.5.10/32" in result.stderr
    assert result.exit_code == 3


def test_a_map_of_one_workload_has_its_neighbours_and_names_nobody_else() -> None:
    shop = EXAMPLE.parent / "shop"
    result = run("connections -o svg --from shop/checkout", shop)
    names = {one.text for one in ElementTree.fromstring(result.stdout).iter("{http://www.w3.org/2000/svg}text")}
    assert {"checkout", "orders-db", "cart", "queue", "203.0.113.40/32"} <= names
    assert "monitoring" not in result.stdout
    assert "backup" not in result.stdout


@pytest.mark.takes_long
@pytest.mark.parametrize("command", ["connections -o svg", "matrix -o svg", "matrix -o html"])
def test_a_picture_is_the_same_bytes_in_every_process(command: str) -> None:
    written = {
        subprocess.run(
            [sys.executable, "-m", "ringfence", *command.split(), "-f", str(EXAMPLE.parent / "shop")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(written) == 1


def test_pods_without_connections_are_in_a_graph(tmp_path: Path) -> None:
    (tmp_path / "closed.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: alone, namespace: x}}\n---\n"
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}\n"
        "spec: {podSelector: {}, policyTypes: [Ingress, Egress]}\n"
    )
    assert '[label="alone"]' in run("connections -o dot", tmp_path).stdout
    assert '["alone"]' in run("connections -o mermaid", tmp_path).stdout


def data_of(page: str) -> dict[str, Any]:
    """The data inside a page."""
    data = json.loads(page.partition('id="report">')[2].partition("</script>")[0])
    assert isinstance(data, dict)
    return data


def test_a_matrix_as_a_page_is_the_report() -> None:
    page = run("matrix -o html").stdout
    assert page == run("report").stdout == run("matrix -o html").stdout
    assert "shown" not in data_of(page)


def shown_names(page: str) -> dict[str, tuple[list[str], bool]]:
    """The rows and columns that a page shows first, by name, and whether the outside is among them."""
    data = data_of(page)
    assert fits(data, strict(schema("report")))
    names = [f"{data['namespaces'][one['namespace']]}/{one['name']}" for one in data["workloads"]]
    found = {}
    for side, part in data["shown"].items():
        ranges = zip(part["workloads"][::2], part["workloads"][1::2], strict=True)
        found[side] = ([names[number] for first, last in ranges for number in range(first, last + 1)], part["outside"])
    return found


def test_a_matrix_as_a_page_first_shows_the_rows_and_columns_that_are_asked_for() -> None:
    page = run("matrix -o html --from prod/web --to prod/db --to internet").stdout
    assert shown_names(page) == {"sources": (["prod/web"], False), "destinations": (["prod/db"], True)}
    everything = (["prod/api", "prod/db", "prod/web"], True)
    part = shown_names(run("matrix -o html -n prod -l role").stdout)
    assert part == {"sources": everything, "destinations": everything}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-p 3306", "the page shows all ports of a cell: leave out -p"),
        (
            "--by namespace",
            "the page shows workloads, and pods where policies distinguish them: leave out --by namespace",
        ),
        ("--pods", "the page shows workloads, and pods where policies distinguish them: leave out --pods"),
        ("--order exposure", "the page has its rows and columns by name: leave out --order"),
    ],
)
def test_what_a_page_cannot_follow_is_an_error(words: str, message: str) -> None:
    result = run(f"matrix -o html {words}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
