"""Files that are not plain manifests: what is read, the messages, and the exit code."""

import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ringfence.cli import cli

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: prom, namespace: mon, labels: {app: prom}}
spec: {containers: [{name: c, image: x}]}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: mon}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
JSON = """\
{
  "apiVersion": "networking.k8s.io/v1",
  "kind": "NetworkPolicy",
  "metadata": {"name": "deny", "namespace": "mon"},
  "spec": {"podSelector": {}, "policyTypes": ["Ingress"],},
}
"""
TEMPLATE = (
    "  remedy: this looks like a template that was not rendered: read what `helm template` prints "
    "(helm template CHART | ringfence COMMAND -f -)"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("pods.yaml").write_text(POD)
    return tmp_path


def ask(*options: str) -> Result:
    return CliRunner().invoke(cli, ["can", *(options or ("-f", ".")), "1.1.1.1", "mon/prom", "-p", "80"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_a_policy_of_powershell_counts(encoding: str) -> None:
    Path("policies.yaml").write_bytes(POLICY.encode(encoding))
    result = ask()
    assert (result.exit_code, result.stdout) == (1, "no: 1.1.1.1 -> mon/prom on TCP 80\n")
    assert ("UTF-16" in result.stderr) == (encoding == "utf-16")


def test_a_policy_with_a_comment_in_another_encoding_counts() -> None:
    Path("policies.yaml").write_bytes(b"# caf\xe9\n" + POLICY.encode())
    result = ask()
    assert result.exit_code == 1
    assert result.stderr == (
        "policies.yaml:1: warning: not UTF-8: byte 0xe9 in column 6 is read as U+FFFD, as by kubectl\n"
        "  remedy: save the file as UTF-8\n"
    )


def test_a_policy_in_json_with_a_comma_too_many_counts() -> None:
    Path("policies.json").write_text(JSON)
    result = ask()
    assert result.exit_code == 1
    assert result.stderr.startswith("policies.json:5: warning: not JSON (")
    assert "but YAML: read as YAML, as kubectl does\n  remedy: " in result.stderr


def test_without_a_policy_that_cannot_be_read_there_is_no_answer() -> None:
    Path("policies.yaml").write_bytes(POLICY.encode("utf-32"))
    result = ask()
    assert (result.exit_code, result.stdout) == (2, "yes: 1.1.1.1 -> mon/prom on TCP 80\n")
    assert result.stderr.splitlines()[:2] == [
        "policies.yaml:1: error: UTF-32, which kubectl does not read",
        "  remedy: save the file as UTF-8",
    ]


def test_settings_of_other_programs_do_not_make_the_answer_unusable() -> None:
    Path("tsconfig.json").write_text('{"compilerOptions": {} // a comment\n}')
    result = ask()
    assert result.exit_code == 0
    assert result.stderr.startswith("tsconfig.json:1: error: not JSON: ")


def test_a_pipe_in_a_folder_is_not_waited_for() -> None:
    os.mkfifo("pipe.yaml")
    result = ask()
    assert result.exit_code == 2
    assert result.stderr.splitlines()[:2] == [
        "pipe.yaml: error: a named pipe, not a file: not read",
        "  remedy: move it out of the folder, or name it with -f",
    ]


def test_a_pipe_that_is_named_is_read() -> None:
    """As a shell passes `<(command)`."""
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_text, args=(POLICY,))
    writer.start()
    result = ask("-f", "pods.yaml", "-f", "pipe")
    writer.join()
    assert (result.exit_code, result.stderr) == (1, "")


def validate(text: str) -> Result:
    Path("f.yaml").write_text(text)
    return CliRunner().invoke(cli, ["validate", "-f", "f.yaml"])


@pytest.mark.parametrize(
    "text",
    [
        "{{- if .Values.netpol }}\n" + POLICY + "{{- end }}\n",
        POLICY.replace("podSelector: {}", 'podSelector: {matchLabels: {{- include "x" . }}}'),
        POLICY.replace("name: deny", 'name: "{{ .Release.Name }}-web"'),
    ],
)
def test_a_template_is_recognised(text: str) -> None:
    result = validate(text)
    assert result.exit_code == 1
    assert TEMPLATE in result.stdout.splitlines()


WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "field", "remedy"),
    [
        ("name: web", 'name: "{{ .Release.Name }}-web"', "metadata.name", "a template that was not rendered"),
        ("namespace: shop", 'namespace: "${NS}"', "metadata.namespace", "a variable that was not replaced"),
        ("labels: {app: web}", "labels: {app: web, tier: $(TIER)}", "spec.template.labels", "a variable that was not"),
        ("name: web", "name: Web", "metadata.name", "use lower-case letters, digits and dashes: web"),
        ("namespace: shop", "namespace: my_shop", "metadata.namespace", "letters, digits and dashes: my-shop"),
        ("kind: Service\nmetadata: {name: web", "kind: Service\nmetadata: {name: a.b", "metadata.name", "dashes: a-b"),
    ],
)
def test_a_name_that_no_api_server_takes_is_an_error_in_every_kind(
    right: str, wrong: str, field: str, remedy: str
) -> None:
    Path("pods.yaml").unlink()
    assert right in WORKLOAD
    result = validate(WORKLOAD.replace(right, wrong, 1))
    assert result.exit_code == 1
    message, mended, *_ = result.stdout.splitlines()
    assert f": {field}: Invalid value: " in message
    assert remedy in mended
    listing = CliRunner().invoke(cli, ["connections", "-f", "f.yaml"])
    assert listing.exit_code == 0  # no policy says anything else because of it
    assert message in listing.stderr.splitlines()


def test_a_namespace_that_no_api_server_takes_may_concern_policies() -> None:
    Path("f.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: mon, labels: {a: b c}}\n" + "---\n" + POD
    )
    result = ask("-f", "f.yaml")
    assert result.exit_code == 2
    assert (
        "error: objects with errors are left out of the answer, whole or in part: Namespace mon (f.yaml:3)"
        in result.stderr
    )


def test_an_invisible_character_is_shown_and_named() -> None:
    result = validate(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: shop}\n"
        "spec:\n\u00a0 podSelector: {}\n"
    )
    assert result.stdout.splitlines()[:2] == [
        'f.yaml:5: error: NetworkPolicy shop/deny: strict decoding error: unknown field "\\u00a0 podSelector"',
        "  remedy: U+00A0 no-break space in column 1: use a space",
    ]


def test_a_boolean_is_written_as_yaml_writes_it() -> None:
    result = validate("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: yes}\n")
    assert result.stdout.startswith("f.yaml:3: error: Pod true/a: ")
    assert "  remedy: put the value in quotes: without them YAML reads true or false" in result.stdout.splitlines()
