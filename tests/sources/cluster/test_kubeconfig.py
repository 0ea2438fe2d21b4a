"""Which cluster, namespace and user a kubeconfig means."""

import json
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import LiveClusterError, NoKubeconfigError
from ringfence.sources.cluster import kubeconfig
from ringfence.sources.cluster.kubeconfig import SelectedContext, select
from ringfence.sources.cluster.kubeconfig_entries import KubeconfigCluster, KubeconfigUser

Fields = dict[str, Any]


def config(
    name: str, *, current: bool = True, namespace: str = "", user: Fields | None = None, cluster: Fields | None = None
) -> str:
    """A kubeconfig with one context, cluster and user, all of one name."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name if current else "",
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
            "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443", **(cluster or {})}}],
            "users": [{"name": name, "user": user or {"token": name}}],
        }
    )


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, without a kubeconfig and outside a cluster."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def test_a_file_that_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "a").write_text(config("a", namespace="shop"))
    (home / "b").write_text(config("b"))
    monkeypatch.setenv("KUBECONFIG", str(home / "b"))
    assert select(kubeconfig=str(home / "a")) == SelectedContext(
        "a", "shop", KubeconfigCluster(server="https://a:6443"), KubeconfigUser(token="a")
    )


def test_the_files_of_the_environment_are_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first that says something counts, and some may be missing."""
    (home / "a").write_text(config("a", current=False))
    (home / "b").write_text(config("b"))
    (home / "c").write_text(config("a").replace("https://a", "https://other"))
    monkeypatch.setenv("KUBECONFIG", f"{home}/a:{home}/missing::{home}/b:{home}/c")
    assert select().context == "b"
    assert select().namespace == "default"
    assert select("a").cluster.server == "https://a:6443"


def test_the_file_at_home(home: Path) -> None:
    (home / ".kube").mkdir()
    (home / ".kube" / "config").write_text(config("a"))
    assert select().context == "a"


def test_files_that_it_names_are_beside_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "clusters").mkdir()
    for name in ("ca.crt", "token"):
        (home / "clusters" / name).touch()
    plugin = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "./login"}
    user = {"tokenFile": "token", "exec": plugin}
    (home / "clusters" / "a").write_text(config("a", user=user, cluster={"certificate-authority": "ca.crt"}))
    monkeypatch.chdir(home)
    chosen = select(kubeconfig="clusters/a")
    assert chosen.cluster.certificate_authority == str(home / "clusters" / "ca.crt")
    assert chosen.user.token_file == str(home / "clusters" / "token")
    assert chosen.user.exec
    assert chosen.user.exec.command == str(home / "clusters" / "login")


def test_a_plugin_without_a_folder_is_looked_for_on_path(home: Path) -> None:
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws", "interactiveMode": "Never"}
    (home / "a").write_text(config("a", user={"exec": plugin}))
    chosen = select(kubeconfig=str(home / "a")).user.exec
    assert chosen
    assert chosen.command == "aws"


def test_inside_a_pod(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", home)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (home / "token").write_text("secret")
    (home / "namespace").write_text("agents\n")
    chosen = select()
    assert (chosen.context, chosen.namespace) == ("in-cluster", "agents")
    assert chosen.cluster == KubeconfigCluster(
        server="https://[fd00::1]:443", certificate_authority=str(home / "ca.crt")
    )
    assert chosen.user == KubeconfigUser(token_file=str(home / "token"))
    with pytest.raises(LiveClusterError, match="no kubeconfig"):
        select("prod")


def test_no_configuration_at_all() -> None:
    with pytest.raises(NoKubeconfigError, match=r"^no kubeconfig: pass one with --kubeconfig or in KUBECONFIG$"):
        select()


def test_a_kubeconfig_that_does_not_exist(home: Path) -> None:
    with pytest.raises(LiveClusterError, match=r'the kubeconfig ".*/missing" does not exist'):
        select(kubeconfig=str(home / "missing"))


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        (config("a"), "b", r'/k: context "b" does not exist \(there are: a\)'),
        (
            config("a", current=False),
            None,
            r"/k: no current context is set: choose one with --context \(there are: a\)",
        ),
        ("", None, "/k: not a kubeconfig, because it has no contexts"),
        (
            config("a").replace('"cluster": "a"', '"cluster": "c"'),
            None,
            'context "a" has the cluster "c", which does not',
        ),
        (config("a").replace('"user": "a"', '"user": "c"'), None, 'context "a" has the user "c", which does not exist'),
        (config("a", cluster={"server": ""}), None, 'context "a" cannot be used: its cluster has no server'),
        (
            config("a", cluster={"insecure-skip-tls-verify": True, "certificate-authority-data": "Q0E="}),
            None,
            'context "a" cannot be used: its cluster has both a certificate authority and insecure-skip-tls-verify',
        ),
        (config("a", user={"token": 5}), None, 'context "a" cannot be used: Expected `str`, got `int`'),
        ("a: [", None, "/k: not a kubeconfig: yaml: did not find expected node content"),
        ("[]\n---\n", None, "/k: not a kubeconfig, because it has no contexts"),
        ("5", None, "/k: not a kubeconfig: Expected `object`, got `int`"),
        ("contexts: 5", None, r"/k: not a kubeconfig: Expected `array`, got `int` - at `\$.contexts`"),
        ("\ud800", None, "/k: not a kubeconfig: 'utf-8' codec can't decode"),
        (
            config("a", cluster={"certificate-authority": "missing.crt"}),
            None,
            'context "a" has the certificate-authority "/.*/missing.crt", which does not exist',
        ),
        (
            config("a", user={"client-key": "missing.key"}),
            None,
            'the client-key "/.*/missing.key", which does not exist',
        ),
    ],
)
def test_a_configuration_that_is_wrong(home: Path, text: str, context: str | None, message: str) -> None:
    (home / "k").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(LiveClusterError, match=message):
        select(context, str(home / "k"))


def test_a_user_may_have_no_credentials(home: Path) -> None:
    text = config("a").replace('"user": "a"', '"user": ""').replace('"user": {"token": "a"}', '"user": null')
    (home / "k").write_text(text)
    assert select(kubeconfig=str(home / "k")).user == KubeconfigUser()
