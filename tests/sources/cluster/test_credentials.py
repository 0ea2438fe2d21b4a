"""Credentials from plugins, which here are real programs, if small ones."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.credentials import obtained

Fields = dict[str, Any]


def plugin(folder: Path, script: str, **fields: object) -> Fields:
    """A user whose credentials a shell script makes."""
    program = folder / "login"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": version, "command": str(program), "interactiveMode": "Never", **fields}}


def credential(**status: str) -> str:
    return json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})


def test_a_user_without_a_plugin_is_as_he_is() -> None:
    assert obtained({"token": "x"}, {}) == {"token": "x"}
    assert obtained({}, {}) == {}


def test_a_token(tmp_path: Path) -> None:
    user = plugin(tmp_path, f"echo '{credential(token='secret')}'")
    assert obtained({**user, "username": "me"}, {}) == {"token": "secret", "username": "me"}


def test_a_certificate(tmp_path: Path) -> None:
    answer = credential(clientCertificateData="certificate", clientKeyData="key")
    assert obtained(plugin(tmp_path, f"echo '{answer}'"), {}) == {
        "client-certificate-data": base64.b64encode(b"certificate").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
    }


def test_what_a_plugin_is_told(tmp_path: Path) -> None:
    script = f"""
echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/told
echo "{{\\"status\\": {{\\"token\\": \\"$1 $REGION\\"}}}}"
"""
    cluster = {"server": "https://c", "certificate-authority-data": "Q0E=", "certificate-authority": "/ca"}
    fields = {"args": ["for me"], "env": [{"name": "REGION", "value": "north"}], "provideClusterInfo": True}
    assert obtained(plugin(tmp_path, script, **fields), cluster) == {"token": "for me north"}
    assert json.loads((tmp_path / "told").read_text()) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": False, "cluster": {"server": "https://c", "certificateAuthorityData": "Q0E="}},
    }


@pytest.mark.parametrize(
    ("script", "fields", "message"),
    [
        ("exit 3", {}, "the credential plugin .*/login failed with exit code 3"),
        ('echo \'{"status": {"expirationTimestamp": "tomorrow"}}\'', {}, "gave no ExecCredential: Invalid RFC3339"),
        ('echo \'{"status": {"expirationTimestamp": "2026-01-01T00:00:00"}}\'', {}, "gave no ExecCredential"),
        ("printf '\\377'", {}, "gave no ExecCredential"),
        ("echo hello", {}, "the credential plugin .*/login gave no ExecCredential: "),
        ("echo '{}'", {}, "gave no ExecCredential: Object missing required field `status`"),
        ("", {"command": "/nowhere/login"}, "plugin /nowhere/login cannot be run: No such file or directory"),
        ("", {"command": "/nowhere/login", "installHint": "get it"}, "No such file or directory: get it"),
        ("", {"args": 5}, r"the exec plugin of the kubeconfig cannot be used: Expected .* at `\$.args`"),
    ],
)
def test_a_plugin_that_gives_nothing(tmp_path: Path, script: str, fields: Fields, message: str) -> None:
    with pytest.raises(LiveClusterError, match=message):
        obtained(plugin(tmp_path, script, **fields), {})
