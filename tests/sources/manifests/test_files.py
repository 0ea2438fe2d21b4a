"""Which files are read, in which order, and the problems of those that cannot be read."""

import io
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from tests.sources.manifests.texts import names, problems

from ringfence.errors import ManifestError
from ringfence.sources.manifests.files import ALL_FILES, read_files


def write(path: Path, name: str = "") -> Path:
    """A file with one pod, called as the file is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name or path.stem}}}\n")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`manifests/`, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("c.yml", "a.yaml", "b.json", "notes.txt", "d/e.yaml", "d/.git/f.yaml", "d/b.yaml", "g.YAML"):
        write(tmp_path / "manifests" / name)
    return Path("manifests")


def test_a_folder_is_read_one_level_deep_in_the_order_of_names(folder: Path) -> None:
    reading = read_files([str(folder)])
    assert names(reading) == ["a", "b", "c"]
    assert [str(manifest.origin.at("metadata")) for manifest in reading.manifests] == [
        "manifests/a.yaml:1",
        "manifests/b.json:1",
        "manifests/c.yml:1",
    ]


def test_a_folder_is_read_with_its_folders_if_asked(folder: Path) -> None:
    assert names(read_files([str(folder)], ALL_FILES)) == ["a", "b", "c", "b", "e"]


def test_links_to_folders_are_not_followed_but_links_to_files_are(folder: Path) -> None:
    (folder / "d" / "up").symlink_to("..", target_is_directory=True)
    (folder / "linked.yaml").symlink_to("d/e.yaml")
    assert Counter(names(read_files([str(folder)], ALL_FILES)))["e"] == 2


def test_a_file_that_is_named_may_be_called_anything(folder: Path) -> None:
    assert names(read_files([str(folder / "notes.txt"), str(folder / "g.YAML")])) == ["notes", "g"]


def test_paths_are_read_in_the_order_they_are_given(folder: Path) -> None:
    assert names(read_files([str(folder / "c.yml"), str(folder / "d")])) == ["c", "b", "e"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    text = b"apiVersion: v1\nkind: Pod\nmetadata: {name: piped}\n---\n- kind: Pod\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    reading = read_files(["-", str(folder / "a.yaml")])
    assert names(reading) == ["piped", "a"]
    assert problems(reading) == ["STDIN:5: error: an object is expected here, not a list"]


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """As a shell makes one for `-f <(command)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = "---\n".join(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}}}\n" for number in range(2000))
    writer = threading.Thread(target=pipe.write_text, args=(text,))
    writer.start()
    reading = read_files([str(pipe)])
    writer.join()
    assert len(reading.manifests) == 2000


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", 'the path "nowhere" does not exist: name a file, a folder, or - for standard input'),
        ("manifests/nowhere.yaml", 'the path "manifests/nowhere.yaml" does not exist'),
        ("", 'the path "" does not exist'),
        ("a\0b", 'the path "a\0b" does not exist'),
        ("x" * 5000, "File name too long"),
    ],
)
def test_a_path_that_does_not_exist(folder: Path, path: str, message: str) -> None:
    with pytest.raises(ManifestError) as error:
        read_files([str(folder), path])
    assert message in str(error.value)


def test_a_folder_with_nothing_to_read(tmp_path: Path) -> None:
    write(tmp_path / "deeper" / "a.yaml")
    with pytest.raises(ManifestError) as error:
        read_files([str(tmp_path)])
    assert str(error.value) == (
        f"{tmp_path}: no file in this folder ends in .json, .yaml, .yml; -R also reads the folders in it"
    )
    assert names(read_files([str(tmp_path)], ALL_FILES)) == ["a"]


def test_the_templates_of_a_helm_chart_are_one_error(folder: Path) -> None:
    write(folder / "chart" / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    for name in ("templates/a.yaml", "templates/tests/b.yaml"):
        write(folder / "chart" / name).write_text("{{- if .Values.x }}\nkind: Pod\n{{- end }}\n")
    write(folder / "chart" / "templates" / "plain.yaml")
    write(folder / "chart" / "crds" / "c.yaml")
    reading = read_files([str(folder / "chart")], ALL_FILES)
    assert names(reading) == ["c", "plain"]
    (problem,) = reading.problems
    assert str(problem) == (
        "manifests/chart/Chart.yaml:1: error: this is a Helm chart, which has to be rendered: "
        "2 files are templates and not read"
    )
    assert problem.remedy == "helm template manifests/chart | ringfence COMMAND -f -"
    assert problem.may_concern_policies
    named = read_files([str(folder / "chart" / "templates" / "a.yaml")])
    assert [problem.code for problem in named.problems] == ["invalid-yaml"]


def test_a_pipe_or_a_socket_in_a_folder_is_an_error_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "b.yaml")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "d.json"))
    (folder / "e.yml").symlink_to("/dev/zero")
    reading = read_files([str(folder)])
    assert names(reading) == ["a", "b", "c"]
    assert problems(reading) == [
        "manifests/b.yaml: error: a named pipe, not a file: not read",
        "manifests/d.json: error: a socket, not a file: not read",
        "manifests/e.yml: error: a device, not a file: not read",
    ]
    assert {problem.remedy for problem in reading.problems} == {"move it out of the folder, or name it with -f"}


def test_a_file_that_cannot_be_read_leaves_the_others(folder: Path) -> None:
    (folder / "b.json").unlink()
    (folder / "b.json").symlink_to("nowhere")
    (folder / "bad.yaml").write_bytes("apiVersion: v1".encode("utf-16-le"))
    (folder / "worse.yaml").write_bytes("apiVersion: v1".encode("utf-32"))
    reading = read_files([str(folder)])
    assert names(reading) == ["a", "c"]
    assert problems(reading) == [
        "manifests/b.json: error: cannot be read: No such file or directory",
        "manifests/bad.yaml:1: error: UTF-16 without a byte order mark, which kubectl does not read",
        "manifests/worse.yaml:1: error: UTF-32, which kubectl does not read",
    ]


def test_a_document_that_is_not_text_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    pod = b"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
    file.write_bytes(b"---\n".join([pod, b"\xff\xfea: \0\n", pod]))
    reading = read_files([str(file)])
    assert names(reading) == ["a", "a"]
    assert {problem.place.line for problem in reading.problems} == {5}


def test_a_file_beyond_the_bound_is_one_error(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("ringfence.sources.manifests.content.MAX_BYTES", 1 << 20)
    monkeypatch.setattr("ringfence.sources.manifests.contents.MAX_BYTES", 1 << 20)
    (folder / "large.yaml").write_text("# \n" * (1 << 20))
    endless = read_files([str(folder), "/dev/zero"])
    assert problems(endless) == [
        "manifests/large.yaml: error: larger than 1 MiB: split it into several files",
        "/dev/zero: error: larger than 1 MiB: split it into several files",
    ]
    assert names(endless) == ["a", "b", "c"]


def test_progress_goes_from_nothing_to_everything(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    read_files([str(folder)], progress=lambda done, total: told.append((done, total)))
    size = sum((folder / name).stat().st_size for name in ("a.yaml", "b.json", "c.yml"))
    assert {total for _, total in told} == {size}
    assert told == sorted(told)
    assert told[-1] == (size, size)


def test_a_link_that_leads_nowhere_is_a_problem_and_counts_nothing_in_the_progress(folder: Path) -> None:
    (folder / "dangling.yaml").symlink_to("nowhere")
    told: list[int] = []
    reading = read_files([str(folder)], progress=lambda done, total: told.append(total))
    assert names(reading) == ["a", "b", "c"]
    assert problems(reading) == ["manifests/dangling.yaml: error: cannot be read: No such file or directory"]
    assert set(told) == {sum((folder / name).stat().st_size for name in ("a.yaml", "b.json", "c.yml"))}


def test_reading_files_imports_no_client_and_json_no_yaml() -> None:
    check = """
import sys
from ringfence.sources.manifests import read_content, read_files
list(read_content(b'{"apiVersion": "v1", "kind": "Pod"}', "f"))
heavy = {"httpx2", "yaml", "asyncio", "subprocess"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
