"""`get` and `describe` accept the arguments of kubectl, and print what it prints."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.sources.manifests.texts import read

from ringfence.cli import cli

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")
TABLE = "NAME        POD-SELECTOR   AGE\ndb-policy   role=db        <unknown>\n"


def run(command: str) -> Result:
    return CliRunner().invoke(cli, [*command.split(), "-n", "prod", "-f", EXAMPLE])


@pytest.mark.parametrize(
    "words",
    [
        "netpol",
        "NetPol",
        "networkpolicies",
        "networkpolicy db-policy",
        "netpol/db-policy",
        "networkpolicies.networking.k8s.io",
        "networkpolicy.networking.k8s.io/db-policy",
        "networkpolicies.v1.networking.k8s.io db-policy",
    ],
)
def test_policies_are_named_as_in_kubectl(words: str) -> None:
    assert run(f"get {words}").stdout == TABLE
    assert run(f"describe {words}").stdout.startswith("Name:         db-policy\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("pods", "'pods' is not a supported resource: use netpol, cnp, anp or banp"),
        ("netpol/db-policy x", "'x' is not a supported resource: use netpol, cnp, anp or banp"),
        ("netpol netpol/db-policy", "use netpol NAME NAME or netpol/NAME netpol/NAME"),
        ("netpol/", "use netpol NAME NAME or netpol/NAME netpol/NAME"),
        ("cnp/", "use cnp NAME NAME or cnp/NAME cnp/NAME"),
        ("netpol/db-policy cnp", "use netpol NAME NAME or netpol/NAME netpol/NAME"),
        ("netpol,cnp/x", "'netpol,cnp' is not a supported resource: use netpol, cnp, anp or banp"),
        ("netpol,", "'' is not a supported resource: use netpol, cnp, anp or banp"),
        ("", "Missing argument 'netpol|cnp|anp|banp [NAME]...'"),
    ],
)
def test_another_resource_or_syntax_is_an_error(words: str, message: str) -> None:
    result = run(f"get {words}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize("words", ["netpol", "netpol db-policy"])
def test_the_output_can_be_read_again(words: str, output: str) -> None:
    written = run(f"get {words} -o {output}").stdout
    again = CliRunner().invoke(cli, ["describe", "netpol", "-n", "prod", "-f", "-"], input=written)
    assert again.stdout == run("describe netpol").stdout


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_one_name_gives_one_policy_and_no_list(output: str) -> None:
    assert "kind: List" not in run("get netpol db-policy -o yaml").stdout
    assert "kind: List" in run("get netpol -o yaml").stdout
    assert len(read(run(f"get netpol db-policy -o {output}").stdout).manifests) == 1


@pytest.mark.parametrize("output", ["wide", "name", "json", "yaml"])
def test_a_missing_name_is_an_error_and_no_output(output: str) -> None:
    result = run(f"get netpol nope -o {output}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == 'error: networkpolicies.networking.k8s.io "nope" not found in namespace prod\n'


class TestNames:
    """`describe` accepts the beginning of a name, unless a policy has exactly that name. `get` does not."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> str:
        text = (
            "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: {name}}}, spec: {{}}}}\n---\n"
        )
        (tmp_path / "all.yaml").write_text("".join(text.format(name=name) for name in ("web", "web-2", "db")))
        return str(tmp_path)

    @pytest.mark.parametrize(
        ("names", "described"),
        [
            ("web", ["web"]),
            ("we", ["web", "web-2"]),
            ("web-", ["web-2"]),
            ("db we", ["db", "web", "web-2"]),
            ("", ["db", "web", "web-2"]),
        ],
    )
    def test_describe(self, names: str, described: list[str], path: str) -> None:
        result = CliRunner().invoke(cli, ["describe", "netpol", *names.split(), "-f", path])
        assert result.exit_code == 0
        assert [line.split()[1] for line in result.stdout.splitlines() if line.startswith("Name:")] == described

    @pytest.mark.parametrize(
        ("names", "exit_code", "listed"), [("web", 0, ["web"]), ("we", 2, []), ("we db", 2, ["db"])]
    )
    def test_get(self, names: str, exit_code: int, listed: list[str], path: str) -> None:
        result = CliRunner().invoke(cli, ["get", "netpol", *names.split(), "--no-headers", "-f", path])
        assert result.exit_code == exit_code
        assert [line.split()[0] for line in result.stdout.splitlines()] == listed

    def test_a_name_across_all_namespaces_is_an_error(self, path: str) -> None:
        result = CliRunner().invoke(cli, ["get", "netpol", "web", "-A", "-f", path])
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == "error: a resource cannot be retrieved by name across all namespaces\n"

    def test_without_policies_a_message_names_the_namespace(self, tmp_path: Path) -> None:
        path = str(tmp_path / "elsewhere.yaml")
        Path(path).write_text("{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: elsewhere}}")
        result = CliRunner().invoke(cli, ["get", "netpol", "-n", "empty", "-f", path])
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == "No resources found in empty namespace.\n"

    def test_a_message_says_in_which_other_namespaces_there_are_policies(self, tmp_path: Path) -> None:
        head = "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy"
        spaces = ("prod", "prod", "staging")
        texts = [f"{{{head}, metadata: {{name: p{n}, namespace: {name}}}}}\n" for n, name in enumerate(spaces)]
        for number, message in ((1, "1 in prod: use -n prod"), (3, "2 in prod, 1 in staging: use -n NAMESPACE")):
            path = tmp_path / f"{number}.yaml"
            path.write_text("---\n".join(texts[:number]))
            for command in ("get", "describe"):
                result = CliRunner().invoke(cli, [command, "netpol", "-f", str(path)])
                assert (result.exit_code, result.stdout) == (0, "")
                assert result.stderr == f"No resources found in default namespace. {message} or -A\n"


@pytest.mark.parametrize(
    ("selector", "exit_code", "listed"),
    [
        ("app=web", 0, ["one"]),
        ("app!=web", 0, ["two", "three"]),
        ("tier>1", 0, ["two"]),
        ("tier in (1,2)", 0, ["one", "two"]),
        ("tier>x", 2, []),
        ("a in (b", 2, []),
    ],
)
def test_a_label_selector_selects_policies_or_is_an_error(
    selector: str, exit_code: int, listed: list[str], tmp_path: Path
) -> None:
    labels = {"one": "{app: web, tier: '1'}", "two": "{app: db, tier: '2'}", "three": "{}"}
    head = "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, spec: {}"
    texts = [f"{{{head}, metadata: {{name: {name}, labels: {values}}}}}\n" for name, values in labels.items()]
    (tmp_path / "all.yaml").write_text("---\n".join(texts))
    result = CliRunner().invoke(cli, ["get", "netpol", "-l", selector, "--no-headers", "-f", str(tmp_path)])
    assert result.exit_code == exit_code
    assert sorted(line.split()[0] for line in result.stdout.splitlines()) == sorted(listed)
    assert result.stderr.startswith(f"error: -l {selector}: " if exit_code else "")


class TestPoliciesOfAdministrators:
    """They have no namespace; each kind has columns of its own."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> str:
        (tmp_path / "policies.yaml").write_text(
            """
            apiVersion: v1
            kind: List
            items:
            - apiVersion: policy.networking.k8s.io/v1alpha2
              kind: ClusterNetworkPolicy
              metadata: {name: tenants, labels: {team: a}}
              spec: {tier: Admin, priority: 10, subject: {namespaces: {}}, egress: []}
            - apiVersion: policy.networking.k8s.io/v1alpha2
              kind: ClusterNetworkPolicy
              metadata: {name: dns}
              spec: {tier: Baseline, priority: 0, subject: {namespaces: {}}}
            - apiVersion: policy.networking.k8s.io/v1alpha1
              kind: AdminNetworkPolicy
              metadata: {name: old}
              spec: {priority: 5, subject: {namespaces: {}}}
            - apiVersion: policy.networking.k8s.io/v1alpha1
              kind: BaselineAdminNetworkPolicy
              metadata: {name: default}
              spec: {subject: {namespaces: {}}}
            """
        )
        return str(tmp_path)

    @pytest.mark.parametrize(
        ("words", "table"),
        [
            ("cnp", "NAME TIER PRIORITY AGE dns Baseline 0 <unknown> tenants Admin 10 <unknown>"),
            ("ClusterNetworkPolicy tenants", "NAME TIER PRIORITY AGE tenants Admin 10 <unknown>"),
            ("cnp -l team=a -L team", "NAME TIER PRIORITY AGE TEAM tenants Admin 10 <unknown> a"),
            ("cnp/dns --show-labels", "NAME TIER PRIORITY AGE LABELS dns Baseline 0 <unknown> <none>"),
            ("clusternetworkpolicies.policy.networking.k8s.io dns --no-headers", "dns Baseline 0 <unknown>"),
            ("cnp.v1alpha2.policy.networking.k8s.io dns -A", "NAME TIER PRIORITY AGE dns Baseline 0 <unknown>"),
            ("anp -o wide", "NAME PRIORITY AGE old 5 <unknown>"),
            ("adminnetworkpolicies.policy.networking.k8s.io -n prod", "NAME PRIORITY AGE old 5 <unknown>"),
            ("banp -A", "NAME AGE default <unknown>"),
            ("banp -o name", "baselineadminnetworkpolicy.policy.networking.k8s.io/default"),
            ("cnp -o jsonpath={.items[*].spec.priority}", "0 10"),
        ],
    )
    def test_get(self, words: str, table: str, path: str) -> None:
        result = CliRunner().invoke(cli, ["get", *words.split(), "-f", path])
        assert (result.exit_code, result.stdout.split()) == (0, table.split())

    @pytest.mark.parametrize(
        ("words", "printed"),
        [
            ("banp,anp", "NAME AGE K/default <unknown> NAME PRIORITY AGE K/old 5 <unknown>"),
            ("netpol,anp", "NAME PRIORITY AGE K/old 5 <unknown>"),
            ("netpol,anp old", "NAME PRIORITY AGE old 5 <unknown>"),
            ("anp/old adminnetworkpolicies/old", "NAME PRIORITY AGE old 5 <unknown> old 5 <unknown>"),
            ("anp,adminnetworkpolicies", "NAME PRIORITY AGE old 5 <unknown>"),
            ("cnp/dns anp/old --no-headers", "K/dns Baseline 0 <unknown> K/old 5 <unknown>"),
            ("banp,anp -o name", "K/default K/old"),
            ("banp,anp -o jsonpath={.kind}", "List"),
        ],
    )
    def test_get_of_several_kinds(self, words: str, printed: str, path: str) -> None:
        result = CliRunner().invoke(cli, ["get", *words.split(), "-f", path])
        assert re.sub(r"\S+\.io/", "K/", result.stdout).split() == printed.split()
        assert result.stdout.count("\n\n") == (printed.count("NAME") > 1)

    def test_describe_of_several_kinds(self, path: str) -> None:
        described = [CliRunner().invoke(cli, ["describe", kind, "-f", path]).stdout for kind in ("cnp", "anp,cnp")]
        alone = CliRunner().invoke(cli, ["describe", "anp", "-f", path]).stdout
        assert described[1] == f"{alone.replace('Events:  <none>', '').rstrip()}\n\n\n{described[0]}"

    def test_several_kinds_without_policies(self, path: str) -> None:
        result = CliRunner().invoke(cli, ["get", "netpol,cnp", "-l", "a=b", "-f", path])
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No resources found\n")

    def test_a_document_is_what_a_server_stores(self, path: str) -> None:
        written = CliRunner().invoke(cli, ["get", "cnp", "tenants", "-o", "yaml", "-f", path]).stdout
        assert "  egress: []\n" in written
        again = CliRunner().invoke(cli, ["describe", "cnp", "-f", "-"], input=written)
        assert again.stdout == CliRunner().invoke(cli, ["describe", "cnp", "tenants", "-f", path]).stdout

    def test_describe(self, path: str) -> None:
        described = CliRunner().invoke(cli, ["describe", "cnp", "-f", path]).stdout
        assert [line.split() for line in described.splitlines() if line.startswith("Name:")] == [
            ["Name:", "dns"],
            ["Name:", "tenants"],
        ]
        assert "Events:" not in described, "kubectl lists them of one object only"
        alone = CliRunner().invoke(cli, ["describe", "anp", "-f", path]).stdout
        assert re.search(r"^Events: +<none>\n\Z", alone, re.MULTILINE)

    def test_a_missing_name_and_no_policies(self, path: str) -> None:
        result = CliRunner().invoke(cli, ["get", "cnp", "tenant", "-f", path])
        message = 'error: clusternetworkpolicies.policy.networking.k8s.io "tenant" not found'
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(message)
        assert "tenants" in result.stderr
        nothing = CliRunner().invoke(cli, ["get", "cnp", "-f", EXAMPLE])
        assert (nothing.exit_code, nothing.stderr) == (0, "No resources found\n")

    def test_the_short_name_of_two_kinds_means_the_one_of_which_there_are_policies(self, tmp_path: Path) -> None:
        spec = "{tier: Admin, priority: 3, subject: {namespaces: {}}}"
        types = "{apiVersion: networking.k8s.aws/v1alpha1, kind: ClusterNetworkPolicy"
        (tmp_path / "policy.yaml").write_text(f"{types}, metadata: {{name: x}}, spec: {spec}}}")
        result = CliRunner().invoke(cli, ["get", "cnp", "-o", "name", "-f", str(tmp_path)])
        assert result.stdout == "clusternetworkpolicy.networking.k8s.aws/x\n"
