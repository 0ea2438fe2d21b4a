"""The exit codes of `lab`, and what it says of policies that the kernel refuses.

`tests/lab/test_commands.py` and `tests/lab/session` run the commands as users do.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from tests.lab.refusals import have_the_kernel_refuse
from tests.lab.sandboxes import in_sandbox

from ringfence.analysis.probes.laboratory_status import LaboratoryStatus
from ringfence.analysis.probes.probe_report import RefusedProgram
from ringfence.cli import cli, lab
from ringfence.lab.session import DoneReply, StatusReply
from ringfence.model.policies import Direction

POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: nobody}}}]}]}
"""
PODS = "".join(f"---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: x}}}}\n" for name in ("a", "b"))


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def ran(*words: str) -> Ended:
    result = CliRunner().invoke(cli, ["lab", *words])
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def manifests(tmp_path: Path) -> str:
    (tmp_path / "all.yaml").write_text(POLICY + PODS)
    return str(tmp_path)


def refused(work: Callable[[], Ended]) -> Callable[[], Ended]:
    """The same, with a kernel that refuses a part of every policy."""

    def with_refusals() -> Ended:
        have_the_kernel_refuse(Direction.INGRESS)
        return work()

    return with_refusals


def test_a_run_without_disagreements_and_refusals_exits_with_0(manifests: str) -> None:
    ended = in_sandbox(lambda: ran("run", "-f", manifests, "-p", "80"))
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "2 probes: 0 allowed, 2 denied, all as the engine says")


def test_a_run_without_a_policy_of_the_input_exits_with_2_and_names_it(manifests: str) -> None:
    (Path(manifests) / "broken.yaml").write_text(POLICY.replace("name: p", "name: broken").replace("Ingress", "In"))
    ended = in_sandbox(lambda: ran("run", "-f", manifests, "-p", "80", "-o", "json"))
    assert ended.code == 2
    assert json.loads(ended.out)["summary"] == {"probes": 2, "agree": 2, "disagree": 0}
    assert [problem["object"] for problem in json.loads(ended.out)["problems"]] == ["NetworkPolicy x/broken"]
    assert (
        "error: objects with errors are left out of the answer, whole or in part: NetworkPolicy x/broken (" in ended.err
    )
    assert in_sandbox(lambda: ran("run", "-f", manifests, "-p", "80", "--ignore-errors")).code == 0


def test_a_run_with_nothing_to_probe_is_no_proof(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    ended = in_sandbox(lambda: ran("run", "-f", str(tmp_path)))
    assert ended.code == 2
    assert ended.err.startswith("error: there is nothing to probe: ")


def test_a_run_of_which_the_kernel_refused_a_part_exits_with_1_and_says_so(manifests: str) -> None:
    """Although every probe has the result that the engine says: the pods of the refused part are closed."""
    ended = in_sandbox(refused(lambda: ran("run", "-f", manifests, "-p", "80")))
    assert ended.code == 1
    assert "! node node-1: the kernel refused a part of the policies: " in ended.out
    assert ended.out.endswith("2 probes: 0 allowed, 2 denied; the kernel does not enforce all policies\n")


def test_a_refusal_is_in_the_json_and_junit_of_a_run_too(manifests: str) -> None:
    as_json = in_sandbox(refused(lambda: ran("run", "-f", manifests, "-p", "80", "-o", "json")))
    assert as_json.code == 1
    assert [one["node"] for one in json.loads(as_json.out)["refused"]] == ["node-1"]
    as_junit = in_sandbox(refused(lambda: ran("run", "-f", manifests, "-p", "80", "-o", "junit")))
    assert as_junit.code == 1
    assert 'tests="3" failures="1"' in as_junit.out


@pytest.mark.parametrize("words", [("apply",), ("delete",)], ids=lambda words: words[0])
def test_a_change_of_which_the_kernel_refused_a_part_exits_with_2_and_says_so(
    monkeypatch: pytest.MonkeyPatch, manifests: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(lab, "send_request", lambda name, request: DoneReply((RefusedProgram("n", "no space"),)))
    ended = ran(*words, "-f", manifests)
    assert ended.code == 2
    assert "error: node n: the kernel refused a part of the policies: no space\n" in ended.err


def test_the_status_of_a_laboratory_with_refusals_exits_with_2_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    status = LaboratoryStatus((), (), (), (), ("x/p",), (RefusedProgram("n", "no space"),))
    monkeypatch.setattr(lab, "send_request", lambda name, request: StatusReply(status))
    ended = ran("status")
    assert ended.code == 2
    assert "x/p" in ended.out
    assert "error: node n: the kernel refused a part of the policies: no space\n" in ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            ("probe", "x/a"),
            "the probe from x/a needs a destination: ringfence lab probe SOURCE DESTINATION",
            id="probe",
        ),
        pytest.param(
            ("exec", "x/a", "--"),
            "no command: write it after the pod: ringfence lab exec POD -- COMMAND",
            id="exec",
        ),
        pytest.param(
            ("delete",),
            "nothing to delete: give a kind and a name, as in netpol db-policy, or use -f FILE",
            id="delete",
        ),
        pytest.param(("apply",), "no objects: use -f FILE or -k FOLDER", id="apply"),
    ],
)
def test_an_incomplete_command_is_an_error_that_says_what_is_missing(words: tuple[str, ...], message: str) -> None:
    assert ran(*words) == (2, "", f"error: {message}\n")
