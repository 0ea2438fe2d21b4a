"""Archives and compressed files instead of manifests: each is one problem that says how to unpack it."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ringfence import Cluster

POLICY = b"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec: {podSelector: {}}\n"


def _zip() -> bytes:
    with zipfile.ZipFile(written := io.BytesIO(), "w") as archive:
        archive.writestr("a.yaml", POLICY)
    return written.getvalue()


def _tar() -> bytes:
    with tarfile.open(fileobj=(written := io.BytesIO()), mode="w") as archive:
        member = tarfile.TarInfo("a.yaml")
        member.size = len(POLICY)
        archive.addfile(member, io.BytesIO(POLICY))
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "made", "kind", "remedy"),
    [
        ("a.zip", _zip, "a zip archive", "unzip"),
        ("a.yaml", _tar, "a tar archive", "tar -xf"),
        ("a.gz", lambda: gzip.compress(POLICY), "a gzip file", "gunzip"),
        ("a.tgz", lambda: gzip.compress(_tar()), "a gzip file", "helm template"),
        ("a.bz2", lambda: bz2.compress(POLICY), "a bzip2 file", "bunzip2"),
        ("a.xz", lambda: lzma.compress(POLICY), "an xz file", "unxz"),
    ],
)
def test_an_archive_is_one_problem(
    tmp_path: Path, name: str, made: Callable[[], bytes], kind: str, remedy: str
) -> None:
    (tmp_path / name).write_bytes(made())
    [problem] = Cluster.load(tmp_path / name).problems
    assert problem.message == f"{kind}, not a manifest: not read"
    assert remedy in problem.remedy
    assert problem.place.file == str(tmp_path / name)
