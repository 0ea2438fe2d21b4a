"""Tests in a laboratory: what the kernel does, beside what the engine says, and what cannot be tested there."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from tests.lab.sandboxes import in_sandbox
from tests.render.json_shapes import fits, schema, strict
from tests.testing.worlds import HEAD, THREE_TIER

from ringfence.cli import cli
from ringfence.lab import kernel_outcomes, planned_tests
from ringfence.lab.enforcement import NodeEnforcement
from ringfence.lab.probing.server_set import ServerSet

DENIED = "{name: web is kept out, from: prod/web, to: prod/db, port: 3306, expect: deny}"
OF_EACH_KIND = {
    "{name: allow, from: prod/api, to: prod/db, port: 3306, expect: allow}": "passed",
    "{name: all traffic, from: prod/web, to: prod/db, expect: deny}": "passed",
    "{name: other protocols, from: staging/api, to: prod/db, ports: [53/UDP, 9/SCTP], expect: deny, "
    "accept: unserved-ports}": "passed",
    "{name: from outside, from: internet, to: prod/db, expect: deny}": "passed",
    "{name: one address of many, from: prod/db, to: 192.168.5.0/24, port: 80, expect: deny}": "failed",
    "{name: only these, to: prod/db, port: 3306, expect: {only-from: [prod/api]}}": "passed",
    "{name: one too many, to: prod/db, port: 3306, expect: {only-from: [prod/api, prod/web]}}": "failed",
    "{name: one too few, to: prod/db, expect: {only-from: []}}": "failed",
    "{name: any, from: prod/*, to: prod/db, port: 3306, pairs: any, expect: allow}": "passed",
    "{name: all, from: prod/*, to: prod/db, port: 3306, expect: allow}": "failed",
    "{name: part of a range, from: prod/api, to: prod/db, port: 3000-4000, expect: allow}": "failed",
    "{name: isolated, pods: prod/db, isolated: ingress}": "isolation is not a connection",
    "{name: to come, from: 'pod:prod/x=y', to: prod/db, expect: deny}": "pods that do not exist yet",
    "{name: what if, from: prod/web, to: prod/db, expect: allow, without: prod/db-policy}": "passed",
    "{name: what if not, from: prod/api, to: prod/db, expect: deny, without: prod/db-policy}": "failed",
    "{name: loopback, from: prod/web, to: 127.0.0.1, expect: allow}": "no host outside the cluster can have",
    "{name: later, from: prod/web, to: prod/db, expect: allow, skip: not yet}": "it is skipped",
    "{name: too late, from: prod/web, to: prod/db, expect: deny, skip: x, until: 2020-01-01}": "its skip has expired",
    "{name: void, from: prod/nobody, to: prod/db, expect: deny}": "the engine could not judge it",
}


TWO_NAMESPACES = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: a}
spec: {nodeName: n1}
status: {podIPs: [{ip: 10.0.0.1}, {ip: "fd00:1::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: a}
spec: {nodeName: n2}
status: {podIPs: [{ip: 10.0.0.2}, {ip: "fd00:1::2"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: b}
spec: {nodeName: n1}
status: {podIPs: [{ip: 10.0.0.3}, {ip: "fd00:1::3"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: b}
spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/32}}, {ipBlock: {cidr: 203.0.113.0/24}}]}]}
"""
IN_TWO_NAMESPACES = """\
tests:
- {name: over IPv4 alone, from: 10.0.0.1, to: b/db, port: 80, expect: allow, accept: assumptions}
- {name: from an address, to: b/db, port: 80, expect: {only-from: [10.0.0.1]}, accept: assumptions}
- {name: of many, from: '*', to: '*', expect: deny, accept: assumptions}
invariants:
- {name: across, no-cross-namespace: {}, accept: assumptions}
- {name: in one, no-cross-namespace: {except: [b]}, accept: assumptions}
"""


def nothing() -> None:
    """Work for a sandbox, which is skipped where there can be none."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_sandbox(nothing)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GITLAB_CI", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*tests: str, more: str = "", outputs: tuple[str, ...] = ()) -> Result:
    Path("t.yaml").write_text(f"{HEAD}tests:\n" + "".join(f"- {one}\n" for one in tests) + more)
    return CliRunner().invoke(cli, ["test", "t.yaml", "-f", str(THREE_TIER), "--lab", *outputs])


def test_the_kernel_judges_every_test_that_is_about_connections() -> None:
    invariants = "invariants: [no-path: {from: internet, to: prod/db}, every-namespace-default-deny: {}]\n"
    formats = ("-o", "json", "-o", "text=out.txt", "-o", "junit=out.xml", "-o", "tap=out.tap")
    result = run(*OF_EACH_KIND, more=invariants, outputs=formats)
    assert result.exit_code == 2, "one test is an error"
    printed = json.loads(result.stdout)
    assert fits(printed, strict(schema("test")))
    columns = [one["kernel"] for one in printed["tests"]]
    *of_kinds, no_path, default_deny = columns
    for kernel, expected in zip(of_kinds, OF_EACH_KIND.values(), strict=True):
        if expected in ("passed", "failed"):
            assert (kernel["status"], kernel["contradictions"]) == (expected, [])
            assert kernel["probes"] > 0
        else:
            assert kernel["status"] == "untested"
            assert expected in kernel["message"]
    assert (no_path["status"], default_deny["status"]) == ("passed", "untested")
    by_name = {one["name"]: one for one in printed["tests"]}
    assert all(one["static"] == one["status"] for one in printed["tests"]), "no column disagrees"
    assert by_name["allow"]["kernel"]["controls"] == 0
    assert by_name["all traffic"]["kernel"]["controls"] == by_name["all traffic"]["kernel"]["probes"]
    assert by_name["one too many"]["kernel"]["message"] == "prod/web -> prod/db 3306/TCP is not answered"

    lines = Path("out.txt").read_text().splitlines()
    assert lines[1:3] == ["  static  kernel", "  ✓       ✓       allow"]
    assert "  ✗       ✗       all  (t.yaml:13)" in lines
    assert any(line.startswith("  ✓       -       isolated  (not tested in the laboratory: ") for line in lines)
    assert "in the kernel: 8 passed, 6 failed, 7 not tested, by " in lines[-1]
    cases = {case.get("name"): case for case in ElementTree.fromstring(Path("out.xml").read_bytes()).iter("testcase")}
    assert cases["allow"].findtext("system-out") == (
        "static: passed\nkernel: passed (1 connection, 0 of them without policies first)"
    )
    tap = Path("out.tap").read_text()
    assert 'ok 12 - isolated\n  ---\n  static: "passed"\n  kernel: "not tested (isolation is not a connection' in tap


def test_a_kernel_that_does_not_deny_contradicts_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NodeEnforcement, "enforce", NodeEnforcement.remove_rules)
    result = run(DENIED, "{name: api, from: prod/api, to: prod/db, port: 3306, expect: allow}")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[2:5] == [
        "  ✓       ✗       web is kept out  (t.yaml:4)",
        "      the kernel contradicts the engine: prod/web -> prod/db 3306/TCP is answered, "
        "and the engine says that it is denied",
        "  ✓       ✓       api",
    ]


def test_a_denial_shows_nothing_where_nothing_answers_without_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nobody_answers(servers: ServerSet, probes: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(ServerSet, "answering", nobody_answers)
    result = run(DENIED.replace("port: 3306", "port: 99, accept: unserved-ports"), outputs=("-o", "json"))
    assert result.exit_code == 2
    (found,) = json.loads(result.stdout)["tests"]
    assert (found["static"], found["kernel"]["status"], found["status"]) == ("passed", "unproven", "error")
    assert found["message"] == (
        "prod/web -> prod/db 99/TCP is not answered without policies either: its silence proves nothing"
    )


def test_an_accepted_assumption_that_does_not_hold_in_the_laboratory_is_a_disagreement() -> None:
    Path("pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x, labels: {app: a}}\nspec: {nodeName: n1}\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: b, namespace: x, labels: {app: b}}\nspec: {nodeName: n1}\n---\n"
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}\n"
        "spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 172.16.0.0/12}}, "
        "{ipBlock: {cidr: 100.64.0.0/10}}, {ipBlock: {cidr: 198.18.0.0/15}}]}]}\n"
    )
    Path("t.yaml").write_text(f"{HEAD}tests: [{{from: x/a, to: x/b, port: 80, expect: deny, accept: assumptions}}]\n")
    result = CliRunner().invoke(cli, ["test", "t.yaml", "-f", "pod.yaml", "--lab"])
    assert result.exit_code == 1
    assert "the columns disagree: for the engine it passes, and in the kernel x/a -> x/b 80/TCP is answered" in (
        result.stdout
    )


def test_a_connection_that_is_as_expected_for_another_reason_is_no_disagreement() -> None:
    """The kernel does not say which policy decided."""
    result = run("{from: prod/web, to: prod/api, expect: allow, because: prod/db-policy}", outputs=("-o", "json"))
    (found,) = json.loads(result.stdout)["tests"]
    assert (found["static"], found["kernel"]["status"], found["status"]) == ("failed", "passed", "failed")
    assert found["message"] == "no policy allows prod/web -> prod/api, not prod/db-policy"


def test_families_addresses_namespaces_and_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned_tests, "MOST_PROBES", 20)
    Path("pods.yaml").write_text(TWO_NAMESPACES)
    Path("t.yaml").write_text(HEAD + IN_TWO_NAMESPACES)
    result = CliRunner().invoke(cli, ["test", "t.yaml", "-f", "pods.yaml", "--lab", "-o", "json"])
    found = {one["name"]: one["kernel"] for one in json.loads(result.stdout)["tests"]}
    assert (found["over IPv4 alone"]["status"], found["over IPv4 alone"]["probes"]) == ("passed", 1)
    assert found["from an address"]["message"] == "203.0.113.10 -> b/db 80/TCP over IPv4 is answered"
    assert (found["of many"]["isSample"], found["of many"]["probes"] <= 20) == (True, True)
    assert found["across"]["status"] == "failed"
    assert found["in one"]["message"].startswith("there is no connection to open")


def test_tests_beyond_the_most_connections_of_a_run_are_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_outcomes, "MOST_PROBES_OF_ALL", 2)
    allowed = "from: prod/api, to: prod/db, port: 3306, expect: allow"
    named = (f"{{name: {name}, {allowed}}}" for name in ("first", "second", "third"))
    what_if = f"{{name: what if, {allowed}, without: prod/db-policy}}"
    printed = json.loads(run(*named, what_if, outputs=("-o", "json")).stdout)
    reason = "the tests before it leave 0 of the 2 probes of a run, and it needs 1"
    assert [(one["kernel"]["status"], one["kernel"]["message"]) for one in printed["tests"]] == [
        ("passed", ""),
        ("passed", ""),
        ("untested", reason),
        ("untested", reason),
    ]


def test_a_test_with_too_many_connections_uses_up_none_of_those_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_outcomes, "MOST_PROBES_OF_ALL", 1)
    large = "{name: large, from: prod/api, to: prod/db, port: 3300-3310, expect: deny}"
    small = "{name: small, from: prod/api, to: prod/db, port: 3306, expect: allow}"
    printed = json.loads(run(large, small, outputs=("-o", "json")).stdout)
    first, second = (one["kernel"] for one in printed["tests"])
    assert first["status"] == "untested"
    assert re.fullmatch("the tests before it leave 1 of the 1 probes of a run, and it needs [2-9]", first["message"])
    assert second["status"] == "passed"


def test_a_run_of_which_nothing_can_be_tested_is_an_error() -> None:
    result = run("{name: isolated, pods: prod/db, isolated: ingress}")
    assert result.exit_code == 2
    assert "the laboratory could not run any of these tests" in result.stderr
