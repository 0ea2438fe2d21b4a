"""A Kubernetes control plane for the tests: the real kube-apiserver on a real etcd.

    with running(folder) as control_plane:
        control_plane.kubectl("apply", "-f", "-", stdin=manifest)
        control_plane.apiserver.kill()
        control_plane.start()

A client authenticates with a certificate of a private authority or with the token of a service account. RBAC defines
its rights, and no client is anonymous. There are no controllers: workloads create no pods, a deleted namespace is not
emptied (so it stays), and a pod needs no service account.
"""

import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple

from . import parts
from .credentials import Authority, write_kubeconfig
from .server import Server, free_port, wait_until

LOOPBACK: Final = "127.0.0.1"
SERVICE_ADDRESSES: Final = "10.96.0.0/16,fd00:10:96::/112"
REQUEST_SECONDS: Final = 90.0
"""Longer than the API server takes before it gives a request up, which is a minute."""


class Answer(NamedTuple):
    """The answer of the API server: an object or a `Status`, and the texts of its `Warning` headers."""

    status: int
    body: Any
    warnings: list[str]


class ControlPlane:
    """etcd and kube-apiserver, with all their files in `folder`. The API server listens on `address`.

    `kubeconfig` is that of an administrator; `user` and `service_account` create others. `apiserver` and `etcd` can be
    stopped or killed separately. `start` starts again what does not run, on the same port and with the same data.
    `flags` are additional flags of the API server (`--feature-gates=...`).
    """

    def __init__(self, folder: Path, *flags: str, address: str = LOOPBACK) -> None:
        self.folder = folder
        self._data = folder / "etcd"
        self._backup = folder / "etcd-backup"
        self.url = f"https://{address}:{free_port(address)}"
        self.etcd_address = f"{LOOPBACK}:{free_port(LOOPBACK)}"
        self._authority = Authority(folder)
        self.etcd = Server("etcd", self._etcd_arguments(), folder / "etcd.log")
        arguments = [*self._apiserver_arguments(address), *flags]
        self.apiserver = Server("kube-apiserver", arguments, folder / "kube-apiserver.log")
        self.kubeconfig = self.user("admin", group="system:masters")
        self._trust = ssl.create_default_context(cafile=self._authority.certificate)
        self._trust.load_cert_chain(folder / "admin.crt", folder / "admin.key")

    def start(self) -> None:
        """Start what does not run. Return when the API server is ready and has created its own namespaces."""
        self.etcd.start(self._etcd_is_ready)
        self.apiserver.start(self._apiserver_is_ready)

    def stop(self) -> None:
        """Stop both servers. Their data stay."""
        self.apiserver.stop()
        self.etcd.stop()

    def lose_data(self) -> None:
        """From the next start on, both servers have no data, until `restore_data`."""
        self.apiserver.kill()
        self.etcd.kill()
        self._data.rename(self._backup)

    def restore_data(self) -> None:
        """From the next start on, the lost data are back. Data that were written since are lost."""
        self.apiserver.kill()
        self.etcd.kill()
        shutil.rmtree(self._data, ignore_errors=True)
        self._backup.rename(self._data)

    def forget(self) -> None:
        """Delete the data. They take a hundred megabytes even where there are few objects."""
        for data in (self._data, self._backup):
            shutil.rmtree(data, ignore_errors=True)

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Answer:
        """Send a request to the API server as administrator. `body` is sent as JSON, or unchanged if it is text.

        A refusal is an answer as well. Raises OSError when there is no answer.
        """
        return _ask(method, self.url + path, body, content_type, self._trust)

    def kubectl(
        self, *arguments: str, stdin: str = "", kubeconfig: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the real kubectl, as administrator unless another kubeconfig is given. Its clock shows UTC.

        If kubectl fails, raises AssertionError with its output, unless `check` is false.
        """
        program = parts.find("kubectl")
        assert program, f"kubectl is missing: `{parts.BUILD_COMMAND}` fetches it first"
        environment = {"HOME": str(self.folder), "KUBECONFIG": str(kubeconfig or self.kubeconfig), "TZ": "UTC"}
        done = subprocess.run([program, *arguments], input=stdin, capture_output=True, text=True, env=environment)
        assert done.returncode == 0 or not check, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done

    def user(self, name: str, group: str = "") -> Path:
        """A kubeconfig of a user with a certificate. A user without a group has no rights."""
        pair = self._authority.issue(name, organization=group)
        return self._kubeconfig(name, {"client-certificate": str(pair.certificate), "client-key": str(pair.key)})

    def service_account(
        self, name: str, resources: Sequence[str], verbs: Sequence[str] = ("list", "watch"), namespace: str = ""
    ) -> Path:
        """A kubeconfig of a new service account in `default` that may do `verbs` to `resources`, and nothing else.

        With a `namespace`, it may do so only there. Resources have the names that kubectl uses: `pods`,
        `networkpolicies.networking.k8s.io`.
        """
        self.kubectl("create", "serviceaccount", name)
        self.kubectl("create", "clusterrole", name, f"--verb={','.join(verbs)}", f"--resource={','.join(resources)}")
        binding = ["rolebinding", f"--namespace={namespace}"] if namespace else ["clusterrolebinding"]
        self.kubectl("create", *binding, name, f"--clusterrole={name}", f"--serviceaccount=default:{name}")
        kubeconfig = self.existing_account(name)
        scope = f"--namespace={namespace}" if namespace else "--all-namespaces"
        question = ("auth", "can-i", verbs[-1], resources[-1], scope)
        wait_until(lambda: self._is_yes(kubeconfig, question), f"{name} may {verbs[-1]} {resources[-1]}")
        return kubeconfig

    def existing_account(self, name: str, namespace: str = "default") -> Path:
        """A kubeconfig of an existing service account."""
        token = self.folder / f"{name}.token"
        created = self.kubectl("create", "token", name, "--duration=24h", f"--namespace={namespace}")
        token.write_text(created.stdout.strip())
        return self._kubeconfig(name, {"tokenFile": str(token)})

    def compact(self) -> None:
        """Make etcd forget every revision except the last.

        The API server answers 410 to a watch that resumes from an older revision, but only after a restart. Until then,
        it answers from its own memory.
        """
        revision = self.ask_etcd("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        self.ask_etcd("/v3/kv/compaction", {"revision": revision, "physical": True})

    def _kubeconfig(self, name: str, user: dict[str, str]) -> Path:
        return write_kubeconfig(self.folder / f"{name}.kubeconfig", self.url, self._authority.certificate, user)

    def _is_yes(self, kubeconfig: Path, question: Sequence[str]) -> bool:
        return self.kubectl(*question, kubeconfig=kubeconfig, check=False).returncode == 0

    def ask_etcd(self, path: str, question: object) -> Any:
        """Send a request directly to etcd, past the API server; return its answer."""
        return _ask("POST", self._etcd_url() + path, question).body

    def _etcd_url(self) -> str:
        return f"http://{self.etcd_address}"

    def _etcd_is_ready(self) -> bool:
        try:
            return "header" in self.ask_etcd("/v3/maintenance/status", {})
        except OSError:
            return False

    def _apiserver_is_ready(self) -> bool:
        try:
            answers = [self.request("GET", path) for path in ("/readyz", "/api/v1/namespaces/default")]
        except OSError:
            return False
        return all(answer.status == HTTPStatus.OK for answer in answers)

    def _etcd_arguments(self) -> list[str]:
        peer = f"http://{LOOPBACK}:{free_port(LOOPBACK)}"
        return [
            f"--data-dir={self._data}",
            f"--listen-client-urls={self._etcd_url()}",
            f"--advertise-client-urls={self._etcd_url()}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # Written data survive a killed process without it. Only a crash of the machine would lose them.
            "--unsafe-no-fsync",
        ]

    def _apiserver_arguments(self, address: str) -> list[str]:
        serving = self._authority.issue("kube-apiserver", address, "localhost", "kubernetes.default.svc")
        accounts = self._authority.issue("service-accounts")
        return [
            f"--etcd-servers={self._etcd_url()}",
            f"--bind-address={address}",
            f"--secure-port={self.url.rpartition(':')[2]}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self._authority.certificate}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-signing-key-file={accounts.key}",
            f"--service-account-key-file={accounts.key}",
            f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--allow-privileged",
            "--delete-collection-workers=8",  # One by one, ten thousand policies take a minute on a busy machine.
            # No controller creates the account that every pod would need.
            "--disable-admission-plugins=ServiceAccount",
            # The Service of the API server itself may not have an address on loopback.
            f"--advertise-address={address}",
            "--endpoint-reconciler-type=none",
        ]


@contextmanager
def running(folder: Path, *flags: str, address: str = LOOPBACK) -> Iterator[ControlPlane]:
    """A control plane that runs until the block ends, for whatever reason. Afterwards only its logs stay."""
    control_plane = ControlPlane(folder, *flags, address=address)
    try:
        control_plane.start()
        yield control_plane
    finally:
        control_plane.stop()
        control_plane.forget()


def _ask(
    method: str, url: str, body: object, content_type: str = "application/json", trust: ssl.SSLContext | None = None
) -> Answer:
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    request = urllib.request.Request(url, None if body is None else content.encode(), headers, method=method)
    # No proxy of the environment may be used for connections of this machine to itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(request, timeout=REQUEST_SECONDS) as response:
            return _read(response)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return _read(refusal)


def _read(response: Any) -> Answer:
    """The texts of the warnings are quoted strings after a code and an agent: `299 - "..."`."""
    text = response.read().decode()
    is_json = response.headers.get_content_type() == "application/json"
    warnings = [json.loads(warning.split(" ", 2)[2]) for warning in response.headers.get_all("Warning", [])]
    return Answer(response.status, json.loads(text) if is_json else text, warnings)
