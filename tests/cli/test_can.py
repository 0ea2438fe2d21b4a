"""`can` and `explain`: a question, its answer, and the exit code for scripts."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.cli import cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
YES, NO, UNUSABLE, UNDECIDED = range(4)
PARTLY = "partly"
LONE_SELECTOR = "a podSelector alone selects pods of the policy's own namespace prod; staging/api is elsewhere"


def run(*words: str, path: Path = EXAMPLE) -> Result:
    return CliRunner().invoke(cli, [*words, "-f", str(path)])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        pytest.param("prod/api prod/db -p 3306", YES, id="only the api reaches the database"),
        pytest.param("prod/web prod/db -p 3306", NO, id="not the web server"),
        pytest.param("prod/api prod/db -p 22", NO, id="and only its port"),
        pytest.param("staging/api prod/db -p 3306", NO, id="the same labels elsewhere do not get in"),
        pytest.param("prod/db 192.168.5.10 -p 80", YES, id="the database pushes its backup"),
        pytest.param("prod/db 192.168.5.10 -p 443", NO, id="on that port"),
        pytest.param("prod/db 192.168.5.11 -p 80", NO, id="to that server"),
        pytest.param("prod/db prod/api -p 8080", NO, id="and connects to no other pod"),
        pytest.param("prod/web prod/api -p 8080", YES, id="nothing restricts the others"),
        pytest.param("prod/web prod/svc/api -p 80", YES, id="through a Service"),
        pytest.param("prod/api prod/svc/db -p 3306", YES, id="through a Service to an isolated pod"),
        pytest.param("prod/web prod/svc/db -p 3306", NO, id="but not one that is denied"),
        pytest.param("prod/api prod/db -p 3306/tcp", YES, id="a protocol in small letters"),
        pytest.param("prod/api prod/db -p 3306/UDP", NO, id="another protocol"),
        pytest.param("prod/* prod/db -p 3306", PARTLY, id="not all of them"),
        pytest.param("prod/role=api prod/db -p 3306", YES, id="those with a label"),
        pytest.param("api db -n prod -p 3306", YES, id="names in the namespace of -n"),
        pytest.param("prod/web prod/api", YES, id="everything passes"),
        pytest.param("prod/api prod/db -p 3306 -p mysql", YES, id="several ports, of which all pass"),
        pytest.param("prod/api prod/db -p 3306 -p 22", PARTLY, id="several ports, of which some pass"),
        pytest.param("prod/api prod/db -p 22 -p 3306/UDP", NO, id="several ports, of which none passes"),
        pytest.param("prod/api prod/db -p 3300-3310", PARTLY, id="a range of which some passes"),
        pytest.param("prod/api prod/svc/db -p mysql", YES, id="a port of a Service by its name"),
        pytest.param("prod/api prod/db", PARTLY, id="something passes"),
        pytest.param("prod/web prod/db", NO, id="nothing passes"),
        pytest.param("192.168.0.0/16 prod/db -p 3306", NO, id="no address"),
        pytest.param("prod/db 192.168.5.0/24 -p 80", PARTLY, id="one address of several"),
    ],
)
@pytest.mark.parametrize("command", ["can", "explain"])
def test_the_exit_code_is_the_answer(command: str, question: str, answer: int | str) -> None:
    result = run(command, *question.split())
    assert result.exit_code == (NO if answer == PARTLY else answer)
    assert result.stdout.startswith({YES: "yes: ", NO: "no: ", PARTLY: "partly: "}[answer])
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("question", "allow", "deny"),
    [
        pytest.param("prod/api prod/db -p 3306", YES, NO, id="all"),
        pytest.param("prod/* prod/db -p 3306", NO, NO, id="some pods"),
        pytest.param("prod/db 192.168.5.0/24 -p 80", NO, NO, id="some addresses"),
        pytest.param("prod/api prod/db", NO, NO, id="some ports"),
        pytest.param("prod/web prod/db", NO, YES, id="none"),
        pytest.param("prod/wbe prod/db", UNUSABLE, UNUSABLE, id="a misspelt name is no denial"),
    ],
)
@pytest.mark.parametrize("command", ["can", "explain"])
def test_what_is_expected_must_hold_for_every_pair_address_and_port(
    command: str, question: str, allow: int, deny: int
) -> None:
    assert run(command, *question.split(), "--expect", "allow").exit_code == allow
    assert run(command, *question.split(), "--expect", "deny").exit_code == deny


def test_can_answers_in_one_line() -> None:
    assert run("can", "prod/api", "prod/db").stdout == "partly: prod/api -> prod/db: TCP 3306\n"
    assert run("can", "prod/web", "prod/db", "-p", "3306").stdout == "no: prod/web -> prod/db on TCP 3306\n"


def test_explain_names_file_and_line_and_an_edit() -> None:
    policy = EXAMPLE / "db-policy.yaml"
    assert (
        run("explain", "staging/api", "prod/db", "-p", "3306").stdout
        == f"""\
no: staging/api -> prod/db on TCP 3306

egress of staging/api: allowed: no policy isolates it
ingress of prod/db: denied
  prod/db-policy  ({policy}:3)
    ✗ ingress[0]: no peer selects staging/api  ({policy}:17)
        from[0]: {LONE_SELECTOR}  ({policy}:18)

the smallest edit that would allow it, checked by the engine:
  in prod/db-policy, add to spec.ingress[0].from  ({policy}:17)
      - podSelector:
          matchLabels:
            name: api-pod
        namespaceSelector:
          matchLabels:
            kubernetes.io/metadata.name: staging
  nothing else changes
"""
    )


@pytest.mark.parametrize("command", ["can", "explain"])
def test_as_json(command: str) -> None:
    result = run(command, "prod/web", "prod/db", "-p", "3306", "-o", "json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["allowed"], found["port"]) == (NO, False, 3306)
    assert ("edits" in found) is (command == "explain")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "can prod/wbe prod/db",
            "error: prod/wbe: there is no pod or workload wbe in namespace prod; did you mean web?",
        ),
        ("can prod/web prod/svc/db -p 22", "error: prod/Service/db has no port 22/TCP; its ports: 3306/TCP"),
        ("explain 192.0.2.1 192.0.2.2", "error: neither 192.0.2.1 nor 192.0.2.2 is in the cluster: no policy decides"),
        (
            "can prod/web prod/db -p 0",
            "'0' is not a valid port: use a number from 1 to 65535",
        ),
        ("can prod/web prod/db -p http", "error: prod/db has no port called http; its port names: mysql (TCP 3306)"),
        ("can prod/web prod/db -p 65536", "'65536' is not a valid port"),
        ("can prod/web prod/db -p 80/ICMP", "'80/ICMP' has an unknown protocol: use TCP, UDP or SCTP"),
        ("can prod/web prod/db -p " + "9" * 5000, "is not a valid port"),
        ("can prod/web prod/db -p ３３０６", "is not a valid port"),
        ("can prod/web", "Missing argument 'DESTINATION'"),
        ("can prod/web prod/db prod/api", "Got unexpected extra argument (prod/api)"),
        ("can prod/web prod/db -o yaml", "'yaml' is not one of 'text', 'json'"),
    ],
)
def test_an_unusable_question_is_an_error_and_not_a_no(words: str, message: str) -> None:
    result = run(*words.split())
    assert (result.exit_code, result.stdout) == (UNUSABLE, "")
    assert message in result.stderr


class TestAssumptions:
    """A manifest rarely contains the address that a pod will have."""

    MANIFESTS = """\
{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, namespace: x, labels: {app: b}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: x}
spec:
  podSelector: {matchLabels: {app: b}}
  ingress:
  - from:
    - ipBlock: {cidr: 10.0.0.0/8}
"""
    ASSUMPTION = "the address of x/a is not known: it is assumed not to lie in ipBlock 10.0.0.0/8"

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "all.yaml"
        path.write_text(self.MANIFESTS)
        return path

    def test_the_answer_names_the_assumptions_it_depends_on(self, path: Path) -> None:
        assert run("can", "x/a", "x/b", path=path).exit_code == NO
        assert run("can", "x/a", "x/b", path=path).stdout.endswith(f"\nassumptions:\n  ? {self.ASSUMPTION}\n")
        assert f"assumptions:\n  ? {self.ASSUMPTION}\n" in run("explain", "x/a", "x/b", path=path).stdout
        assert json.loads(run("can", "x/a", "x/b", "-o", "json", path=path).stdout)["assumptions"] == [self.ASSUMPTION]

    @pytest.mark.parametrize("command", ["can", "explain"])
    def test_with_no_assumptions_the_exit_code_is_three(self, path: Path, command: str) -> None:
        result = run(command, "x/a", "x/b", "--no-assumptions", path=path)
        assert (result.exit_code, result.stderr) == (UNDECIDED, f"assumption: {self.ASSUMPTION}\n")
        assert run(command, "x/a", "x/b", "--no-assumptions", "--expect", "deny", path=path).exit_code == UNDECIDED

    def test_without_assumptions_the_exit_code_is_the_answer(self, path: Path) -> None:
        assert run("can", "x/b", "x/a", "--no-assumptions", path=path).exit_code == YES


class TestPoliciesThatAreNotRead:
    """Another project's policy may overrule a NetworkPolicy: answers about the pods that it selects are in doubt."""

    MANIFESTS = """\
{apiVersion: v1, kind: Pod, metadata: {name: till, namespace: shop, labels: {app: till}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: stock, namespace: shop, labels: {app: stock}}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: no-internet, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: till}}
  egressDeny: [{toEntities: [world]}]
"""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "shop.yaml"
        path.write_text(self.MANIFESTS)
        return path

    @staticmethod
    def doubt(path: Path) -> str:
        return (
            f"CiliumNetworkPolicy.cilium.io shop/no-internet ({path}:5) is not read: "
            "it may change the egress of the pods that it selects"
        )

    @pytest.mark.parametrize("command", ["can", "explain"])
    def test_an_answer_about_a_selected_pod_names_kind_name_and_place(self, path: Path, command: str) -> None:
        result = run(command, "shop/till", "203.0.113.7", "-p", "443", path=path)
        assert result.exit_code == YES
        assert f"\nassumptions:\n  ? {self.doubt(path)}\n" in result.stdout
        written = run(command, "shop/till", "203.0.113.7", "-p", "443", "-o", "json", path=path).stdout
        assert json.loads(written)["assumptions"] == [self.doubt(path)]

    def test_with_no_assumptions_such_an_answer_is_undecided(self, path: Path) -> None:
        result = run("can", "shop/till", "shop/stock", "-p", "80", "--no-assumptions", path=path)
        assert (result.exit_code, result.stderr) == (UNDECIDED, f"assumption: {self.doubt(path)}\n")

    @pytest.mark.parametrize("question", ["shop/stock 203.0.113.7", "shop/stock shop/till", "shop/till shop/till"])
    def test_other_answers_are_certain(self, path: Path, question: str) -> None:
        """A pod that is not selected, the other direction, and a pod to itself."""
        result = run("can", *question.split(), "-p", "80", "--no-assumptions", path=path)
        assert (result.exit_code, result.stdout.count("assum"), result.stderr) == (YES, 0, "")

    def test_a_staged_policy_changes_nothing(self, path: Path) -> None:
        staged = self.MANIFESTS.replace("cilium.io/v2", "projectcalico.org/v3").replace("Cilium", "Staged")
        path.write_text(staged)
        assert run("can", "shop/till", "203.0.113.7", "--no-assumptions", path=path).exit_code == YES

    def test_verbose_counts_them_with_the_kinds_that_are_not_read(self, path: Path) -> None:
        result = run("can", "shop/till", "shop/stock", "-v", path=path)
        assert result.stderr == "skipped objects of unsupported kinds: 1 CiliumNetworkPolicy.cilium.io\n"


@pytest.mark.parametrize("command", ["can", "explain"])
def test_a_name_cannot_steer_the_terminal(tmp_path: Path, command: str) -> None:
    """Authors of manifests choose names: their control characters are shown and have no effect."""
    path = tmp_path / "odd.json"
    pods = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}} for name in ("\x1b[2Ja", "b")]
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    runner = CliRunner(env={"CLICOLOR_FORCE": "1"})
    for words in (["\x1b[2Ja", "b"], ["\x1b[2Jx", "b"]):
        result = runner.invoke(cli, [command, *words, "-p", "80", "-f", str(path)], color=True)
        assert "\x1b[2J" not in result.output
        assert "^[[2J" in result.output
