"""The paths of -f: lists, patterns and URLs, and what a walk through folders leaves out."""

from pathlib import Path

import pytest

from ringfence.errors import ManifestError
from ringfence.sources.manifests import FolderFiles, read_files
from ringfence.sources.manifests.paths import expand_paths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.yaml", "b.yaml", "c.json", "x,y.yaml", "sub/a.yaml", "sub/test/d.yaml", ".git/e.yaml", ".f.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{{apiVersion: v1, kind: Pod, metadata: {{name: {file.stem.strip('.').replace(',', '-')}}}}}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestTexts:
    @pytest.mark.parametrize(
        ("texts", "paths"),
        [
            pytest.param(["a.yaml"], ["a.yaml"], id="a file"),
            pytest.param(["a.yaml,c.json"], ["a.yaml", "c.json"], id="several, with commas"),
            pytest.param(["x,y.yaml"], ["x,y.yaml"], id="a name with a comma is taken as it is"),
            pytest.param(["[ab].yaml"], ["a.yaml", "b.yaml"], id="a pattern, in the order of names"),
            pytest.param(["sub/*,c.*"], ["sub/a.yaml", "sub/test", "c.json"], id="patterns, with commas"),
            pytest.param(["-", "a.yaml"], ["-", "a.yaml"], id="standard input"),
        ],
    )
    def test_name_paths(self, folder: Path, texts: list[str], paths: list[str]) -> None:
        assert expand_paths(texts) == paths

    @pytest.mark.parametrize("text", ["", "no.yaml", "*.yml", "a.yaml,no.yaml", "a.yaml,"])
    def test_that_name_nothing_are_an_error(self, folder: Path, text: str) -> None:
        with pytest.raises(ManifestError, match="does not exist: name a file, a folder, or - for standard input"):
            expand_paths([text])

    def test_a_url_is_an_error_that_says_how_to_read_it(self) -> None:
        with pytest.raises(ManifestError) as raised:
            expand_paths(["https://127.0.0.1/p.yaml"])
        assert str(raised.value) == (
            "https://127.0.0.1/p.yaml: URLs are not read: download it, such as "
            "`curl -fsSL https://127.0.0.1/p.yaml | ringfence ... -f -`"
        )


class TestFolders:
    def names(self, path: Path, *exclude: str, recursive: bool = True) -> list[str]:
        found = read_files([str(path)], FolderFiles(recursive, exclude))
        return [one.object.metadata.name for one in found.manifests]

    def test_hidden_folders_are_left_out_and_hidden_files_are_not(self, folder: Path) -> None:
        assert self.names(folder) == ["f", "a", "b", "c", "a", "d", "x-y"]

    def test_a_hidden_folder_that_is_named_itself_is_read(self, folder: Path) -> None:
        assert self.names(folder / ".git") == ["e"]

    @pytest.mark.parametrize(
        ("pattern", "names"),
        [
            pytest.param("a.yaml", ["f", "b", "c", "d", "x-y"], id="a name, wherever it is"),
            pytest.param("sub/a.yaml", ["f", "a", "b", "c", "d", "x-y"], id="a path below the folder"),
            pytest.param("test", ["f", "a", "b", "c", "a", "x-y"], id="a folder with all in it"),
            pytest.param("sub/", ["f", "a", "b", "c", "x-y"], id="a folder, with a slash"),
            pytest.param("*.yaml", ["c"], id="a pattern"),
        ],
    )
    def test_what_matches_a_pattern_is_left_out(self, folder: Path, pattern: str, names: list[str]) -> None:
        assert self.names(folder, pattern) == names

    def test_a_file_that_is_named_itself_is_read_whatever_is_excluded(self, folder: Path) -> None:
        assert self.names(folder / "a.yaml", "a.yaml") == ["a"]
