"""`lint`: mistakes with their lines, and an exit code for CI."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.sources.git_repositories import GitRepository

from ringfence.cli import cli
from ringfence.lint import RULES, rule_text
from ringfence.model.origin import Range
from ringfence.model.text_edits import TextEdit, apply_edits

MISSPELT = """\
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector:
    matchLabels:
      app: dbb  # the database
"""
POD = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: NAME, namespace: audit, labels: {app: NAME}}\n"
DASH = (
    MISSPELT.replace("app: dbb", "app: db")
    + "  ingress:\n  - from:\n    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: audit}}\n"
    + "    - podSelector: {matchLabels: {app: db}}\n"
    + POD.replace("NAME", "db")
    + POD.replace("NAME", "web")
)
"""Two peers, both of which are sensible: a note."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(text: str, *options: str) -> Result:
    Path("p.yaml").write_text(text, newline="")
    return CliRunner().invoke(cli, ["lint", "-f", "p.yaml", *options])


def test_a_finding_has_its_place_its_line_and_its_remedy() -> None:
    result = lint(MISSPELT)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        "p.yaml:9:3: warning[RF101] NetworkPolicy shop/db: the policy selects no pod: "
        "none of namespace shop matches app=dbb\n"
        "  9 |   podSelector:\n"
        "    |   ^^^^^^^^^^^^\n"
        "  remedy: write app=db, which pods of namespace shop have\n"
        "\n"
        "1 warning\n"
    )


def test_nothing_found_is_said_and_is_no_failure() -> None:
    result = lint(MISSPELT.replace("dbb", "db"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "nothing found\n", "")


def test_the_fix_in_the_json_makes_the_finding_go() -> None:
    (found,) = json.loads(lint(MISSPELT, "-o", "json").stdout)["findings"]
    fix = found["fix"]
    part = Range(fix["line"], fix["column"], fix["endLine"], fix["endColumn"])
    edited = apply_edits(MISSPELT, [TextEdit("p.yaml", part, fix["newText"])])
    assert edited == MISSPELT.replace("dbb", "db")
    assert lint(edited).exit_code == 0


def test_the_json_has_the_rule_the_severity_and_the_place() -> None:
    document = json.loads(lint(MISSPELT, "-o", "json").stdout)
    (found,) = document["findings"]
    assert {key: found[key] for key in ("rule", "severity", "file", "line", "column")} == {
        "rule": "RF101",
        "severity": "warning",
        "file": "p.yaml",
        "line": 9,
        "column": 3,
    }
    assert document["skipped"] == []


def test_a_tab_and_a_carriage_return_move_no_mark() -> None:
    text = MISSPELT.replace("  podSelector:\n", "  podSelector: \t# which?\n").replace("\n", "\r\n")
    assert "  9 |   podSelector:  # which?\n    |   ^^^^^^^^^^^^" in lint(text).stdout


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    policy = (
        "---\n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, "
        f"metadata: {{name: p, namespace: x, annotations: {{long: {'x' * 300}}}}}, "
        "spec: {policyTypes: [Egress], podSelector: {}, ingress: [{}]}}\n"
    )
    lines = lint(policy).stdout.splitlines()
    shown, mark = lines[1], lines[2]
    assert len(shown) < 140
    assert shown[mark.index("^") : mark.rindex("^") + 1] == "ingress: [{}]"


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        ((), 0),
        (("--fail-on", "note"), 1),
        (("--fail-on", "note", "--ignore", "RF103"), 0),
        (("--fail-on", "note", "--select", "or-instead-of-and,RF101"), 1),
    ],
)
def test_notes_count_only_if_the_option_says_so(options: tuple[str, ...], exit_code: int) -> None:
    assert lint(DASH, *options).exit_code == exit_code


def test_an_error_in_the_input_is_a_finding_and_makes_the_input_unusable() -> None:
    broken = MISSPELT.replace("spec:", "spek:")
    result = lint(broken)
    assert result.exit_code == 2
    assert "p.yaml:8:1: error[RF138] NetworkPolicy shop/db: " in result.stdout
    assert "objects with errors are left out of the answer, whole or in part" in result.stderr
    assert lint(broken, "--ignore-errors").exit_code == 1


def test_rules_that_were_skipped_are_named() -> None:
    result = lint(MISSPELT.partition("---\n")[2])
    assert result.exit_code == 0
    assert result.stdout.startswith("skipped RF101, RF102, ")
    assert ": the input holds no pods and no workloads\nnothing found\n" in result.stdout


def test_list_names_every_rule() -> None:
    listed = CliRunner().invoke(cli, ["lint", "--list"]).stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [rule.identifier for rule in RULES]
    document = json.loads(CliRunner().invoke(cli, ["lint", "--list", "-o", "json"]).stdout)
    assert [one["rule"] for one in document["rules"]] == [rule.identifier for rule in RULES]


@pytest.mark.parametrize("word", ["RF103", "rf103", "or-instead-of-and"])
def test_explain_prints_the_page_of_a_rule(word: str) -> None:
    result = CliRunner().invoke(cli, ["lint", "--explain", word])
    assert (result.exit_code, result.stdout) == (
        0,
        rule_text(next(one for one in RULES if one.name == "or-instead-of-and")),
    )


# --- the examples of this repository ----------------------------------------------------------------------------------

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("examples/three-tier", set()),
        # Names that stand for another number on each workload, and policies for all pods, an agent of nodes among them.
        (
            "examples/shop",
            {
                ("RF112", "prometheus"),
                ("RF112", "be-measured"),
                ("RF122", "deny-all"),
                ("RF122", "be-measured"),
                ("RF122", "ask-for-names"),
            },
        ),
        # One recipe is about the name of a port, and leaves out the DNS server; another is about a range of ports.
        (
            "examples/recipes",
            {
                ("RF112", "nurse-asks-for-health"),
                ("RF112", "health-of-organs"),
                ("RF114", "nurse-asks-for-health"),
                ("RF129", "calls"),
            },
        ),
        # What the example is about: with one dash more, there are two peers.
        ("examples/and-or", {("RF103", "billing-for-official-auditors")}),
        # An egress rule with the ingress of its peer closed: the example is about names only.
        ("examples/admin", {("RF113", "to-frames-only")}),
        # What the page about questions explains.
        ("docs/examples/service-port.yaml", {("RF110", "web")}),
    ],
)
def test_the_examples_have_no_finding_that_is_not_meant(path: str, meant: set[tuple[str, str]]) -> None:
    result = CliRunner().invoke(cli, ["lint", "-R", "-f", str(ROOT / path), "-o", "json"])
    found = {(one["rule"], one["object"].partition("/")[2]) for one in json.loads(result.stdout)["findings"]}
    assert found == meant


def test_a_comment_on_standard_input_suppresses_and_what_is_suppressed_is_counted() -> None:
    text = MISSPELT.replace("  podSelector:", "  podSelector:  # ringfence: ignore[RF101] the pods come later")
    result = CliRunner().invoke(cli, ["lint", "-f", "-"], input=text)
    assert (result.exit_code, result.stdout) == (0, "nothing found (1 suppressed)\n")
    document = json.loads(CliRunner().invoke(cli, ["lint", "-f", "-", "-o", "json"], input=text).stdout)
    assert document["findings"] == []
    assert document["suppressed"][0]["suppression"] == {"kind": "inSource", "reason": "the pods come later"}


# --- only what is new -------------------------------------------------------------------------------------------------

SECOND = MISSPELT.partition("---\n")[2].replace("name: db,", "name: second,").replace("dbb", "queue")


def test_a_baseline_is_written_and_then_only_new_findings_count() -> None:
    written = lint(MISSPELT, "--write-baseline", "b.json")
    assert (written.exit_code, written.stdout, written.stderr) == (0, "", "wrote 1 finding to b.json\n")
    again = lint(f"# moved\n{MISSPELT}", "--baseline", "b.json")
    assert (again.exit_code, again.stdout) == (0, "nothing found (1 suppressed)\n")
    new = lint(f"{MISSPELT}---\n{SECOND}", "--baseline", "b.json")
    assert new.exit_code == 1
    assert new.stdout.endswith("\n1 warning (1 suppressed)\n")
    corrected = lint(MISSPELT.replace("dbb", "db"), "--baseline", "b.json").stdout
    assert corrected.startswith("corrected, and still in the baseline: RF101 NetworkPolicy shop/db: ")


def test_a_baseline_has_no_errors_in_the_input() -> None:
    wrong = SECOND.replace("kind: NetworkPolicy", "kind: NetworkPolicy\nspek: {}")
    written = lint(f"{MISSPELT}---\n{wrong}", "--write-baseline", "b.json")
    assert written.stderr.startswith(
        "wrote 1 finding to b.json; correct the errors in the input, which a baseline does not contain: 1\n"
    )


def test_the_configuration_and_the_baseline_may_stand_among_the_manifests(folder: Path) -> None:
    GitRepository(folder)
    Path("k8s").mkdir()
    Path("k8s/p.yaml").write_text(MISSPELT)
    Path("k8s/.ringfence.yaml").write_text("ignore: [RF108]\n")
    lint_folder = ["lint", "-R", "-f", "k8s"]
    CliRunner().invoke(cli, [*lint_folder, "--write-baseline", "k8s/b.json"])
    result = CliRunner().invoke(cli, [*lint_folder, "--baseline", "k8s/b.json"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "nothing found (1 suppressed)\n", "")
    assert "there is no test" in CliRunner().invoke(cli, ["test", "k8s", "-f", "k8s"]).stderr


def test_since_a_revision_only_findings_count_that_were_not_there(folder: Path) -> None:
    repository = GitRepository(folder)
    repository.write("p.yaml", MISSPELT)
    repository.commit()
    repository("checkout", "-q", "-b", "side")
    repository.write("p.yaml", f"# moved\n{MISSPELT}---\n{SECOND}")
    repository.commit()
    result = CliRunner().invoke(cli, ["lint", "-f", "p.yaml", "--since", "main"])
    assert result.exit_code == 1
    assert "NetworkPolicy shop/second" in result.stdout
    assert result.stdout.endswith("\n1 warning (1 suppressed)\n")
    assert CliRunner().invoke(cli, ["lint", "-f", "p.yaml", "--since", "side"]).exit_code == 0


# --- configuration ----------------------------------------------------------------------------------------------------


def test_the_configuration_around_the_input_counts_unless_another_is_given() -> None:
    Path(".ringfence.yaml").write_text("severity: {RF101: note}\n")
    assert lint(MISSPELT).exit_code == 0
    assert lint(MISSPELT, "--fail-on", "note").exit_code == 1
    assert lint(MISSPELT, "--severity", "RF101=error").stdout.startswith("p.yaml:9:3: error[RF101]")
    assert lint(MISSPELT, "--isolated").exit_code == 1
    Path("other.yaml").write_text("ignore: [selects-nothing]\n")
    assert lint(MISSPELT, "--config", "other.yaml").stdout == "nothing found\n"
    assert lint(MISSPELT, "--config", "other.yaml", "--extend-select", "RF101").stdout == "nothing found\n"


# --- fixes ------------------------------------------------------------------------------------------------------------

RANGE = MISSPELT.replace("dbb", "db") + "  ingress:\n  - ports: [{port: 80, endPort: 80, protocol: TCP}]\n"


def test_a_fix_is_printed_or_written() -> None:
    printed = lint(RANGE, "--diff")
    assert printed.exit_code == 1
    assert printed.stdout.splitlines()[-1] == "+  - ports: [{port: 80, protocol: TCP}]"
    assert printed.stderr == "would fix p.yaml:13: RF129 port-range, NetworkPolicy shop/db\n"
    assert Path("p.yaml").read_text() == RANGE
    written = lint(RANGE, "--fix")
    assert (written.exit_code, written.stdout) == (0, "nothing found\n")
    assert Path("p.yaml").read_text() == RANGE.replace(", endPort: 80", "")
    assert lint(RANGE.replace(", endPort: 80", ""), "--diff").exit_code == 0


def test_an_unsafe_fix_shows_what_it_changes() -> None:
    assert "1 more has a fix with --unsafe-fixes" in lint(MISSPELT, "--fix").stderr
    result = lint(MISSPELT, "--fix", "--unsafe-fixes")
    assert "what the unsafe fixes change:\n  before -> after: 0 opened, 1 closed" in result.stderr
    assert Path("p.yaml").read_text() == MISSPELT.replace("dbb", "db")


def test_what_is_fixed_on_standard_input_is_printed() -> None:
    result = CliRunner().invoke(cli, ["lint", "-f", "-", "--fix"], input=RANGE)
    assert (result.exit_code, result.stdout) == (0, RANGE.replace(", endPort: 80", ""))
    assert result.stderr.endswith("nothing found\n")
