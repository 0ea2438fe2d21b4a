"""Credential plugins; here they are small shell scripts."""

import base64
import json
import os
import pty
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import LiveClusterError
from ringfence.sources.cluster.credentials import Credential, obtain
from ringfence.sources.cluster.kubeconfig_entries import KubeconfigCluster, KubeconfigUser, parse_entry

V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
CLUSTER = KubeconfigCluster(server="https://c")


def plugin(folder: Path, script: str, **fields: object) -> dict[str, Any]:
    """A user entry whose credential plugin is a shell script."""
    program = folder / "login"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"exec": {"apiVersion": V1, "command": str(program), "interactiveMode": "Never", **fields}}


def credential(version: str = V1, kind: str = "ExecCredential", **status: str) -> str:
    return json.dumps({"apiVersion": version, "kind": kind, "status": status})


def prints(text: str) -> str:
    """A script that prints a text."""
    return f"cat <<'END'\n{text}\nEND"


def obtained(fields: dict[str, Any], cluster: KubeconfigCluster = CLUSTER) -> KubeconfigUser:
    return obtain(parse_entry(fields, KubeconfigUser), cluster).user


def test_a_user_without_a_plugin_stays_the_same() -> None:
    user = KubeconfigUser(token="x")
    assert obtain(user, CLUSTER) == Credential(user)


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_a_plugin_prints_a_token(tmp_path: Path, version: str) -> None:
    fields = plugin(tmp_path, prints(credential(version, token="secret")), apiVersion=version)
    assert obtained(fields) == KubeconfigUser(token="secret")


def test_a_plugin_prints_a_certificate(tmp_path: Path) -> None:
    answer = credential(clientCertificateData="certificate", clientKeyData="key")
    assert obtained(plugin(tmp_path, prints(answer))) == KubeconfigUser(
        client_certificate_data=b"certificate", client_key_data=b"key"
    )


def test_the_kubeconfigs_own_credentials_take_precedence(tmp_path: Path) -> None:
    answer = credential(token="secret", clientCertificateData="certificate", clientKeyData="key")
    user = obtained({**plugin(tmp_path, prints(answer)), "token": "mine"})
    assert (user.token, user.client_certificate_data) == ("mine", b"certificate")


def test_impersonation_stays(tmp_path: Path) -> None:
    user = obtained({**plugin(tmp_path, prints(credential(token="secret"))), "as": "jane"})
    assert (user.token, user.impersonate) == ("secret", "jane")


def test_a_credential_expires_when_the_plugin_says(tmp_path: Path) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    answer = credential(token="secret", expirationTimestamp=later.isoformat())
    known = obtain(parse_entry(plugin(tmp_path, prints(answer)), KubeconfigUser), CLUSTER)
    assert known.expires == later
    assert not known.has_expired
    assert Credential(known.user, datetime.now(UTC)).has_expired
    assert not Credential(known.user).has_expired


class TestWhatAPluginReceives:
    SCRIPT = (
        'echo "$KUBERNETES_EXEC_INFO" > {0}/info; echo "$REGION $HOME" > {0}/environment; echo "$@" > {0}/arguments\n'
    )

    def run(self, folder: Path, cluster: KubeconfigCluster = CLUSTER, **fields: object) -> dict[str, Any]:
        """The content of KUBERNETES_EXEC_INFO."""
        version = str(fields.get("apiVersion", V1))
        obtained(plugin(folder, self.SCRIPT.format(folder) + prints(credential(version, token="x")), **fields), cluster)
        info: dict[str, Any] = json.loads((folder / "info").read_text())
        return info

    @pytest.mark.parametrize("version", [V1, V1BETA1])
    def test_the_version_and_a_non_interactive_session(self, tmp_path: Path, version: str) -> None:
        assert self.run(tmp_path, apiVersion=version) == {
            "apiVersion": version,
            "kind": "ExecCredential",
            "spec": {"interactive": False},
        }

    def test_arguments_and_environment(self, tmp_path: Path) -> None:
        self.run(tmp_path, args=["get-token", "for me"], env=[{"name": "REGION", "value": "north"}])
        assert (tmp_path / "arguments").read_text() == "get-token for me\n"
        assert (tmp_path / "environment").read_text() == f"north {os.environ['HOME']}\n"

    def test_the_cluster_if_the_kubeconfig_allows_it(self, tmp_path: Path) -> None:
        cluster = parse_entry(
            {
                "server": "https://c",
                "tls-server-name": "api",
                "certificate-authority-data": "Q0E=",
                "certificate-authority": "/ignored",
                "proxy-url": "http://p",
                "disable-compression": True,
                "extensions": [
                    {"name": "other", "extension": {"audience": "no"}},
                    {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "06e3"}},
                ],
            },
            KubeconfigCluster,
        )
        assert self.run(tmp_path, cluster, provideClusterInfo=True)["spec"]["cluster"] == {
            "server": "https://c",
            "tls-server-name": "api",
            "certificate-authority-data": "Q0E=",
            "proxy-url": "http://p",
            "disable-compression": True,
            "config": {"audience": "06e3"},
        }
        assert "cluster" not in self.run(tmp_path, cluster)["spec"]

    def test_the_authority_as_data_though_it_is_in_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "ca.crt").write_bytes(b"CA")
        cluster = KubeconfigCluster(server="https://c", certificate_authority=str(tmp_path / "ca.crt"))
        spec = self.run(tmp_path, cluster, provideClusterInfo=True)["spec"]
        assert base64.b64decode(spec["cluster"]["certificate-authority-data"]) == b"CA"


class TestInteractiveMode:
    """Whether a plugin may ask questions: it may if there is a terminal, and its mode does not forbid it."""

    @pytest.fixture
    def terminal(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        master, side = pty.openpty()
        with os.fdopen(master, "rb"), os.fdopen(side) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            yield

    @staticmethod
    def is_interactive(folder: Path, **fields: object) -> bool:
        return bool(TestWhatAPluginReceives().run(folder, CLUSTER, **fields)["spec"]["interactive"])

    @pytest.mark.usefixtures("terminal")
    @pytest.mark.parametrize(("mode", "expected"), [("Never", False), ("IfAvailable", True), ("Always", True)])
    def test_on_a_terminal(self, tmp_path: Path, mode: str, expected: bool) -> None:
        assert self.is_interactive(tmp_path, interactiveMode=mode) is expected

    @pytest.mark.usefixtures("terminal")
    def test_v1beta1_has_a_default(self, tmp_path: Path) -> None:
        assert self.is_interactive(tmp_path, apiVersion=V1BETA1, interactiveMode=None)

    def test_without_a_terminal(self, tmp_path: Path) -> None:
        assert not self.is_interactive(tmp_path, interactiveMode="IfAvailable")

    def test_a_plugin_that_must_ask_needs_a_terminal(self, tmp_path: Path) -> None:
        with pytest.raises(LiveClusterError, match="must ask questions, but standard input is not a terminal"):
            self.is_interactive(tmp_path, interactiveMode="Always")


@pytest.mark.parametrize(
    ("script", "fields", "message"),
    [
        ("exit 3", {}, "the credential plugin .*/login failed with exit code 3"),
        (prints(credential(expirationTimestamp="tomorrow")), {}, "printed no ExecCredential: Invalid RFC3339"),
        (prints(credential(expirationTimestamp="2026-01-01T00:00:00")), {}, "printed no ExecCredential"),
        ("printf '\\377'", {}, "printed no ExecCredential"),
        ("echo hello", {}, "the credential plugin .*/login printed no ExecCredential: "),
        (prints(json.dumps({"apiVersion": V1, "kind": "ExecCredential"})), {}, "missing required field `status`"),
        (prints(credential()), {}, "printed neither a token nor a client certificate"),
        (prints(credential(clientKeyData="k")), {}, "printed only one of a client certificate and its key"),
        (prints(credential(V1BETA1, token="x")), {}, f"printed the version {V1BETA1}, but the kubeconfig sets {V1}"),
        (prints(credential(kind="Token", token="x")), {}, "an object of kind 'Token' instead of ExecCredential"),
        ("", {"command": "/nowhere/login"}, "plugin /nowhere/login cannot be run: No such file or directory"),
        ("", {"command": "/nowhere/login", "installHint": "get it"}, "No such file or directory: get it"),
        ("", {"args": ["a\0b"]}, "cannot be run: embedded null byte"),
    ],
)
def test_a_plugin_that_gives_no_credential(tmp_path: Path, script: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(LiveClusterError, match=message):
        obtained(plugin(tmp_path, script, **fields))


def test_a_plugin_that_does_not_end(tmp_path: Path) -> None:
    with pytest.raises(LiveClusterError, match=r"login did not end within 0\.1 s"):
        obtain(parse_entry(plugin(tmp_path, "exec sleep 60"), KubeconfigUser), CLUSTER, timeout=0.1)


def test_an_authority_that_cannot_be_read_for_the_plugin(tmp_path: Path) -> None:
    cluster = KubeconfigCluster(server="https://c", certificate_authority=str(tmp_path))
    with pytest.raises(LiveClusterError, match="Is a directory"):
        obtained(plugin(tmp_path, "", provideClusterInfo=True), cluster)
